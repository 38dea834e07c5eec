package bench_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/lanproof/lanproof/bench"
	"github.com/lanproof/lanproof/bench/record"
	"github.com/lanproof/lanproof/internal/features"
)

// TestControlPath takes one sample of what this kernel can carry: everything, but not
// in thousands, and memory of one kind.
func TestControlPath(t *testing.T) {
	for _, b := range bench.ControlPath() {
		large := strings.HasSuffix(b.Name, "=1000") || strings.HasPrefix(b.Name, "memory/")
		if !large || b.Name == "memory/macvlan-bridge" {
			sampleOf(t, b)
		}
	}
}

// TestGrowth does the same with up to a hundred children.
func TestGrowth(t *testing.T) {
	for _, b := range bench.Growth() {
		if !strings.HasSuffix(b.Name, "000") {
			sampleOf(t, b)
		}
	}
}

func sampleOf(t *testing.T, b bench.Benchmark) {
	t.Run(b.Name, func(t *testing.T) {
		need(t, b.Needs...)
		before := held(t)
		figures, err := b.Run(t.Context(), bench.Rules{})
		must(t, err)
		if len(figures) == 0 {
			t.Error("no figure")
		}
		units := map[string]bool{}
		for _, f := range figures {
			if f.Value <= 0 || f.Unit == "" || f.Better == "" || units[f.Unit] {
				t.Errorf("figure %+v", f)
			}
			units[f.Unit] = true
			t.Logf("%.4g %s (%s)", f.Value, f.Unit, f.Method)
		}
		if after := held(t); after != before {
			t.Errorf("%d namespaces and sockets are held, %d were before", after, before)
		}
	})
}

// TestControlNeeds holds what benchmarks say they need against what a kernel without it
// does: this one lacks some of it.
func TestControlNeeds(t *testing.T) {
	need(t, "veth")
	var k features.Kernel
	defer k.Close()
	tried := false
	for _, b := range append(bench.ControlPath(), bench.Growth()...) {
		missing, err := k.Missing(b.Needs)
		must(t, err)
		if len(missing) == 0 || !strings.HasPrefix(b.Name, "create/") {
			continue
		}
		tried = true
		before := held(t)
		figures, err := b.Run(t.Context(), bench.Rules{})
		if err == nil || len(figures) > 0 {
			t.Errorf("%s needs %v, and gave %v, %v without it", b.Name, missing, figures, err)
		}
		if after := held(t); after != before {
			t.Errorf("%s: %d namespaces and sockets are held, %d were before", b.Name, after, before)
		}
	}
	if !tried {
		t.Skip("this kernel lacks nothing")
	}
}

// TestControlCancelled ends samples before they begin.
func TestControlCancelled(t *testing.T) {
	need(t, "veth", "macvlan")
	why := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	before := held(t)
	for _, name := range []string{"create/macvlan-bridge", "namespace/let-go", "growth/macvlan-bridge/children=4000"} {
		if figures, err := one(t, name).Run(ctx, bench.Rules{}); !errors.Is(err, why) || len(figures) > 0 {
			t.Errorf("%s: %v, %v", name, figures, err)
		}
	}
	if after := held(t); after != before {
		t.Errorf("%d namespaces and sockets are held, %d were before", after, before)
	}
}

// TestControlProcessor asks for a processor that is not there.
func TestControlProcessor(t *testing.T) {
	need(t, "veth", "macvlan")
	if figures, err := one(t, "create/macvlan-bridge").Run(t.Context(), bench.Rules{CPU: 1000}); err == nil || len(figures) > 0 {
		t.Errorf("on processor 1000: %v, %v", figures, err)
	}
}

func one(t *testing.T, name string) bench.Benchmark {
	t.Helper()
	for _, b := range append(bench.ControlPath(), bench.Growth()...) {
		if b.Name == name {
			return b
		}
	}
	t.Fatalf("no benchmark %s", name)
	return bench.Benchmark{}
}

// TestPer holds the figures of durations against what they are to say.
func TestPer(t *testing.T) {
	for _, test := range []struct {
		clock record.Clock
		unit  string
	}{{record.Time, "ns/op"}, {"", "ns/op"}, {record.Instructions, "instructions/op"}} {
		f := bench.Rules{Clock: test.clock}.Per("op", 4, 1000, "by hand")
		want := bench.Figure{Unit: test.unit, Value: 250, Better: record.LowerIsBetter, Method: "by hand"}
		if f != want {
			t.Errorf("%q: %+v, want %+v", test.clock, f, want)
		}
	}
}
