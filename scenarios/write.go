package scenarios

import (
	"bytes"
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// maxInline is how many columns a value may take to stand on one line.
const maxInline = 110

// Write makes the file that Load reads as this scenario, in the order and with the
// names of the format: what is not set is left out, and what is short stands on one
// line. A scenario in hand is one case, so matrix, exclude and when, whose work is
// done, are not written.
func Write(s *Scenario) ([]byte, error) {
	var out bytes.Buffer
	root := reflect.ValueOf(s).Elem()
	for _, f := range structFields(root.Type(), "Scenario") {
		v := root.FieldByIndex(f.index)
		if unwritten(f.name, v) {
			continue
		}
		n := writeNode(v)
		layOut(n, sectionDepth(f.name))
		if n.Kind == yaml.MappingNode || n.Kind == yaml.SequenceNode && n.Style&yaml.FlowStyle == 0 {
			out.WriteByte('\n')
		}
		section := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Content: []*yaml.Node{wordNode(f.name), n}}
		text, err := yaml.Dump(section, yaml.WithIndent(2), yaml.WithCompactSeqIndent(false), yaml.WithLineWidth(-1))
		if err != nil {
			return nil, fmt.Errorf("write %s of scenario %q: %w", f.name, s.Name, err)
		}
		out.Write(text)
	}
	return out.Bytes(), nil
}

// sectionDepth is down to which depth a section of the file is written in lines of
// its own, however short it is.
func sectionDepth(field string) int {
	switch field {
	case "checks":
		return 2
	case "steps":
		return 4
	case "labels", "claims":
		return 0
	}
	return 1
}

// unwritten reports a field that has nothing to say in a file.
func unwritten(name string, v reflect.Value) bool {
	switch {
	case name == "matrix" || name == "exclude" || name == "when":
		return true
	case v.Kind() == reflect.Slice && isNamed(v.Type()):
		return v.Len() == 0
	}
	return v.IsZero()
}

// writeNode makes the tree of a value.
func writeNode(v reflect.Value) *yaml.Node {
	switch v.Kind() {
	case reflect.Pointer:
		return writeNode(v.Elem())
	case reflect.Struct:
		return writeStruct(v)
	case reflect.Slice:
		if isNamed(v.Type()) {
			return writeNamed(v)
		}
		return writeList(v)
	case reflect.Map:
		return writeMap(v)
	case reflect.String:
		// ${ itself is written $${.
		return wordNode(strings.ReplaceAll(v.String(), "${", "$${"))
	}
	return encode(v.Interface())
}

func writeStruct(v reflect.Value) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	needed := shapes[v.Type().Name()].required
	for _, f := range structFields(v.Type(), v.Type().Name()) {
		if value := v.FieldByIndex(f.index); !unwritten(f.name, value) || slices.Contains(needed, f.name) {
			n.Content = append(n.Content, wordNode(f.name), writeNode(value))
		}
	}
	return n
}

func writeNamed(v reflect.Value) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	for i := range v.Len() {
		n.Content = append(n.Content, writeNode(v.Index(i).Field(0)), writeNode(v.Index(i).Field(1)))
	}
	return n
}

// writeList leaves the brackets away where one value may stand for a list of one.
func writeList(v reflect.Value) *yaml.Node {
	if v.Type() == reflect.TypeFor[Values]() && v.Len() == 1 {
		return writeNode(v.Index(0))
	}
	n := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
	for i := range v.Len() {
		n.Content = append(n.Content, writeNode(v.Index(i)))
	}
	return n
}

func writeMap(v reflect.Value) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	keys := v.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int {
		if a.Kind() == reflect.Int {
			return cmp.Compare(a.Int(), b.Int())
		}
		return cmp.Compare(a.String(), b.String())
	})
	for _, k := range keys {
		n.Content = append(n.Content, writeNode(k), writeNode(v.MapIndex(k)))
	}
	return n
}

// wordNode is text, quoted where YAML would take it for something else.
func wordNode(s string) *yaml.Node {
	if plainWord(s) {
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s}
	}
	n := encode(s)
	switch {
	case s == "\n" || strings.HasSuffix(s, "\n\n"):
		// Empty lines at the end of a block would run into those between sections.
		n.Style = yaml.DoubleQuotedStyle
	case strings.Contains(s, "\n"):
		n.Style = yaml.LiteralStyle
	case n.Style&yaml.SingleQuotedStyle != 0 || strings.Contains(s, ":"):
		n.Style = yaml.DoubleQuotedStyle // MAC and IPv6 addresses, as people quote them
	}
	return n
}

// plainWord reports whether a word is one to YAML, too, whatever version it is of. Most
// are, and looking closer costs most of the time that writing takes.
func plainWord(s string) bool {
	switch s {
	case "", "y", "n", "yes", "no", "on", "off", "true", "false", "null":
		return false
	}
	return s[0] >= 'a' && s[0] <= 'z' && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-_/") == ""
}

func encode(v any) *yaml.Node {
	n := &yaml.Node{}
	_ = n.Encode(v) // words, numbers and truth values can all be encoded
	return n
}

// layOut puts what is short on one line, below a depth.
func layOut(n *yaml.Node, depth int) {
	if depth <= 0 && inlineWidth(n) <= maxInline || len(n.Content) == 0 {
		flow(n)
		return
	}
	for i, c := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 {
			continue
		}
		layOut(c, depth-1)
	}
}

// flow puts a whole tree on one line.
func flow(n *yaml.Node) {
	if n.Kind != yaml.ScalarNode {
		n.Style |= yaml.FlowStyle
	}
	for _, c := range n.Content {
		flow(c)
	}
}

// inlineWidth is how many columns a tree takes on one line; more than maxInline
// where it cannot stand on one.
func inlineWidth(n *yaml.Node) int {
	if n.Style&yaml.LiteralStyle != 0 {
		return maxInline + 1
	}
	width := utf8.RuneCountInString(n.Value) + 2
	for _, c := range n.Content {
		width += inlineWidth(c)
	}
	return width
}
