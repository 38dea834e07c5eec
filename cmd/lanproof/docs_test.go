package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/text"
)

// The pages for people say nothing that is not so. In README.md and docs/*.md
//
//   - a block of "console" is a session: lines "$ COMMAND" are run, one page in one
//     folder from its top to its end, and what follows is exactly what they print.
//     A line "..." stands for any number of lines, "…" for any part of a line, and
//     "[exit status 1]" for the status where it is not 0. Without any line nothing
//     is said about what is printed;
//   - "Save this as `NAME`:" before another block makes that file. Of a workflow of
//     GitHub or a pipeline of GitLab the commands are run then;
//   - any other "lanproof ..." or "make ..." in code is there, with its flags;
//   - links lead to files, and to headings or anchors in them.

// page is one of them.
type page struct {
	name   string // from the repository's root
	source []byte
	tree   ast.Node
}

const repository = "../.."

// pages are all of them.
func pages(t *testing.T) []page {
	t.Helper()
	names, err := filepath.Glob(repository + "/docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	var all []page
	for _, name := range append(names, repository+"/README.md") {
		source, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		name, err = filepath.Rel(repository, name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, page{name, source, goldmark.DefaultParser().Parse(text.NewReader(source))})
	}
	return all
}

// walk calls do for every node of one type.
func walk[T ast.Node](p page, do func(T)) {
	// It ends by what do returns only, which is never an error.
	_ = ast.Walk(p.tree, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if of, ok := n.(T); ok && entering {
			do(of)
		}
		return ast.WalkContinue, nil
	})
}

// at is where a part of the page is, as file:line.
func (p page) at(offset int) string {
	return fmt.Sprintf("%s:%d", p.name, 1+strings.Count(string(p.source[:offset]), "\n"))
}

// words is the text of a node without its markup.
func (p page) words(n ast.Node) string {
	var b strings.Builder
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		if s, ok := c.(*ast.Text); ok {
			b.Write(s.Value(p.source))
		} else {
			b.WriteString(p.words(c))
		}
	}
	return b.String()
}

func TestDocsLinks(t *testing.T) {
	anchors := map[string][]string{}
	all := pages(t)
	for _, p := range all {
		walk(p, func(h *ast.Heading) { anchors[p.name] = append(anchors[p.name], anchor(p.words(h))) })
		for _, m := range regexp.MustCompile(`<a id="([^"]+)">`).FindAllSubmatch(p.source, -1) {
			anchors[p.name] = append(anchors[p.name], string(m[1]))
		}
	}
	for _, p := range all {
		follow := func(to string) {
			file, fragment, _ := strings.Cut(to, "#")
			if strings.Contains(file, "://") {
				return
			}
			target := p.name
			if file != "" {
				target = filepath.Join(filepath.Dir(p.name), file)
			}
			if _, err := os.Stat(filepath.Join(repository, target)); err != nil {
				t.Errorf("%s points to %s: %v", p.name, to, err)
			} else if fragment != "" && !slices.Contains(anchors[target], fragment) {
				t.Errorf("%s points to %s, and %s has no such heading; it has %q", p.name, to, target, anchors[target])
			}
		}
		walk(p, func(l *ast.Link) { follow(string(l.Destination)) })
		walk(p, func(i *ast.Image) { follow(string(i.Destination)) })
	}
}

// anchor is what GitHub makes of a heading.
func anchor(heading string) string {
	kept := regexp.MustCompile(`[^\p{L}\p{N}\- ]`).ReplaceAllString(strings.ToLower(heading), "")
	return strings.ReplaceAll(kept, " ", "-")
}

// TestDocsContents holds that the handbook's contents leave no page out.
func TestDocsContents(t *testing.T) {
	listed := []string{"README.md", "docs/README.md"}
	all := pages(t)
	for _, p := range all {
		if p.name == "docs/README.md" {
			walk(p, func(l *ast.Link) { listed = append(listed, filepath.Join("docs", string(l.Destination))) })
		}
	}
	for _, p := range all {
		if !slices.Contains(listed, p.name) {
			t.Errorf("docs/README.md does not list %s", p.name)
		}
		if strings.Contains(string(p.source), "@@") {
			t.Errorf("%s is not finished", p.name)
		}
	}
}

