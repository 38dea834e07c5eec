package advice_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/lanproof/lanproof/advice"
	"github.com/lanproof/lanproof/intent"
)

// written reads a file of the tests' own words, a network or an endpoint a line:
//
//	network NAME DRIVER subnet=P gateway=A range=P from=A to=A route=P aux=NAME:A o:KEY=VALUE internal ipv6 external ipam=X engine=E
//	refused OF WHY...
//	unread OF PART
//	run NAME port=P mode=M on NETWORK ip=A ip6=A mac=M priority=N on NETWORK ...
//
// subnet begins another subnet. Every word's place is its line and column.
func written(t testing.TB, text string) *intent.Intent {
	t.Helper()
	in := &intent.Intent{}
	for i, line := range strings.Split(strings.TrimSpace(text), "\n") {
		words := words(line, i+1)
		if len(words) < 2 {
			t.Fatalf("line %d says nothing", i+1)
		}
		switch words[0].Text {
		case "network":
			in.Networks = append(in.Networks, network(t, words))
		case "refused": // OF WHY...
			in.Refused = append(in.Refused, intent.Refused{Place: words[0].Place, Of: words[1].Text, Why: line[words[2].Place.Column-1:]})
		case "unread": // OF PART
			in.Unread = append(in.Unread, intent.Unread{Place: words[0].Place, Of: words[1].Text, Part: words[2].Text})
		case "run":
			in.Endpoints = append(in.Endpoints, endpoint(t, words))
		default:
			t.Fatalf("line %d begins with %q", i+1, words[0].Text)
		}
	}
	for i := range in.Endpoints {
		if len(in.Networks) > 0 {
			in.Endpoints[i].Engine = in.Networks[0].Engine
		}
	}
	return in
}

func words(line string, number int) []intent.Value {
	var all []intent.Value
	column := 1
	for _, w := range strings.Split(line, " ") {
		if w != "" {
			all = append(all, intent.Value{Text: w, Place: intent.Place{File: "test", Line: number, Column: column}})
		}
		column += len(w) + 1
	}
	return all
}

func network(t testing.TB, words []intent.Value) intent.Network {
	t.Helper()
	n := intent.Network{Name: words[1].Text, Engine: intent.Docker, Driver: words[2], Place: words[0].Place}
	for _, w := range words[3:] {
		key, value, _ := strings.Cut(w.Text, "=")
		v := intent.Value{Text: value, Place: w.Place}
		yes := intent.Flag{Known: true, Is: true, Place: w.Place}
		switch {
		case strings.HasPrefix(key, "o:"):
			n.Options = append(n.Options, intent.Option{Key: key[2:], Value: v, Place: w.Place})
		case key == "subnet":
			n.Subnets = append(n.Subnets, intent.Subnet{Subnet: v, Place: w.Place})
		case key == "gateway":
			n.Subnets[len(n.Subnets)-1].Gateway = v
		case key == "range":
			n.Subnets[len(n.Subnets)-1].IPRange = v
		case key == "from":
			n.Subnets[len(n.Subnets)-1].RangeStart = v
		case key == "to":
			n.Subnets[len(n.Subnets)-1].RangeEnd = v
		case key == "route":
			n.Routes = append(n.Routes, intent.Route{To: v, Place: w.Place})
		case key == "aux":
			name, a, _ := strings.Cut(value, ":")
			s := &n.Subnets[len(n.Subnets)-1]
			s.Aux = append(s.Aux, intent.Option{Key: name, Value: intent.Value{Text: a, Place: w.Place}})
		case key == "engine":
			n.Engine = intent.Engine(value)
		case key == "ipam":
			n.IPAM = v
		case key == "internal":
			n.Internal = yes
		case key == "ipv6":
			n.IPv6 = yes
		case key == "external":
			n.External = yes
		default:
			t.Fatalf("what is %q?", w.Text)
		}
	}
	return n
}

func endpoint(t testing.TB, words []intent.Value) intent.Endpoint {
	t.Helper()
	e := intent.Endpoint{Name: words[1].Text, Engine: intent.Docker, Place: words[0].Place}
	for i := 2; i < len(words); i++ {
		key, value, _ := strings.Cut(words[i].Text, "=")
		v := intent.Value{Text: value, Place: words[i].Place}
		if key == "on" {
			i++
			e.Attach = append(e.Attach, intent.Attachment{Network: words[i].Text, Place: words[i].Place})
			continue
		}
		at := func() *intent.Attachment { return &e.Attach[len(e.Attach)-1] }
		switch key {
		case "port":
			e.Ports = append(e.Ports, v)
		case "ip":
			at().IP = v
		case "ip6":
			at().IP6 = v
		case "mac":
			at().MAC = v
		case "priority":
			at().GatewayPriority = v
		default:
			t.Fatalf("what is %q?", words[i].Text)
		}
	}
	return e
}

// around reads what is known of a machine: "docker=26 complete eth0=192.168.1.10/24
// eth0>192.168.1.1 eth0~wifi eth0#br0 eth0!1400": addresses, gateways, medium, master, MTU.
func around(t *testing.T, text string) advice.Surroundings {
	t.Helper()
	s := advice.Surroundings{Parents: map[string]advice.Parent{}}
	for _, w := range strings.Fields(text) {
		i := strings.IndexAny(w, "=>~#!")
		if w == "complete" {
			s.Complete = true
			continue
		}
		if i < 0 {
			s.Parents[w] = advice.Parent{}
			continue
		}
		name, value := w[:i], w[i+1:]
		p := s.Parents[name]
		switch w[i] {
		case '=':
			if name == "docker" {
				s.Docker = value
				continue
			}
			p.Addresses = append(p.Addresses, netip.MustParsePrefix(value))
		case '>':
			p.Gateways = append(p.Gateways, netip.MustParseAddr(value))
		case '~':
			p.Medium = advice.Medium(value)
		case '#':
			p.Master = value
		case '!':
			p.MTU = 1400
		}
		s.Parents[name] = p
	}
	return s
}
