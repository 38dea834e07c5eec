package compose

import (
	"strings"

	"go.yaml.in/yaml/v4"
)

// resolve is what an alias stands for, and any other node itself.
func resolve(n *yaml.Node) *yaml.Node {
	for n != nil && n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

// entry is one entry of a mapping or of a list: for the latter, key and value are the
// same node.
type entry struct {
	name       string
	key, value *yaml.Node
}

// entries are those of a mapping, with what merge keys bring in, or of a list of words,
// such as a service's networks, by name. In a list of assignments, such as sysctls, the
// name ends at the equals sign.
func (s *source) entries(n *yaml.Node) []entry {
	var all []entry
	seen := map[string]bool{}
	s.each(resolve(n), 0, func(e entry) bool {
		if !seen[e.name] {
			seen[e.name] = true
			all = append(all, e)
		}
		return true
	})
	return all
}

// each gives the entries to a function until that returns false: a mapping's own before
// those that it merges in, as these count only where there is no own.
func (s *source) each(n *yaml.Node, depth int, to func(entry) bool) bool {
	switch {
	case n == nil || depth > maxDepth:
		return true
	case n.Kind == yaml.SequenceNode:
		for _, item := range n.Content {
			if item = resolve(item); item.Kind == yaml.ScalarNode {
				name, _, _ := strings.Cut(s.text(item), "=")
				if !to(entry{name, item, item}) {
					return false
				}
			}
		}
		return true
	case n.Kind != yaml.MappingNode:
		return true
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if key := n.Content[i]; !merges(key) && !to(entry{key.Value, key, resolve(n.Content[i+1])}) {
			return false
		}
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if merges(n.Content[i]) && !s.eachMerged(resolve(n.Content[i+1]), depth+1, to) {
			return false
		}
	}
	return true
}

// eachMerged gives the entries of what a merge key brings in: a mapping or several.
func (s *source) eachMerged(from *yaml.Node, depth int, to func(entry) bool) bool {
	if from.Kind != yaml.SequenceNode {
		return s.each(from, depth, to)
	}
	for _, one := range from.Content {
		if one = resolve(one); one.Kind == yaml.MappingNode && !s.each(one, depth, to) {
			return false
		}
	}
	return true
}

// merges says whether a key is the merge key.
func merges(key *yaml.Node) bool { return key.Value == "<<" && key.Style&quoted == 0 }

const quoted = yaml.SingleQuotedStyle | yaml.DoubleQuotedStyle

// child is the entry of that name.
func (s *source) child(n *yaml.Node, name string) (found entry, ok bool) {
	s.each(resolve(n), 0, func(e entry) bool {
		if ok = e.name == name; ok {
			found = e
		}
		return !ok
	})
	return found, ok
}

// descend follows names from a node.
func (s *source) descend(n *yaml.Node, path ...string) (entry, bool) {
	e := entry{key: n, value: n}
	for _, name := range path {
		var ok bool
		if e, ok = s.child(e.value, name); !ok {
			return entry{}, false
		}
	}
	return e, true
}

// items are a list's, with aliases resolved; a single word counts as a list of one.
func items(n *yaml.Node) []*yaml.Node {
	switch n = resolve(n); {
	case n == nil:
		return nil
	case n.Kind == yaml.ScalarNode && n.Tag != "!!null":
		return []*yaml.Node{n}
	case n.Kind != yaml.SequenceNode:
		return nil
	}
	all := make([]*yaml.Node, len(n.Content))
	for i, item := range n.Content {
		all[i] = resolve(item)
	}
	return all
}
