package record

import (
	"bytes"
	"encoding/json"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func sample() *Run {
	r := pairRun([]string{"frames/vlan/in/size=64", "growth/create/children=10"}, [][]float64{{0, 0.01}, {1, 1.1}}, [][]float64{{0.02, 0.03}, {1, 1.2}})
	r.Systems[1].Detail = map[string]string{"cpu": "some model", "mitigations": "off"}
	r.Problems = []Problem{{"latency/vlan", "host", "skip", "the kernel has no ipvlan"}}
	return r
}

func written(t *testing.T, r *Run) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := WriteJSON(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestJSONComesBackTheSame(t *testing.T) {
	got, err := ReadJSON(bytes.NewReader(written(t, sample())))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sample(), got); diff != "" {
		t.Error(diff)
	}
}

// TestWriteJSONKeepsTheRest: one value that is no figure costs no other one.
func TestWriteJSONKeepsTheRest(t *testing.T) {
	r := sample()
	r.Series[0].Samples[1].Value = math.NaN()
	r.Series[1].Samples = []Sample{{0, math.Inf(1)}, {1, -1}}
	got, err := ReadJSON(bytes.NewReader(written(t, r)))
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Series) != 3 || len(got.Series[0].Samples) != 1 || len(got.Problems) != 4 {
		t.Errorf("%d series, %d samples in the first, problems %+v", len(got.Series), len(got.Series[0].Samples), got.Problems)
	}
	if !math.IsNaN(r.Series[0].Samples[1].Value) {
		t.Error("writing has changed the run")
	}
}

func TestReadJSONRefuses(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(r *Run)
		want   string
	}{
		{"newer", func(r *Run) { r.Schema = "lanproof/bench/v2" }, `schema is "lanproof/bench/v2", written by lanproof v1.0.0, which is newer than "lanproof/bench/v1"`},
		{"older", func(r *Run) { r.Schema = "lanproof/bench/v0" }, `which is older than "lanproof/bench/v1"`},
		{"results of a run", func(r *Run) { r.Schema = "lanproof/results/v1" }, "none of lanproof bench"},
		{"no schema", func(r *Run) { r.Schema = "" }, "no schema"},
		{"negative", func(r *Run) { r.Series[1].Samples[0].Value = -3 }, "series[1] (frames/vlan/in/size=64 on host#2): samples[0] is -3, below zero"},
		{"huge", func(r *Run) { r.Series[1].Samples[0].Value = 1e300 }, "samples[0] is 1e+300, beyond all measure"},
		{"block", func(r *Run) { r.Series[1].Samples[1].Block = -1 }, "samples[1]: its block is -1"},
		{"doubled", func(r *Run) { r.Series[2].Benchmark = r.Series[0].Benchmark }, "series[2] (frames/vlan/in/size=64 on host): series[0] has the same benchmark, unit and system"},
		{"unknown system", func(r *Run) { r.Series[2].System = "mars" }, "no such system"},
		{"system twice", func(r *Run) { r.Systems[1].ID = "host" }, `systems[1]: "host" is there twice`},
		{"system without id", func(r *Run) { r.Systems[0].ID = "" }, "systems[0] has no id"},
		{"clock", func(r *Run) { r.Systems[0].Clock = "sundial" }, `its clock is "sundial"`},
		{"better", func(r *Run) { r.Series[0].Better = "" }, `better is ""`},
		{"no samples", func(r *Run) { r.Series[0].Samples = nil }, "it has no samples"},
		{"no unit", func(r *Run) { r.Series[0].Unit = "" }, "it has no unit"},
		{"no name", func(r *Run) { r.Series[0].Benchmark = "" }, "its benchmark has no name"},
	} {
		r := sample()
		tt.change(r)
		data, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = ReadJSON(bytes.NewReader(data)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q in it", tt.name, err, tt.want)
		}
	}
	for text, want := range map[string]string{
		"":    "not JSON",
		"[1]": "not JSON as lanproof",
		`{"schema":"lanproof/bench/v1","systems":[{"id":"a","clock":"time"}],"series":[{"samples":[{"value":NaN}]}]}`:   "not JSON",
		`{"schema":"lanproof/bench/v1","systems":[{"id":"a","clock":"time"}],"series":[{"samples":[{"value":1e999}]}]}`: "read the figures",
	} {
		if _, err := ReadJSON(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q in it", text, err, want)
		}
	}
	if _, err := ReadJSON(strings.NewReader(`{"schema":"lanproof/bench/v1","tomorrow":1,"systems":[{"id":"a","clock":"time","colour":"red"}]}`)); err != nil {
		t.Errorf("fields that are not known: %v", err)
	}
}

func TestSaveLeavesWholeFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	if err := Save(dir, sample()); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, filepath.Join(dir, FileName)} {
		if r, err := Load(path); err != nil || len(r.Series) != 4 {
			t.Errorf("%s: %v", path, err)
		}
	}
	all, err := os.ReadDir(dir)
	if err != nil || len(all) != 3 {
		t.Errorf("%v %v", all, err)
	}
	if _, err := Load(t.TempDir()); err == nil || !strings.Contains(err.Error(), FileName) {
		t.Errorf("an empty folder: %v", err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := Save(file, sample()); err == nil {
		t.Error("saved into a file")
	}
}

// FuzzReadJSON: whatever is read can be judged, written, and read again.
func FuzzReadJSON(f *testing.F) {
	var b bytes.Buffer
	if err := WriteJSON(&b, sample()); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add([]byte(`{"schema":"lanproof/bench/v1","systems":[{"id":"a","clock":"time"},{"id":"b","clock":"instructions"}],"series":[{"benchmark":"x","system":"a","unit":"u","better":"lower","samples":[{"value":0}]}]}`))
	f.Add([]byte(`{"schema":"lanproof/bench/v1"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := ReadJSON(bytes.NewReader(data))
		if err != nil {
			return
		}
		again, err := ReadJSON(bytes.NewReader(written(t, r)))
		if err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
		for _, compare := range []func() (*Comparison, error){
			func() (*Comparison, error) { return Turns(r, Rules{}) },
			func() (*Comparison, error) { return Compare(r, again, Rules{}) },
		} {
			if c, err := compare(); err == nil {
				everyFormat(t, c)
			}
		}
		if err := WriteGo(&bytes.Buffer{}, r); err != nil {
			t.Fatal(err)
		}
	})
}

// everyFormat writes a comparison in all formats.
func everyFormat(t *testing.T, c *Comparison) {
	t.Helper()
	for name, write := range map[string]func(io.Writer) error{"text": c.WriteText, "markdown": c.WriteMarkdown, "html": c.WriteHTML, "json": c.WriteJSON} {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
}
