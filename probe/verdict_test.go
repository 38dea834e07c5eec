package probe_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/probe"
	"github.com/lanproof/lanproof/reports"
)

// TestVerdicts walks every way to a verdict of an observation. A good window is
// one whose absence is proven: the frame left, the canary came, the fence held.
func TestVerdicts(t *testing.T) {
	good := probe.Observation{Left: true, Canary: true, Fence: probe.FenceHeld, Rounds: 2}
	refused := func(o *probe.Observation) { o.SendErr = fmt.Errorf("send: %w", unix.ENOBUFS) }
	for _, c := range []struct {
		name  string
		with  func(o *probe.Observation)
		errno unix.Errno
		// what expecting the flow gives, and what expecting that it does not happen does
		reach, blocked reports.Verdict
		proof          reports.Proof // where there is one
		says           string
	}{
		{name: "absent, fenced", with: func(*probe.Observation) {}, reach: reports.Fail, blocked: reports.Pass, proof: reports.ProofFence, says: "did not arrive"},
		{name: "trouble", with: func(o *probe.Observation) { o.Trouble = errors.New("no such luck") }, reach: reports.Error, blocked: reports.Error, says: "no such luck"},
		{name: "taps lost frames", with: func(o *probe.Observation) { o.Dropped = 3 }, reach: reports.Error, blocked: reports.Error, says: "3 frames"},
		{name: "refused", with: refused, reach: reports.Fail, blocked: reports.Pass, proof: reports.ProofErrno, says: "ENOBUFS"},
		{name: "refused as expected", with: refused, errno: unix.ENOBUFS, reach: reports.Pass, blocked: reports.Pass, proof: reports.ProofErrno, says: "ENOBUFS"},
		{name: "refused otherwise", with: refused, errno: unix.EPERM, reach: reports.Fail, blocked: reports.Fail, proof: reports.ProofErrno, says: "ENOBUFS"},
		{name: "not refused", with: func(*probe.Observation) {}, errno: unix.EPERM, reach: reports.Fail, blocked: reports.Fail, proof: reports.ProofErrno, says: "not refused"},
		{name: "no carrier", with: func(o *probe.Observation) { o.Left, o.NoCarrier = false, true }, reach: reports.Fail, blocked: reports.Pass, proof: reports.ProofState, says: "carrier"},
		{name: "nothing left", with: func(o *probe.Observation) { o.Left = false }, reach: reports.Error, blocked: reports.Error, says: "nothing was seen to leave"},
		{name: "fence lost", with: func(o *probe.Observation) { o.Fence = probe.FenceLost }, reach: reports.Fail, blocked: reports.Error, says: "fence"},
		{name: "no canary", with: func(o *probe.Observation) { o.Canary = false }, reach: reports.Fail, blocked: reports.Error, says: ""},
		{name: "no fence", with: func(o *probe.Observation) { o.Fence, o.Canary, o.Quiet = probe.NoFence, false, 100*time.Millisecond }, reach: reports.Fail, blocked: reports.Pass, proof: reports.ProofQuiet, says: "100ms"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := good
			c.with(&o)
			// The zero Observation wants one frame at the least only when it is
			// made by Probe; set it as Probe does.
			probe.Want(&o, 1, false)
			for want, verdict := range map[bool]reports.Verdict{true: c.reach, false: c.blocked} {
				f := o.Find(want, c.errno)
				if got := probe.Judge(f); got != verdict {
					t.Errorf("want %v: %s (%s), want %s", want, got, f.Observed, verdict)
				}
				if verdict == reports.Error && f.Trouble == nil {
					t.Errorf("want %v: an error without its reason", want)
				}
				if c.proof != "" && f.Proof != c.proof {
					t.Errorf("want %v: proof %q, want %q", want, f.Proof, c.proof)
				}
				if f.Observed == "" || !strings.Contains(f.Observed, c.says) && verdict != reports.Fail {
					t.Errorf("want %v: observed %q does not say %q", want, f.Observed, c.says)
				}
			}
		})
	}
}

// TestVerdictsOfArrivals is about what was seen, not about what was not.
func TestVerdictsOfArrivals(t *testing.T) {
	for _, c := range []struct {
		name     string
		wanted   int
		reply    bool
		arrived  int
		replied  bool
		happened bool
		proof    reports.Proof
		says     string
	}{
		{name: "one frame", wanted: 1, arrived: 1, happened: true, proof: reports.ProofReceived, says: "arrived"},
		{name: "twice", wanted: 1, arrived: 2, happened: true, proof: reports.ProofReceived, says: "arrived 2 times"},
		{name: "answered", wanted: 1, reply: true, arrived: 1, replied: true, happened: true, proof: reports.ProofReply, says: "answer came back"},
		{name: "not answered", wanted: 1, reply: true, arrived: 1, proof: reports.ProofFence, says: "request arrived, but no answer"},
		{name: "no request either", wanted: 1, reply: true, proof: reports.ProofFence, says: "no answer came back"},
		{name: "too few", wanted: 4, arrived: 3, proof: reports.ProofFence, says: "only 3"},
		{name: "enough", wanted: 4, arrived: 4, happened: true, proof: reports.ProofReceived, says: "4 times"},
	} {
		o := probe.Observation{Arrived: c.arrived, Replied: c.replied, Left: true, Canary: true, Fence: probe.FenceHeld}
		probe.Want(&o, c.wanted, c.reply)
		if o.Happened() != c.happened {
			t.Errorf("%s: happened %v, want %v", c.name, o.Happened(), c.happened)
		}
		for _, want := range []bool{true, false} {
			f := o.Find(want, 0)
			verdict := map[bool]reports.Verdict{true: reports.Pass, false: reports.Fail}[want == c.happened]
			if probe.Judge(f) != verdict || f.Proof != c.proof || !strings.Contains(f.Observed, c.says) {
				t.Errorf("%s, want %v: %s by %q: %q; want %s by %q: %q", c.name, want, probe.Judge(f), f.Proof, f.Observed, verdict, c.proof, c.says)
			}
		}
	}
}

func TestJudgeTrustsNothing(t *testing.T) {
	for _, c := range []struct {
		finding probe.Finding
		want    reports.Verdict
	}{
		{probe.Finding{}, reports.Error},
		{probe.Finding{Held: true}, reports.Error},
		{probe.Finding{Held: true, Proof: reports.ProofState, Trouble: errors.New("x")}, reports.Error},
		{probe.Finding{Held: true, Proof: reports.ProofState}, reports.Pass},
		{probe.Finding{Proof: reports.ProofState}, reports.Fail},
	} {
		if got := probe.Judge(c.finding); got != c.want {
			t.Errorf("Judge(%+v) = %s, want %s", c.finding, got, c.want)
		}
	}
}

func TestErrnoName(t *testing.T) {
	for errno, want := range map[unix.Errno]string{
		unix.EBUSY: "EBUSY", unix.EOPNOTSUPP: "EOPNOTSUPP", 524: "ENOTSUPP", 4000: "errno 4000",
	} {
		if got := probe.ErrnoName(errno); got != want {
			t.Errorf("ErrnoName(%d) = %q, want %q", int(errno), got, want)
		}
	}
	if got := probe.ErrnoText(errors.New("plain")); got != "plain" {
		t.Errorf("an error without errno reads %q", got)
	}
}
