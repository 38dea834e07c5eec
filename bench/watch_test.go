package bench

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/lanproof/lanproof/bench/record"
)

func TestParseIdle(t *testing.T) {
	const two = "cpu: 0\n  .idle_exittime  : 7 nsecs\n  .idle_sleeptime : 1500 nsecs\ncpu: 1\n  .idle_sleeptime : 20 nsecs\n"
	if d, err := parseIdle([]byte(two)); d != 1520 || err != nil {
		t.Errorf("two processors: %v, %v; want 1.52µs", d, err)
	}
	for text, want := range map[string]string{
		"":                             "no .idle_sleeptime",
		" .idle_sleeptime : x nsecs\n": "invalid syntax",
	} {
		if _, err := parseIdle([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want an error with %q", text, err, want)
		}
	}
}

// FuzzParseIdle takes whatever a kernel may write.
func FuzzParseIdle(f *testing.F) {
	f.Add([]byte("  .idle_sleeptime : 1500 nsecs\n"))
	f.Add([]byte(".idle_sleeptime:-9223372036854775808"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if _, err := parseIdle(text); err == nil && !strings.Contains(string(text), ".idle_sleeptime") {
			t.Errorf("%q: no error", text)
		}
	})
}

func TestWatch(t *testing.T) {
	w := Rules{Clock: record.Time}.Watch()
	if took, waited, err := w.Took(); took < 0 || took > time.Minute || waited != 0 || err != nil {
		t.Errorf("%v, %v, %v", took, waited, err)
	}
}

// TestSettleEnds does not wait for ever for a kernel that others keep busy.
func TestSettleEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, clock := range []record.Clock{record.Time, record.Instructions} {
		Rules{Clock: clock}.Settle(ctx, 1000*time.Hour)
	}
	Rules{Clock: record.Time}.Settle(t.Context(), time.Millisecond)
}
