package docker

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	"github.com/moby/moby/client/pkg/versions"

	"github.com/lanproof/lanproof/engine"
	"github.com/lanproof/lanproof/engine/cell"
	"github.com/lanproof/lanproof/engine/image"
	"github.com/lanproof/lanproof/internal/netns"
	"github.com/lanproof/lanproof/topology"
)

// startLimit is how long dockerd may take to start, and callLimit to answer.
const (
	startLimit = 30 * time.Second
	callLimit  = 60 * time.Second
)

// families is the API's version since which IPv4 can be left out, devices can be named,
// and gateways have priorities (moby: api/docs/CHANGELOG.md, v1.48).
const families = "1.48"

// Engine is a dockerd that runs.
type Engine struct {
	version   string
	cell      *cell.Cell
	client    *client.Client
	transport http.Transport
	// ids are the containers by their endpoints' names.
	ids map[string]string
	// limit is how long dockerd may take to answer; callLimit if zero.
	limit time.Duration
	// alone are the endpoints that are on no network, which Docker calls the network none.
	alone map[string]bool
}

// Start starts dockerd on a host. Its data, its state and its socket are in memory that
// only its cell sees.
func (i *Installation) Start(ctx context.Context, host *netns.NS) (engine.Engine, error) {
	in := func(name string) string { return filepath.Join(cell.Dir, name) }
	c, err := cell.Start(cell.Options{
		Host: host, Program: i.Path,
		Args: []string{
			"--host=unix://" + in("docker.sock"), "--data-root=" + in("data"), "--exec-root=" + in("exec"), "--pidfile=" + in("docker.pid"),
			"--iptables=false", "--ip6tables=false", "--userland-proxy=false", "--exec-opt=native.cgroupdriver=cgroupfs",
		},
		Env:  i.environment(),
		Hide: []string{"/etc/docker", "/etc/containerd", "/var/lib/docker", "/var/lib/containerd"},
	})
	if err != nil {
		return nil, err
	}
	e := &Engine{version: i.version, cell: c, ids: map[string]string{}, alone: map[string]bool{}}
	if err := e.start(ctx, in("docker.sock")); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return e, nil
}

func (e *Engine) start(ctx context.Context, socket string) error {
	starting, cancel := context.WithTimeoutCause(ctx, startLimit, fmt.Errorf("dockerd has not started in %v", startLimit))
	defer cancel()
	if err := e.cell.Await(starting, "API listen on"); err != nil {
		return err
	}
	e.transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", e.cell.Path(socket))
	}
	var err error
	if e.client, err = client.New(client.WithHost("unix://"+socket), client.WithHTTPClient(&http.Client{Transport: &legacy{&e.transport}})); err != nil {
		return fmt.Errorf("make a client of dockerd: %w", err)
	}
	return e.load(ctx)
}

// load gives dockerd the image that containers are made of.
func (e *Engine) load(ctx context.Context) error {
	var archive bytes.Buffer
	if err := image.Write(&archive); err != nil {
		return err
	}
	ctx, cancel := e.limited(ctx)
	defer cancel()
	loaded, err := e.client.ImageLoad(ctx, &archive, client.ImageLoadWithQuiet(true))
	if err != nil {
		return e.answer("load the image", err)
	}
	err = heard(loaded)
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return e.answer("load the image", errors.Join(err, loaded.Close()))
}

// heard reads to the end what dockerd says while it loads an image, where errors are as well.
func heard(said io.Reader) error {
	for messages := json.NewDecoder(said); ; {
		var message struct{ Error string }
		err := messages.Decode(&message)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("hear from dockerd: %w", err)
		case message.Error != "":
			return fmt.Errorf("dockerd says: %s", message.Error)
		}
	}
}

// answer makes an engine's error out of a client's.
func (e *Engine) answer(what string, err error) error {
	if err == nil {
		return nil
	}
	select {
	case <-e.cell.Ended():
		return &engine.Failure{Err: fmt.Errorf("%s: %w", what, errors.Join(errDied, err)), Log: e.cell.Log()}
	default:
	}
	var silent silence
	if errors.As(err, &silent) {
		return e.cell.Stuck(fmt.Errorf("%s: %w", what, silent))
	}
	words, said := strings.CutPrefix(err.Error(), "Error response from daemon: ")
	if !said {
		return &engine.Failure{Err: fmt.Errorf("%s: %w", what, err), Log: e.cell.Log()}
	}
	return &engine.Refusal{Text: words}
}

func (e *Engine) limited(ctx context.Context) (context.Context, func()) {
	limit := cmp.Or(e.limit, callLimit)
	return context.WithTimeoutCause(ctx, limit, silence(limit))
}

// silence is for how long dockerd has not answered.
type silence time.Duration

func (s silence) Error() string {
	return fmt.Sprintf("dockerd has not answered in %v", time.Duration(s))
}

