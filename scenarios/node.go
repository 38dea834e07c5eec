package scenarios

import (
	"fmt"

	"github.com/lanproof/lanproof/topology"
)

// kind is what a node of the file is.
type kind int

const (
	scalar kind = iota
	list
	mapping
)

// node is one value of a parsed file. It keeps the YAML library out of the rest
// of the package, and aliases out of the tree.
type node struct {
	kind kind
	pos  Position
	// tag is YAML's short tag of a scalar: !!str, !!int, !!float, !!bool, !!null, ...
	tag   string
	value string
	// plain is a scalar without quotes, flow a list or mapping in brackets.
	plain, flow bool
	// items of a list; of a mapping key, value, key, value, ...
	items []*node
}

// get returns the value of a mapping's key, and the key.
func (n *node) get(name string) (key, value *node) {
	if n.kind == mapping {
		for i := 0; i+1 < len(n.items); i += 2 {
			if n.items[i].value == name {
				return n.items[i], n.items[i+1]
			}
		}
	}
	return nil, nil
}

// describe says what a node is, for a sentence that expected something else.
func (n *node) describe() string {
	switch {
	case n.kind == list:
		return "a list"
	case n.kind == mapping:
		return "a mapping"
	case n.tag == "!!null":
		return "nothing"
	case n.tag == "!!str":
		return quote(n.value)
	}
	return n.value
}

// count returns the number of nodes in the tree.
func (n *node) count() int {
	total := 1
	for _, item := range n.items {
		total += item.count()
	}
	return total
}

// locate finds the nearest node that exists on a path of names and list
// positions, and the place in the file where a reader would look for it: the
// key of a block, the value of anything else.
func (n *node) locate(path []any) (*node, Position) {
	at, pos := n, n.pos
	for _, step := range path {
		var key, value *node
		switch step := step.(type) {
		case int:
			if at.kind == list && step >= 0 && step < len(at.items) {
				value = at.items[step]
			}
		default:
			key, value = at.get(fmt.Sprint(step))
		}
		if value == nil {
			break
		}
		at, pos = value, value.pos
		if key != nil && (value.kind != scalar && !value.flow || value.tag == "!!null") {
			pos = key.pos
		}
	}
	return at, pos
}

// problems puts problems with paths into the file; those about a node that is
// already known to be wrong only follow from that and are left out.
func (n *node) problems(found []topology.Problem, spoiled map[*node]bool, to *faults) {
	for _, p := range found {
		if at, pos := n.locate(p.Path); !spoiled[at] {
			to.add(pos, "%s", p.Text)
		}
	}
}
