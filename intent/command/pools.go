package command

import (
	"fmt"
	"net"
	"strings"

	"github.com/lanproof/lanproof/intent"
)

// dockerPools puts subnets, ranges, gateways and reserved addresses together as docker's
// command line does, and refuses what it refuses (docker/cli
// cli/command/network/create.go:createIPAMConfig).
func (e *engine) dockerPools(name string, a *args) []intent.Subnet {
	p := pools{engine: e, of: name}
	subnets, ranges, gateways := p.words(a, "subnet"), p.words(a, "ip-range"), p.words(a, "gateway")
	aux := append(a.all("aux-address"), a.all("aux-addresses")...)
	if !p.unread && (len(subnets) < len(ranges) || len(subnets) < len(gateways)) {
		p.refuse(e.cmd, "every ip-range or gateway must have a corresponding subnet")
	}
	for _, w := range subnets {
		p.subnet(w, len(subnets) > 1 || len(ranges)+len(gateways)+len(aux) > 0)
	}
	for _, w := range ranges {
		p.put(w, "range", func(s *intent.Subnet) *intent.Value { return &s.IPRange },
			"cannot configure multiple ranges (%s, %s) on the same subnet (%s)")
	}
	for _, w := range gateways {
		p.put(w, "gateway", func(s *intent.Subnet) *intent.Value { return &s.Gateway },
			"cannot configure multiple gateways (%s, %s) for the same subnet (%s)")
	}
	for _, w := range aux {
		p.aux(w)
	}
	return p.made
}

// pools are the subnets of one network as they are put together.
type pools struct {
	*engine
	of   string
	made []intent.Subnet
	// unread is set when a subnet is not known, so that nothing can be said to match none.
	unread bool
}

func (p *pools) refuse(w word, format string, args ...any) {
	p.problem(p.of, problem{w, fmt.Sprintf(format, args...)})
}

// words are the values of a flag that may hold several with commas between them
// (pflag's StringSlice, IPSlice and IPNetSlice).
func (p *pools) words(a *args, name string) []word {
	var known []word
	for _, all := range a.all(name) {
		for _, w := range all.list(",") {
			if w.text = strings.TrimSpace(w.text); w.known() {
				known = append(known, w)
				continue
			}
			p.gap(p.of, name, w)
			p.unread = p.unread || name == "subnet"
		}
	}
	return known
}

// subnet adds a subnet; compared is whether the command line looks at it at all.
func (p *pools) subnet(w word, compared bool) {
	if _, _, err := net.ParseCIDR(w.text); err != nil && compared {
		p.refuse(w, "invalid subnet: %v", err)
	}
	for i := range p.made {
		if other := p.made[i].Subnet.Text; matches(w.text, other) || matches(other, w.text) {
			p.refuse(w, "multiple overlapping subnet configuration is not supported")
			break
		}
	}
	p.made = append(p.made, intent.Subnet{Subnet: w.value(), Place: w.at})
}

// put gives an address or a range to every subnet that it lies in.
func (p *pools) put(w word, what string, field func(*intent.Subnet) *intent.Value, twice string) {
	if what == "gateway" && net.ParseIP(w.text) == nil {
		p.refuse(w, "invalid argument %q for \"--gateway\" flag: invalid string being converted to IP address: %s", w.text, w.text)
	} else if _, _, err := net.ParseCIDR(w.text); what == "range" && err != nil {
		p.refuse(w, "invalid argument %q for \"--ip-range\" flag: invalid string being converted to CIDR: %s", w.text, w.text)
	} else if p.match(w, field, twice) {
		return
	} else if !p.unread {
		p.refuse(w, "no matching subnet for %s %s", what, w.text)
	}
	// It belongs to the first that has none, so that it stands somewhere.
	for i := range p.made {
		if f := field(&p.made[i]); !f.Set() {
			if !p.unread || len(p.made) == 1 && !matchable(p.made[i].Subnet.Text) {
				*f = w.value()
			}
			return
		}
	}
	if p.unread {
		s := intent.Subnet{Place: w.at}
		*field(&s) = w.value()
		p.made = append(p.made, s)
	}
}

func (p *pools) match(w word, field func(*intent.Subnet) *intent.Value, twice string) (matched bool) {
	for i := range p.made {
		s := &p.made[i]
		if !matches(s.Subnet.Text, w.text) {
			continue
		}
		matched = true
		if f := field(s); f.Set() {
			p.refuse(w, twice, w.text, f.Text, s.Subnet.Text)
		} else {
			*f = w.value()
		}
	}
	return matched
}

// aux gives a reserved address, written name=address, to its subnet.
func (p *pools) aux(w word) {
	k, v, _ := w.split("=")
	if !w.known() {
		p.gap(p.of, "aux-address", w)
		return
	}
	o := intent.Option{Key: k.text, Place: k.at, Value: v.value()}
	if net.ParseIP(v.text) == nil {
		p.refuse(w, "ParseAddr(%q): unable to parse IP", v.text)
		return
	}
	matched := false
	for i := range p.made {
		if matches(p.made[i].Subnet.Text, v.text) {
			p.made[i].Aux, matched = append(p.made[i].Aux, o), true
		}
	}
	if !matched && !p.unread {
		p.refuse(w, "no matching subnet for aux-address %s", v.text)
	}
}

func matchable(subnet string) bool {
	_, _, err := net.ParseCIDR(subnet)
	return err == nil
}

// matches reports whether an address, or a prefix's address, lies in a subnet (docker/cli
// cli/command/network/create.go:subnetMatches).
func matches(subnet, data string) bool {
	_, s, err := net.ParseCIDR(subnet)
	if err != nil {
		return false
	}
	ip := net.ParseIP(data)
	if strings.Contains(data, "/") {
		ip, _, err = net.ParseCIDR(data)
	}
	return err == nil && ip != nil && s.Contains(ip)
}

// podmanPools puts them together in the order in which they stand, as podman does
// (containers/podman cmd/podman/networks/create.go:networkCreate).
func (e *engine) podmanPools(name string, a *args) []intent.Subnet {
	subnets, gateways, ranges := a.all("subnet"), a.all("gateway"), a.all("ip-range")
	if all := gateways; len(all) > 0 {
		gateways = nil
		for _, w := range all {
			gateways = append(gateways, w.list(",")...)
		}
	}
	switch {
	case len(subnets) == 0 && len(gateways)+len(ranges) > 0:
		e.problem(name, problem{append(gateways, ranges...)[0], "cannot set gateway or range without subnet"})
	case len(gateways) > len(subnets):
		e.problem(name, problem{gateways[len(subnets)], "cannot set more gateways than subnets"})
	case len(ranges) > len(subnets):
		e.problem(name, problem{ranges[len(subnets)], "cannot set more ranges than subnets"})
	}
	var out []intent.Subnet
	for i, w := range subnets {
		s := intent.Subnet{Subnet: e.value(name, "subnet", w, true), Place: w.at}
		if i < len(gateways) {
			s.Gateway = e.value(name, "gateway", gateways[i], true)
		}
		if i < len(ranges) {
			e.podmanRange(name, &s, ranges[i])
		}
		out = append(out, s)
	}
	return out
}

// podmanRange reads a range, which is a prefix or two addresses.
func (e *engine) podmanRange(name string, s *intent.Subnet, w word) {
	from, to, two := w.split("-")
	if !two {
		s.IPRange = e.value(name, "ip-range", w, true)
		return
	}
	s.RangeStart = e.value(name, "ip-range", from, true)
	s.RangeEnd = e.value(name, "ip-range", to, true)
}
