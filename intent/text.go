package intent

import (
	"fmt"
	"strconv"
	"strings"
)

// String is the intent in lines, for tests and for people who want to see what was
// understood: a line for each network, option, subnet, endpoint, attachment and whatever
// else belongs to them, with "@" before each place. The place of a word that stands in
// the same file as the thing it belongs to goes without the file's name.
func (i *Intent) String() string {
	var w writer
	for k := range i.Networks {
		w.network(&i.Networks[k])
	}
	for k := range i.Endpoints {
		w.endpoint(&i.Endpoints[k])
	}
	for _, u := range i.Unread {
		w.begin(0, "unread", u.Text, u.Place)
		w.end(of(u.Of, u.Part) + ": " + u.Why)
	}
	for _, r := range i.Refused {
		w.begin(0, "refused", r.Text, r.Place)
		w.end(of(r.Of, "") + ": " + r.Why)
	}
	for k := range i.Earlier {
		w.WriteString("earlier\n")
		for line := range strings.Lines(i.Earlier[k].String()) {
			w.WriteString("  " + line)
		}
	}
	return w.String()
}

// of tells what something belongs to.
func of(name, part string) string {
	switch {
	case name == "":
		return ""
	case part == "":
		return " of " + quoted(name)
	}
	return " of " + quoted(name) + " " + part
}

// writer collects lines; file is the one in which the line's thing stands.
type writer struct {
	strings.Builder
	file string
}

// begin writes the start of a line: what it is, its name and its place.
func (w *writer) begin(depth int, what, name string, at Place) {
	if depth == 0 {
		w.file = ""
	}
	fmt.Fprintf(w, "%s%s %s%s", strings.Repeat("  ", depth), what, quoted(name), w.at(at))
	if depth == 0 {
		w.file = at.File
	}
}

func (w *writer) end(rest string) { w.WriteString(rest + "\n") }

// at is a place after an "@"; nothing when it is not known.
func (w *writer) at(p Place) string {
	switch {
	case p == Place{}:
		return ""
	case p.File == w.file:
		p.File = ""
		return "@" + strings.TrimPrefix(p.String(), ":")
	}
	return "@" + p.String()
}

func (w *writer) value(key string, v Value) {
	if v.Set() {
		fmt.Fprintf(w, " %s=%s%s", key, quoted(v.Text), w.at(v.Place))
	}
}

func (w *writer) flag(key string, f Flag) {
	if f.Known {
		fmt.Fprintf(w, " %s=%t%s", key, f.Is, w.at(f.Place))
	}
}

func (w *writer) known(name, known string) {
	if known != "" && known != name {
		w.WriteString(" known=" + quoted(known))
	}
}

func (w *writer) options(depth int, what string, options []Option) {
	for _, o := range options {
		w.begin(depth, what, o.Key, o.Place)
		w.value("value", o.Value)
		w.end("")
	}
}

func (w *writer) values(depth int, what string, values []Value) {
	for _, v := range values {
		w.begin(depth, what, v.Text, v.Place)
		w.end("")
	}
}

func (w *writer) network(n *Network) {
	w.begin(0, string(n.Engine)+" network", n.Name, n.Place)
	w.known(n.Name, n.Known)
	w.value("driver", n.Driver)
	w.value("ipam", n.IPAM)
	w.flag("internal", n.Internal)
	w.flag("ipv4", n.IPv4)
	w.flag("ipv6", n.IPv6)
	w.flag("external", n.External)
	w.end("")
	w.options(1, "option", n.Options)
	for _, s := range n.Subnets {
		at := s.Subnet.Place
		if !s.Subnet.Set() {
			at = s.Place
		}
		w.begin(1, "subnet", s.Subnet.Text, at)
		w.value("gateway", s.Gateway)
		w.value("range", s.IPRange)
		w.value("from", s.RangeStart)
		w.value("to", s.RangeEnd)
		w.end("")
		w.options(2, "aux", s.Aux)
	}
	for _, r := range n.Routes {
		w.begin(1, "route", r.To.Text, r.Place)
		w.value("via", r.Via)
		w.end("")
	}
}

func (w *writer) endpoint(e *Endpoint) {
	w.begin(0, string(e.Engine)+" endpoint", e.Name, e.Place)
	w.known(e.Name, e.Known)
	w.value("mode", e.Mode)
	w.end("")
	for _, a := range e.Attach {
		w.begin(1, "attach", a.Network, a.Place)
		w.value("ip", a.IP)
		w.value("ip6", a.IP6)
		w.value("mac", a.MAC)
		w.value("device", a.Name)
		w.value("gateway-priority", a.GatewayPriority)
		w.end("")
		w.values(2, "link-local", a.LinkLocal)
		w.options(2, "option", a.Options)
	}
	w.values(1, "port", e.Ports)
	w.values(1, "expose", e.Expose)
	w.options(1, "sysctl", e.Sysctls)
}

// quoted is a word as it is, and in quotes where it would not stand as one word.
func quoted(s string) string {
	if s == "" || strings.ContainsAny(s, " \t@=\"") || strconv.Quote(s) != `"`+s+`"` {
		return strconv.Quote(s)
	}
	return s
}
