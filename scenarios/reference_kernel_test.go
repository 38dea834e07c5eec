package scenarios

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/lanproof/lanproof/internal/features"
	"github.com/lanproof/lanproof/topology"
)

// trial builds LANs that differ in one key, to find out what it is for.
type trial struct {
	needs map[string][]string
	t     *testing.T
}

// host is a LAN with one host, and with one device more on it.
func host(kind string, l topology.Link) *topology.Spec {
	l.Kind = kind
	if slices.Contains([]string{"vlan", "macvlan", "ipvlan"}, kind) && l.Parent == "" {
		l.Parent = "eth0"
	}
	if kind == "vlan" && l.ID == nil {
		id := 7
		l.ID = &id
	}
	return &topology.Spec{Hosts: topology.Named[topology.Host]{{Name: "host", Value: topology.Host{
		Parents: topology.Named[topology.Link]{{Name: "eth0"}, {Name: "x", Value: l}},
	}}}}
}

// samples are values of a key that is worth a try.
func samples(t reflect.Type, r rule) []reflect.Value {
	if t.Kind() == reflect.Pointer {
		var all []reflect.Value
		for _, v := range samples(t.Elem(), r) {
			p := reflect.New(t.Elem())
			p.Elem().Set(v)
			all = append(all, p)
		}
		return all
	}
	switch t.Kind() {
	case reflect.Bool:
		return []reflect.Value{reflect.ValueOf(true)}
	case reflect.Int:
		return []reflect.Value{reflect.ValueOf(5)}
	case reflect.String:
		if r.enum == nil {
			return []reflect.Value{reflect.ValueOf("eth0")}
		}
		var all []reflect.Value
		for _, word := range r.enum {
			all = append(all, reflect.ValueOf(word))
		}
		return all
	case reflect.Slice:
		switch t.Elem().Kind() {
		case reflect.Int:
			return []reflect.Value{reflect.ValueOf([]int{5})}
		case reflect.String:
			return []reflect.Value{reflect.ValueOf([]string{"eth0"})}
		}
	case reflect.Map:
		if t.Key().Kind() == reflect.Int {
			return []reflect.Value{reflect.ValueOf(map[int]int{1: 1})}
		}
	}
	return nil
}

// kindsOf tries every key of a device on every kind: by the key, the kinds that
// have it, where those are not all.
func kindsOf(t *testing.T) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	link := reflect.TypeFor[topology.Link]()
	for _, f := range structFields(link, "Link") {
		var have []string
		for _, kind := range linkKinds {
			l := topology.Link{}
			in := reflect.ValueOf(&l).Elem().FieldByIndex(f.index)
			values := samples(in.Type(), f.rule)
			if f.name == "kind" || len(values) == 0 {
				continue
			}
			in.Set(values[0])
			_, problems := topology.Compile(host(kind, l), "")
			refused := fmt.Sprintf("a %s has no %s", kind, f.name)
			if !slices.ContainsFunc(problems, func(p topology.Problem) bool { return p.Text == refused }) {
				have = append(have, kind)
			}
		}
		if len(have) < len(linkKinds) {
			out[f.name] = have
		}
	}
	return out
}

// needsOf sets every key of devices, networks and the switch, and tells which
// features a kernel must have for it that it must not have otherwise.
func needsOf(t *testing.T) map[string][]string {
	t.Helper()
	tr := &trial{map[string][]string{}, t}
	for _, kind := range linkKinds {
		tr.all("link", reflect.TypeFor[topology.Link](), func(set func(reflect.Value)) *topology.Spec {
			l := topology.Link{}
			set(reflect.ValueOf(&l).Elem())
			if l.Kind != "" { // it is all about that
				return host(l.Kind, l)
			}
			return host(kind, l)
		})
	}
	for _, driver := range []string{"macvlan", "ipvlan"} {
		tr.all("network", reflect.TypeFor[topology.Network](), func(set func(reflect.Value)) *topology.Spec {
			n := topology.Network{Driver: driver, Parent: "eth0", Subnets: []topology.Subnet{{Subnet: "192.0.2.0/24"}}}
			set(reflect.ValueOf(&n).Elem())
			spec := host("dummy", topology.Link{})
			spec.Networks = topology.Named[topology.Network]{{Name: "net", Value: n}}
			spec.Endpoints = topology.Named[topology.Endpoint]{{Name: "c", Value: topology.Endpoint{Network: "net"}}}
			return spec
		})
	}
	tr.all("switch", reflect.TypeFor[topology.Switch](), func(set func(reflect.Value)) *topology.Spec {
		spec := host("veth", topology.Link{})
		set(reflect.ValueOf(&spec.Switch).Elem())
		return spec
	})
	tr.all("port", reflect.TypeFor[topology.SwitchPort](), func(set func(reflect.Value)) *topology.Spec {
		spec := host("veth", topology.Link{})
		p := topology.SwitchPort{}
		set(reflect.ValueOf(&p).Elem())
		spec.Switch.Ports = topology.Named[topology.SwitchPort]{{Name: "host/eth0", Value: p}}
		return spec
	})
	return tr.needs
}

// all tries every value of every key.
func (tr *trial) all(anchor string, t reflect.Type, build func(set func(reflect.Value)) *topology.Spec) {
	plain, problems := topology.Compile(build(func(reflect.Value) {}), "")
	if len(problems) > 0 {
		tr.t.Fatalf("%s: %v", anchor, problems[0])
	}
	usual := topology.Needs(plain.Ops)
	for _, f := range structFields(t, t.Name()) {
		if f.name == "kind" || f.name == "driver" {
			continue // which is a feature itself
		}
		for _, v := range samples(t.FieldByIndex(f.index).Type, f.rule) {
			plan, problems := topology.Compile(build(func(s reflect.Value) { s.FieldByIndex(f.index).Set(v) }), "")
			if len(problems) > 0 {
				continue
			}
			for _, need := range topology.Needs(plan.Ops) {
				if slices.Contains(usual, need) {
					continue
				}
				text := fmt.Sprintf("[%s](#features)", need)
				if f.rule.enum != nil {
					text += fmt.Sprintf(" for `%s`", v)
				}
				if key := anchor + "-" + f.name; !slices.Contains(tr.needs[key], text) {
					tr.needs[key] = append(tr.needs[key], text)
				}
			}
		}
	}
}

// features is the part about kernels.
func (p *referencePage) features() {
	p.line(`
<a id="features"></a>

## What a kernel must have

Every case needs veth and a bridge; beyond that, the kinds of device that it has, and what these keys ask for.
A case that needs what this kernel has not got runs in a guest, or is skipped. A kernel that ought to have a feature by its version, and has it not, fails.

| feature | since | for |
|---|---|---|`)
	for _, name := range features.Names() {
		since, of := "", "devices of that kind"
		if major, minor, ok := features.Since(name); ok {
			since = fmt.Sprintf("Linux %d.%d", major, minor)
		}
		var keys []string
		for _, s := range p.sections {
			for _, f := range structFields(s.of, s.of.Name()) {
				anchor := s.anchor + "-" + f.name
				if slices.ContainsFunc(p.needs[anchor], func(text string) bool { return strings.HasPrefix(text, "["+name+"]") }) {
					keys = append(keys, fmt.Sprintf("[`%s`](#%s)", f.name, anchor))
				}
			}
		}
		if keys != nil {
			of = strings.Join(keys, ", ")
		}
		p.line("| %s | %s | %s |", name, since, of)
	}
}
