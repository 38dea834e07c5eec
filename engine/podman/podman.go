// Package podman has a scenario's networks built by a real Podman and its netavark: by a
// Podman service that is started for one host, in a cell of its own (see package cell),
// and ends with it. The user's own containers, networks and settings are no part of it.
package podman

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/lanproof/lanproof/engine"
	"github.com/lanproof/lanproof/engine/cell"
	"github.com/lanproof/lanproof/engine/image"
	"github.com/lanproof/lanproof/internal/netns"
	"github.com/lanproof/lanproof/topology"
)

// startLimit is how long Podman may take to start, and callLimit to answer.
const (
	startLimit = 30 * time.Second
	callLimit  = 60 * time.Second
)

// Engine is a Podman service that runs.
type Engine struct {
	version  string
	cell     *cell.Cell
	api      *api
	parents  engine.Parents
	networks map[string]*topology.Network
	// ids are the containers by their endpoints' names.
	ids map[string]string
	// alone are the endpoints that were run without a network.
	alone map[string]bool
}

// Start starts Podman on a host. Its storage, its state and its socket are in memory that
// only its cell sees.
func (i *Installation) Start(ctx context.Context, host *netns.NS) (engine.Engine, error) {
	in := func(name string) string { return filepath.Join(cell.Dir, name) }
	socket := in("podman.sock")
	c, err := cell.Start(cell.Options{
		Host: host, Program: i.path,
		Args: []string{
			"--log-level=info", "--tmpdir=" + in("tmp"), "--network-config-dir=" + in("networks"),
			"system", "service", "--time=0", "unix://" + socket,
		},
		Env: []string{
			"PATH=" + engine.SystemPath, "HOME=" + cell.Dir, "TMPDIR=" + cell.Dir, "LC_ALL=C",
			"CONTAINERS_CONF=" + in(containersConf), "CONTAINERS_STORAGE_CONF=" + in(storageConf),
		},
		Files: i.files(),
		Hide:  []string{"/etc/cni", "/etc/containers/networks", "/var/lib/containers", "/var/lib/cni"},
	})
	if err != nil {
		return nil, err
	}
	e := &Engine{
		version: i.version, cell: c, api: newAPI(c.Path(socket)), parents: engine.Parents{Host: host},
		networks: map[string]*topology.Network{}, ids: map[string]string{}, alone: map[string]bool{},
	}
	if err := e.start(ctx); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return e, nil
}

// The names of Podman's own settings.
const (
	containersConf = "containers.conf"
	storageConf    = "storage.conf"
)

// files are Podman's settings in place of the machine's (containers.conf(5), storage.conf(5)).
func (i *Installation) files() map[string]string {
	return map[string]string{
		containersConf: fmt.Sprintf(`[network]
network_backend = "netavark"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "none"
conmon_path = [%q]
runtime = %q
[engine.runtimes]
%s = [%q]
`, i.conmon, filepath.Base(i.runtime), filepath.Base(i.runtime), i.runtime),
		storageConf: fmt.Sprintf(`[storage]
driver = %q
graphroot = %q
runroot = %q
`, storageDriver(), filepath.Join(cell.Dir, "root"), filepath.Join(cell.Dir, "runroot")),
	}
}

// firewall is the program by which netavark sets a bridge's rules, in the host's namespace.
const firewall = "iptables"

// storageDriver is overlay where the kernel has it, and else vfs, which copies the image for
// each container.
func storageDriver() string {
	if text, err := os.ReadFile("/proc/filesystems"); err == nil && strings.Contains(string(text), "\toverlay\n") {
		return "overlay"
	}
	return "vfs"
}

// listening is what Podman says when its socket is there.
const listening = "API service listening on"

func (e *Engine) start(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startLimit, fmt.Errorf("podman has not started in %v", startLimit))
	defer cancel()
	if err := e.cell.Await(ctx, listening); err != nil {
		return err
	}
	var archive bytes.Buffer
	if err := image.Write(&archive); err != nil {
		return err
	}
	return e.ask(ctx, "load the image", http.MethodPost, "images/load", &archive, nil)
}

// errDied is what is wrong when Podman is not there any more.
var errDied = errors.New("podman has ended")

// ask asks Podman for something. What it refuses is a *engine.Refusal.
func (e *Engine) ask(ctx context.Context, what, method, path string, in, out any) error {
	ctx, cancel := context.WithTimeoutCause(ctx, callLimit, fmt.Errorf("podman has not answered in %v", callLimit))
	defer cancel()
	err := e.api.call(ctx, method, path, in, out)
	var said *refused
	switch {
	case err == nil:
		return nil
	case errors.As(err, &said):
		return &engine.Refusal{Text: said.Message}
	}
	select {
	case <-e.cell.Ended():
		err = errors.Join(errDied, err)
	default:
		if cause := context.Cause(ctx); cause != nil {
			err = errors.Join(cause, err)
		}
	}
	return &engine.Failure{Err: fmt.Errorf("%s: %w", what, err), Log: e.cell.Log()}
}

