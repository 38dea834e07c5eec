package record

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
)

func formatted(t *testing.T, write func(io.Writer) error) string {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestMarkdownGolden(t *testing.T) {
	text := formatted(t, rich(t).WriteMarkdown)
	held(t, "compare.md", []byte(text))
	// A reader of GitHub's Markdown finds one table with a row for each figure.
	var html bytes.Buffer
	if err := goldmark.New(goldmark.WithExtensions(extension.Table)).Convert([]byte(text), &html); err != nil {
		t.Fatal(err)
	}
	if rows := strings.Count(html.String(), "<tr>"); rows != 12 || strings.Contains(html.String(), "<b>new") {
		t.Errorf("%d rows in %s", rows, html.String())
	}
}

// TestJSONOfAComparison: a program finds verdicts, what vanished, and the caveats.
func TestJSONOfAComparison(t *testing.T) {
	var got struct {
		Schema, Headline string
		Caveats          []string
		Pairs            []struct {
			Figures []struct {
				Benchmark, Verdict string
				Ratio, P           float64
			}
			Vanished []Absent
		}
	}
	if err := json.Unmarshal([]byte(formatted(t, rich(t).WriteJSON)), &got); err != nil {
		t.Fatal(err)
	}
	if got.Schema == "" || len(got.Caveats) < 2 || len(got.Pairs) != 1 || len(got.Pairs[0].Figures) != 11 || len(got.Pairs[0].Vanished) != 2 {
		t.Errorf("%+v", got)
	}
	if f := got.Pairs[0].Figures[0]; f.Verdict != string(Slower) || f.Ratio > 0.95 {
		t.Errorf("%+v", f)
	}
}

// TestPageStandsAlone: it loads nothing, has no script, a plot for each figure, and what
// came from outside stays text.
func TestPageStandsAlone(t *testing.T) {
	one := richRun()
	one.Systems = one.Systems[:1]
	one.Series = one.Series[:1]
	for name, page := range map[string]string{
		"comparison": formatted(t, rich(t).WriteHTML),
		"run":        formatted(t, func(w io.Writer) error { return richRun().WriteHTML(w, Rules{}) }),
		"one system": formatted(t, func(w io.Writer) error { return one.WriteHTML(w, Rules{}) }),
	} {
		if bad := regexp.MustCompile(`<script|src=|url\(|@import|href="[^#]|<b>new|\x1b|NaN|%!`).FindString(page); bad != "" {
			t.Errorf("%s: %q", name, bad)
		}
		want := 1 + 11 + 1 // all ratios, figures and one growth
		if name == "one system" {
			want = 1
		}
		if n := strings.Count(page, "<figure"); n != want {
			t.Errorf("%s: %d plots, want %d", name, n, want)
		}
		for _, m := range regexp.MustCompile(`href="#([^"]+)"`).FindAllStringSubmatch(page, -1) {
			if !strings.Contains(page, `id="`+m[1]+`"`) {
				t.Errorf("%s: #%s leads nowhere", name, m[1])
			}
		}
		if !strings.Contains(page, "What the figures can say") || !strings.Contains(page, "Times hold for this machine") {
			t.Errorf("%s: does not tell what figures can say", name)
		}
	}
}

func TestGrowth(t *testing.T) {
	r := richRun()
	charts := r.Growth()
	if len(charts) != 1 || charts[0].Title != "growth/macvlan/create" || len(charts[0].Series) != 2 || len(charts[0].Series[1].Points) != 5 {
		t.Fatalf("%+v", charts)
	}
	if last := charts[0].Series[1].Points[4]; last.X != 4000 || last.Y < 6e5 || len(last.Samples) != 10 {
		t.Errorf("%+v", last)
	}
	r.Series = slices.DeleteFunc(r.Series, func(s Series) bool { return !strings.HasSuffix(s.Benchmark, "=10") })
	if none := r.Growth(); len(none) != 0 {
		t.Errorf("a growth of one point: %+v", none)
	}
	for name, want := range map[string]string{
		"growth/vlan/children=100": "growth/vlan", "growth/children=0": "", "growth/children=": "", "frames/size=64": "",
		"a/children=7/b": "a/b", "a/links=7/b": "", "teardown/vlan/parent/children=10": "teardown/vlan/parent",
	} {
		if got, _, _ := growthOf(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// TestSavePlots: an image for each figure and each growth, with names of their own.
func TestSavePlots(t *testing.T) {
	c := rich(t)
	c.Pairs = append(c.Pairs, c.Pairs[0]) // the same names again
	dir := filepath.Join(t.TempDir(), "new")
	n, err := c.SavePlots(dir)
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(dir + "/*.svg")
	if err != nil || n != 26 || len(files) != 26 {
		t.Errorf("%d images, %d files, %v", n, len(files), err)
	}
	if _, err := os.Stat(dir + "/growth-of-growth-macvlan-create-ns-child-guest-debian-6.12-2.svg"); err != nil {
		t.Errorf("%v in %q", err, files)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := c.SavePlots(file); err == nil {
		t.Error("saved into a file")
	}
}
