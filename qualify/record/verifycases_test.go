package record

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lanproof/lanproof/capture/frames"
	"github.com/lanproof/lanproof/probe/mark"
	"github.com/lanproof/lanproof/reports"
	"github.com/lanproof/lanproof/run/recount"
)

// plantedCase is a case of four checks with its capture: one frame that had to come, one that
// came and must not have, one that did not come, and a question to the kernel.
func plantedCase() (*reports.Results, *tape) {
	c := reports.Case{Scenario: "planted", Case: "planted", Ground: "nic", Kernel: "6.12", Verdict: reports.Fail, Capture: "captures/planted.pcapng"}
	p := &tape{}
	check := func(id string, seq uint32, want bool, verdict reports.Verdict, proof reports.Proof) {
		first := p.Len()
		p.add("c1/eth0", frames.Outgoing, marked(testRun, seq))
		if want == (verdict == reports.Pass) {
			p.add("c2/eth0", frames.Host, marked(testRun, seq))
		}
		fence := mark.Mark{Run: testRun, Seq: 100 + seq, Role: mark.Fence}.Encode(30)
		p.add("c2/eth0", frames.Broadcast, append([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 9, 0x88, 0xb5}, fence...))
		one := reports.Check{ID: id, Title: id, Verdict: verdict, Proof: proof, Flow: &reports.Flow{Kind: "raw", From: "c1/eth0", To: "c2/eth0", Want: want, First: seq, Last: seq, Needed: 1}}
		for h := first; h < p.Len(); h++ {
			p.Comment(h, recount.Comment(id, verdict))
		}
		for n, packet := range p.Trace().Packets[first:] {
			one.Evidence = append(one.Evidence, reports.Evidence{
				Kind: "frame", At: p.Trace().Interfaces[packet.Interface].Name, Time: packet.Frame.Time, Packet: first + n + 1, Frame: mark.FrameOf(packet.Frame.Type, packet.Frame.Data),
			})
		}
		c.Checks = append(c.Checks, one)
	}
	check("reach", 1, true, reports.Pass, reports.ProofReceived)
	check("leak", 2, false, reports.Fail, reports.ProofReceived)
	check("blocked", 3, false, reports.Pass, reports.ProofFence)
	c.Checks = append(c.Checks, reports.Check{ID: "link", Title: "link", Verdict: reports.Pass, Proof: reports.ProofState, Evidence: []reports.Evidence{{Kind: "link", Text: "mtu 1500"}}})
	return &reports.Results{Started: measured, Cases: []reports.Case{c}}, p
}