// cannot says that this version has no word for something.
func (e *Engine) cannot(format string, args ...any) error {
	return &engine.Cannot{Text: "podman " + e.version + " " + fmt.Sprintf(format, args...)}
}

// Network makes a network: podman network create.
func (e *Engine) Network(ctx context.Context, name string, n *topology.Network) error {
	body, err := e.describe(name, n)
	if err != nil {
		return err
	}
	if err := e.parents.Take(n.Parent); err != nil {
		return &engine.Failure{Err: err}
	}
	if err := e.ask(ctx, "make network "+name, http.MethodPost, "networks/create", body, nil); err != nil {
		return errors.Join(err, e.parents.Give(n.Parent))
	}
	e.networks[name] = n
	return nil
}

func (e *Engine) describe(name string, n *topology.Network) (*network, error) {
	body := &network{Name: engine.NetworkName(name), Driver: n.Driver, NetworkInterface: n.Parent, Internal: n.Internal, Options: map[string]string{}}
	switch n.Driver {
	case topology.KindMacvlan:
		if n.MacvlanMode != "" {
			body.Options["mode"] = n.MacvlanMode
		}
		if len(n.MacvlanSources) > 0 {
			return nil, e.cannot("has no list of sources for macvlan")
		}
	case topology.KindIpvlan:
		if n.IpvlanMode != "" {
			body.Options["mode"] = n.IpvlanMode
		}
		if n.IpvlanFlag != "" && n.IpvlanFlag != "bridge" {
			return nil, e.cannot("has no flags for ipvlan")
		}
	case topology.KindBridge:
		if engine.LookIn(filepath.SplitList(engine.SystemPath), firewall) == "" {
			return nil, e.cannot("has netavark run %s for networks of driver bridge, and this machine has none", firewall)
		}
		body.NetworkInterface = topology.BridgeName(name)
	}
	if body.NetworkInterface == "" {
		return nil, e.cannot("makes no parent: a network without one would sit on the device of the default route")
	}
	subnets, err := engine.Subnets("podman "+e.version, n)
	if err != nil && (n.Driver != topology.KindBridge || len(n.Subnets) > 0) {
		return nil, err
	}
	body.IPv6Enabled = n.EnableIPv6 != nil && *n.EnableIPv6
	for _, s := range subnets {
		pool, err := poolOf(&s)
		if err != nil {
			return nil, e.cannot("is asked by a client that reads addresses first: %v", err)
		}
		body.Subnets = append(body.Subnets, pool)
		body.IPv6Enabled = body.IPv6Enabled || pool.Subnet.Addr().Is6()
	}
	return body, nil
}

// poolOf is a subnet as podman network create has it, which makes a range of addresses of
// --ip-range by leaving out the first (containers/common: libnetwork/util/ip.go:
// FirstIPInSubnet). Podman has no word for addresses that others use.
func poolOf(s *topology.Subnet) (pool subnet, err error) {
	if pool.Subnet, err = netip.ParsePrefix(s.Subnet); err != nil {
		return pool, err
	}
	if s.Gateway != "" {
		gateway, err := netip.ParseAddr(s.Gateway)
		if err != nil {
			return pool, err
		}
		pool.Gateway = &gateway
	}
	if s.IPRange != "" {
		part, err := netip.ParsePrefix(s.IPRange)
		if err != nil {
			return pool, err
		}
		pool.LeaseRange = &leaseRange{part.Masked().Addr().Next(), topology.LastOf(part)}
	}
	return pool, nil
}

// RemoveNetwork removes a network: podman network rm.
func (e *Engine) RemoveNetwork(ctx context.Context, name string) error {
	var removed []struct{ Err *string }
	if err := e.ask(ctx, "remove network "+name, http.MethodDelete, "networks/"+url.PathEscape(engine.NetworkName(name)), nil, &removed); err != nil {
		return err
	}
	parent := e.networks[name].Parent
	delete(e.networks, name)
	if err := e.parents.Give(parent); err != nil {
		return &engine.Failure{Err: err}
	}
	return nil
}

// Endpoint runs a container: podman run --network.
func (e *Engine) Endpoint(ctx context.Context, name string, first *topology.Attachment) (*netns.NS, error) {
	if err := e.canBe(first); err != nil {
		return nil, err
	}
	spec := &specGenerator{
		Name: name, Image: image.Name, Hostname: name[:min(len(name), longestHostname)], CgroupsMode: "disabled",
		LogConfiguration: map[string]string{"driver": "none"}, NetNS: map[string]string{"nsmode": "none"},
	}
	if first != nil {
		spec.NetNS["nsmode"] = "bridge" // its own networks, whatever they are
		spec.Networks = map[string]perNetwork{engine.NetworkName(first.Network): settings(first)}
	}
	var made struct{ ID string }
	if err := e.ask(ctx, "make container "+name, http.MethodPost, "containers/create", spec, &made); err != nil {
		return nil, err
	}
	e.ids[name], e.alone[name] = made.ID, first == nil
	ns, err := e.run(ctx, name, first)
	if err != nil {
		return nil, errors.Join(err, e.RemoveEndpoint(ctx, name))
	}
	return ns, nil
}

