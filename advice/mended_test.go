package advice_test

import (
	"os"
	"slices"
	"testing"

	"github.com/lanproof/lanproof/advice"
	"github.com/lanproof/lanproof/reports"
	"github.com/lanproof/lanproof/run"
	"github.com/lanproof/lanproof/scenarios"
	"github.com/lanproof/lanproof/topology"
)

// mends take the fault out of the trial of the first example of a warning.
var mends = map[string]func(s *scenarios.Scenario){
	// A switch that reflects, as docs/findings.md says of the host and its children.
	"host-unreachable":     func(s *scenarios.Scenario) { s.Switch.Hairpin = true },
	"wifi-one-mac":         func(s *scenarios.Scenario) { s.Switch.Ports = nil },
	"cloud-one-mac":        func(s *scenarios.Scenario) { s.Switch.Ports = nil },
	"internal-with-parent": func(s *scenarios.Scenario) { carrier(s, false) },
	"private-isolates-siblings-only": func(s *scenarios.Scenario) {
		s.Networks[0].Value.MacvlanMode = "bridge"
	},
	"vepa-without-reflection": func(s *scenarios.Scenario) { s.Switch.Hairpin = true },
	"ports-ignored":           func(s *scenarios.Scenario) { s.Switch.Hairpin = true },
	"subnet-host-bits":        func(s *scenarios.Scenario) { refusedNetwork(s).Subnets[0].Subnet = "192.168.77.0/24" },
	"networks-overlap":        func(s *scenarios.Scenario) { refusedNetwork(s).Subnets[0].Subnet = "192.168.77.0/24" },
	"gateway-outside-subnet":  func(s *scenarios.Scenario) { refusedNetwork(s).Subnets[0].Gateway = "192.168.1.1" },
	"mode-invalid":            func(s *scenarios.Scenario) { refusedNetwork(s).MacvlanMode = "bridge" },
	"parent-shared":           func(s *scenarios.Scenario) { s.Docker = "27" },
	"vlan-id-out-of-range":    func(s *scenarios.Scenario) { refusedNetwork(s).Parent = "eth0" },
	"address-outside-subnet":  func(s *scenarios.Scenario) { refusedAttach(s).IP = "192.168.1.77" },
	"address-duplicate":       func(s *scenarios.Scenario) { refusedAttach(s).IP = "192.168.1.77" },
	"address-in-dynamic-range": func(s *scenarios.Scenario) {
		do := s.Checks[0].Refused.Do
		s.Checks[0].Refused.Do = do[len(do)-1:]
	},
	"mac-duplicate":         func(s *scenarios.Scenario) { refusedAttach(s).MAC = "02:00:00:00:00:77" },
	"passthru-one-endpoint": func(s *scenarios.Scenario) { s.Networks[0].Value.MacvlanMode = "bridge" },
	"gateway-missing":       func(s *scenarios.Scenario) { s.Networks[0].Value.Subnets[0].Gateway = "192.168.1.250" },
	"gateway-guessed":       func(s *scenarios.Scenario) { s.Docker = "29" },
	"two-default-routes": func(s *scenarios.Scenario) {
		for i := range s.Endpoints[0].Value.Attach {
			if a := &s.Endpoints[0].Value.Attach[i]; a.Name != s.Checks[0].Route.Dev {
				a.GatewayPriority = 1
			}
		}
	},
	"option-unknown": func(s *scenarios.Scenario) { s.Networks[0].Value.MacvlanMode = "private" },
	"mtu-ignored":    func(s *scenarios.Scenario) { s.Hosts[0].Value.Parents[0].Value.MTU = 1400 },
	"network-undefined": func(s *scenarios.Scenario) {
		make := topology.Change{Network: &topology.AddNetwork{Name: refusedAttach(s).Network, Network: topology.Network{Driver: "bridge"}}}
		s.Checks[0].Refused.Do = append([]topology.Change{make}, s.Checks[0].Refused.Do...)
	},
	"ipv6-off":             func(s *scenarios.Scenario) { s.Networks[0].Value.EnableIPv6 = nil },
	"address-not-excluded": func(s *scenarios.Scenario) { s.Networks[0].Value.Subnets[0].IPRange = "192.168.1.128/25" },
	"parent-enslaved":      func(s *scenarios.Scenario) { s.Checks[0].Refused.Do = s.Checks[0].Refused.Do[2:] },
}

func refusedNetwork(s *scenarios.Scenario) *topology.Network { return &last(s).Network.Network }

func refusedAttach(s *scenarios.Scenario) *topology.Attachment { return &last(s).Attach.Attachment }

func last(s *scenarios.Scenario) *topology.Change {
	do := s.Checks[0].Refused.Do
	return &do[len(do)-1]
}

func carrier(s *scenarios.Scenario, on bool) {
	s.Switch.Ports = append(s.Switch.Ports, topology.Item[topology.SwitchPort]{Name: "host/eth0", Value: topology.SwitchPort{Carrier: &on}})
}

// TestMendedTrials holds that a trial shows the fault and not something else: where the
// fault is taken out of the LAN, a check that passed before does not pass.
func TestMendedTrials(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("making network namespaces needs root")
	}
	var cases []*scenarios.Case
	for id, mend := range mends {
		e := examples[slices.IndexFunc(examples, func(e example) bool { return e.id == id })]
		w := find(advice.Of(written(t, e.bad), around(t, e.around)), id)
		s := *w.Trial.Scenario
		s.Name = id
		s.Checks = slices.DeleteFunc(slices.Clone(s.Checks), func(c scenarios.Check) bool { return !slices.Contains(w.Shown, c.ID) })
		mend(&s)
		cases = append(cases, load(t, &s))
	}
	res, err := run.Run(t.Context(), cases, run.Options{On: run.Host, Parallel: 2})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range res.Cases {
		failed := slices.ContainsFunc(c.Checks, func(k reports.Check) bool { return k.Verdict == reports.Fail })
		if !failed {
			t.Errorf("%s: %s %s, though its fault is mended", c.Case, c.Verdict, c.Reason)
			for _, k := range c.Checks {
				t.Logf("  %s: %s: %s", k.ID, k.Verdict, k.Observed)
			}
		}
	}
}