// writeWithCase is writePlanted with a case of the catalogue, after somebody changed it.
func writeWithCase(t *testing.T, change func(*reports.Results, *frames.Trace)) string {
	t.Helper()
	dir := t.TempDir()
	q, c := planted()
	var p *tape
	c.Results, p = plantedCase()
	trace := p.Trace()
	if change != nil {
		change(c.Results, trace)
	}
	c.Results.Cases[0].Settle()
	for i := range c.Results.Cases {
		q.Cases = append(q.Cases, CaseOf(&c.Results.Cases[i]))
	}
	q.Finish(nil)
	c.Captures["captures/planted.pcapng"] = trace
	if err := WriteBundle(dir, q, c); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestCasesAreDecidedAgain(t *testing.T) {
	v := mustVerify(t, writeWithCase(t, nil))
	for _, p := range v.Problems {
		t.Errorf("%s: %s", p.Where, p.Text)
	}
	steps := v.Steps[len(v.Steps)-4:]
	if steps[0].Done != 1 || steps[1].Done != 8 || steps[2].Done != 3 || steps[2].Taken != 1 {
		t.Errorf("recomputed %+v", steps)
	}
}

func TestForgedCases(t *testing.T) {
	check := func(r *reports.Results, i int) *reports.Check { return &r.Cases[0].Checks[i] }
	uncomment := func(tr *frames.Trace, old, to string) {
		for i := range tr.Packets {
			for n, c := range tr.Packets[i].Comments {
				tr.Packets[i].Comments[n] = strings.Replace(c, old, to, 1)
			}
		}
	}
	for name, c := range map[string]struct {
		forge func(*reports.Results, *frames.Trace)
		want  string
	}{
		"a verdict": {func(r *reports.Results, _ *frames.Trace) { check(r, 1).Verdict = reports.Pass }, "planted, check leak: the capture calls it fail, and the record pass"},
		"a verdict, in the capture, too": {func(r *reports.Results, tr *frames.Trace) {
			check(r, 1).Verdict = reports.Pass
			uncomment(tr, "leak: fail", "leak: pass")
		}, "planted, check leak: the record says that it did not happen, and frames in the capture show it"},
		"what was wanted": {func(r *reports.Results, tr *frames.Trace) {
			check(r, 2).Flow.Want, check(r, 2).Verdict = true, reports.Pass
		}, "planted, check blocked: the record says that it happened, and no frame in the capture shows it"},
		"a frame's number": {func(r *reports.Results, _ *frames.Trace) { check(r, 0).Evidence[0].Packet = 2 }, "planted, check reach: frame 2 was seen at c2/eth0, and the evidence says c1/eth0"},
		"a number beyond":  {func(r *reports.Results, _ *frames.Trace) { check(r, 0).Evidence[0].Packet = 1 << 40 }, "planted, check reach: its frame 1099511627776 is not among the 8 of the capture"},
		"a time": {func(r *reports.Results, _ *frames.Trace) {
			check(r, 0).Evidence[0].Time = measured.Add(time.Hour)
		}, "planted, check reach: frame 1 is of 2026-11-21 12:00:00 +0000 UTC, and the evidence says 2026-11-21 13:00:00 +0000 UTC"},
		"an address": {func(r *reports.Results, _ *frames.Trace) { check(r, 0).Evidence[0].Frame.Source = "02:00:00:00:00:07" }, "planted, check reach: frame 1 is another one than its evidence tells of"},
		"a frame":    {func(_ *reports.Results, tr *frames.Trace) { tr.Packets[1].Frame.Data[0]++ }, "planted, check reach: frame 2 is another one than its evidence tells of"},
		"no fence": {func(r *reports.Results, tr *frames.Trace) {
			tr.Packets[7].Frame.Data[34] = byte(mark.Tick)
			check(r, 2).Evidence = nil
		}, "planted, check blocked: no fence in the capture shows that the frame would have come by then"},
		"no pcapng": {func(r *reports.Results, _ *frames.Trace) { r.Cases[0].Capture = "captures/none.pcapng" }, `planted: "captures/none.pcapng" is not in the bundle`},
	} {
		t.Run(name, func(t *testing.T) {
			v := mustVerify(t, writeWithCase(t, c.forge))
			got := "nothing"
			if len(v.Problems) > 0 {
				got = v.Problems[0].Where + ": " + v.Problems[0].Text
			}
			if got != c.want {
				t.Errorf("found\n%s, want\n%s", got, c.want)
			}
		})
	}
}

// What a qualification sums up of cases is what results.json says.
func TestForgedSums(t *testing.T) {
	for name, c := range map[string]struct {
		forge func(q *Qualification, r *reports.Results)
		want  string
	}{
		"a case's verdict": {func(q *Qualification, _ *reports.Results) { q.Cases[0].Verdict = "pass" }, "planted"},
		"a case's count":   {func(q *Qualification, _ *reports.Results) { q.Cases[0].Fail = 0 }, "planted"},
		"a case left out":  {func(q *Qualification, _ *reports.Results) { q.Cases = nil }, "planted"},
		"a case too many": {func(q *Qualification, _ *reports.Results) {
			q.Cases = append(q.Cases, CaseResult{Case: "more", Verdict: "pass"})
		}, "more"},
	} {
		dir := writeWithCase(t, nil)
		b, err := openFolder(dir)
		if err != nil {
			t.Fatal(err)
		}
		q, err := b.Qualification()
		if err != nil {
			t.Fatal(err)
		}
		c.forge(q, nil)
		q.Finish(nil)
		var text bytes.Buffer
		if err := q.WriteJSON(&text); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, FileQualification), text.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(filepath.Join(dir, FileManifest)); err != nil {
			t.Fatal(err)
		}
		if err := sealFolder(dir); err != nil {
			t.Fatal(err)
		}
		if v := mustVerify(t, dir); len(v.Problems) == 0 || v.Problems[0].Where != c.want {
			t.Errorf("%s: found %+v, want it at %s", name, v.Problems, c.want)
		}
	}
}

func TestCoreRequirementsAreLookedFor(t *testing.T) {
	for name, c := range map[string]struct {
		asked  Asked
		change func(*Qualification)
		want   string // the first problem's place
		notes  int
	}{
		"all there":             {asked: Asked{Core: []string{"own-address", "counters"}, Tool: "test"}},
		"one is not told of":    {asked: Asked{Core: []string{"own-address", "new"}, Tool: "test"}, want: "new"},
		"of another tool":       {asked: Asked{Core: []string{"own-address", "new"}, Tool: "newer"}, notes: 1},
		"called one of full":    {asked: Asked{Core: []string{"sr-iov"}, Tool: "test"}, want: "sr-iov"},
		"left out, and so told": {asked: Asked{Core: []string{"new"}, Tool: "test"}, change: func(q *Qualification) { q.Left, q.LeftCore = []string{"new"}, 1 }},
		"left out in secret":    {asked: Asked{Core: []string{"new"}, Tool: "test"}, change: func(q *Qualification) { q.Left = []string{"new"} }, want: "qualification.json, left"},
	} {
		dir := t.TempDir()
		q, contents := planted()
		if c.change != nil {
			c.change(q)
			q.Finish(nil)
		}
		if q.LeftCore > 0 && (q.Summary.Conformant || !strings.Contains(q.Verdict(), "1 core requirement was left out")) {
			t.Errorf("%s: %s", name, q.Verdict())
		}
		if err := WriteBundle(dir, q, contents); err != nil {
			t.Fatal(err)
		}
		b, err := OpenBundle(dir)
		if err != nil {
			t.Fatal(err)
		}
		v, err := Verify(b, c.asked)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if len(v.Problems) > 0 {
			got = v.Problems[0].Where
		}
		if got != c.want || len(v.Notes) != c.notes {
			t.Errorf("%s: problem at %q, notes %q", name, got, v.Notes)
		}
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	}
}
