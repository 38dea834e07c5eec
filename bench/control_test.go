package bench_test

import (
	"testing"

	"github.com/lanproof/lanproof/bench"
)

// TestControlPath takes one sample of every figure that this kernel can carry.
func TestControlPath(t *testing.T) { sampleAll(t, bench.ControlPath()) }

func sampleAll(t *testing.T, all []bench.Benchmark) {
	for _, b := range all {
		t.Run(b.Name, func(t *testing.T) {
			need(t, b.Needs...)
			before := held(t)
			figures, err := b.Run(t.Context(), bench.Rules{})
			must(t, err)
			if len(figures) == 0 {
				t.Error("no figure")
			}
			for _, f := range figures {
				if f.Value <= 0 || f.Unit == "" || f.Better == "" {
					t.Errorf("figure %+v", f)
				}
				t.Logf("%.4g %s (%s)", f.Value, f.Unit, f.Method)
			}
			if after := held(t); after != before {
				t.Errorf("%d namespaces and sockets are held, %d were before", after, before)
			}
		})
	}
}

// TestGrowth takes one sample each of up to a thousand children.
func TestGrowth(t *testing.T) { sampleAll(t, bench.Growth()) }