// benchmarks are the names of benchmarks and of their figures in their source. Where a
// figure's name begins with what only the run knows, pages write "…".
var benchmarks = regexp.MustCompile(`(?m)^func (Benchmark\w+)|b\.ReportMetric\([^0].*, (name\+|fmt\.Sprintf\()?"([^"]{2,})"`)

// TestDocsBenchmarks holds that the page about benchmarks tells of those that there
// are, with all of their figures.
func TestDocsBenchmarks(t *testing.T) {
	files, err := filepath.Glob(repository + "/*/*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	commands, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	is := map[string]bool{}
	below, err := filepath.Glob(repository + "/bench/*/*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range slices.Concat(files, commands, below) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range benchmarks.FindAllStringSubmatch(string(text), -1) {
			figure := strings.ReplaceAll(m[3], "%d", "N")
			if m[2] == "name+" {
				figure = "…" + figure
			}
			is[m[1]+figure] = true
		}
	}
	told := map[string]bool{}
	for _, p := range pages(t) {
		if p.name != "docs/benchmarks.md" {
			continue
		}
		_, table, _ := strings.Cut(string(p.source), "## What is measured")
		for line := range strings.Lines(table) {
			cells := strings.Split(line, "|")
			if len(cells) != 6 {
				continue
			}
			for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cells[1]+cells[4], -1) {
				told[m[1]] = true
			}
		}
	}
	if diff := cmp.Diff(is, told); diff != "" {
		t.Errorf("docs/benchmarks.md does not tell of what there is (-is +told):\n%s", diff)
	}
}

// TestDocsCommands holds that every command that is named, and not run, is there.
func TestDocsCommands(t *testing.T) {
	for _, p := range pages(t) {
		check := func(line, at string) {
			if err := resolve(line); err != nil {
				t.Errorf("%s: %s: %v", at, line, err)
			}
		}
		walk(p, func(c *ast.CodeSpan) {
			if s, ok := c.FirstChild().(*ast.Text); ok {
				check(p.words(c), p.at(s.Segment.Start))
			}
		})
		walk(p, func(c *ast.CodeBlock) {
			for _, s := range c.Lines().Sliced(0, c.Lines().Len()) {
				// What is said of a command stands behind two spaces or more.
				command, _, _ := strings.Cut(strings.TrimSpace(string(s.Value(p.source))), "  ")
				check(command, p.at(s.Start))
			}
		})
	}
}

// target says what is wrong with a target of make.
func target(name string) error {
	makefile, err := os.ReadFile(repository + "/Makefile")
	if err != nil || regexp.MustCompile(`(?m)^`+regexp.QuoteMeta(name)+`:`).Match(makefile) {
		return err
	}
	return fmt.Errorf("the Makefile has no target %q", name)
}

// resolve says what is wrong with a command of lanproof or make; nil for another one.
func resolve(line string) error {
	var words []string
	for _, w := range regexp.MustCompile(`'[^']*'|"[^"]*"|\S+`).FindAllString(line, -1) {
		if strings.ContainsAny(w[:1], "|;&>") {
			break
		}
		words = append(words, strings.Trim(w, `'"`))
	}
	if len(words) > 1 && words[0] == "make" && words[1] != "-C" { // that is another project's
		return target(words[1])
	}
	if len(words) == 0 || words[0] != "lanproof" && words[0] != "bin/lanproof" {
		return nil
	}
	root := newRoot()
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	cmd, rest, err := root.Find(words[1:])
	switch {
	case err != nil:
		return err
	case cmd == root && len(rest) > 0 && !strings.HasPrefix(rest[0], "-"):
		return fmt.Errorf("there is no command %q", rest[0])
	}
	cmd.InitDefaultHelpFlag()
	return cmd.ParseFlags(rest)
}
