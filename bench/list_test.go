package bench

import (
	"errors"
	"path"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSelect(t *testing.T) {
	var all []Benchmark
	for _, name := range []string{"frames/macvlan-bridge/in/size=64", "frames/macvlan-vepa/out/size=64", "frames/vlan/in/size=1500", "links/vlan", "links/vlan/family=ipv6"} {
		all = append(all, Benchmark{Name: name})
	}
	for _, tt := range []struct {
		patterns, want string
	}{
		{"", "01234"},
		{"frames", "012"},
		{"frames/", "012"},
		{"links/vlan", "3"},
		{"links/vlan/", "34"},
		{"links/vlan/family=ipv6", "4"},
		{"links/vlan links/vlan/*", "34"},
		{"links", "34"},
		{"*/vlan", "234"},
		{"frames/macvlan-*", "01"},
		{"frames/*/*/size=64", "01"},
		{"links frames/vlan", "234"},
	} {
		some, err := Select(all, strings.Fields(tt.patterns)...)
		got := ""
		for i, b := range all {
			for _, s := range some {
				if s.Name == b.Name {
					got += string(rune('0' + i))
				}
			}
		}
		if got != tt.want || err != nil {
			t.Errorf("%q: %q, %v; want %q", tt.patterns, got, err, tt.want)
		}
	}
	var none *NoSuch
	if _, err := Select(all, "frames", "frame"); !errors.As(err, &none) || none.Pattern != "frame" {
		t.Errorf("an unknown name: %v", err)
	}
	if _, err := Select(all, "links/vlan/more"); !errors.As(err, &none) {
		t.Errorf("a name with too many words: %v", err)
	}
	if _, err := Select(all, "links/vlan", "frames/["); !errors.Is(err, path.ErrBadPattern) {
		t.Errorf("a bad pattern: %v", err)
	}
	if diff := cmp.Diff([]string{"frames/macvlan-bridge", "frames/macvlan-vepa", "frames/vlan", "links/vlan"}, Starts(all, 2)); diff != "" {
		t.Error(diff)
	}
}

// TestAll holds that names are what the rest of the program takes them for.
func TestAll(t *testing.T) {
	seen := map[string]bool{}
	for _, b := range All() {
		if seen[b.Name] || strings.ContainsAny(b.Name, " *?[\\\t\n") || strings.Contains(b.Name, "//") {
			t.Errorf("%q is there twice, or is no name", b.Name)
		}
		if seen[b.Name] = true; b.Run == nil || !strings.HasSuffix(b.About, ".") {
			t.Errorf("%s cannot be run, or has no sentence about it", b.Name)
		}
	}
}
