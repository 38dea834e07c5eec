package run_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/lanproof/lanproof/reports"
	"github.com/lanproof/lanproof/run"
)

// TestChecks asks every kind of question twice: so that it holds, and so that
// it does not.
func TestChecks(t *testing.T) {
	checks := []struct {
		id, yaml string
		want     reports.Verdict
		proof    reports.Proof
		says     string
	}{
		{"reach", "reach: {from: c1, to: c2, family: 4}", reports.Pass, reports.ProofReply, "answer came back"},
		{"reach-red", "reach: {from: host, to: c1, family: 4}", reports.Fail, reports.ProofFence, "no answer"},
		{"reach6", `reach: {from: pc, to: c2, kind: udp, family: "6"}`, reports.Pass, reports.ProofReceived, "arrived"},
		{"blocked", "blocked: {from: host, to: c1, kind: raw}", reports.Pass, reports.ProofFence, "did not arrive"},
		{"blocked-red", "blocked: {from: pc, to: c1, kind: raw}", reports.Fail, reports.ProofReceived, "arrived"},
		{"errno-red", "blocked: {from: c1, to: c2, kind: raw, errno: ENOBUFS}", reports.Fail, reports.ProofErrno, "not refused"},
		{"unique", "macs: {of: [c1, c2], are: unique}", reports.Pass, reports.ProofReceived, "c1/eth0 sends as"},
		{"shared-red", "macs: {of: [c1, c2], are: shared}", reports.Fail, reports.ProofReceived, "sends as"},
		{"tag", "tag: {from: c1}", reports.Pass, reports.ProofReceived, "no tag"},
		{"tag-red", "tag: {from: c1, tags: [{vid: 5}]}", reports.Fail, reports.ProofReceived, "no tag"},
		{"link", "link: {link: c1/eth0, kind: macvlan, mode: bridge, parent: host/eth0, up: true, carrier: true, mtu: 1500, bc_queue_len: 1000, noarp: false}", reports.Pass, reports.ProofState, "mode bridge"},
		{"gone", "link: {link: c1/eth7, exists: false}", reports.Pass, reports.ProofState, "no such device"},
		{"mac-of-red", "link: {link: c1/eth0, mac_of: host/eth0}", reports.Fail, reports.ProofState, "mac of"},
		{"addresses", `addresses: {link: c1, are: [192.168.100.11/24, "fd00:100::11/64"]}`, reports.Pass, reports.ProofState, "192.168.100.11/24"},
		{"addresses-red", "addresses: {link: c1, exclude: [192.168.100.11/24]}", reports.Fail, reports.ProofState, "192.168.100.11/24"},
		{"route", "route: {node: c1, to: default, via: 192.168.100.254, dev: eth0}", reports.Pass, reports.ProofState, "via 192.168.100.254"},
		{"route-red", "route: {node: c1, to: default, via: 192.168.100.253}", reports.Fail, reports.ProofState, "via 192.168.100.254"},
		{"route-none", "route: {node: c1, to: 10.0.0.0/8, exists: false}", reports.Pass, reports.ProofState, "no such route"},
		{"counters", "counters: {link: c1/eth0, send: {from: c1, to: c2, kind: raw}, times: 3, rise: {tx_packets: 3}, still: [rx_dropped]}", reports.Pass, reports.ProofState, "tx_packets rose by "},
		{"counters-red", "counters: {link: c1/eth0, send: {from: c1, to: c2, kind: raw}, rise: {tx_packets: 9}}", reports.Fail, reports.ProofState, "tx_packets rose by "},
		{"refused", "refused: {errno: EBUSY, do: [{add: {node: host, name: br0, kind: bridge}}, {set: {link: host/eth0, master: br0}}]}", reports.Pass, reports.ProofErrno, "EBUSY"},
		{"refused-reason", "refused: {reason: already exists, do: [{network: {name: net, driver: bridge}}]}", reports.Pass, reports.ProofErrno, "already exists"},
		{"refused-red-errno", "refused: {errno: EPERM, do: [{set: {link: c1/eth0, mtu: 9000}}]}", reports.Fail, reports.ProofErrno, "EINVAL"},
		{"refused-red-reason", "refused: {errno: EINVAL, reason: the moon, do: [{set: {link: c1/eth0, mtu: 9000}}]}", reports.Fail, reports.ProofErrno, "EINVAL"},
		{"refused-red", "refused: {errno: EINVAL, do: [{set: {link: c1/eth0, mtu: 1400}}]}", reports.Fail, reports.ProofErrno, "not refused"},
		{"pool", "handed_out: {network: net, addresses: [192.168.100.64, 192.168.100.65], never: [192.168.100.1]}", reports.Pass, reports.ProofState, "192.168.100.64"},
		{"pool-red", "handed_out: {network: net, never: [192.168.100.64]}", reports.Fail, reports.ProofState, "192.168.100.64 is handed out"},
	}
	var b strings.Builder
	b.WriteString(lan + "checks:\n")
	for _, c := range checks {
		b.WriteString("  - {id: " + c.id + ", " + c.yaml + "}\n")
	}
	res := execute(t, "every-check", b.String())
	if res.Verdict != reports.Fail || res.Reason != "" || len(res.Checks) != len(checks) {
		t.Fatalf("the case is %s (%s) with %d checks, want fail with %d", res.Verdict, res.Reason, len(res.Checks), len(checks))
	}
	first := res.Checks[0]
	for i, want := range checks {
		got := res.Checks[i]
		if got.ID != want.id || got.Verdict != want.want || got.Proof != want.proof || !strings.Contains(got.Observed, want.says) {
			t.Errorf("%s: %s by %q: %q; want %s by %q: %q", got.ID, got.Verdict, got.Proof, got.Observed, want.want, want.proof, want.says)
		}
		if got.Expected == "" || got.Title == "" || !strings.HasPrefix(got.Location, "every-check.yaml:") {
			t.Errorf("%s: expected %q, title %q, location %q", got.ID, got.Expected, got.Title, got.Location)
		}
	}
	if len(first.Evidence) == 0 || first.Evidence[0].Packet == 0 {
		t.Errorf("the evidence of %s is %+v: no packet of the capture", first.ID, first.Evidence)
	}
	request := first.Evidence[0].Frame
	if request == nil || request.Type != "outgoing" || request.Dest != "ff:ff:ff:ff:ff:ff" || request.Layers[0] != "ARP who has 192.168.100.12, tell 192.168.100.11" {
		t.Errorf("the first frame of %s is %+v", first.ID, request)
	}
	frames := 0
	for _, e := range first.Evidence {
		if e.Frame != nil && !e.Time.IsZero() {
			frames++
		}
	}
	if frames != 12 || first.FramesLeft == 0 {
		t.Errorf("%s passed with %d frames and %d left out, want 12 and some", first.ID, frames, first.FramesLeft)
	}
}

