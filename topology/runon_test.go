package topology

import "testing"

// TestRunOn has a container join a network while the one is gone, or another of its name
// is there, that it was run on.
func TestRunOn(t *testing.T) {
	const gone = "could not find a network matching network mode first: network first not found"
	pool := []Subnet{{Subnet: "192.0.2.0/24"}}
	for _, c := range []struct {
		version string
		e       Endpoint
		named   string // what is made in place of the first
		want    string
	}{
		{"20.10", Endpoint{Network: "first"}, "second", ""},
		{"23", Endpoint{Network: "first"}, "second", ""},
		{"24", Endpoint{Network: "first"}, "second", gone},
		{"29", Endpoint{Attach: []Attachment{{Network: "first"}}}, "second", gone},
		{"29", Endpoint{Network: "first"}, "first", ""},
		{"29", Endpoint{}, "second", ""},
	} {
		s := &Spec{
			Docker: c.version, Hosts: oneHost(), Networks: networks("first", Network{Driver: "macvlan", Parent: "eth0", Subnets: pool}),
			Endpoints: list[Endpoint]("e", c.e),
		}
		p, problems := Compile(s, "")
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		steps := []Change{
			{RemoveNetwork: "first"},
			{Network: &AddNetwork{Name: c.named, Network: Network{Driver: "macvlan", Parent: "eth0", Subnets: pool}}},
			{Attach: &Attach{Endpoint: "e", Attachment: Attachment{Network: c.named}}},
		}
		if c.e.runOn() != "" {
			steps = append([]Change{{Detach: &Detach{Endpoint: "e", Network: "first"}}}, steps...)
		}
		var err error
		for i := range steps {
			var next *Next
			if next, err = p.Change(&steps[i]); err != nil {
				break
			}
			p.Commit(next)
		}
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("Docker %s, %+v, then %s: %q, want %q", c.version, c.e, c.named, got, c.want)
		}
	}
}
