package reports

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMatrixText(t *testing.T) {
	m := Matrix{
		Title: "untagged", From: []string{"pc/eth0", "a/eth0"}, To: []string{"pc/eth0", "a/eth0", "b/eth0"},
		Expected: []string{".+-", "+."}, Observed: []string{".++", "+."},
	}
	want := `untagged: + got it, - did not, ! otherwise than expected
   from      1  2  3
 1 pc/eth0   .  + +!
 2 a/eth0    +  .  ?`
	if diff := cmp.Diff(want, m.Text()); diff != "" {
		t.Error(diff)
	}
	many := Matrix{From: make([]string, 41)}
	if diff := cmp.Diff(": + got it, - did not, ! otherwise than expected\n41 senders and 0 receivers: see results.json\n", many.Text()); diff != "" {
		t.Error(diff)
	}
}
