package compose

import (
	"context"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lanproof/lanproof/intent"
)

var update = flag.Bool("update", false, "write the .want files anew; look at each line of what changes")

// loaded is how an input of testdata is loaded.
type loaded struct {
	files []string
	o     Options
}

// special are the inputs that are not loaded by their name alone, by the name of what is
// expected.
var special = map[string]loaded{
	"override":         {files: []string{"override/compose.yaml", "override/compose.override.yaml"}},
	"override-turned":  {files: []string{"override/compose.override.yaml", "override/compose.yaml"}},
	"env-other":        {[]string{"env/compose.yaml"}, Options{EnvFiles: []string{"env/other.env"}}},
	"env-process":      {[]string{"env/compose.yaml"}, Options{Environ: []string{"PARENT=bond0", "LAN=10.1.1", "STACK=chosen", "FALLBACK=9"}}},
	"profiles-debug":   {[]string{"profiles/compose.yaml"}, Options{Profiles: []string{"other"}, ProjectName: "mine"}},
	"extends-profile":  {[]string{"extends.yaml"}, Options{Profiles: []string{"debug"}}},
	"included-outside": {[]string{"included/compose.yaml"}, Options{Dir: "included/net"}},
}

// corpus is everything in testdata: a file alone, a folder by its compose.yaml, and what
// is special.
func corpus(t *testing.T) map[string]loaded {
	t.Helper()
	all := maps.Clone(special)
	found, err := filepath.Glob("*")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range found {
		if _, ok := all[name]; ok || strings.HasSuffix(name, ".want") {
			continue
		}
		file := name
		if info, err := os.Stat(name); err == nil && info.IsDir() {
			file = filepath.Join(name, "compose.yaml")
		}
		all[name] = loaded{files: []string{file}}
	}
	return all
}

// TestCorpus loads everything in testdata. What is expected stands beside it: the intent
// in lines, or the error.
func TestCorpus(t *testing.T) {
	t.Chdir("testdata")
	for name, how := range corpus(t) {
		t.Run(name, func(t *testing.T) {
			got := describe(how.files, how.o)
			want := name + ".want"
			if *update {
				if err := os.WriteFile(want, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			wanted, err := os.ReadFile(want)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(wanted), got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestPlaces looks up every word of the corpus where it is said to stand.
func TestPlaces(t *testing.T) {
	t.Chdir("testdata")
	count := 0
	for name, how := range corpus(t) {
		i, err := Load(context.Background(), how.files, how.o)
		if err != nil {
			continue
		}
		stands := func(text string, at intent.Place) {
			t.Helper()
			count++
			rest := standing(t, at)
			if !strings.HasPrefix(strings.TrimLeft(rest, `"'`), text) && !strings.Contains(rest, "$") {
				t.Errorf("%s: %q does not stand at %s, but %q", name, text, at, rest)
			}
		}
		for _, n := range i.Networks {
			if n.Name != "default" {
				stands(n.Name, n.Place)
			}
			for _, v := range []intent.Value{n.Driver, n.IPAM} {
				if v.Set() {
					stands(v.Text, v.Place)
				}
			}
			for _, o := range n.Options {
				stands(o.Key, o.Place)
				if o.Key != "octal" && o.Value.Text != "12000" {
					stands(o.Value.Text, o.Value.Place)
				}
			}
			for _, s := range n.Subnets {
				for _, v := range []intent.Value{s.Subnet, s.Gateway, s.IPRange} {
					if v.Set() {
						stands(v.Text, v.Place)
					}
				}
				for _, o := range s.Aux {
					stands(o.Key, o.Place)
					stands(o.Value.Text, o.Value.Place)
				}
			}
		}
		for _, e := range i.Endpoints {
			stands(strings.TrimRight(e.Name, "-0123456789"), e.Place)
			for _, a := range e.Attach {
				if a.Place != e.Place && a.Network != "bridge" {
					stands(a.Network, a.Place)
				}
				for _, v := range append(a.LinkLocal, a.IP, a.IP6, a.MAC, a.Name, a.GatewayPriority) {
					if v.Set() {
						stands(v.Text, v.Place)
					}
				}
			}
			for _, v := range slices.Concat(e.Expose, e.Ports) {
				if !strings.HasPrefix(standing(t, v.Place), "target:") {
					stands(v.Text, v.Place)
				}
			}
			for _, o := range e.Sysctls {
				stands(o.Key, o.Place)
			}
		}
	}
	if count < 300 {
		t.Errorf("only %d words looked up", count)
	}
}

// standing is what stands at a place up to the end of the line.
func standing(t *testing.T, at intent.Place) string {
	t.Helper()
	content, err := os.ReadFile(at.File)
	if err != nil {
		t.Errorf("%v: %v", at, err)
		return ""
	}
	lines := strings.Split(strings.TrimPrefix(string(content), "\ufeff"), "\n")
	if at.Line < 1 || at.Line > len(lines) {
		return ""
	}
	line := []rune(lines[at.Line-1])
	if at.Column < 1 || at.Column > len(line) {
		return ""
	}
	return string(line[at.Column-1:])
}

// describe loads files and says what came out.
func describe(files []string, o Options) string {
	i, err := Load(context.Background(), files, o)
	if err != nil {
		return err.Error() + "\n"
	}
	return i.String()
}
