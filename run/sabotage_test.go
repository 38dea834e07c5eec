package run

import (
	"context"
	"encoding/json"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/probe"
	"github.com/lanproof/lanproof/reports"
	"github.com/lanproof/lanproof/scenarios"
	"github.com/lanproof/lanproof/topology"
)

// sabotageable is a LAN that every saboteur finds something in.
const sabotageable = `name: sabotageable
title: A test
hosts:
  host:
    parents:
      eth0: {addresses: [172.16.0.10/16]}
      eth1: {}
    links:
      eth1.10: {kind: vlan, parent: eth1, id: 10}
      eth1.20: {kind: vlan, parent: eth1, id: 20}
networks:
  net: {driver: macvlan, parent: eth0, subnets: [{subnet: 172.16.0.0/16}]}
  ip10: {driver: ipvlan, parent: eth1.10, subnets: [{subnet: 172.17.0.0/16}]}
  ip20: {driver: ipvlan, parent: eth1.20, subnets: [{subnet: 172.18.0.0/16}]}
endpoints:
  a: {network: net}
  b: {network: net}
  p: {network: ip10}
  q: {network: ip10}
  r: {network: ip20}
stations:
  pc: {addresses: [172.16.9.9/16]}
checks:
  - reach: {from: a, to: [b, pc]}
  - blocked: {from: host, to: a, kind: raw}
  - reach: {from: p, to: q, kind: [arp, raw]}
  - blocked: {from: p, to: r, kind: raw}
  - tag: {from: p, tags: [{vid: 10}]}
  - link: {link: a/eth0, mtu: 1500}
`

