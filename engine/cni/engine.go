package cni

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/containernetworking/cni/libcni"
	"github.com/containernetworking/cni/pkg/types"

	"github.com/lanproof/lanproof/engine"
	"github.com/lanproof/lanproof/internal/netns"
	"github.com/lanproof/lanproof/internal/rtnl"
	"github.com/lanproof/lanproof/topology"
)

// callLimit is how long plugins may take for one thing.
const callLimit = 60 * time.Second

// Engine runs plugins on one host.
type Engine struct {
	host      *netns.NS
	parents   engine.Parents
	mounts    *mounts
	libcni    *libcni.CNIConfig
	networks  map[string]*network
	endpoints map[string]*endpoint
}

// network is a configuration.
type network struct {
	list   *libcni.NetworkConfigList
	parent string
}

// endpoint is a namespace in which plugins have made devices.
type endpoint struct {
	ns      *netns.NS
	devices []device
}

// device is an attachment that was asked for.
type device struct {
	network string
	runtime *libcni.RuntimeConf
}

func newLibrary(paths []string) *libcni.CNIConfig {
	return libcni.NewCNIConfigWithCacheDir(paths, filepath.Join(stateDir, "cache"), &runner{})
}

// do runs fn where plugins are to be run: on a thread in the host's namespace, with the
// mounts of CNI.
func (e *Engine) do(ctx context.Context, fn func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, callLimit, fmt.Errorf("no answer in %v", callLimit))
	defer cancel()
	return e.host.Do(func() error {
		if err := e.mounts.enter(); err != nil {
			return &engine.Failure{Err: err}
		}
		return answer(fn(ctx))
	})
}

// answer makes an engine's error of what libcni returns: a plugin's own words are a
// refusal.
func answer(err error) error {
	if err == nil {
		return nil
	}
	var said *types.Error
	var failure *engine.Failure
	switch {
	case errors.As(err, &said):
		return &engine.Refusal{Text: said.Error()}
	case errors.As(err, &failure):
		return failure
	}
	return &engine.Failure{Err: err}
}

// Network writes a network's configuration. Nothing is made: what is wrong in it beyond its
// form is refused when an endpoint comes.
func (e *Engine) Network(_ context.Context, name string, n *topology.Network) error {
	if _, ok := e.networks[name]; ok {
		return &engine.Cannot{Text: fmt.Sprintf("CNI does not know that there is a network %s: networks are files", name)}
	}
	text, err := configure(name, filepath.Join(stateDir, "addresses"), n)
	if err != nil {
		return err
	}
	list, err := libcni.NetworkConfFromBytes(text)
	if err != nil {
		return &engine.Refusal{Text: err.Error()}
	}
	if err := e.parents.Take(n.Parent); err != nil {
		return &engine.Failure{Err: err}
	}
	e.networks[name] = &network{list, n.Parent}
	return nil
}

// RemoveNetwork forgets a network.
func (e *Engine) RemoveNetwork(_ context.Context, name string) error {
	n, ok := e.networks[name]
	if !ok {
		return &engine.Cannot{Text: "CNI does not know that there was a network " + name + ": networks are files"}
	}
	for endpoint, p := range e.endpoints {
		if slices.ContainsFunc(p.devices, func(d device) bool { return d.network == name }) {
			return &engine.Cannot{Text: fmt.Sprintf("CNI does not know that %s is on network %s: networks are files", endpoint, name)}
		}
	}
	delete(e.networks, name)
	if err := e.parents.Give(n.parent); err != nil {
		return &engine.Failure{Err: err}
	}
	return nil
}

// Endpoint makes a namespace, as a runtime does, and has the plugins of its first network
// work in it.
func (e *Engine) Endpoint(ctx context.Context, name string, first *topology.Attachment) (*netns.NS, error) {
	made, err := netns.NewEach(1, func(int, *netns.NS) error {
		c, err := rtnl.OpenHere()
		if err != nil {
			return err
		}
		defer c.Close()
		up := true
		return c.SetLink(loopback, &rtnl.Change{Up: &up})
	})
	if err != nil {
		return nil, &engine.Failure{Err: fmt.Errorf("make the namespace of endpoint %s: %w", name, err)}
	}
	ns := made[0]
	mine, err := netns.Open(ns.Path())
	if err != nil {
		return nil, errors.Join(&engine.Failure{Err: err}, ns.Close())
	}
	e.endpoints[name] = &endpoint{ns: mine}
	if first == nil {
		return ns, nil
	}
	if err := e.Attach(ctx, name, *first); err != nil {
		delete(e.endpoints, name)
		return nil, errors.Join(err, closeAll(ns, mine))
	}
	return ns, nil
}

