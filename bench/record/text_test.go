package record

import (
	"bytes"
	"flag"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lanproof/lanproof/internal/golden"
)

var update = flag.Bool("update", false, "write the golden files anew")

// held compares what a writer gave with the file kept in testdata.
func held(t *testing.T, name string, got []byte) {
	t.Helper()
	golden.Compare(t, filepath.Join("testdata", name), string(got), *update)
}

// rich is a comparison of two kernels in turns with one figure of every kind, and what
// growth costs.
func rich(t *testing.T) *Comparison {
	t.Helper()
	c, err := Turns(richRun(), Rules{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func richRun() *Run {
	r := rand.New(rand.NewPCG(12, 12))
	quiet, wild := noises(0.008)[0], noises(0.06)[2]
	old, young := host("guest debian:6.1"), host("guest debian:6.12")
	old.Kernel, young.Kernel, old.Ground, young.Ground = "6.1.0-41", "6.12.57", "guest", "guest"
	old.Detail = map[string]string{"cpu": "a model", "emulation": "none", "load": "0.10 0.2 0.3"}
	young.Detail = map[string]string{"cpu": "a model", "emulation": "none", "load": "0.30 0.2 0.3"}
	run := runOf([]System{old, young})
	add := func(name, unit string, better Direction, level, change float64, n noisy, blocks int) {
		a, b := n.make(r, blocks)
		for i, logs := range [][]float64{a, slowed(b, change)} {
			s := series(name, run.Systems[i].ID, logs)
			s.Unit, s.Better = unit, better
			for k := range s.Samples {
				s.Samples[k].Value *= level / 1000
			}
			run.Series = append(run.Series, s)
		}
	}
	add("frames/macvlan-bridge/in/size=64", "frames/s", HigherIsBetter, 1.52e6, -0.07, quiet, 10)
	add("frames/macvlan-bridge/in/size=1500", "frames/s", HigherIsBetter, 1.21e6, 0, quiet, 10)
	add("frames/vlan/in/size=64", "frames/s", HigherIsBetter, 1.61e6, 0.09, quiet, 10)
	add("latency/ipvlan-l2", "p99-ns", LowerIsBetter, 23_400, 0.06, wild, 10)
	add("memory/macvlan", "B/child", LowerIsBetter, 9216, 0, noisy{"exact", scatter(func(*rand.Rand) float64 { return 0 }, 0, 0, 0)}, 10)
	add("first-frame/macvlan", "ns", LowerIsBetter, 3.1e6, 0, quiet, 4)
	for i, n := range []string{"1", "10", "100", "1000", "4000"} {
		per := []float64{4.1e4, 4.3e4, 5.2e4, 1.4e5, 5.1e5}[i]
		add("growth/macvlan/create/children="+n, "ns/child", LowerIsBetter, per, []float64{0, 0, 0.02, 0.15, 0.31}[i], quiet, 10)
	}
	gone := series("tcp/ipvlan-l3s", old.ID, []float64{0, 0, 0, 0, 0, 0})
	come := series("udp/<b>new</b>\x1b[31m", young.ID, []float64{0, 0, 0, 0, 0, 0})
	other := gone
	other.Unit = "bit/s"
	run.Series = append(run.Series, gone, come, other)
	run.Problems = []Problem{{"tcp/ipvlan-l3s", young.ID, "error", "the guest died in block 0"}}
	return run
}

func TestTextGolden(t *testing.T) {
	var b bytes.Buffer
	if err := rich(t).WriteText(&b); err != nil {
		t.Fatal(err)
	}
	held(t, "compare.txt", b.Bytes())
}

func TestByName(t *testing.T) {
	names := []string{"a/size=1500", "b", "a/size=64", "a", "a/size=0064/x", "a/children=4000", "a/children=10", "7", ""}
	slices.SortFunc(names, ByName)
	want := []string{"", "7", "a", "a/children=10", "a/children=4000", "a/size=64", "a/size=0064/x", "a/size=1500", "b"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Error(diff)
	}
}