func TestStepsInTime(t *testing.T) {
	res := execute(t, "steps", lan+`checks:
  - {id: before, reach: {from: pc, to: c1, kind: raw}}
steps:
  - name: cable out
    do: [{switch: {port: host/eth0, carrier: false}}]
    checks:
      - {id: out, blocked: {from: pc, to: c1, kind: raw}}
      - {id: state, link: {link: host/eth0, carrier: false, operstate: [down, lowerlayerdown]}}
  - do: [{switch: {port: host/eth0, carrier: true}}]
    checks:
      - {id: in, reach: {from: pc, to: c1, kind: raw, cast: broadcast}}
      - {id: up, link: {link: c1/eth0, carrier: true, operstate: up}}
`)
	want := []struct{ id, step string }{{"before", ""}, {"s1.out", "cable out"}, {"s1.state", "cable out"}, {"s2.in", "step 2"}, {"s2.up", "step 2"}}
	if res.Verdict != reports.Pass || len(res.Checks) != len(want) {
		t.Fatalf("%s %s: %+v", res.Verdict, res.Reason, res.Checks)
	}
	for i, w := range want {
		if c := res.Checks[i]; c.ID != w.id || c.Step != w.step {
			t.Errorf("check %d is %q in step %q, want %q in %q", i, c.ID, c.Step, w.id, w.step)
		}
	}
}

