package scenarios

import (
	"fmt"
	"io"
	"os"
	"path"
	"reflect"
	"strings"
)

// File is a scenario file that has nothing wrong with it.
type File struct {
	// Name of the scenario.
	Name string
	// Path as the file was named to Load.
	Path string
	// Source is the file's text.
	Source []byte
	cases  []*Case
}

// Cases are the expansions of the file's matrix, in its order: one at least.
func (f *File) Cases() []*Case { return f.cases }

// Case is one expansion of a scenario: everything substituted, and only the
// steps and checks that apply to it. File, Source and Name are enough to make
// it again (LoadCase), in a guest for example.
type Case struct {
	// Name is the scenario's, then @variable=value,... when there is a matrix.
	// It is safe as a file name.
	Name     string
	Scenario *Scenario
	// Title is the scenario's as the file has it, variables and all.
	Title string
	// Vars are the variables in the file's order.
	Vars []Var
	// File and Source are where the case comes from. One that comes from no file has no
	// Source, and only its scenario.
	File   string
	Source []byte
}

// Text is the file that the case can be made of again. The error is Write's.
func (c *Case) Text() ([]byte, error) {
	if c.Source != nil {
		return c.Source, nil
	}
	return Write(c.Scenario)
}

// Load reads a scenario file strictly and checks every case of it. The error is
// Errors: all that is wrong, with positions. The name is for messages, and its
// last element without .yaml or .yml must be the scenario's name.
func Load(name string, src []byte) (*File, error) {
	return load(name, src, nil)
}

// LoadCase makes one case of a file. Only that case is checked.
func LoadCase(file string, src []byte, caseName string) (*Case, error) {
	f, err := load(file, src, &caseName)
	if err != nil {
		return nil, err
	}
	return f.cases[0], nil
}

// LoadFile is Load of a file on disk; no more than MaxBytes of it are read.
func LoadFile(name string) (*File, error) {
	src, err := readFile(name)
	if err != nil {
		return nil, err
	}
	return Load(name, src)
}

func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, Errors{{File: name, Text: "cannot open the scenario file: " + reason(err)}}
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() && info.Size() > MaxBytes {
		return nil, Errors{{File: name, Line: 1, Column: 1, Text: fmt.Sprintf("the file has %d bytes; a scenario file has at most %d", info.Size(), MaxBytes)}}
	}
	src, err := io.ReadAll(io.LimitReader(f, MaxBytes+1))
	if err != nil {
		return nil, Errors{{File: name, Text: "cannot read the scenario file: " + reason(err)}}
	}
	return src, nil
}

// load loads all cases, or the only one asked for.
func load(name string, src []byte, only *string) (*File, error) {
	l := &loading{name: name, src: src}
	claims, err := claimIDs()
	if err != nil {
		return nil, fmt.Errorf("read the claims registry: %w", err)
	}
	l.claims = claims
	root := parse(src, &l.ledger.file)
	if root == nil {
		return nil, l.ledger.errors(name)
	}
	cases := l.cases(root, only)
	if err := l.ledger.errors(name); err != nil {
		return nil, err
	}
	if len(cases) == 0 {
		text, _ := unknown("case", *only, nil)
		return nil, Errors{{File: name, Line: 1, Column: 1, Text: text}}
	}
	return &File{Name: cases[0].Scenario.Name, Path: name, Source: src, cases: cases}, nil
}

// loading is one file on its way in.
type loading struct {
	name   string
	src    []byte
	claims []string
	ledger ledger
}

func (l *loading) cases(root *node, only *string) []*Case {
	m := readMatrix(root, &l.ledger.file)
	used := map[string]bool{}
	scenario, pos := textAt(root, "name")
	title, _ := textAt(root, "title")
	var cases []*Case
	all := m.bindings(root)
	for _, b := range all {
		name := b.caseName(scenario)
		if only != nil && name != *only {
			continue
		}
		checkCaseName(name, pos, &l.ledger.file)
		var found faults
		c := l.expand(root, b, m, used, &found)
		c.Name, c.Title = name, title
		l.ledger.addCase(label(name), found.list)
		cases = append(cases, c)
	}
	for _, v := range m.variables {
		if !used[v.name] && len(cases) > 0 {
			l.ledger.file.add(v.pos, "variable %q is used nowhere", v.name)
		}
	}
	return cases
}

// label names a case within its own file.
func label(name string) string {
	_, vars, _ := strings.Cut(name, "@")
	return vars
}

// textAt returns the text behind a key of the file, and where it is.
func textAt(root *node, key string) (string, Position) {
	if _, value := root.get(key); value != nil {
		return value.value, value.pos
	}
	return "", root.pos
}

// expand makes one case of the tree.
func (l *loading) expand(root *node, b binding, m *matrix, used map[string]bool, found *faults) *Case {
	sub := substituter{vars: b, m: m, to: found, used: used, spoiled: map[*node]bool{}}
	tree := sub.file(root)
	var s Scenario
	bind := newBinder(found, l.claims, sub.spoiled)
	if bind.bind(tree, reflect.ValueOf(&s).Elem(), rule{}) {
		l.whens(tree, m)
		tree.problems(validate(&s, b, l.name), bind.spoiled, found)
		tree.problems(walk(&s, b), bind.spoiled, found)
	}
	filter(&s, b)
	return &Case{Scenario: &s, Vars: b.vars(), File: l.name, Source: l.src}
}

// whens checks the variables and values that steps and checks ask for.
func (l *loading) whens(n *node, m *matrix) {
	for _, section := range []string{"checks", "steps"} {
		if _, entries := n.get(section); entries != nil && entries.kind == list {
			for _, entry := range entries.items {
				if _, when := entry.get("when"); when != nil && when.kind == mapping {
					m.checkWhen(when)
				}
				l.whens(entry, m)
			}
		}
	}
}

// baseName is the last element of a path without its ending, and whether the
// ending is a scenario file's.
func baseName(name string) (string, bool) {
	base := path.Base(name)
	for _, ending := range []string{".yaml", ".yml"} {
		if rest, ok := strings.CutSuffix(base, ending); ok {
			return rest, true
		}
	}
	return base, false
}
