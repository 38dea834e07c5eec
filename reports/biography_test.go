package reports

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestBiography(t *testing.T) {
	start := time.Unix(1000, 0)
	check := Check{
		ID: "back", Title: "a does not reach b\x1b[2J", Verdict: Pass, Expected: "no frame arrives", Observed: "did not arrive", Proof: ProofFence,
		Evidence: []Evidence{
			{Kind: "frame", At: "switch/p1", Text: "broadcast", Time: start.Add(3 * time.Microsecond)},
			{Kind: "frame", At: "a/eth0", Text: "outgoing", Time: start},
			{Kind: "note", Text: "no sighting"},
		},
		Drops: &Drops{
			How: Traced, Text: "At switch/p1 br_forward dropped it (NOT_SPECIFIED).",
			Ends:  []End{{At: "switch/p1", Reason: "NOT_SPECIFIED", Function: "br_forward", Frame: "a frame", Own: true, Count: 2, Concluded: true}},
			Rules: []Rule{{ID: "bridge-not-back", At: "switch/p1", When: "that", Then: "this", Source: "a file", Frame: "the frame"}},
		},
	}
	var b bytes.Buffer
	if err := WriteBiography(&b, &Case{Case: "two", Ground: "host", Kernel: "6.18"}, &check); err != nil {
		t.Fatal(err)
	}
	want := `✓ pass  two/back
a does not reach b\x1b[2J

  expected  no frame arrives
  observed  did not arrive
  proof     fence
  where     host 6.18

Seen
  +0s   a/eth0     outgoing
  +3µs  switch/p1  broadcast

Dropped
  switch/p1  NOT_SPECIFIED  br_forward  a frame (2 times) (concluded: a tap took it)

The oracle's rules for the frame
  switch/p1  bridge-not-back  that: this
                              a file

At switch/p1 br_forward dropped it (NOT_SPECIFIED).
Found out by tracing skb:kfree_skb, while the flow was sent once more.
`
	if d := cmp.Diff(want, b.String()); d != "" {
		t.Error(d)
	}
	b.Reset()
	check.Evidence, check.Drops = nil, nil
	if err := WriteBiography(&b, &Case{}, &check); err != nil || !strings.Contains(b.String(), "Seen nowhere.\n\nWhere frames ended was not asked") {
		t.Errorf("%v\n%s", err, &b)
	}
}
