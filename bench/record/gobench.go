package record

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/perf/benchfmt"

	"github.com/lanproof/lanproof/reports"
)

// WriteGo writes the run in Go's benchmark format (golang.org/design/14313), which
// benchstat and other tools read: a line a sample, the units of a benchmark beside each
// other, before them the system it was measured on as configuration. To have the systems
// beside each other:
//
//	benchstat -table goos -col system bench.txt
func WriteGo(w io.Writer, r *Run) error {
	var b bytes.Buffer
	units(&b, r)
	out := benchfmt.NewWriter(&b)
	for _, system := range r.Systems {
		config := system.goConfig(r)
		for _, res := range r.goResults(system.ID) {
			res.Config = config
			if err := out.Write(res); err != nil {
				return fmt.Errorf("write Go's benchmark format: %w", err)
			}
		}
	}
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("write Go's benchmark format: %w", err)
	}
	return nil
}

// units tells which of two figures is the better one.
func units(b *bytes.Buffer, r *Run) {
	better := map[string]Direction{}
	for _, s := range r.Series {
		better[goUnit(s.Unit)] = s.Better
	}
	for _, unit := range slices.Sorted(maps.Keys(better)) {
		fmt.Fprintf(b, "Unit %s better=%s\n", unit, better[unit])
	}
}

// goConfig is what figures of a system depend on, as lines of configuration.
func (s System) goConfig(r *Run) []benchfmt.Config {
	var config []benchfmt.Config
	add := func(key, value string) {
		if value = reports.OneLine(strings.TrimSpace(value)); value != "" {
			config = append(config, benchfmt.Config{Key: goKey(key), Value: []byte(value), File: true})
		}
	}
	add("goos", "linux")
	add("goarch", s.Arch)
	add("system", s.ID)
	add("ground", s.Ground)
	add("kernel", s.Kernel)
	add("clock", string(s.Clock))
	add("tool", r.Tool)
	for _, k := range slices.Sorted(maps.Keys(s.Detail)) {
		if taken := slices.ContainsFunc(config, func(c benchfmt.Config) bool { return c.Key == goKey(k) }); !taken {
			add(k, s.Detail[k])
		}
	}
	return config
}

// goResults are the samples of a system, those of one benchmark and one block together.
func (r *Run) goResults(system string) []*benchfmt.Result {
	var results []*benchfmt.Result
	type place struct {
		name         string
		block, again int
	}
	at := map[place]*benchfmt.Result{}
	for _, s := range r.Series {
		if s.System != system {
			continue
		}
		again := map[int]int{}
		for _, v := range s.Samples {
			p := place{goName(s.Benchmark), v.Block, again[v.Block]}
			again[v.Block]++
			if at[p] == nil {
				at[p] = &benchfmt.Result{Name: benchfmt.Name(p.name), Iters: 1}
				results = append(results, at[p])
			}
			at[p].Values = append(at[p].Values, benchfmt.Value{Value: v.Value, Unit: goUnit(s.Unit)})
		}
	}
	return results
}

// goName is a benchmark's name as the format takes it: "Frames/vlan/in/size=64". The
// writer puts "Benchmark" before it.
func goName(s string) string {
	r := []rune(word(s))
	if len(r) > 0 {
		r[0] = unicode.ToUpper(r[0])
	}
	return string(r)
}

func goUnit(s string) string { return word(s) }

// word makes one word of text from outside.
func word(s string) string { return strings.Join(strings.Fields(reports.OneLine(s)), "_") }

// goKey is a key as the format takes it: it begins in lower case and has no capitals and
// no space.
func goKey(s string) string {
	key := strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.IsUpper(r) || r == ':' {
			return '-'
		}
		return r
	}, strings.ToLower(reports.OneLine(s)))
	key = strings.Trim(key, "-")
	if first := []rune(key); len(first) == 0 || !unicode.IsLower(first[0]) {
		key = "x-" + key
	}
	return key
}
