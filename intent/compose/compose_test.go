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

	"github.com/lanproof/lanproof/intent"
	"github.com/lanproof/lanproof/internal/golden"
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
	"override-last":    {files: []string{"override/compose.yaml", "override/compose.reset.yaml", "override/compose.last.yaml"}},
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
			golden.Compare(t, name+".want", got, *update)
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
		var all []intent.Value
		for _, n := range i.Networks {
			all = append(all, wordsOfNetwork(n)...)
		}
		for _, e := range i.Endpoints {
			all = append(all, wordsOfEndpoint(e)...)
		}
		for _, v := range all {
			if !v.Set() {
				continue
			}
			count++
			rest := standing(t, v.Place)
			switch {
			case strings.HasPrefix(strings.TrimLeft(rest, `"'`), v.Text), strings.Contains(rest, "$"):
			case strings.HasPrefix(rest, "target:"): // a port in its long form
			case v.Text == "8" && strings.HasPrefix(rest, "010"), v.Text == "12000" && strings.HasPrefix(rest, "12e3"):
			default:
				t.Errorf("%s: %q does not stand at %s, but %q", name, v.Text, v.Place, rest)
			}
		}
	}
	if count < 300 {
		t.Errorf("only %d words looked up", count)
	}
}

// wordsOfNetwork are all that is written about a network. The place of the network that
// nobody wrote is that of a service.
func wordsOfNetwork(n intent.Network) []intent.Value {
	all := []intent.Value{n.Driver, n.IPAM}
	if n.Name != "default" {
		all = append(all, intent.Value{Text: n.Name, Place: n.Place})
	}
	all = append(all, wordsOfOptions(n.Options)...)
	for _, s := range n.Subnets {
		all = append(all, s.Subnet, s.Gateway, s.IPRange)
		all = append(all, wordsOfOptions(s.Aux)...)
	}
	return all
}

func wordsOfEndpoint(e intent.Endpoint) []intent.Value {
	all := []intent.Value{e.Mode, {Text: strings.TrimRight(e.Name, "-0123456789"), Place: e.Place}}
	for _, a := range e.Attach {
		if a.Place != e.Place {
			all = append(all, intent.Value{Text: a.Network, Place: a.Place})
		}
		all = append(all, a.IP, a.IP6, a.MAC, a.Name, a.GatewayPriority)
		all = append(all, a.LinkLocal...)
		all = append(all, wordsOfOptions(a.Options)...)
	}
	for _, o := range e.Sysctls {
		all = append(all, intent.Value{Text: o.Key, Place: o.Place})
	}
	return slices.Concat(all, e.Ports, e.Expose)
}

func wordsOfOptions(options []intent.Option) []intent.Value {
	var all []intent.Value
	for _, o := range options {
		all = append(all, intent.Value{Text: o.Key, Place: o.Place}, o.Value)
	}
	return all
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
