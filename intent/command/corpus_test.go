package command

import (
	stdflag "flag"
	"strings"
	"testing"

	"github.com/lanproof/lanproof/intent"
	"github.com/lanproof/lanproof/internal/golden"
)

var update = stdflag.Bool("update", false, "write what is wanted anew")

// TestCorpus reads every file of testdata and compares what was understood, with each
// word's place, with what is wanted, which stands beside it and was read line by line.
func TestCorpus(t *testing.T) {
	n := golden.Each(t, "testdata", *update, func(t *testing.T, name string, text []byte) string {
		in, err := Read(name, text)
		if err != nil {
			return "error: " + err.Error() + "\n"
		}
		places(t, string(text), in)
		return in.String()
	})
	if n < 28 {
		t.Errorf("%d files; there must be at least 28", n)
	}
}

// places holds that every word stands where its place says, unless what stands there is
// a variable or another shell's text.
func places(t *testing.T, text string, in *intent.Intent) {
	lines := strings.Split(text, "\n")
	check := func(v intent.Value) {
		if v.Text == "" || v.Place.Line == 0 {
			return
		}
		line := []rune(lines[v.Place.Line-1])
		there := strings.TrimLeft(string(line[min(v.Place.Column-1, len(line)):]), `"'“‘`)
		if !strings.HasPrefix(there, v.Text) && !strings.ContainsAny(there[:min(len(there), len(v.Text)+2)], "${%<\"'") && v.Text != "all" {
			t.Errorf("%s: there is %.30q and not %q", v.Place, there, v.Text)
		}
	}
	for _, n := range in.Networks {
		check(n.Driver)
		check(n.IPAM)
		for _, o := range n.Options {
			check(o.Value)
		}
		for _, s := range n.Subnets {
			for _, v := range []intent.Value{s.Subnet, s.Gateway, s.IPRange, s.RangeStart, s.RangeEnd} {
				check(v)
			}
			for _, o := range s.Aux {
				check(o.Value)
				check(intent.Value{Text: o.Key, Place: o.Place})
			}
		}
	}
	for _, e := range in.Endpoints {
		for _, a := range e.Attach {
			for _, v := range append(a.LinkLocal, a.IP, a.IP6, a.MAC, a.Name, intent.Value{Text: a.Network, Place: a.Place}) {
				check(v)
			}
		}
		for _, v := range e.Ports {
			check(v)
		}
	}
}
