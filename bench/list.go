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

// Select returns those of the benchmarks that [Choose] finds for the patterns, in their
// order; all without a pattern. The error is [*NoSuch], or wraps [path.ErrBadPattern].
func Select(all []Benchmark, patterns ...string) ([]Benchmark, error) {
	if len(patterns) == 0 {
		return all, nil
	}
	names := make([]string, len(all))
	for i, b := range all {
		names[i] = b.Name
	}
	chosen, err := Choose(names, patterns...)
	if err != nil {
		return nil, err
	}
	var some []Benchmark
	for _, b := range all {
		if chosen[b.Name] {
			some = append(some, b)
		}
	}
	return some, nil
}

// Choose finds the names of benchmarks that one of the patterns means. One that is a name
// means that benchmark alone. In any other each word, between slashes, is a pattern of
// [path.Match] for the word of a name in the same place, and what stands behind the last
// is taken along: "frames", "frames/macvlan-*", "*/vlan", and "tcp/veth/" for all whose
// names begin so.
// The error is [*NoSuch], or wraps [path.ErrBadPattern].
func Choose(names []string, patterns ...string) (map[string]bool, error) {
	chosen := map[string]bool{}
	for _, p := range patterns {
		if slices.Contains(names, p) {
			chosen[p] = true
			continue
		}
		found := false
		for _, name := range names {
			ok, err := matches(p, name)
			if err != nil {
				return nil, fmt.Errorf("benchmark %q: %w", p, err)
			}
			if ok {
				chosen[name], found = true, true
			}
		}
		if !found {
			return nil, &NoSuch{p}
		}
	}
	return chosen, nil
}

// matches holds a pattern against a benchmark's name, word by word.
func matches(pattern, name string) (bool, error) {
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
