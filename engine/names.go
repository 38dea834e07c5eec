package engine

// NetworkName is what an engine is to call a network: its name, or, where engines have a
// network of their own by that name, the one that Compose makes of it for a project (moby:
// daemon/network/network_mode_unix.go:IsPredefined; containers/common:
// libnetwork/types/define.go:DefaultNetworkName).
func NetworkName(name string) string {
	switch name {
	case "default", "bridge", "host", "none", "podman":
		return "lanproof_" + name
	}
	return name
}
