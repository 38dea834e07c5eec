package scenarios

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// Limits of a scenario file. The largest sensible ones have a hundredth of it.
const (
	// MaxBytes is the size of a file.
	MaxBytes = 1 << 20
	// maxValues bounds the values of a file after its aliases are replaced by
	// what they stand for.
	maxValues = 100_000
	maxDepth  = 50
)

// parse reads one YAML document. The tree is nil when there is none to go on with.
func parse(src []byte, to *faults) *node {
	if pos, text := checkText(src); text != "" {
		to.add(pos, "%s", text)
		return nil
	}
	loader, err := yaml.NewLoader(bytes.NewReader(src), yaml.WithUniqueKeys(false))
	if err != nil {
		to.add(Position{1, 1}, "cannot read YAML: %v", err)
		return nil
	}
	var document, second yaml.Node
	if err := loader.Load(&document); err != nil || len(document.Content) == 0 {
		pos, text := syntax(src, err)
		to.add(pos, "%s", text)
		return nil
	}
	switch err := loader.Load(&second); {
	case err == nil:
		to.add(inside(second.Line, second.Column, src), "a second document; a file holds one")
	case !errors.Is(err, io.EOF):
		pos, text := syntax(src, err)
		to.add(pos, "%s", text)
	}
	c := converter{to: to, left: maxValues}
	root := c.convert(document.Content[0], 0)
	if c.left < 0 {
		to.add(Position{1, 1}, "the file has more than %d values, with aliases replaced by what they stand for", maxValues)
		return nil
	}
	if root != nil && root.kind == scalar && root.tag == "!!null" {
		to.add(Position{1, 1}, "the file is empty")
		return nil
	}
	return root
}

// checkText finds the first thing that no text file has.
func checkText(src []byte) (Position, string) {
	if len(src) > MaxBytes {
		return Position{1, 1}, fmt.Sprintf("the file is larger than %d bytes, the most that it may have", MaxBytes)
	}
	pos := Position{1, 1}
	for rest := src; len(rest) > 0; {
		r, size := utf8.DecodeRune(rest)
		switch {
		case r == utf8.RuneError && size == 1:
			return pos, fmt.Sprintf("byte 0x%02x is not UTF-8: this is not a text file", rest[0])
		case r == '\r' && !bytes.HasPrefix(rest, []byte("\r\n")):
			return pos, "a carriage return without a line feed"
		case r < ' ' && r != '\t' && r != '\n' && r != '\r', r >= 0x7f && r < 0xa0, r == 0x2028, r == 0x2029, r == 0xfffe, r == 0xffff:
			return pos, fmt.Sprintf("control character %U: this is not a text file", r)
		}
		if pos.Column++; r == '\n' {
			pos = Position{pos.Line + 1, 1}
		}
		rest = rest[size:]
	}
	return Position{}, ""
}

// syntax turns the YAML library's error into a position and a sentence.
func syntax(src []byte, err error) (Position, string) {
	if err == nil || errors.Is(err, io.EOF) {
		return Position{1, 1}, "the file is empty"
	}
	var load *yaml.LoadError
	if !errors.As(err, &load) {
		return Position{1, 1}, fmt.Sprintf("not YAML: %v", err)
	}
	pos := inside(load.Mark.Line, load.Mark.Column, src)
	if runeAt(src, pos) == '\t' {
		return pos, "a tab cannot indent YAML; use spaces"
	}
	text := load.Message
	if load.ContextMsg != "" {
		text += " " + load.ContextMsg
	}
	if strings.Contains(lineAt(src, pos), "${") {
		text += ` (inside [] and {}, put "${variable}" in quotes)`
	}
	return pos, "not YAML: " + text
}

// inside keeps a position within the file: the library puts errors at the end
// of a file one line too far, and knows no place for some.
func inside(line, column int, src []byte) Position {
	lines := strings.Split(string(src), "\n")
	if line < 1 {
		return Position{1, 1}
	}
	if line > len(lines) {
		line = len(lines)
		column = utf8.RuneCountInString(lines[line-1]) + 1
	}
	return Position{line, min(max(column, 1), utf8.RuneCountInString(lines[line-1])+1)}
}

func lineAt(src []byte, pos Position) string {
	return strings.Split(string(src), "\n")[pos.Line-1]
}

func runeAt(src []byte, pos Position) rune {
	line := []rune(lineAt(src, pos))
	if pos.Column > len(line) {
		return 0
	}
	return line[pos.Column-1]
}

// converter turns the library's nodes into ours.
type converter struct {
	to   *faults
	left int
}

func (c *converter) convert(from *yaml.Node, depth int) *node {
	// The count also ends aliases that contain themselves.
	if c.left--; c.left < 0 {
		return nil
	}
	pos := Position{from.Line, from.Column}
	if depth > maxDepth {
		c.to.add(pos, "nested more than %d deep", maxDepth)
		return nil
	}
	n := &node{pos: pos, tag: from.Tag, value: from.Value, flow: from.Style&yaml.FlowStyle != 0}
	switch from.Kind {
	case yaml.AliasNode:
		return c.convert(from.Alias, depth+1)
	case yaml.ScalarNode:
		const quoted = yaml.DoubleQuotedStyle | yaml.SingleQuotedStyle | yaml.LiteralStyle | yaml.FoldedStyle
		n.plain = from.Style&quoted == 0
	case yaml.SequenceNode:
		n.kind = list
	case yaml.MappingNode:
		n.kind = mapping
	default:
		c.to.add(pos, "not a value")
		return nil
	}
	if !knownTag(from.Tag) {
		c.to.add(pos, "unknown tag %s", quote(from.Tag))
		n.tag = "!!str"
	}
	for _, item := range from.Content {
		child := c.convert(item, depth+1)
		if child == nil {
			return nil
		}
		n.items = append(n.items, child)
	}
	return n
}

func knownTag(tag string) bool {
	switch tag {
	case "!!str", "!!int", "!!float", "!!bool", "!!null", "!!timestamp", "!!seq", "!!map", "!!merge":
		return true
	}
	return false
}