// loopback is lo's ifindex in every namespace (net/core/net_namespace.c).
const loopback = 1

// RemoveEndpoint has the plugins take back what they have made for an endpoint, the last
// first, and lets its namespace go.
func (e *Engine) RemoveEndpoint(ctx context.Context, name string) error {
	p, ok := e.endpoints[name]
	if !ok {
		return nil
	}
	var errs []error
	for _, d := range slices.Backward(p.devices) {
		errs = append(errs, e.take(ctx, d))
	}
	delete(e.endpoints, name)
	return errors.Join(append(errs, p.ns.Close())...)
}

// take is DEL.
func (e *Engine) take(ctx context.Context, d device) error {
	n, ok := e.networks[d.network]
	if !ok {
		return &engine.Failure{Err: fmt.Errorf("network %s is gone, and %s still on it", d.network, d.runtime.ContainerID)}
	}
	return e.do(ctx, func(ctx context.Context) error { return e.libcni.DelNetworkList(ctx, n.list, d.runtime) })
}

// Attach has the plugins of a network make a device in an endpoint (ADD), and look at
// what they have made (CHECK). What is refused is taken back (DEL), as the specification
// wants it.
func (e *Engine) Attach(ctx context.Context, name string, a topology.Attachment) error {
	p, ok := e.endpoints[name]
	if !ok {
		return &engine.Failure{Err: fmt.Errorf("there is no endpoint %s", name)}
	}
	n, ok := e.networks[a.Network]
	if !ok {
		return &engine.Cannot{Text: "CNI is given a network's configuration, and there is none of " + a.Network}
	}
	if a.GatewayPriority != 0 {
		return &engine.Cannot{Text: "CNI knows no priorities of gateways"}
	}
	d := device{a.Network, &libcni.RuntimeConf{
		ContainerID: name, NetNS: p.ns.Path(), IfName: a.Name, CapabilityArgs: map[string]any{},
	}}
	if d.runtime.IfName == "" {
		d.runtime.IfName = p.freeName()
	}
	if a.MAC != "" {
		if !n.list.Plugins[0].Network.Capabilities["mac"] {
			return &engine.Cannot{Text: "the " + n.list.Plugins[0].Network.Type + " plugin of CNI takes no MAC address"}
		}
		d.runtime.CapabilityArgs["mac"] = a.MAC
	}
	var ips []string
	for _, ip := range []string{a.IP, a.IP6} {
		if ip != "" {
			ips = append(ips, ip)
		}
	}
	if ips != nil {
		d.runtime.CapabilityArgs["ips"] = ips
	}
	err := e.do(ctx, func(ctx context.Context) error {
		if _, err := e.libcni.AddNetworkList(ctx, n.list, d.runtime); err != nil {
			return err
		}
		if err := e.libcni.CheckNetworkList(ctx, n.list, d.runtime); err != nil {
			return &engine.Failure{Err: fmt.Errorf("the plugins find fault with what they have made: %w", err)}
		}
		return nil
	})
	if err != nil {
		// What a refused ADD has left is no reason to say something else than why.
		_ = e.take(ctx, d)
		return err
	}
	p.devices = append(p.devices, d)
	return nil
}

// freeName is eth and the lowest number that is not taken.
func (p *endpoint) freeName() string {
	for i := 0; ; i++ {
		name := "eth" + strconv.Itoa(i)
		if !slices.ContainsFunc(p.devices, func(d device) bool { return d.runtime.IfName == name }) {
			return name
		}
	}
}

// Detach has the plugins of a network take an endpoint's device away.
func (e *Engine) Detach(ctx context.Context, name, network string) error {
	p, ok := e.endpoints[name]
	if !ok {
		return &engine.Failure{Err: fmt.Errorf("there is no endpoint %s", name)}
	}
	i := slices.IndexFunc(p.devices, func(d device) bool { return d.network == network })
	if i < 0 {
		return &engine.Failure{Err: fmt.Errorf("endpoint %s is not on network %s", name, network)}
	}
	if err := e.take(ctx, p.devices[i]); err != nil {
		return err
	}
	p.devices = slices.Delete(p.devices, i, i+1)
	return nil
}

// Log is empty: plugins keep none, and say what they have to say as errors.
func (*Engine) Log() string { return "" }

// Close lets go of the endpoints' namespaces and of all that plugins keep. Their devices
// go with the namespaces.
func (e *Engine) Close() error {
	var errs []error
	for _, p := range e.endpoints {
		errs = append(errs, p.ns.Close())
	}
	clear(e.endpoints)
	return errors.Join(append(errs, e.mounts.close())...)
}
