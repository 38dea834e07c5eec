package record

import (
	"bytes"
	"testing"

	"golang.org/x/perf/benchfmt"
)

// TestGoFormatReadByItsReader: benchfmt's own reader, which benchstat uses, finds every
// sample with its system, and which is better.
func TestGoFormatReadByItsReader(t *testing.T) {
	r := sample()
	r.Series = append(r.Series, Series{Benchmark: r.Series[0].Benchmark, System: "host", Unit: "frames/s", Better: HigherIsBetter, Samples: []Sample{{0, 5e6}, {1, 6e6}}})
	r.Systems[1].Detail["CPU Model:"] = "x\ny: z"
	r.Systems[1].Detail["9"] = "nine"
	var b bytes.Buffer
	if err := WriteGo(&b, r); err != nil {
		t.Fatal(err)
	}
	reader := benchfmt.NewReader(bytes.NewReader(b.Bytes()), FileGo)
	got := map[string][]float64{}
	for reader.Scan() {
		switch rec := reader.Result().(type) {
		case *benchfmt.SyntaxError:
			t.Errorf("%v in\n%s", rec, b.String())
		case *benchfmt.Result:
			for _, v := range rec.Values {
				key := rec.GetConfig("system") + " " + rec.Name.String() + " " + v.Unit
				got[key] = append(got[key], v.Value)
			}
			if rec.GetConfig("system") == "host#2" && (rec.GetConfig("cpu-model") != "x y: z" || rec.GetConfig("x-9") != "nine" || rec.GetConfig("kernel") != "6.18.0" || rec.GetConfig("clock") != "time") {
				t.Errorf("configuration of %s in\n%s", rec.Name, b.String())
			}
		}
	}
	if err := reader.Err(); err != nil {
		t.Fatal(err)
	}
	if n := reader.Units().GetBetter("frames/s"); n != 1 {
		t.Errorf("frames/s: better %d", n)
	}
	if n := reader.Units().GetBetter("sec/op"); n != -1 {
		t.Errorf("ns/op: better %d", n)
	}
	want := []string{
		"host Frames/vlan/in/size=64 sec/op", "host Frames/vlan/in/size=64 frames/s", "host#2 Frames/vlan/in/size=64 sec/op",
		"host Growth/create/children=10 sec/op", "host#2 Growth/create/children=10 sec/op",
	}
	for _, key := range want {
		if len(got[key]) != 2 {
			t.Errorf("%s: %v", key, got[key])
		}
	}
	if len(got) != len(want) {
		t.Error(got)
	}
}