// longestHostname is the kernel's limit (include/uapi/linux/utsname.h).
const longestHostname = 64

// run starts a container and opens its namespace.
func (e *Engine) run(ctx context.Context, name string, first *topology.Attachment) (*netns.NS, error) {
	if err := e.ask(ctx, "start container "+name, http.MethodPost, "containers/"+e.ids[name]+"/start", nil, nil); err != nil {
		return nil, err
	}
	is, err := e.look(ctx, name)
	if err != nil {
		return nil, err
	}
	if is.State.Pid == 0 {
		return nil, &engine.Failure{Err: fmt.Errorf("container %s does not run", name), Log: e.cell.Log()}
	}
	if first != nil {
		if err := e.checkAddresses(is, first.Network); err != nil {
			return nil, err
		}
	}
	return e.cell.Namespace(is.State.Pid)
}

func (e *Engine) look(ctx context.Context, name string) (*inspected, error) {
	var is inspected
	if err := e.ask(ctx, "look at container "+name, http.MethodGet, "containers/"+e.ids[name]+"/json", nil, &is); err != nil {
		return nil, err
	}
	return &is, nil
}

// checkAddresses sees to it that a container was not given an address that others on the LAN
// have: Podman cannot be told of those.
func (e *Engine) checkAddresses(is *inspected, network string) error {
	given, n := is.NetworkSettings.Networks[engine.NetworkName(network)], e.networks[network]
	if n == nil {
		return nil
	}
	for _, s := range n.Subnets {
		for name, address := range s.AuxAddresses {
			if address == given.IPAddress || address == given.GlobalIPv6Address {
				return e.cannot("knows no aux_addresses, and has handed out %s, which is that of %s", address, name)
			}
		}
	}
	return nil
}

// canBe sees to it that an attachment can be asked for.
func (e *Engine) canBe(a *topology.Attachment) error {
	if a != nil && a.GatewayPriority != 0 {
		return e.cannot("knows no priorities of gateways")
	}
	return nil
}

// settings are what an endpoint wants of a network.
func settings(a *topology.Attachment) perNetwork {
	s := perNetwork{StaticMAC: a.MAC, InterfaceName: a.Name}
	for _, ip := range []string{a.IP, a.IP6} {
		if ip != "" {
			s.StaticIPs = append(s.StaticIPs, ip)
		}
	}
	return s
}

// RemoveEndpoint ends a container: podman rm --force --time 0.
func (e *Engine) RemoveEndpoint(ctx context.Context, name string) error {
	id, ok := e.ids[name]
	if !ok {
		return nil
	}
	if err := e.ask(ctx, "remove container "+name, http.MethodDelete, "containers/"+id+"?force=true&timeout=0", nil, nil); err != nil {
		return err
	}
	delete(e.ids, name)
	delete(e.alone, name)
	return nil
}

// Attach puts a container on one more network: podman network connect.
func (e *Engine) Attach(ctx context.Context, endpoint string, a topology.Attachment) error {
	if e.alone[endpoint] {
		return e.cannot("puts no container on a network that was run without any")
	}
	if err := e.canBe(&a); err != nil {
		return err
	}
	body := &connection{e.ids[endpoint], settings(&a)}
	if err := e.ask(ctx, fmt.Sprintf("attach %s to %s", endpoint, a.Network), http.MethodPost, "networks/"+url.PathEscape(engine.NetworkName(a.Network))+"/connect", body, nil); err != nil {
		return err
	}
	is, err := e.look(ctx, endpoint)
	if err == nil {
		err = e.checkAddresses(is, a.Network)
	}
	if err != nil {
		return errors.Join(err, e.Detach(ctx, endpoint, a.Network))
	}
	return nil
}

// Detach takes a container off a network: podman network disconnect.
func (e *Engine) Detach(ctx context.Context, endpoint, name string) error {
	body := map[string]string{"Container": e.ids[endpoint]}
	return e.ask(ctx, fmt.Sprintf("detach %s from %s", endpoint, name), http.MethodPost, "networks/"+url.PathEscape(engine.NetworkName(name))+"/disconnect", body, nil)
}

// Log is the end of what Podman has written down.
func (e *Engine) Log() string { return e.cell.Log() }

// Close ends Podman and all containers with it.
func (e *Engine) Close() error {
	e.api.close()
	return e.cell.Close()
}
