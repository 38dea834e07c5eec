package run_test

import (
	"slices"
	"testing"

	"github.com/lanproof/lanproof/internal/netns"
	"github.com/lanproof/lanproof/internal/rtnl"
	"github.com/lanproof/lanproof/reports"
	"github.com/lanproof/lanproof/run"
	"github.com/lanproof/lanproof/scenarios"
)

// firstPort is the ifindex of the first of two ports.
const firstPort = 40

// onPorts is a cable between two ports, enp1s0 and enp2s0, in a namespace of theirs, which are
// joined by whatever join makes there.
func onPorts(t *testing.T, join func(c *rtnl.Conn) error) *run.Cable {
	t.Helper()
	needRoot(t)
	home, err := netns.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := home.Close(); err != nil {
			t.Error(err)
		}
	})
	err = home.Do(func() error {
		c, err := rtnl.OpenHere()
		if err != nil {
			return err
		}
		defer c.Close()
		return join(c)
	})
	if err != nil {
		t.Fatal(err)
	}
	return &run.Cable{DUT: "enp1s0", Peer: "enp2s0", Home: home}
}

// pair makes the ports the two ends of a veth.
func pair(c *rtnl.Conn) error {
	return c.NewLink(&rtnl.Link{Name: "enp1s0", Kind: "veth", Index: firstPort, Peer: &rtnl.Link{Name: "enp2s0", Index: firstPort + 1}})
}

// TestCatalogueOnCable runs all that this kernel can over two ports.
func TestCatalogueOnCable(t *testing.T) {
	cable := onPorts(t, pair)
	cases := builtin(t)
	results, err := run.Run(t.Context(), cases, run.Options{Cable: cable})
	if err != nil {
		t.Fatal(err)
	}
	tell(t, results)
	home(t, cable)
}

// home makes sure that both ports are back as they were.
func home(t *testing.T, cable *run.Cable) {
	t.Helper()
	err := cable.Home.Do(func() error {
		c, err := rtnl.OpenHere()
		if err != nil {
			return err
		}
		defer c.Close()
		for i, name := range []string{cable.DUT, cable.Peer} {
			s, err := c.LinkByName(name)
			if err != nil {
				return err
			}
			if s.Index != firstPort+i || s.Up() || s.MTU != 1500 || s.Promiscuity != 0 || s.Master != 0 {
				t.Errorf("port %s came back as %+v", name, s)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// builtin are the catalogue's cases.
func builtin(t *testing.T) (all []*scenarios.Case) {
	t.Helper()
	files, err := scenarios.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		all = append(all, f.Cases()...)
	}
	return all
}

func tell(t *testing.T, results *reports.Results) {
	t.Helper()
	for i := range results.Cases {
		c := &results.Cases[i]
		if c.Verdict == reports.Fail || c.Verdict == reports.Error {
			t.Errorf("%s: %s %s", c.Case, c.Verdict, c.Reason)
		} else if c.Reason != "" {
			t.Logf("%s: %s %s", c.Case, c.Verdict, c.Reason)
		}
		for _, k := range c.Checks {
			if slices.Contains([]reports.Verdict{reports.Fail, reports.Error}, k.Verdict) {
				t.Errorf("  %s %s: %s", k.Verdict, k.ID, k.Observed)
			} else if k.Verdict == reports.Skip {
				t.Logf("  %s %s %s: %s", c.Case, k.Verdict, k.ID, k.Observed)
			}
		}
	}
	t.Logf("%+v in %v", results.Summary, results.Duration)
}

// TestEmulatedCards runs two LANs over a cable between cards of a guest.
func TestEmulatedCards(t *testing.T) {
	for _, model := range []string{"e1000e", "virtio-net-pci"} {
		t.Run(model, func(t *testing.T) {
			cases := append(load(t, "cards", all), load(t, "trunk", vlans)...)
			results, err := run.Run(t.Context(), cases, run.Options{Emulate: model})
			if err != nil {
				t.Fatal(err)
			}
			if c := results.Cases[0]; c.Verdict == reports.Skip {
				t.Skip(c.Reason)
			}
			tell(t, results)
			for _, c := range results.Cases {
				if c.Ground != string(run.GroundNIC) || c.Placement == "" || c.Verdict != reports.Pass {
					t.Errorf("%s ended on ground %s (%s): %s", c.Case, c.Ground, c.Placement, c.Verdict)
				}
			}
		})
	}
}