func prepareText(t testing.TB, name, text string, seed uint64) *Prepared {
	t.Helper()
	f, err := scenarios.Load(name+".yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	p, err := Prepare(f.Cases()[0], seed)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestSabotagesAreDrawn: every kind finds something, the same seed draws the
// same, a guest reads what it is sent, and what is done touches what some check
// is about.
func TestSabotagesAreDrawn(t *testing.T) {
	p := prepareText(t, "sabotageable", sabotageable, 1)
	all := p.Sabotages(3)
	drawn := map[string]bool{}
	for _, s := range all {
		drawn[s.Kind] = true
		text, err := json.Marshal(s)
		var back Sabotage
		if err != nil || json.Unmarshal(text, &back) != nil || cmp.Diff(*s, back) != "" {
			t.Errorf("%s does not come back from %s (%v)", s, text, err)
		}
		met := false
		for _, c := range p.Checks() {
			met = met || s.meets(newScene(p), c.question)
		}
		if !met {
			t.Errorf("no check is about what this touches: %s, %v", s, s.Touches)
		}
	}
	for _, k := range saboteurs() {
		if !drawn[k.kind] {
			t.Errorf("nothing is drawn of kind %q", k.kind)
		}
	}
	if d := cmp.Diff(all, prepareText(t, "sabotageable", sabotageable, 1).Sabotages(3)); d != "" {
		t.Errorf("the same seed draws something else:\n%s", d)
	}
	if d := cmp.Diff(all, prepareText(t, "sabotageable", sabotageable, 2).Sabotages(3)); d == "" {
		t.Error("another seed draws the same")
	}
}

// TestSpoil: what is built changes in one thing, and what the checks believe in none.
func TestSpoil(t *testing.T) {
	p := prepareText(t, "sabotageable", sabotageable, 1)
	for _, s := range p.Sabotages(1) {
		k, err := s.saboteur()
		if err != nil {
			t.Fatal(err)
		}
		compile := func() *topology.Plan {
			plan, problems := topology.Compile(&p.Case.Scenario.Spec, "1")
			if len(problems) > 0 {
				t.Fatal(problems[0])
			}
			return plan
		}
		plain, spoilt := compile(), compile()
		if err := s.spoil(spoilt); err != nil {
			t.Fatal(err)
		}
		if same := plain.String() == spoilt.String(); same != (k.act != nil) {
			t.Errorf("%s: the plan stayed the same: %v", s, same)
		}
		for i, d := range plain.LAN.Devices {
			if diff := cmp.Diff(d.String()+d.Mode+d.Flag+d.MAC.String(), spoilt.LAN.Devices[i].String()+spoilt.LAN.Devices[i].Mode+spoilt.LAN.Devices[i].Flag+spoilt.LAN.Devices[i].MAC.String()); diff != "" {
				t.Errorf("%s: what the checks believe has changed: %s", s, diff)
			}
		}
	}
	if err := (&Sabotage{Kind: "arson"}).spoil(p.Plan); err == nil {
		t.Error("an unknown kind is carried out")
	}
}

// TestDropper loads a program for every kind of frame: the verifier of the
// kernel reads it.
func TestDropper(t *testing.T) {
	if unix.Getuid() != 0 {
		t.Skip("loading programs needs root")
	}
	for _, f := range foods() {
		fd, err := loadDropper(diet(f))
		if err != nil {
			t.Errorf("%s: %v", f, err)
			continue
		}
		if err := unix.Close(fd); err != nil {
			t.Error(err)
		}
	}
	if _, err := loadDropper([]match{{at: -1}}); err == nil {
		t.Error("the verifier takes a program that reads before the frame")
	}
}

const hungry = `name: hungry
title: A test
stations:
  a: {addresses: [172.16.0.1/16, "fd00::1/64"]}
  b: {addresses: [172.16.0.2/16, "fd00::2/64"]}
checks:
  - {id: raw, reach: {from: a, to: b, kind: raw}}
  - {id: arp, reach: {from: a, to: b, kind: arp}}
  - {id: nd, reach: {from: a, to: b, kind: nd}}
  - {id: icmp4, reach: {from: a, to: b, kind: icmp, family: 4, static: true}}
  - {id: icmp6, reach: {from: a, to: b, kind: icmp, family: 6, static: true}}
  - {id: udp4, reach: {from: a, to: b, kind: udp, family: 4, static: true}}
  - {id: udp6, reach: {from: a, to: b, kind: udp, family: 6, static: true}}
`

// TestEatersEatOneKind: the frames of that kind are gone, and no others.
func TestEatersEatOneKind(t *testing.T) {
	if unix.Getuid() != 0 {
		t.Skip("making network namespaces needs root")
	}
	for f, gone := range map[food][]string{
		{probe.ARP, false}:  {"arp"},
		{probe.ND, true}:    {"nd"},
		{probe.ICMP, false}: {"icmp4"},
		{probe.ICMP, true}:  {"nd", "icmp6"}, // ND is ICMPv6
		{probe.UDP, false}:  {"udp4"},
		{probe.UDP, true}:   {"udp6"},
	} {
		p := prepareText(t, "hungry", hungry, 1)
		p.sabotage = &Sabotage{Kind: "eaten frames", At: topology.Ref{Node: "b", Link: "eth0"}, To: f.String()}
		out := Execute(context.Background(), p, nil)
		var red []string
		for _, c := range out.Result.Checks {
			// On a busy machine an ND answer may come after the fences, eaten or not:
			// it is only told of where it has to be gone.
			late := c.ID == "nd" && !slices.Contains(gone, "nd")
			if c.Verdict != reports.Pass && !late {
				red = append(red, c.ID)
				t.Logf("%s: %s is %s: %s", f, c.ID, c.Verdict, c.Observed)
			}
		}
		if d := cmp.Diff(gone, red); d != "" {
			t.Errorf("%s: red are %v, want %v (%s)", f, red, gone, out.Result.Reason)
		}
		if err := out.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestDeafTapIsNeverAPass: with the tap deaf that a proof of absence rests on,
// the answer is that nothing can be said.
func TestDeafTapIsNeverAPass(t *testing.T) {
	if unix.Getuid() != 0 {
		t.Skip("making network namespaces needs root")
	}
	const text = `name: deaf
title: A test
stations: {a: {addresses: [172.16.0.1/16]}, b: {addresses: [172.16.0.2/16]}}
switch: {ports: {a/eth0: {isolated: true}, b/eth0: {isolated: true}}}
checks: [{blocked: {from: a, to: b, kind: [raw, arp]}}]
`
	for deaf, want := range map[bool]reports.Verdict{false: reports.Pass, true: reports.Error} {
		p := prepareText(t, "deaf", text, 1)
		if deaf {
			// It touches nothing that is named, so that all checks are made.
			p.sabotage = &Sabotage{Kind: "deaf tap", At: topology.Ref{Node: "b", Link: "eth0"}}
		}
		out := Execute(context.Background(), p, nil)
		for _, c := range out.Result.Checks {
			if c.Verdict != want {
				t.Errorf("deaf %v: %s is %s, want %s: %s", deaf, c.ID, c.Verdict, want, c.Observed)
			}
		}
		if len(out.Result.Checks) != 2 {
			t.Errorf("deaf %v: %d checks were made: %s", deaf, len(out.Result.Checks), out.Result.Reason)
		}
		if err := out.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestJudgeTrials: what becomes of a sabotage follows from the result.
func TestJudgeTrials(t *testing.T) {
	p := prepareText(t, "hungry", hungry, 1)
	plain := &job{p: p}
	plain.result.Verdict = reports.Pass
	for _, c := range []struct {
		name   string
		result reports.Case
		fate   Fate
		right  bool
	}{
		{"all green", reports.Case{Verdict: reports.Pass}, Missed, false},
		{"a check of what is touched", reports.Case{Verdict: reports.Fail, Checks: []reports.Check{{ID: "arp", Verdict: reports.Fail}}}, Caught, true},
		{"the harness noticed", reports.Case{Verdict: reports.Error, Checks: []reports.Check{{ID: "arp", Verdict: reports.Error}}}, Caught, true},
		{"a check of something else", reports.Case{Verdict: reports.Fail, Checks: []reports.Check{{ID: "none", Verdict: reports.Fail}}}, Caught, false},
		{"it cannot be built", reports.Case{Verdict: reports.Error, Reason: notBuilt + ": file exists"}, Unbuilt, false},
		{"a step went wrong", reports.Case{Verdict: reports.Error, Reason: "step 1: busy", Checks: []reports.Check{{ID: "arp", Verdict: reports.Pass}}}, Caught, false},
		{"the guest died", reports.Case{Verdict: reports.Error, Reason: "the guest died"}, Broken, false},
	} {
		with := *p
		with.sabotage = &Sabotage{Kind: "left down", Touches: []topology.Ref{{Node: "b", Link: "eth0"}}}
		got := trials([]*job{plain, {p: &with, result: c.result}})
		if len(got) != 1 || got[0].Fate != c.fate || got[0].Right != c.right {
			t.Errorf("%s: %+v, want %s, right %v", c.name, got, c.fate, c.right)
		}
	}
	plain.result.Verdict = reports.Fail
	if got := trials([]*job{plain}); len(got) != 1 || got[0].Fate != Broken {
		t.Errorf("a case that is red by itself: %+v", got)
	}
}
