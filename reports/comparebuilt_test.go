package reports

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// builtBy is a run of one case by an engine.
func builtBy(engine, mac, refused string) *Results {
	r := run(map[string]Verdict{"a": Pass}, "a")
	r.Cases[0].Engine = engine
	r.Cases[0].Built = []Built{{
		Node: "web", Devices: []BuiltDevice{{Name: "eth0", Kind: "macvlan", Mode: "bridge", Parent: "eth0", MAC: mac, MTU: 1500, Up: true, Addresses: []string{"192.0.2.2/24"}}},
		Routes: []string{"default via 192.0.2.1 dev eth0"}, Settings: map[string]string{"net.ipv4.ip_forward": "1"},
	}}
	r.Cases[0].Checks = append(r.Cases[0].Checks, Check{ID: "no", Verdict: Pass, Proof: ProofErrno, Observed: refused})
	return r
}

func TestCompareBuilt(t *testing.T) {
	a, b := builtBy("docker 20.10.24", "02:42:c0:00:02:02", "refused: one"), builtBy("docker 29.0.0", "6e:b4:ee:e5:85:59", "refused: two")
	d := Compare(a, b)
	want := []BuiltChange{
		{Case: a.Cases[0].Case, Node: "web", Before: "docker 20.10.24", After: "docker 29.0.0", Gone: []string{"eth0: MAC 02:42:c0:00:02:02"}, New: []string{"eth0: MAC 6e:b4:ee:e5:85:59"}},
		{Case: a.Cases[0].Case, Node: refusals, Before: "docker 20.10.24", After: "docker 29.0.0", Gone: []string{"no: refused: one"}, New: []string{"no: refused: two"}},
	}
	if diff := cmp.Diff(want, d.Built); diff != "" {
		t.Errorf("built otherwise (-want +got):\n%s", diff)
	}
	var text, page bytes.Buffer
	if err := d.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	if err := d.WriteMarkdown(&page); err != nil {
		t.Fatal(err)
	}
	for _, out := range []string{text.String(), page.String()} {
		if !strings.Contains(out, "- eth0: MAC 02:42:c0:00:02:02\n") || !strings.Contains(out, "+ no: refused: two\n") {
			t.Errorf("it does not say what differs:\n%s", out)
		}
	}
	html := string(render(t, func(b *bytes.Buffer) error { return d.WriteHTML(b) }))
	for _, want := range []string{`<a href="#built">Built otherwise (2)</a>`, "before by docker 20.10.24", "eth0: MAC 02:42:c0:00:02:02</p>", "no: refused: two</p>"} {
		if !strings.Contains(html, want) {
			t.Errorf("the page has no %s:\n%s", want, html)
		}
	}
	if same := Compare(a, a).Built; len(same) != 0 {
		t.Errorf("the same run differs: %v", same)
	}
}
