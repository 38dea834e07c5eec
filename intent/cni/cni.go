// Package cni reads configurations of the Container Network Interface: a plugin's (.conf)
// and a list of plugins (.conflist), as containerd, CRI-O and Kubernetes use them.
package cni

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/containernetworking/cni/libcni"

	"github.com/lanproof/lanproof/intent"
)

// maxPools is how many address ranges and routes are read, and things named as unread.
const maxPools = 1024

// Looks reports whether a text is a JSON object that has what CNI's configurations have: a
// list of plugins, or a type with a version, a name or an address management.
func Looks(text []byte) bool {
	if !bytes.HasPrefix(bytes.TrimLeft(bytes.TrimPrefix(text, bom), " \t\r\n"), []byte("{")) {
		return false
	}
	for _, key := range []string{`"plugins"`, `"cniVersion"`, `"ipam"`} {
		if bytes.Contains(text, []byte(key)) {
			return true
		}
	}
	return bytes.Contains(text, []byte(`"type"`)) && bytes.Contains(text, []byte(`"name"`))
}

var bom = []byte("\xef\xbb\xbf")

// Read returns what a configuration builds: the network of the first plugin, and as many
// endpoints as it takes to see what pods get, named after the network: one where the
// configuration fixes an address, two otherwise. What chained plugins do is unread. The
// error is an *intent.Error with the place of what is wrong.
func Read(name string, text []byte) (*intent.Intent, error) {
	text = bytes.TrimPrefix(text, bom)
	s := newSource(name, text)
	if len(text) > intent.MaxBytes {
		return nil, &intent.Error{Place: intent.Place{File: name}, Err: intent.ErrTooLarge}
	}
	root, err := s.parse()
	if err != nil {
		return nil, err
	}
	if !root.object {
		return nil, s.fail(root.at, "a configuration is a JSON object")
	}
	plugins := []*node{root}
	if list := root.get("plugins"); list != nil {
		plugins = list.list()
	}
	if err := s.check(root, plugins); err != nil {
		return nil, err
	}
	r := reader{source: s, name: root.get("name").text}
	r.read(plugins)
	return &r.in, nil
}

// check is libcni's opinion of the text, with the place of what it does not like.
func (s *source) check(root *node, plugins []*node) error {
	at := root.at
	var err error
	if list := root.get("plugins"); list != nil {
		at = list.at
		_, err = libcni.NetworkConfFromBytes(s.text)
	} else {
		_, err = libcni.NetworkPluginConfFromBytes(s.text)
	}
	for _, p := range plugins {
		if !p.object {
			return s.fail(p.at, "a plugin is a JSON object")
		}
		if t := p.get("type"); t == nil || t.text == "" {
			return s.fail(p.at, "this plugin has no type")
		}
		if _, err := libcni.NetworkPluginConfFromBytes(s.raw(p)); err != nil {
			return s.fail(p.at+mistyped(err), "%w", err)
		}
	}
	if err != nil {
		return s.fail(at+mistyped(err), "%w", err)
	}
	switch name := root.get("name"); {
	case name == nil || !name.str || name.text == "":
		return s.fail(root.at, "the configuration has no name")
	case len(plugins) == 0:
		return s.fail(at, "the configuration has no plugins")
	}
	return nil
}

// mistyped is how far from a value's begin its wrong part ends, where that is known.
func mistyped(err error) int {
	if e := (*json.UnmarshalTypeError)(nil); errors.As(err, &e) {
		return max(0, int(e.Offset)-1)
	}
	return 0
}

// raw is a value's own text.
func (s *source) raw(n *node) json.RawMessage {
	var raw json.RawMessage
	if json.NewDecoder(bytes.NewReader(s.text[n.at:])).Decode(&raw) != nil {
		return nil
	}
	return raw
}

// reader makes an intent of a configuration.
type reader struct {
	*source
	name string
	in   intent.Intent
	mac  intent.Value
	// fixed are the addresses that the configuration itself gives, by family.
	ip, ip6 intent.Value
	sysctls []intent.Option
}

func (r *reader) value(n *node) intent.Value {
	if !n.scalar() || n.text == "" && !n.str {
		return intent.Value{}
	}
	return intent.Value{Text: n.text, Place: r.place(n.at)}
}

func (r *reader) unread(n *node, text, part, why string) {
	if len(r.in.Unread) >= maxPools {
		return
	}
	r.in.Unread = append(r.in.Unread, intent.Unread{Place: r.place(n.at), Text: text, Why: why, Of: r.name, Part: part})
}

func (r *reader) read(plugins []*node) {
	main := plugins[0]
	n := intent.Network{Name: r.name, Engine: intent.CNI, Driver: r.value(main.get("type")), Place: r.place(main.at)}
	r.options(&n, main)
	r.ipam(&n, main)
	for _, mac := range []*node{main.get("mac"), main.get("args", "cni", "mac"), main.get("runtimeConfig", "mac")} {
		r.setMAC(mac)
	}
	for _, p := range plugins[1:] {
		r.chained(p)
	}
	r.in.Networks = []intent.Network{n}
	r.endpoints(main)
}

// setMAC takes an address; the last place that has one counts (containernetworking/plugins
// plugins/main/macvlan/macvlan.go:loadConf).
func (r *reader) setMAC(n *node) {
	if v := r.value(n); v.Text != "" {
		r.mac = v
	}
}

