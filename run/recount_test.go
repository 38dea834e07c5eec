package run_test

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lanproof/lanproof/capture/frames"
	"github.com/lanproof/lanproof/probe/mark"
	"github.com/lanproof/lanproof/reports"
	"github.com/lanproof/lanproof/run"
	"github.com/lanproof/lanproof/run/recount"
	"github.com/lanproof/lanproof/scenarios"
)

// What a run finds out by its sockets, its capture shows without them.
func TestCaptureShowsVerdicts(t *testing.T) {
	needRoot(t)
	for _, name := range []string{"macvlan-passthru", "macvlan-private", "macvlan-source"} {
		files, err := scenarios.Find([]string{name})
		if err != nil {
			t.Fatal(err)
		}
		p, err := run.Prepare(files[0].Cases()[0], 1)
		if err != nil {
			t.Fatal(err)
		}
		o := run.Execute(t.Context(), p, nil)
		if err := o.Close(); err != nil {
			t.Error(err)
		}
		if o.Result.Verdict != reports.Pass {
			t.Fatalf("%s: %s %s", name, o.Result.Verdict, o.Result.Reason)
		}
		trace, err := frames.ReadNG(bytes.NewReader(o.Capture))
		if err != nil {
			t.Fatal(err)
		}
		capture, shown, unseen := recount.New(trace), 0, 0
		for _, c := range o.Result.Checks {
			for _, e := range c.Evidence {
				if e.Packet == 0 {
					continue
				}
				p := trace.Packets[e.Packet-1]
				if d := cmp.Diff(e.Frame, mark.FrameOf(p.Frame.Type, p.Frame.Data)); d != "" || !p.Frame.Time.Equal(e.Time) || capture.Device(&p) != e.At {
					t.Errorf("%s, check %s: frame %d is of another time or device, or (-evidence +capture):\n%s", name, c.ID, e.Packet, d)
				}
			}
			switch {
			case c.Flow == nil || c.Proof == reports.ProofErrno || c.Proof == reports.ProofState:
			case c.Flow.Unseen:
				unseen++
			default:
				shown++
				if capture.Happened(&c) != ((c.Verdict == reports.Pass) == c.Flow.Want) {
					t.Errorf("%s, check %s: the capture shows otherwise", name, c.ID)
				}
				if c.Proof == reports.ProofFence && !capture.Fenced(&c) {
					t.Errorf("%s, check %s: the capture has no fence", name, c.ID)
				}
			}
		}
		if shown == 0 || unseen > shown {
			t.Errorf("%s: the capture shows %d checks and not %d others", name, shown, unseen)
		}
	}
}