// TestStepThatFails shows that a change which the kernel refuses is a failure,
// ends the case at its place, and keeps what was found until then.
func TestStepThatFails(t *testing.T) {
	needRoot(t)
	p := prepared(t, "bad-step", lan+`checks:
  - {id: before, reach: {from: c1, to: c2, kind: raw}}
steps:
  - name: over the parent's
    do: [{set: {link: c1/eth0, mac: "02:00:00:00:00:01"}}]
    checks:
      - {id: after, reach: {from: c1, to: c2, kind: raw}}
`)
	// What a file may say is refused beforehand, so the kernel is asked for more.
	p.Stages[1].Do[0].Set.MTU = 9000
	out := run.Execute(t.Context(), p, nil)
	if err := out.Close(); err != nil {
		t.Error(err)
	}
	res := out.Result
	if res.Verdict != reports.Fail || len(res.Checks) != 2 || res.Checks[0].Verdict != reports.Pass || res.Checks[1].Verdict != reports.Fail {
		t.Fatalf("%s with %d checks, want a failure behind the first", res.Verdict, len(res.Checks))
	}
	refused := res.Checks[1]
	if refused.ID != "s1.accepted" || refused.Proof != reports.ProofErrno || !strings.Contains(refused.Observed, "EINVAL") {
		t.Errorf("check %q observed %q by %s, want s1.accepted by the errno EINVAL", refused.ID, refused.Observed, refused.Proof)
	}
	for _, says := range []string{"over the parent's", "mtu 9000", "invalid argument"} {
		if !strings.Contains(res.Reason, says) {
			t.Errorf("reason %q does not say %q", res.Reason, says)
		}
	}
	if !strings.HasPrefix(refused.Location, "bad-step.yaml:") {
		t.Errorf("the check is located at %q", refused.Location)
	}
	if len(out.Capture) == 0 {
		t.Error("what was captured until then is lost")
	}
}

// TestTopologyThatIsRefused shows that a kernel which refuses a child while the
// topology is built has failed, and that one which refuses anything else has not.
func TestTopologyThatIsRefused(t *testing.T) {
	needRoot(t)
	for _, c := range []struct {
		name, parent, child string
		verdict             reports.Verdict
		checks              int
	}{
		{"child", "{}", "mtu: 9000", reports.Fail, 1},
		{"parent", "{mtu: 1000000}", "mtu: 1500", reports.Error, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			res := execute(t, "bad-"+c.name, `
hosts: {host: {parents: {eth0: `+c.parent+`}}}
endpoints: {c1: {links: {eth0: {kind: macvlan, parent: host/eth0, `+c.child+`}}}}
checks: [{link: {link: c1/eth0, up: true}}]
`)
			if res.Verdict != c.verdict || len(res.Checks) != c.checks || !strings.Contains(res.Reason, "build the topology") {
				t.Fatalf("%s with %d checks: %s", res.Verdict, len(res.Checks), res.Reason)
			}
			if c.checks > 0 && (res.Checks[0].ID != "built" || !strings.Contains(res.Checks[0].Observed, "EINVAL")) {
				t.Errorf("check %s observed %q, want built and EINVAL", res.Checks[0].ID, res.Checks[0].Observed)
			}
		})
	}
}

func TestInterrupted(t *testing.T) {
	needRoot(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("enough")
	cancel(why)
	out := run.Execute(ctx, prepared(t, "stopped", lan+"checks: [{reach: {from: c1, to: c2}}]\n"), nil)
	if err := out.Close(); err != nil {
		t.Error(err)
	}
	if out.Result.Verdict != reports.Error || !strings.Contains(out.Result.Reason, "enough") {
		t.Errorf("%s: %s; want an error that says why", out.Result.Verdict, out.Result.Reason)
	}
}

// TestExecuteTwiceIsTheSame compares two executions, timings left aside.
func TestExecuteTwiceIsTheSame(t *testing.T) {
	needRoot(t)
	p := prepared(t, "twice", lan+"checks: [{reach: {from: [c1, pc], to: c2, kind: [icmp, raw]}}]\n")
	var got [2]string
	for i := range got {
		out := run.Execute(t.Context(), p, nil)
		for _, c := range out.Result.Checks {
			got[i] += c.ID + " " + string(c.Verdict) + " " + c.Observed + "\n"
		}
		if out.Result.Duration <= 0 || out.Result.Duration > time.Minute {
			t.Errorf("it took %v", out.Result.Duration)
		}
		if err := out.Close(); err != nil {
			t.Error(err)
		}
		if err := out.Close(); err != nil {
			t.Errorf("closing again: %v", err)
		}
	}
	if got[0] == "" || got[0] != got[1] {
		t.Errorf("first\n%sthen\n%s", got[0], got[1])
	}
}
