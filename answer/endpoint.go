package answer

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/lanproof/lanproof/intent"
	"github.com/lanproof/lanproof/topology"
)

// endpoint is one of the intent on its way into the spec.
type endpoint struct {
	of      *intent.Endpoint
	node    string // its name in the spec
	attach  []attachment
	refused bool
	// mode is what it has in place of networks of its own: host, none, or the name of
	// the endpoint whose namespace it shares, by the container's name if byContainer is set.
	mode        string
	byContainer bool
}

// attachment is one of an endpoint's to a network that may be built.
type attachment struct {
	of      *intent.Attachment // nil for the network that the engine takes where none is named
	network *network           // nil when there is none of that name
	name    string             // of the network
	// ip and ip6 are what is asked for, or else what is given out of a part of the pool.
	ip, ip6 string
}

func (a *attachment) built() bool { return a.network == nil || a.network.built() }

// built reports whether the endpoint has something to be built.
func (e *endpoint) built() bool {
	return !e.refused && slices.ContainsFunc(e.attach, func(a attachment) bool { return a.built() })
}

// value is the endpoint as the spec has it, shorter where it is on one network only.
func (e *endpoint) value() topology.Endpoint {
	all := e.attachments()
	if len(all) == 1 && all[0].Name == "" && all[0].GatewayPriority == 0 {
		a := all[0]
		return topology.Endpoint{Network: a.Network, IP: a.IP, IP6: a.IP6, MAC: a.MAC}
	}
	return topology.Endpoint{Attach: all}
}

func (e *endpoint) attachments() []topology.Attachment {
	var all []topology.Attachment
	for _, a := range e.attach {
		if !a.built() {
			continue
		}
		t := topology.Attachment{Network: a.name, IP: a.ip, IP6: a.ip6}
		if a.of != nil {
			t.MAC, t.Name = a.of.MAC.Text, a.of.Name.Text
			t.GatewayPriority, _ = strconv.Atoi(a.of.GatewayPriority.Text)
		}
		all = append(all, t)
	}
	return all
}

// at is where a problem's path leads to, and the networks that it speaks about.
func (e *endpoint) at(path []any) (intent.Place, []string) {
	var here []attachment
	for _, a := range e.attach {
		if a.built() {
			here = append(here, a)
		}
	}
	field, i := "", 0
	if len(path) > 2 {
		field = fmt.Sprint(path[2])
	}
	if field == "attach" && len(path) > 3 {
		i, _ = path[3].(int)
		field = ""
		if len(path) > 4 {
			field = fmt.Sprint(path[4])
		}
	}
	if i >= len(here) || here[i].of == nil {
		return e.of.Place, nil
	}
	a := here[i].of
	v := map[string]intent.Value{"ip": a.IP, "ip6": a.IP6, "mac": a.MAC, "name": a.Name}[field]
	return placeOr(v.Place, placeOr(a.Place, e.of.Place)), []string{a.Network}
}

// readEndpoints takes over who is put on which network.
func (d *Draft) readEndpoints() {
	for i := range d.in.Endpoints {
		of := &d.in.Endpoints[i]
		e := &endpoint{of: of, node: d.nodes.take(of.Name), mode: modeOf(of), byContainer: strings.HasPrefix(of.Mode.Text, "container:")}
		d.ends = append(d.ends, e)
		if e.mode != "" {
			continue
		}
		for k := range of.Attach {
			a := &of.Attach[k]
			e.attach = append(e.attach, d.attachment(of, a, a.Network))
		}
		if len(of.Attach) == 0 && of.Engine != intent.CNI {
			e.attach = append(e.attach, d.attachment(of, nil, ""))
		}
	}
	for _, e := range d.ends {
		d.tellLeftOut(e)
	}
}

// attachment finds the network that an endpoint is put on.
func (d *Draft) attachment(of *intent.Endpoint, a *intent.Attachment, name string) attachment {
	own := dockerBridge
	if of.Engine == intent.Podman {
		own = podmanBridge
	}
	i := slices.IndexFunc(d.networks, func(n *network) bool { return n.of.Name == name })
	if i < 0 && (name == "" || name == "default") {
		name = own
		i = slices.IndexFunc(d.networks, func(n *network) bool { return n.of.Name == name })
	}
	if i < 0 && name == own {
		i = d.addOwnBridge(of, own)
	}
	t := attachment{of: a, name: name}
	if a != nil {
		t.ip, t.ip6 = a.IP.Text, a.IP6.Text
	}
	if i >= 0 {
		t.network, t.name = d.networks[i], d.networks[i].name
	}
	return t
}

// addOwnBridge adds the network that the engine brings itself.
func (d *Draft) addOwnBridge(of *intent.Endpoint, name string) int {
	subnet := topology.Subnet{Subnet: "172.17.0.0/16"}
	if of.Engine == intent.Podman {
		subnet = topology.Subnet{Subnet: "10.88.0.0/16", Gateway: "10.88.0.1"}
	}
	n := &network{of: &intent.Network{Name: name, Engine: of.Engine}, name: name, subnets: []int{-1}}
	n.spec = topology.Network{Driver: topology.KindBridge, Subnets: []topology.Subnet{subnet}}
	d.networks = append(d.networks, n)
	return len(d.networks) - 1
}

// modeOf is what an endpoint has in place of networks, in the answer's words.
func modeOf(of *intent.Endpoint) string {
	mode := of.Mode.Text
	for _, prefix := range []string{"container:", "service:"} {
		if other, ok := strings.CutPrefix(mode, prefix); ok {
			return other
		}
	}
	switch mode {
	case "bridge", "default", "private", "podman":
		return ""
	}
	return mode
}

// tellLeftOut notes an endpoint that is not simulated.
func (d *Draft) tellLeftOut(e *endpoint) {
	switch {
	case e.mode == "host" || e.mode == "none" || e.built():
	case e.mode != "" && d.sharer(e) == nil:
		why := fmt.Sprintf("it has the network of %s, which nothing is known of", e.mode)
		if slices.ContainsFunc(d.ends, func(o *endpoint) bool { return o.of.Name == e.mode }) {
			why += fmt.Sprintf(": no container has that name; that of the service is said by service:%s", e.mode)
		}
		d.leaveOut("endpoint", e.of.Name, why, placeOr(e.of.Mode.Place, e.of.Place))
	case e.mode == "" && len(e.attach) > 0:
		d.leaveOut("endpoint", e.of.Name, "none of its networks is simulated", e.of.Place)
	}
}

// sharer is the endpoint whose namespace another one shares, at the end of the chain; nil when
// there is none. Containers of Compose have names of their own, beside their services'.
func (d *Draft) sharer(e *endpoint) *endpoint {
	for range d.ends {
		i := slices.IndexFunc(d.ends, func(o *endpoint) bool {
			return o.of.Known == e.mode || o.of.Name == e.mode && !(e.byContainer && o.of.Known != "")
		})
		if i < 0 {
			return nil
		}
		if e = d.ends[i]; e.mode == "" || e.mode == "host" || e.mode == "none" {
			return e
		}
	}
	return nil
}
