// Package features finds out what a kernel offers, by trying it in a scratch
// namespace. What a kernel's version or its list of modules says is not asked:
// a driver may be built in, left out, or loadable on demand.
package features

import (
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/internal/netns"
	"github.com/lanproof/lanproof/internal/rtnl"
)

// ErrNotSupported is in every error that says that the kernel has not got a
// feature; other errors say that it could not be found out.
var ErrNotSupported = errors.New("not supported by this kernel")

// The features beside the kinds of device, with the kernel that brought them.
const (
	VLANFiltering = "bridge-vlan-filtering" // CONFIG_BRIDGE_VLAN_FILTERING
	FDBLimit      = "bridge-fdb-limit"      // Linux 6.7, ddd1ad68826d
	BCCutoff      = "macvlan-bc-cutoff"     // Linux 6.4, 954d1fa1ac93
	L3S           = "ipvlan-l3s"            // CONFIG_IPVLAN_L3S
)

// Names are all the features that can be asked for.
func Names() []string {
	return []string{"veth", "bridge", "dummy", "macvlan", "ipvlan", "vlan", VLANFiltering, FDBLimit, BCCutoff, L3S}
}

// Since is the kernel version that every feature has to be in, where there is
// such a version. A newer kernel without it is at fault.
func Since(feature string) (major, minor int, ok bool) {
	switch feature {
	case FDBLimit:
		return 6, 7, true
	case BCCutoff:
		return 6, 4, true
	}
	return 0, 0, false
}

// Kernel asks one kernel and remembers its answers. The zero value is ready.
type Kernel struct {
	known map[string]error
}

// Have returns nil when the kernel has the feature, an error that wraps
// ErrNotSupported when it has not, and another error when that could not be
// found out. It is not for concurrent use.
func (k *Kernel) Have(feature string) error {
	if err, ok := k.known[feature]; ok {
		return err
	}
	if k.known == nil {
		k.known = map[string]error{}
	}
	err := try(feature)
	k.known[feature] = err
	return err
}

// Missing returns those of the features that the kernel has not got, with the
// reason for each. The error says that it could not be found out.
func (k *Kernel) Missing(features []string) (map[string]error, error) {
	missing := map[string]error{}
	for _, f := range features {
		err := k.Have(f)
		switch {
		case errors.Is(err, ErrNotSupported):
			missing[f] = err
		case err != nil:
			return nil, err
		}
	}
	return missing, nil
}

// try makes what the feature is about in a namespace of its own.
func try(feature string) error {
	if feature == "nic" {
		return nil // a real port needs no driver of ours
	}
	ns, err := netns.NewEach(1, func(int, *netns.NS) error {
		c, err := rtnl.OpenHere()
		if err != nil {
			return err
		}
		defer c.Close()
		return attempt(c, feature)
	})
	if err != nil {
		return fmt.Errorf("%s: %w", feature, err)
	}
	return ns[0].Close()
}

const (
	lowerIndex = 100
	upperIndex = 101
)

func attempt(c *rtnl.Conn, feature string) error {
	l := &rtnl.Link{Name: "try", Kind: feature, Index: upperIndex}
	needsLower := slices.Contains([]string{"macvlan", "ipvlan", "vlan", BCCutoff, L3S}, feature)
	switch feature {
	case "vlan":
		l.Data = rtnl.VLAN(10, unix.ETH_P_8021Q, nil, nil)
	case "veth":
		l.Peer = &rtnl.Link{Name: "peer"}
	case BCCutoff:
		cutoff := 5
		l.Kind, l.Data = "macvlan", rtnl.Macvlan("bridge", nil, nil, nil, &cutoff)
	case L3S:
		l.Kind, l.Data = "ipvlan", rtnl.Ipvlan("l3s", "")
	case VLANFiltering:
		l.Kind, l.Data = "bridge", rtnl.BridgeData(true, 0)
	case FDBLimit:
		l.Kind, l.Data = "bridge", rtnl.BridgeData(false, 1)
	}
	if needsLower {
		// A veth is the lower device that every kernel with namespaces in earnest has.
		if err := c.NewLink(&rtnl.Link{Name: "lower", Kind: "veth", Index: lowerIndex, Peer: &rtnl.Link{Name: "far"}}); err != nil {
			return explain("make a veth to stand on", err)
		}
		l.Parent = lowerIndex
	}
	if err := c.NewLink(l); err != nil {
		return explain("make a "+l.Kind, err)
	}
	return readBack(c, feature)
}

// readBack finds out about attributes that older kernels ignore in silence.
func readBack(c *rtnl.Conn, feature string) error {
	if feature != BCCutoff && feature != FDBLimit && feature != VLANFiltering {
		return nil
	}
	s, err := c.Link(upperIndex)
	if err != nil {
		return err
	}
	if feature == BCCutoff && s.BCCutoff != 5 || feature == FDBLimit && s.FDBMaxLearned != 1 {
		return fmt.Errorf("%w: the kernel takes the attribute and does not report it back", ErrNotSupported)
	}
	return nil
}

// explain tells a kernel without the driver from other failures.
func explain(what string, err error) error {
	const enotsupp = unix.Errno(524) // ENOTSUPP, which user space has no name for
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, enotsupp) {
		return fmt.Errorf("%w: asked to %s it says %w", ErrNotSupported, what, err)
	}
	return fmt.Errorf("%s: %w", what, err)
}