// cannot says that this version has no word for something.
func (e *Engine) cannot(format string, args ...any) error {
	return &engine.Cannot{Text: "docker " + e.version + " " + fmt.Sprintf(format, args...)}
}

// speaks reports whether the API is of a version at least.
func (e *Engine) speaks(api string) bool {
	return versions.GreaterThanOrEqualTo(e.client.ClientVersion(), api)
}

// Network makes a network.
func (e *Engine) Network(ctx context.Context, name string, n *topology.Network) error {
	o, err := e.networkOptions(name, n)
	if err != nil {
		return err
	}
	ctx, cancel := e.limited(ctx)
	defer cancel()
	_, err = e.client.NetworkCreate(ctx, engine.NetworkName(name), o)
	return e.answer("make network "+name, err)
}

func (e *Engine) networkOptions(name string, n *topology.Network) (client.NetworkCreateOptions, error) {
	o := client.NetworkCreateOptions{Driver: n.Driver, Internal: n.Internal, Options: map[string]string{}, IPAM: &network.IPAM{}}
	if n.MacvlanMode == "source" {
		return o, e.cannot("has no macvlan mode source")
	}
	for option, value := range map[string]string{
		"parent": n.Parent, "macvlan_mode": n.MacvlanMode, "ipvlan_mode": n.IpvlanMode, "ipvlan_flag": n.IpvlanFlag,
	} {
		if value != "" {
			o.Options[option] = value
		}
	}
	if n.Driver == topology.KindBridge {
		o.Options["com.docker.network.bridge.name"] = topology.BridgeName(name)
	}
	var v4, v6 bool
	for _, s := range n.Subnets {
		pool, err := poolOf(&s)
		if err != nil {
			return o, e.cannot("is asked by a client that reads addresses first: %v", err)
		}
		o.IPAM.Config = append(o.IPAM.Config, pool)
		v4, v6 = v4 || pool.Subnet.Addr().Is4(), v6 || pool.Subnet.Addr().Is6()
	}
	// Docker enables families, and a scenario names subnets: what it leaves out follows.
	if o.EnableIPv6 = n.EnableIPv6; o.EnableIPv6 == nil && v6 {
		o.EnableIPv6 = &v6
	}
	if o.EnableIPv4 = n.EnableIPv4; o.EnableIPv4 == nil && v6 && !v4 {
		o.EnableIPv4 = &v4
	}
	if !e.speaks(families) {
		o.EnableIPv4 = nil // older ones do not know it, and always have IPv4
	}
	return o, nil
}

func poolOf(s *topology.Subnet) (pool network.IPAMConfig, err error) {
	if pool.Subnet, err = netip.ParsePrefix(s.Subnet); err != nil {
		return pool, err
	}
	if s.IPRange != "" {
		if pool.IPRange, err = netip.ParsePrefix(s.IPRange); err != nil {
			return pool, err
		}
	}
	if s.Gateway != "" {
		if pool.Gateway, err = netip.ParseAddr(s.Gateway); err != nil {
			return pool, err
		}
	}
	for name, address := range s.AuxAddresses {
		a, err := netip.ParseAddr(address)
		if err != nil {
			return pool, err
		}
		if pool.AuxAddress == nil {
			pool.AuxAddress = map[string]netip.Addr{}
		}
		pool.AuxAddress[name] = a
	}
	return pool, nil
}

// RemoveNetwork removes a network.
func (e *Engine) RemoveNetwork(ctx context.Context, name string) error {
	ctx, cancel := e.limited(ctx)
	defer cancel()
	_, err := e.client.NetworkRemove(ctx, engine.NetworkName(name), client.NetworkRemoveOptions{})
	return e.answer("remove network "+name, err)
}

// Endpoint runs a container: docker run --network.
func (e *Engine) Endpoint(ctx context.Context, name string, first *topology.Attachment) (*netns.NS, error) {
	ctx, cancel := e.limited(ctx)
	defer cancel()
	o := client.ContainerCreateOptions{
		Name: name, Config: &container.Config{Image: image.Name, Hostname: hostname(name)},
		HostConfig: &container.HostConfig{NetworkMode: "none", LogConfig: container.LogConfig{Type: "none"}},
	}
	if first != nil {
		settings, err := e.settings(first)
		if err != nil {
			return nil, err
		}
		called := engine.NetworkName(first.Network)
		o.HostConfig.NetworkMode = container.NetworkMode(called)
		o.NetworkingConfig = &network.NetworkingConfig{EndpointsConfig: map[string]*network.EndpointSettings{called: settings}}
	}
	made, err := e.client.ContainerCreate(ctx, o)
	if err != nil {
		return nil, e.answer("make container "+name, err)
	}
	e.ids[name], e.alone[name] = made.ID, first == nil
	ns, err := e.run(ctx, name)
	if err != nil {
		return nil, errors.Join(err, e.RemoveEndpoint(ctx, name))
	}
	return ns, nil
}

