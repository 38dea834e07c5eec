package explore

import (
	"fmt"

	"go.yaml.in/yaml/v4"
)

// The nodes of a scenario file as it is drawn.

func scalar(v any) *yaml.Node {
	if n, ok := v.(*yaml.Node); ok {
		return n
	}
	n := &yaml.Node{}
	_ = n.Encode(v) // words, numbers and truth values can all be encoded
	return n
}

// mapping makes a map of keys and values in turn.
func mapping(pairs ...any) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	for _, p := range pairs {
		n.Content = append(n.Content, scalar(p))
	}
	return n
}

// set adds an entry to a map.
func set(n *yaml.Node, key string, value any) {
	n.Content = append(n.Content, scalar(key), scalar(value))
}

// list makes a list in one line.
func list[T any](values ...T) *yaml.Node {
	n := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq", Style: yaml.FlowStyle}
	for _, v := range values {
		n.Content = append(n.Content, scalar(v))
	}
	return n
}

// lines makes a list of one line for each value.
func lines(values ...*yaml.Node) *yaml.Node {
	return &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq", Content: values}
}

// inline puts a node into one line.
func inline(n *yaml.Node) *yaml.Node {
	n.Style = yaml.FlowStyle
	return n
}

// text writes a file.
func text(n *yaml.Node) ([]byte, error) {
	b, err := yaml.Marshal(n)
	if err != nil {
		return nil, fmt.Errorf("write a scenario file: %w", err)
	}
	return b, nil
}

// parse reads a file that text has written.
func parse(b []byte) (*yaml.Node, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(b, &doc); err != nil {
		return nil, fmt.Errorf("read a scenario file: %w", err)
	}
	if doc.Kind != yaml.DocumentNode || len(doc.Content) != 1 || doc.Content[0].Kind != yaml.MappingNode {
		return nil, fmt.Errorf("read a scenario file: it is no map")
	}
	return doc.Content[0], nil
}

// without is a copy of a tree that lacks some nodes: of a list its items, of a map
// its values with their keys. A list that has lost all its items goes as well.
func without(n *yaml.Node, gone map[*yaml.Node]bool) *yaml.Node {
	kept := *n
	kept.Content = nil
	step := 1
	if n.Kind == yaml.MappingNode {
		step = 2
	}
	for i := 0; i+step <= len(n.Content); i += step {
		value := n.Content[i+step-1]
		if gone[value] {
			continue
		}
		left := without(value, gone)
		if value.Kind == yaml.SequenceNode && len(left.Content) == 0 && len(value.Content) > 0 {
			continue
		}
		if step == 2 {
			kept.Content = append(kept.Content, n.Content[i])
		}
		kept.Content = append(kept.Content, left)
	}
	return &kept
}

// parts are all nodes that can be taken away, the larger ones before what is in them.
func parts(n *yaml.Node, gone map[*yaml.Node]bool) (all []*yaml.Node) {
	step := 1
	if n.Kind == yaml.MappingNode {
		step = 2
	}
	level := []*yaml.Node{}
	for i := step - 1; i < len(n.Content); i += step {
		if !gone[n.Content[i]] {
			level = append(level, n.Content[i])
		}
	}
	all = append(all, level...)
	for _, c := range level {
		all = append(all, parts(c, gone)...)
	}
	return all
}

// entry is the value of a key in a map, nil if there is none.
func entry(n *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}
