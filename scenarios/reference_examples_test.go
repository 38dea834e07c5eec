package scenarios

import (
	"io/fs"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// example is a piece of a catalogue file in which keys of one type stand.
type example struct {
	file string
	text string
	keys []string
}

// examples are those of the catalogue, by the type whose keys they show.
type examples struct {
	byType map[reflect.Type][]example
	files  map[string]string
	name   string
	lines  []string
}

func readExamples(t *testing.T) *examples {
	t.Helper()
	e := &examples{byType: map[reflect.Type][]example{}, files: map[string]string{}}
	names, err := fs.Glob(Catalogue(), "*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		src, err := fs.ReadFile(Catalogue(), name)
		if err != nil {
			t.Fatal(err)
		}
		var f faults
		root := parse(src, &f)
		if root == nil {
			t.Fatal(f.list)
		}
		e.name, e.lines = name, strings.Split(string(src), "\n")
		e.files[name] = string(src)
		e.walk(reflect.TypeFor[Scenario](), root, 1)
		for i := 0; i < len(root.items); i += 2 {
			e.add(reflect.TypeFor[Scenario](), []string{root.items[i].value}, root.items[i].pos.Line, root.items[i+1])
		}
	}
	return e
}

// whole is a file without what its first comment says.
func (e *examples) whole(name string) string { return e.files[name] }

// walk follows the types through a file. An entry begins on the line where its name
// or dash stands.
func (e *examples) walk(t reflect.Type, n *node, begin int) {
	switch {
	case t.Kind() == reflect.Pointer:
		e.walk(t.Elem(), n, begin)
	case t.Kind() == reflect.Slice && isNamed(t):
		for i := 0; n.kind == mapping && i < len(n.items); i += 2 {
			e.walk(t.Elem().Field(1).Type, n.items[i+1], n.items[i].pos.Line)
		}
	case t.Kind() == reflect.Slice:
		for _, item := range n.items {
			e.walk(t.Elem(), item, item.pos.Line)
		}
	case t.Kind() == reflect.Struct && n.kind == mapping:
		own := map[string]field{}
		for _, f := range structFields(t, t.Name()) {
			own[f.name] = f
		}
		keys := map[reflect.Type][]string{}
		for i := 0; i < len(n.items); i += 2 {
			key := n.items[i]
			f, ok := own[key.value]
			if !ok {
				continue
			}
			owner, in := declared(t, f)
			keys[owner] = append(keys[owner], f.name)
			e.walk(in.Type, n.items[i+1], key.pos.Line)
		}
		if t == reflect.TypeFor[Scenario]() {
			return
		}
		for owner, some := range keys {
			e.add(owner, some, begin, n)
		}
	}
}

// add takes the lines from begin to the end of n, if they are a piece of YAML by
// themselves.
func (e *examples) add(t reflect.Type, keys []string, begin int, n *node) {
	const most = 8
	last := lastLine(n)
	if begin < 1 || last-begin >= most {
		return
	}
	lines := slices.Clone(e.lines[begin-1 : last])
	indent := len(lines[0]) - len(strings.TrimLeft(lines[0], " "))
	for i, line := range lines {
		if len(line) < indent || strings.TrimSpace(line[:indent]) != "" {
			return
		}
		lines[i] = line[indent:]
	}
	text := strings.Join(lines, "\n") + "\n"
	var f faults
	if root := parse([]byte(text), &f); root == nil || len(f.list) > 0 || root.kind == scalar {
		return
	}
	slices.Sort(keys)
	e.byType[t] = append(e.byType[t], example{strings.TrimSuffix(e.name, ".yaml"), text, keys})
}

func lastLine(n *node) int {
	last := n.pos.Line
	for _, item := range n.items {
		last = max(last, lastLine(item))
	}
	return last
}

// cost of showing an example: short ones that stand for themselves are best.
func (x *example) cost() int {
	cost := len(x.text) + 60
	if strings.Contains(x.text, "${") {
		cost += 80
	}
	if strings.Contains(x.text, "refused:") { // where what is wrong is the point
		cost += 150
	}
	for line := range strings.SplitSeq(x.text, "\n") {
		cost += 4 * max(len(line)-110, 0)
	}
	return cost
}

// cover chooses few examples that together show every key that the catalogue has.
func (e *examples) cover(s section, keys []string) []string {
	all := e.byType[s.of]
	if s.anchor == "file" {
		return nil // a whole one has been shown
	}
	left := map[string]bool{}
	for _, key := range keys {
		left[key] = true
	}
	var chosen []string
	for {
		fresh := func(x *example) int {
			return len(slices.DeleteFunc(slices.Clone(x.keys), func(key string) bool { return !left[key] }))
		}
		best, most := -1, 0.0
		for i := range all {
			if worth := float64(fresh(&all[i])) / float64(all[i].cost()); worth > most {
				best, most = i, worth
			}
		}
		if best < 0 {
			return chosen
		}
		for _, key := range all[best].keys {
			delete(left, key)
		}
		chosen = append(chosen, "# "+all[best].file+"\n"+all[best].text)
	}
}
