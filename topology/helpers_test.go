package topology

import (
	"net"
	"net/netip"
	"strings"
	"testing"
)

// list makes a Named list of alternating names and values.
func list[T any](pairs ...any) Named[T] {
	var n Named[T]
	for i := 0; i < len(pairs); i += 2 {
		n = append(n, Item[T]{Name: pairs[i].(string), Value: pairs[i+1].(T)})
	}
	return n
}

func links(pairs ...any) Named[Link]         { return list[Link](pairs...) }
func endpoints(pairs ...any) Named[Endpoint] { return list[Endpoint](pairs...) }
func networks(pairs ...any) Named[Network]   { return list[Network](pairs...) }
func stations(pairs ...any) Named[Station]   { return list[Station](pairs...) }
func hosts(pairs ...any) Named[Host]         { return list[Host](pairs...) }

// oneHost is a host with a veth eth0 on the LAN.
func oneHost(more ...any) Named[Host] {
	return hosts("host", Host{Parents: links(append([]any{"eth0", Link{}}, more...)...)})
}

func on(network string) Endpoint { return Endpoint{Network: network} }

func ptr[T any](v T) *T { return &v }

func mustCompile(t *testing.T, s *Spec) *Plan {
	t.Helper()
	p, problems := Compile(s, "")
	for _, problem := range problems {
		t.Error(problem)
	}
	if p == nil {
		t.FailNow()
	}
	return p
}

// told are the problems of a spec, one a line as path: text.
func told(s *Spec) string {
	_, problems := Compile(s, "")
	return lines(problems)
}

func lines(problems []Problem) string {
	var b strings.Builder
	for _, p := range problems {
		b.WriteString(p.Error() + "\n")
	}
	return b.String()
}

// do makes changes one after the other.
func do(t *testing.T, p *Plan, changes ...*Change) {
	t.Helper()
	for _, c := range changes {
		if wrong := p.Try(c); len(wrong) > 0 {
			t.Fatalf("change: %s", lines(wrong))
		}
		next, err := p.Change(c)
		if err != nil {
			t.Fatal(err)
		}
		p.Commit(next)
	}
}

// refusal is what is said of a change.
func refusal(t *testing.T, p *Plan, c *Change) string {
	t.Helper()
	if _, err := p.Change(c); err != nil {
		return err.Error()
	}
	return ""
}

func device(t *testing.T, p *Plan, ref string) *Device {
	t.Helper()
	d := p.LAN.Device(ParseRef(ref, ""))
	if d == nil {
		t.Fatalf("there is no %s", ref)
	}
	return d
}

func mac(s string) net.HardwareAddr {
	m, err := net.ParseMAC(s)
	if err != nil {
		panic(err)
	}
	return m
}

// prefixes joins a device's addresses.
func prefixes(d *Device) string {
	var all []string
	for _, p := range d.Addresses {
		all = append(all, p.String())
	}
	return strings.Join(all, " ")
}

func addrs(list []netip.Addr) string {
	var all []string
	for _, a := range list {
		all = append(all, a.String())
	}
	return strings.Join(all, " ")
}

// commands are the operations as they are printed.
func commands(ops []Op) []string {
	var all []string
	for _, o := range ops {
		all = append(all, o.String())
	}
	return all
}
