package bench

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"
)

// All returns every benchmark that there is, by their names.
func All() []Benchmark {
	all := slices.Concat(Machine(), DataPath(), ControlPath(), Growth())
	slices.SortFunc(all, func(a, b Benchmark) int { return cmp.Compare(a.Name, b.Name) })
	return all
}

// NoSuch is the error for a pattern that no benchmark's name matches.
type NoSuch struct{ Pattern string }

func (e *NoSuch) Error() string { return fmt.Sprintf("no benchmark %q", e.Pattern) }

// Select returns those of the benchmarks that one of the patterns matches, in their
// order; all without a pattern. Each word of a pattern, between slashes, is a pattern of
// [path.Match] for the word of a name in the same place, and what stands behind the
// last is taken along: "frames", "frames/macvlan-*", "*/vlan".
// The error is [*NoSuch], or wraps [path.ErrBadPattern].
func Select(all []Benchmark, patterns ...string) ([]Benchmark, error) {
	if len(patterns) == 0 {
		return all, nil
	}
	chosen := make([]bool, len(all))
	for _, p := range patterns {
		found := false
		for i, b := range all {
			ok, err := Matches(p, b.Name)
			if err != nil {
				return nil, fmt.Errorf("benchmark %q: %w", p, err)
			}
			chosen[i], found = chosen[i] || ok, found || ok
		}
		if !found {
			return nil, &NoSuch{p}
		}
	}
	var some []Benchmark
	for i, b := range all {
		if chosen[i] {
			some = append(some, b)
		}
	}
	return some, nil
}

// Matches holds a pattern against a benchmark's name, word by word, as Select does. The
// error wraps [path.ErrBadPattern].
func Matches(pattern, name string) (bool, error) {
	want, have := strings.Split(strings.TrimSuffix(pattern, "/"), "/"), strings.Split(name, "/")
	fits := len(want) <= len(have)
	for i, w := range want {
		word := ""
		if i < len(have) {
			word = have[i]
		}
		ok, err := path.Match(w, word)
		if err != nil {
			return false, err
		}
		fits = fits && ok
	}
	return fits, nil
}

// Starts are the different beginnings, of so many words, of the benchmarks' names.
func Starts(all []Benchmark, words int) []string {
	var starts []string
	for _, b := range all {
		have := strings.Split(b.Name, "/")
		starts = append(starts, strings.Join(have[:min(words, len(have))], "/"))
	}
	slices.Sort(starts)
	return slices.Compact(starts)
}
