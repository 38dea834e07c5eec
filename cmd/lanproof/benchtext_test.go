package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lanproof/lanproof/bench/record"
)

// TestTableOfThreeSystems holds that figures come first which one of them lacks, then those
// that differ, and the rest by their names.
func TestTableOfThreeSystems(t *testing.T) {
	r := &record.Run{}
	for _, id := range []string{"a", "b", "c"} {
		r.Systems = append(r.Systems, record.System{ID: id, Clock: record.Time})
		for name, value := range map[string]float64{"same/size=512": 100, "same/size=64": 100, "slow": 100, "lacks": 100} {
			switch {
			case name == "lacks" && id == "b":
				continue
			case name == "slow" && id == "c":
				value = 200
			}
			s := record.Series{Benchmark: name, System: id, Unit: "ns/op", Better: record.LowerIsBetter}
			for block := range 10 {
				s.Samples = append(s.Samples, record.Sample{Block: block, Value: value + float64(block%3)/10})
			}
			r.Series = append(r.Series, s)
		}
	}
	var b bytes.Buffer
	if err := tellBench(&b, r); err != nil {
		t.Fatal(err)
	}
	table, _, _ := strings.Cut(b.String(), "\n\n")
	var got []string
	for line := range strings.Lines(table) {
		got = append(got, strings.Join(strings.Fields(line), " "))
	}
	want := []string{
		"benchmark unit a b c",
		"lacks ns/op 100ns - 100ns +0.0 %",
		"slow ns/op 100ns 100ns +0.0 % 200ns +99.9 %",
		"same/size=64 ns/op 100ns 100ns +0.0 % 100ns +0.0 %",
		"same/size=512 ns/op 100ns 100ns +0.0 % 100ns +0.0 %",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestStatusOfBench holds that nothing measured and anything that went wrong are told, and
// that what a system lacks is not.
func TestStatusOfBench(t *testing.T) {
	some := []record.Series{{Benchmark: "machine/loop", System: "host"}}
	for name, tt := range map[string]struct {
		series []record.Series
		kind   string
		want   int
	}{
		"all":          {some, "", exitGood},
		"skipped":      {some, "skip", exitGood},
		"a guest died": {some, "error", exitHarness},
		"only skipped": {nil, "skip", exitHarness},
	} {
		r := &record.Run{Series: tt.series}
		if tt.kind != "" {
			r.Problems = []record.Problem{{Benchmark: "tcp/vlan", System: "guest debian:6.1", Kind: tt.kind, Reason: "guest died"}}
		}
		if got := statusOfBench(r); got != tt.want {
			t.Errorf("%s: exit status %d, want %d", name, got, tt.want)
		}
	}
}
