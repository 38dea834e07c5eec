package explore_test

import (
	"bytes"
	"testing"

	"github.com/lanproof/lanproof/run"
	"github.com/lanproof/lanproof/run/explore"
	"github.com/lanproof/lanproof/scenarios"
)

// TestDraw draws thousands of LANs: each is a good scenario, the same each time, and
// unlike the one before.
func TestDraw(t *testing.T) {
	most := uint64(2000)
	if testing.Short() {
		most = 200
	}
	var before []byte
	for n := range most {
		text, err := explore.Draw(7, n)
		if err != nil {
			t.Fatal(err)
		}
		again, err := explore.Draw(7, n)
		if err != nil || !bytes.Equal(text, again) {
			t.Fatalf("LAN %d is another one when it is drawn again (%v):\n%s\n%s", n, err, text, again)
		}
		if bytes.Equal(text, before) {
			t.Fatalf("LANs %d and %d are the same", n-1, n)
		}
		before = text
		f, err := scenarios.Load(explore.Name(7, n)+".yaml", text)
		if err != nil {
			t.Fatalf("LAN %d: %v\n%s", n, err, text)
		}
		p, err := run.Prepare(f.Cases()[0], 0)
		if err != nil {
			t.Fatalf("LAN %d: %v\n%s", n, err, text)
		}
		for _, s := range p.Stages {
			if len(s.Checks) == 0 {
				t.Fatalf("LAN %d: nothing is asked in stage %q\n%s", n, s.Name, text)
			}
		}
	}
}
