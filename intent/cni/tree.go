package cni

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"sort"
	"strings"
	"unicode/utf8"

	"github.com/lanproof/lanproof/intent"
)

// node is a JSON value and where it begins.
type node struct {
	at int
	// members are an object's, items an array's; a scalar has neither.
	object, array bool
	members       []member
	items         []*node
	// text is a string as it is, and any other scalar as JSON writes it.
	text string
	str  bool
}

type member struct {
	key   string
	at    int
	value *node
}

// get returns an object's member; the last counts, as in encoding/json. A node that is
// none, or null, is nil.
func (n *node) get(path ...string) *node {
	for _, key := range path {
		if n == nil {
			return nil
		}
		var found *node
		for _, m := range n.members {
			// encoding/json takes members in any case, too.
			if m.key == key || strings.EqualFold(m.key, key) {
				found = m.value
			}
		}
		n = found
	}
	if n != nil && !n.object && !n.array && !n.str && n.text == "null" {
		return nil
	}
	return n
}

// scalar reports whether the node is a word.
func (n *node) scalar() bool { return n != nil && !n.object && !n.array }

// list is an array's items; nil for anything else.
func (n *node) list() []*node {
	if n == nil {
		return nil
	}
	return n.items
}

// maxNesting is how deep values may be inside of each other.
const maxNesting = 64

// source is a file's text, for places.
type source struct {
	file  string
	text  []byte
	lines []int
}

func newSource(file string, text []byte) *source {
	s := &source{file: file, text: text, lines: []int{0}}
	for i, b := range text {
		if b == '\n' {
			s.lines = append(s.lines, i+1)
		}
	}
	return s
}

func (s *source) place(at int) intent.Place {
	at = min(max(at, 0), len(s.text))
	line := sort.SearchInts(s.lines, at+1)
	return intent.Place{File: s.file, Line: line, Column: utf8.RuneCount(s.text[s.lines[line-1]:at]) + 1}
}

func (s *source) fail(at int, format string, args ...any) error {
	return &intent.Error{Place: s.place(at), Err: fmt.Errorf(format, args...)}
}

// parse reads the one value that a JSON text is, with places.
func (s *source) parse() (*node, error) {
	var raw json.RawMessage
	if err := json.Unmarshal(s.text, &raw); err != nil {
		return nil, s.syntax(err)
	}
	dec := json.NewDecoder(bytes.NewReader(s.text))
	dec.UseNumber()
	return s.value(dec, 0)
}

func (s *source) syntax(err error) error {
	e := (*json.SyntaxError)(nil)
	switch {
	case !errors.As(err, &e):
		return s.fail(0, "%w", err)
	case int(e.Offset) >= len(s.text) && strings.HasPrefix(e.Error(), "unexpected end"):
		return s.fail(len(bytes.TrimRight(s.text, " \t\r\n")), "the configuration ends before its end")
	}
	return s.fail(int(e.Offset)-1, "%w", err)
}

// begin skips what stands between two values.
func (s *source) begin(at int64) int {
	i := int(at)
	for i < len(s.text) && strings.IndexByte(" \t\r\n,:", s.text[i]) >= 0 {
		i++
	}
	return i
}

func (s *source) value(dec *json.Decoder, depth int) (*node, error) {
	n := &node{at: s.begin(dec.InputOffset())}
	if depth > maxNesting {
		return nil, s.fail(n.at, "values are inside of each other more than %d deep", maxNesting)
	}
	token, err := dec.Token()
	if err != nil {
		return nil, err
	}
	switch t := token.(type) {
	case json.Delim:
		n.object, n.array = t == '{', t == '['
		for dec.More() {
			if err := s.inside(dec, n, depth); err != nil {
				return nil, err
			}
		}
		_, err = dec.Token()
		return n, err
	case string:
		n.text, n.str = t, true
	case nil:
		n.text = "null"
	default:
		n.text = fmt.Sprint(t)
	}
	return n, nil
}

// inside reads an object's next member or an array's next item.
func (s *source) inside(dec *json.Decoder, n *node, depth int) error {
	m := member{at: s.begin(dec.InputOffset())}
	if n.object {
		token, err := dec.Token()
		if err != nil {
			return err
		}
		m.key, _ = token.(string)
	}
	v, err := s.value(dec, depth+1)
	if err != nil {
		return err
	}
	if m.value = v; n.object {
		n.members = append(n.members, m)
	} else {
		n.items = append(n.items, v)
	}
	return nil
}