// hostname is an endpoint's name as far as the kernel takes it (include/linux/utsname.h).
func hostname(name string) string { return name[:min(len(name), 63)] }

// run starts a container and opens its namespace.
func (e *Engine) run(ctx context.Context, name string) (*netns.NS, error) {
	id := e.ids[name]
	if _, err := e.client.ContainerStart(ctx, id, client.ContainerStartOptions{}); err != nil {
		return nil, e.answer("start container "+name, err)
	}
	is, err := e.client.ContainerInspect(ctx, id, client.ContainerInspectOptions{})
	if err != nil {
		return nil, e.answer("look at container "+name, err)
	}
	if is.Container.State == nil || is.Container.State.Pid == 0 {
		return nil, &engine.Failure{Err: fmt.Errorf("container %s does not run", name), Log: e.cell.Log()}
	}
	return e.cell.Namespace(is.Container.State.Pid)
}

// settings are what an endpoint wants of a network.
func (e *Engine) settings(a *topology.Attachment) (*network.EndpointSettings, error) {
	s := &network.EndpointSettings{}
	var err error
	for _, want := range []struct {
		text string
		to   func(*network.EndpointIPAMConfig) *netip.Addr
	}{
		{a.IP, func(c *network.EndpointIPAMConfig) *netip.Addr { return &c.IPv4Address }},
		{a.IP6, func(c *network.EndpointIPAMConfig) *netip.Addr { return &c.IPv6Address }},
	} {
		if want.text == "" {
			continue
		}
		if s.IPAMConfig == nil {
			s.IPAMConfig = &network.EndpointIPAMConfig{}
		}
		if *want.to(s.IPAMConfig), err = netip.ParseAddr(want.text); err != nil {
			return nil, e.cannot("is asked by a client that reads addresses first: %v", err)
		}
	}
	if a.MAC != "" {
		mac, err := net.ParseMAC(a.MAC)
		if err != nil {
			return nil, e.cannot("is asked by a client that reads addresses first: %v", err)
		}
		s.MacAddress = network.HardwareAddr(mac)
	}
	if e.speaks(families) {
		s.GwPriority = a.GatewayPriority // older ones pay no heed to it
	}
	if a.Name != "" {
		if !e.speaks(families) {
			return nil, e.cannot("cannot name the devices of a container")
		}
		s.DriverOpts = map[string]string{"com.docker.network.endpoint.ifname": a.Name}
	}
	return s, nil
}

// RemoveEndpoint ends a container: docker rm --force.
func (e *Engine) RemoveEndpoint(ctx context.Context, name string) error {
	ctx, cancel := e.limited(ctx)
	defer cancel()
	_, err := e.client.ContainerRemove(ctx, e.ids[name], client.ContainerRemoveOptions{Force: true})
	if err != nil && !errdefs.IsNotFound(err) {
		return e.answer("remove container "+name, err)
	}
	delete(e.ids, name)
	delete(e.alone, name)
	return nil
}

// Attach puts a container on one more network: docker network connect. A container that
// was run with --network none leaves that first, for Docker has it so.
func (e *Engine) Attach(ctx context.Context, endpoint string, a topology.Attachment) error {
	ctx, cancel := e.limited(ctx)
	defer cancel()
	s, err := e.settings(&a)
	if err != nil {
		return err
	}
	if s.MacAddress != nil && !e.speaks(macsByEndpoint) {
		return e.cannot("gives no MAC address of the user's choice on a network that a container joins while it runs")
	}
	if e.alone[endpoint] {
		if err := e.disconnect(ctx, endpoint, "none"); err != nil {
			return err
		}
		delete(e.alone, endpoint)
	}
	_, err = e.client.NetworkConnect(ctx, engine.NetworkName(a.Network), client.NetworkConnectOptions{Container: e.ids[endpoint], EndpointConfig: s})
	return e.answer(fmt.Sprintf("attach %s to %s", endpoint, a.Network), err)
}

// Detach takes a container off a network: docker network disconnect.
func (e *Engine) Detach(ctx context.Context, endpoint, name string) error {
	ctx, cancel := e.limited(ctx)
	defer cancel()
	return e.disconnect(ctx, endpoint, engine.NetworkName(name))
}

func (e *Engine) disconnect(ctx context.Context, endpoint, name string) error {
	_, err := e.client.NetworkDisconnect(ctx, name, client.NetworkDisconnectOptions{Container: e.ids[endpoint]})
	return e.answer(fmt.Sprintf("detach %s from %s", endpoint, name), err)
}

// Log is the end of what dockerd and containerd have written down.
func (e *Engine) Log() string { return e.cell.Log() }

// Close ends dockerd and all containers with it.
func (e *Engine) Close() error {
	e.transport.CloseIdleConnections()
	return e.cell.Close()
}
