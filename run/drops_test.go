package run

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/probe"
	"github.com/lanproof/lanproof/reports"
	"github.com/lanproof/lanproof/scenarios"
	"github.com/lanproof/lanproof/topology"
)

// tracing is a coroner that traces, or skips the test where the kernel or the user's
// rights do not allow it.
func tracing(t *testing.T, blind bool) *coroner {
	t.Helper()
	needRoot(t)
	c, err := newCoroner(blind)
	if errors.Is(err, unix.EPERM) || errors.Is(err, ebpf.ErrNotSupported) || errors.Is(err, fs.ErrNotExist) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// examined runs a scenario's first case, and returns its checks by their ids.
func examined(t *testing.T, c *coroner, sabotage *Sabotage, text string) map[string]reports.Check {
	t.Helper()
	p := prepareText(t, "drops", "name: drops\ntitle: A test\n"+text, 1)
	p.coroner, p.sabotage = c, sabotage
	out := Execute(t.Context(), p, nil)
	if err := out.Close(); err != nil {
		t.Error(err)
	}
	if out.Result.Reason != "" {
		t.Fatal(out.Result.Reason)
	}
	all := map[string]reports.Check{}
	for _, k := range out.Result.Checks {
		all[k.ID] = k
	}
	return all
}

// dropsLAN has a frame for every way to end. Without IPv6 nothing else is sent in it
// that could be counted.
const dropsLAN = `
hosts: {host: {parents: {eth0: {addresses: [192.168.1.10/24]}}}}
networks:
  n:
    driver: macvlan
    parent: eth0
    macvlan_mode: private
    subnets:
      - {subnet: 192.168.1.0/24, aux_addresses: {host: 192.168.1.10, pc: 192.168.1.20}}
endpoints: {a: {network: n}, b: {network: n}}
stations: {pc: {addresses: [192.168.1.20/24]}}
checks:
  - {id: learned, reach: {from: b, to: pc, kind: raw}} # by the switch
  - {id: arrives, reach: {from: pc, to: a, kind: raw}}
  - {id: back, blocked: {from: a, to: b, kind: raw}}
  - {id: unknown, blocked: {from: pc, to: a, kind: raw, cast: unknown}}
  - {id: everybody, blocked: {from: a, to: b, kind: raw, cast: broadcast}}
  - {id: asks, blocked: {from: a, to: b, family: 4}}
  - {id: arp, blocked: {from: a, to: b, kind: arp}}
  - {id: static, blocked: {from: a, to: b, kind: udp, static: true}}
steps:
  - name: a queue of no length
    do: [{set: {link: a/eth0, bc_queue_len: 0}}, {set: {link: b/eth0, bc_queue_len: 0}}]
    checks: [{id: queue, blocked: {from: pc, to: a, kind: raw, cast: broadcast}}]
  - name: a full frame
    checks: [{id: big, blocked: {from: pc, to: a, kind: raw, size: 1501, errno: EMSGSIZE}}]
`

func TestEndsAreNamed(t *testing.T) {
	for _, blind := range []bool{false, true} {
		t.Run(fmt.Sprintf("blind=%v", blind), func(t *testing.T) { endsAreNamed(t, blind) })
	}
}

func endsAreNamed(t *testing.T, blind bool) {
	checks := examined(t, tracing(t, blind), nil, dropsLAN)
	if d := checks["arrives"].Drops; d != nil {
		t.Errorf("what arrived is said to have ended: %+v", d)
	}
	for id, want := range map[string]struct {
		end    reports.End // Frame is left out; none where nothing dropped it
		rule   string
		text   string
		seenAt string
	}{
		"back":      {reports.End{At: "switch/p2", Reason: "NOT_SPECIFIED", Own: true, Count: 1}, "bridge-not-back", "At switch/p2", "switch/p2"},
		"unknown":   {reports.End{At: "host/eth0", Reason: "UNHANDLED_PROTO", Function: "__netif_receive_skb_core", Own: true, Count: 1, Concluded: !blind}, "macvlan-receives-other", "At host/eth0", "host/eth0"},
		"everybody": {reports.End{}, "bridge-not-back", "Copies for others came to switch/sw, pc/eth0", "pc/eth0"},
		"asks":      {reports.End{At: "a/eth0", Own: true, Count: 1}, "bridge-not-back", "It never left a/eth0", ""},
		"arp":       {reports.End{}, "bridge-not-back", "Nothing dropped it: b/eth0 was never given it", ""},
		"static":    {reports.End{At: "switch/p2", Reason: "NOT_SPECIFIED", Own: true, Count: 1}, "bridge-not-back", "At switch/p2", "switch/p2"},
		"s1.queue":  {reports.End{At: "host/eth0", Reason: "NOT_SPECIFIED", Function: "macvlan_handle_frame", Own: true, Count: 1}, "macvlan-receives-queue-none", "At host/eth0 macvlan_handle_frame", "host/eth0"},
	} {
		k := checks[id]
		if k.Verdict != reports.Pass || k.Drops == nil {
			t.Errorf("%s: %s, %+v: %s", id, k.Verdict, k.Drops, k.Observed)
			continue
		}
		d := k.Drops
		if d.How != reports.Traced || !strings.Contains(d.Text, want.text) || d.LastSeen != want.seenAt {
			t.Errorf("%s: %s, last seen at %q: %s", id, d.How, d.LastSeen, d.Text)
		}
		ended := slices.ContainsFunc(d.Ends, func(e reports.End) bool {
			e.Frame = ""
			if want.end.Function == "" { // compilers inline what they like
				e.Function = ""
			}
			if want.end.Reason == "" {
				e.Reason = ""
			}
			return e == want.end
		})
		if want.end.At != "" && !ended || want.end.At == "" && len(d.Ends) > 0 && id != "everybody" { // whose copies for others end
			t.Errorf("%s ended so: %+v", id, d.Ends)
		}
		if !slices.ContainsFunc(d.Rules, func(r reports.Rule) bool { return r.ID == want.rule && r.Source != "" }) {
			t.Errorf("%s: rule %s is not among %+v", id, want.rule, d.Rules)
		}
	}
	if d := checks["s2.big"].Drops; d == nil || d.Refused != "EMSGSIZE" {
		t.Errorf("a frame that the kernel refused: %+v", d)
	}
}

// A frame that somebody drops who should not is found, and the verdict stays.
func TestDropOfWhatMustArrive(t *testing.T) {
	c := tracing(t, false)
	sabotage := &Sabotage{Kind: "eaten frames", At: topology.Ref{Node: "b", Link: "eth0"}, To: food{probe.UDP, false}.String()}
	checks := examined(t, c, sabotage, `
stations: {a: {addresses: [172.16.0.1/16]}, b: {addresses: [172.16.0.2/16]}}
checks:
  - {id: udp, reach: {from: a, to: b, kind: udp, static: true}}
  - oracle: [udp4]
`)
	for _, id := range []string{"udp", "oracle-udp4"} {
		k := checks[id]
		if k.Verdict != reports.Fail || k.Drops == nil {
			t.Fatalf("%s: %s: %s, %+v", id, k.Verdict, k.Observed, k.Drops)
		}
		eaten := func(e reports.End) bool { return e.At == "b/eth0" && e.Own && strings.HasPrefix(e.Frame, "02:") }
		if k.Drops.How != reports.Traced || !slices.ContainsFunc(k.Drops.Ends, eaten) {
			t.Errorf("%s: %+v", id, k.Drops)
		}
		if len(k.Drops.Rules) > 0 {
			t.Errorf("%s: rules for what must arrive: %+v", id, k.Drops.Rules)
		}
	}
}

// Without the rights to trace there are counters, and what they do not show is told
// apart.
func TestDropsAreCounted(t *testing.T) {
	needRoot(t)
	var c *coroner
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // the thread ends with the goroutine
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var none [2]unix.CapUserData
		if err = unix.Capset(&header, &none[0]); err == nil {
			c, err = newCoroner(false)
		}
	}()
	<-done
	if err == nil || !strings.Contains(err.Error(), "counters are compared instead") {
		t.Fatalf("without rights: %v", err)
	}
	checks := examined(t, c, nil, dropsLAN)
	for id, want := range map[string]struct {
		how  reports.How
		rise reports.Rise
	}{
		"back":     {how: reports.NotObserved},
		"arp":      {how: reports.NotObserved},
		"unknown":  {reports.Counted, reports.Rise{At: "host/eth0", Name: "rx_dropped", By: 1}},
		"s1.queue": {reports.Counted, reports.Rise{At: "host/eth0", Name: "rx_dropped", By: 1}},
	} {
		d := checks[id].Drops
		if d == nil || d.How != want.how || want.how == reports.Counted && !slices.Contains(d.Counters, want.rise) {
			t.Errorf("%s: %+v", id, d)
		}
		if d != nil && (len(d.Ends) > 0 || len(d.Rules) == 0) {
			t.Errorf("%s: %+v", id, d)
		}
	}
}