// options are all members of a plugin that are words, by their own keys. A plugin takes
// them in any case, as encoding/json does.
func (r *reader) options(n *intent.Network, plugin *node) {
	known := []string{"master", "mode", "mtu", "vlanId", "vlan", "linkInContainer", "bridge", "isGateway", "isDefaultGateway"}
	for _, m := range plugin.members {
		switch strings.ToLower(m.key) {
		case "name", "type", "cniversion", "cniversions", "ipam", "dns", "args", "runtimeconfig", "capabilities", "mac", "prevresult", "plugins", "disablecheck", "disablegc", "loadonlyinlinedplugins":
			continue
		}
		v := r.value(m.value)
		if !m.value.scalar() {
			r.unread(m.value, m.key, m.key, "what "+m.key+" says is not simulated")
			continue
		}
		key := m.key
		if i := slices.IndexFunc(known, func(k string) bool { return strings.EqualFold(k, key) }); i >= 0 {
			key = known[i]
		}
		n.Options = append(n.Options, intent.Option{Key: key, Value: v, Place: r.place(m.at)})
	}
}

// chained reads a plugin that comes after the first.
func (r *reader) chained(p *node) {
	kind := p.get("type").text
	if kind == "tuning" { // plugins/meta/tuning/tuning.go
		r.setMAC(p.get("mac"))
		r.setMAC(p.get("runtimeConfig", "mac"))
		if s := p.get("sysctl"); s != nil {
			for _, m := range s.members {
				r.sysctls = append(r.sysctls, intent.Option{Key: m.key, Value: r.value(m.value), Place: r.place(m.at)})
			}
		}
	}
	r.unread(p, kind, "", "the chained plugin "+kind+" is not simulated")
}

// endpoints are what pods get.
func (r *reader) endpoints(main *node) {
	fixed := r.mac.Set() || r.ip.Set() || r.ip6.Set()
	for i := range 2 {
		e := intent.Endpoint{
			Name: r.name + "-pod-" + strconv.Itoa(i+1), Engine: intent.CNI, Place: r.place(main.at), Sysctls: r.sysctls,
			Attach: []intent.Attachment{{Network: r.name, IP: r.ip, IP6: r.ip6, MAC: r.mac, Place: r.place(main.at)}},
		}
		if fixed {
			e.Name = r.name + "-pod"
			r.in.Endpoints = []intent.Endpoint{e}
			return
		}
		r.in.Endpoints = append(r.in.Endpoints, e)
	}
}

func (r *reader) ipam(n *intent.Network, plugin *node) {
	ipam := plugin.get("ipam")
	if ipam == nil || ipam.get("type") == nil {
		// Such a plugin gives its device no address at all.
		n.IPAM = intent.Value{Text: "none", Place: r.place(plugin.at)}
		if ipam != nil {
			n.IPAM.Place = r.place(ipam.at)
		}
		return
	}
	n.IPAM = r.value(ipam.get("type"))
	switch n.IPAM.Text {
	case "host-local":
		r.hostLocal(n, ipam)
	case "static":
		r.static(n, ipam)
	case "dhcp":
	default:
		r.unread(ipam, n.IPAM.Text, "subnet", "what addresses "+n.IPAM.Text+" gives is not known here")
	}
	for _, route := range ipam.get("routes").list() {
		if len(n.Routes) < maxPools && route.object {
			n.Routes = append(n.Routes, intent.Route{To: r.value(route.get("dst")), Via: r.value(route.get("gw")), Place: r.place(route.at)})
		}
	}
}

// hostLocal reads the ranges of host-local: those at the top come before the sets
// (containernetworking/plugins plugins/ipam/host-local/backend/allocator/config.go).
func (r *reader) hostLocal(n *intent.Network, ipam *node) {
	pool := func(p *node) {
		if len(n.Subnets) >= maxPools || !p.object {
			return
		}
		n.Subnets = append(n.Subnets, intent.Subnet{
			Subnet: r.value(p.get("subnet")), Gateway: r.value(p.get("gateway")),
			RangeStart: r.value(p.get("rangeStart")), RangeEnd: r.value(p.get("rangeEnd")), Place: r.place(p.at),
		})
	}
	if ipam.get("subnet") != nil {
		pool(ipam)
	}
	for _, set := range ipam.get("ranges").list() {
		for i, p := range set.list() {
			pool(p)
			if i == 1 {
				r.unread(p, "ranges", "ip_range", "one set has several ranges, of which the next is taken when one is full; they are read as if each gave an address")
			}
		}
	}
}

// static reads the addresses that are written down; each has its subnet with it.
func (r *reader) static(n *intent.Network, ipam *node) {
	for _, a := range ipam.get("addresses").list() {
		at := r.value(a.get("address"))
		s := intent.Subnet{Subnet: at, Gateway: r.value(a.get("gateway")), Place: r.place(a.at)}
		prefix, err := netip.ParsePrefix(at.Text)
		if err != nil {
			if len(n.Subnets) < maxPools {
				n.Subnets = append(n.Subnets, s)
			}
			continue
		}
		s.Subnet.Text = prefix.Masked().String()
		if !slices.ContainsFunc(n.Subnets, func(o intent.Subnet) bool { return o.Subnet.Text == s.Subnet.Text }) && len(n.Subnets) < maxPools {
			n.Subnets = append(n.Subnets, s)
		}
		to := &r.ip
		if prefix.Addr().Is6() {
			to = &r.ip6
		}
		if to.Set() {
			r.unread(a, at.Text, "ip", fmt.Sprintf("a second address of a family is not simulated, and %s is one", prefix.Addr()))
			continue
		}
		*to = intent.Value{Text: prefix.Addr().String(), Place: at.Place}
	}
}
