package record

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// runsDiffer names what differs between two runs besides their systems.
func runsDiffer(a, b *Run) []string {
	var d []string
	if a.Schema != b.Schema {
		d = append(d, fmt.Sprintf("the model of the figures: %s and %s", named(a.Schema), named(b.Schema)))
	}
	if a.Tool != b.Tool {
		d = append(d, fmt.Sprintf("the version of lanproof: %s and %s; it may measure otherwise", named(a.Tool), named(b.Tool)))
	}
	return d
}

// systemsDiffer names what differs between two systems: "kernel: 6.1.0 and 6.12.1".
func systemsDiffer(a, b System) []string {
	d := []string{}
	say := func(what, x, y string) {
		if x != y {
			d = append(d, fmt.Sprintf("%s: %s and %s", what, named(x), named(y)))
		}
	}
	say("system", plainID(a.ID), plainID(b.ID))
	say("kernel", a.Kernel, b.Kernel)
	say("clock", string(a.Clock), string(b.Clock))
	say("architecture", a.Arch, b.Arch)
	say("ground", a.Ground, b.Ground)
	keys := maps.Clone(a.Detail)
	if keys == nil {
		keys = map[string]string{}
	}
	maps.Copy(keys, b.Detail)
	for _, k := range slices.Sorted(maps.Keys(keys)) {
		if k == "load" && !loaded(a.Detail[k], b.Detail[k]) {
			continue
		}
		say(k, a.Detail[k], b.Detail[k])
	}
	return d
}

// loaded tells whether two loads differ by a busy CPU or more; it is never the same twice.
func loaded(a, b string) bool {
	first := func(s string) float64 {
		word, _, _ := strings.Cut(strings.TrimSpace(s), " ")
		v, err := strconv.ParseFloat(word, 64)
		if err != nil {
			return 0
		}
		return v
	}
	return first(a)-first(b) >= 1 || first(b)-first(a) >= 1
}

// named is a value as it is told of, also where there is none.
func named(s string) string {
	if s == "" {
		return "not told"
	}
	return clip(s, 120)
}