// ways are the ends of a frame itself, however they were found out.
func ways(d *reports.Drops) []string {
	var all []string
	for _, e := range d.Ends {
		if e.Own {
			all = append(all, fmt.Sprintf("%s %s %s", e.At, e.Function, e.Reason))
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// macvlanCases are those of the macvlan catalogue.
func macvlanCases(t *testing.T) (cases []*scenarios.Case) {
	t.Helper()
	files, err := scenarios.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		for _, c := range f.Cases() {
			if slices.Contains(c.Scenario.Labels, "macvlan") {
				cases = append(cases, c)
			}
		}
	}
	return cases
}

// TestEveryNegativeOfMacvlanIsExplained walks the macvlan catalogue: of each frame that
// must not arrive it is told where it was dropped and why, by which rule nobody was
// given it, or by which errno it was refused. The verdicts are those of a run that does
// not ask, and what is concluded is what is seen with closed taps.
func TestEveryNegativeOfMacvlanIsExplained(t *testing.T) {
	tracing(t, false)
	if testing.Short() {
		t.Skip("it runs the catalogue twice")
	}
	cases := macvlanCases(t)
	asked, err := Run(context.Background(), cases, Options{On: Host, Drops: true})
	if err != nil {
		t.Fatal(err)
	}
	plain, err := Run(context.Background(), cases, Options{On: Host})
	if err != nil {
		t.Fatal(err)
	}
	blind, err := Run(context.Background(), cases, Options{On: Host, Drops: true, Blind: true})
	if err != nil {
		t.Fatal(err)
	}
	negatives := 0
	for i := range asked.Cases {
		c := &asked.Cases[i]
		if c.Verdict != plain.Cases[i].Verdict || len(c.Checks) != len(plain.Cases[i].Checks) {
			t.Errorf("%s: %s (%s), and %s without drops", c.Case, c.Verdict, c.Reason, plain.Cases[i].Verdict)
			continue
		}
		p, err := Prepare(cases[i], 0)
		if err != nil {
			t.Fatal(err)
		}
		questions := map[string]question{}
		for _, k := range p.Checks() {
			questions[k.ID] = k.question
		}
		for j := range c.Checks {
			k := &c.Checks[j]
			if k.Verdict != plain.Cases[i].Checks[j].Verdict {
				t.Errorf("%s/%s: %s, and %s without drops", c.Case, k.ID, k.Verdict, plain.Cases[i].Checks[j].Verdict)
			}
			q, ok := questions[k.ID].(*flowQuestion)
			if !ok || q.want {
				continue
			}
			negatives++
			d := k.Drops
			// Copies for others are seen where they are not asked for; and where two have one
			// address, it ends at the one that was heard last.
			alone := (q.cast == probe.Unicast || q.cast == probe.Unknown) && c.Scenario != "mac-conflict"
			if seen := blind.Cases[i].Checks[j].Drops; alone && d != nil && seen != nil && !slices.Equal(ways(d), ways(seen)) {
				t.Errorf("%s/%s: with closed taps it ends by %v, concluded was %v", c.Case, k.ID, ways(seen), ways(d))
			}
			if d == nil || d.How != reports.Traced || len(d.Ends)+len(d.Rules) == 0 && d.Refused == "" {
				t.Errorf("%s/%s: nobody knows where its frame ended: %+v", c.Case, k.ID, d)
			}
		}
	}
	if negatives < 100 {
		t.Errorf("only %d checks say that something does not arrive", negatives)
	}
}

// An ipvlan in layer 3 is given a question for its address and leaves it so: no drop
// shows that, and no table has it.
func TestMuteIpvlanIsExplained(t *testing.T) {
	files, err := scenarios.Find([]string{"ipvlan-l3"})
	if err != nil {
		t.Fatal(err)
	}
	p, err := Prepare(files[0].Cases()[0], 0)
	if err != nil {
		t.Fatal(err)
	}
	asked := 0
	for _, k := range p.Checks() {
		q, ok := k.question.(*flowQuestion)
		if !ok || q.want || q.kind != probe.ARP || !strings.Contains(k.ID, "stranger-c1") {
			continue
		}
		asked++
		d := &reports.Drops{How: reports.Traced, Rules: whyNot(p.Plan.LAN, q.way(p.Plan.LAN, nil))}
		if len(d.Rules) != 1 || d.Rules[0].ID != noARP || d.Rules[0].At != "c1/eth0" {
			t.Errorf("%s: the rules are %+v", k.ID, d.Rules)
		}
		if text := (&lost{to: q.to}).words(d, nil); !strings.HasPrefix(text, "Nothing dropped it: c1/eth0 took it and did not answer. Rule stack-noarp at c1/eth0") {
			t.Errorf("%s: %s", k.ID, text)
		}
	}
	if asked != 1 {
		t.Errorf("%d checks ask c1 for its address, want 1", asked)
	}
}
