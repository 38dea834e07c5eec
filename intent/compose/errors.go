package compose

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/lanproof/lanproof/intent"
)

// broken turns the YAML library's error into one with a place.
func (s *source) broken(err error) error {
	at := intent.Place{File: s.shown, Line: 1, Column: 1}
	var load *yaml.LoadError
	if !errors.As(err, &load) {
		return &intent.Error{Place: at, Err: fmt.Errorf("not YAML: %w", err)}
	}
	lines := strings.Split(string(s.content), "\n")
	at.Line = min(max(load.Mark.Line, 1), len(lines))
	line := []rune(lines[at.Line-1])
	at.Column = min(max(load.Mark.Column, 1), len(line)+1)
	text := load.Message
	if load.ContextMsg != "" {
		text += " " + load.ContextMsg
	}
	if c := load.ContextMark; strings.TrimSpace(string(line)) == "" && c.Line > 0 {
		at.Line, at.Column = c.Line, c.Column
	}
	if strings.Contains(string(line), "${") {
		text += ` (inside [] and {}, put "${VARIABLE}" in quotes)`
	}
	if indent := strings.TrimLeft(string(line), " "); strings.HasPrefix(indent, "\t") {
		at.Column = len(line) - len([]rune(indent)) + 1
		text = "a tab cannot indent YAML; use spaces"
	}
	return &intent.Error{Place: at, Err: errors.New("not YAML: " + text)}
}

// lineOf takes a "line 3: " out of a text.
func lineOf(text string) (int, string) {
	before, after, ok := strings.Cut(text, "line ")
	number, rest, found := strings.Cut(after, ": ")
	line, err := strconv.Atoi(number)
	if !ok || !found || err != nil {
		return 0, text
	}
	return line, before + rest
}

// explain gives what the library has against the files its place, as well as it can be
// told.
func (b *book) explain(err error) error {
	if strings.Contains(err.Error(), "validating ") {
		if all := b.misfits(); all != nil {
			return all
		}
	}
	if strings.Contains(err.Error(), "undefined network") {
		if all := b.undefined(); all != nil {
			return all
		}
	}
	text := err.Error()
	for _, s := range b.all {
		text = strings.ReplaceAll(text, s.path, s.shown)
	}
	text = strings.TrimSuffix(text, ": invalid compose project")
	text = strings.Join(strings.Fields(text), " ")
	return &intent.Error{Place: b.guess(text), Err: errors.New(aCast.ReplaceAllString(aNumber.ReplaceAllString(text, "$1: $2 is not a number"), "$1: "))}
}

// undefined are the networks that services use and nobody has defined.
func (b *book) undefined() error {
	var all []error
	for _, service := range b.main.order("services", map[*model]bool{}) {
		l := b.services(service)
		for _, name := range l.names(func(string) bool { return true }, "networks") {
			if name == "default" || len(b.networks(name)) > 0 {
				continue
			}
			if s, e, ok := l.find("networks", name); ok {
				all = append(all, s.wrong(e.key, "the service %s is on the network %s, which is defined nowhere", service, name))
			}
		}
	}
	return joined(all)
}

// What the library's sentences name: a path, a service, the word that is wrong, or a
// section.
var (
	aPath    = regexp.MustCompile(`\b(services|networks|jobs|volumes|secrets|configs)\.[^\s:]+`)
	aService = regexp.MustCompile(`service "?([a-zA-Z0-9._-]+)"?`)
	aWord    = regexp.MustCompile(`: "?([^\s":]+)"?`)
	aSection = regexp.MustCompile(`^(services|networks|jobs|volumes|secrets|configs|include)\b`)
)

// aNumber and aCast are the library's sentences about a word that should have become a
// number or something else.
var (
	aNumber = regexp.MustCompile(`^error while interpolating (\S+): failed to cast to expected type: strconv\.\w+: parsing (".*"): .*$`)
	aCast   = regexp.MustCompile(`^error while interpolating (\S+): failed to cast to expected type: `)
)

// guess finds the place that one of the library's sentences speaks of: the first file
// where it names none.
func (b *book) guess(text string) intent.Place {
	if path := aPath.FindString(text); path != "" {
		parts := strings.FieldsFunc(path, func(r rune) bool { return r == '.' || r == '[' || r == ']' })
		if at := b.deepest(parts, 2); at.Line > 0 {
			return at
		}
	}
	if name := aService.FindStringSubmatch(text); name != nil {
		if at := b.services(name[1]).place(); at.Line > 0 {
			return at
		}
	}
	for _, word := range aWord.FindAllStringSubmatch(text, -1) {
		for _, s := range b.all {
			for _, doc := range s.docs {
				if n := s.holding(doc, word[1]); n != nil {
					return s.at(n)
				}
			}
		}
	}
	for _, name := range b.main.order("services", map[*model]bool{}) {
		if slices.Contains(strings.Fields(text), name) {
			return b.services(name).place()
		}
	}
	if at := b.deepest([]string{aSection.FindString(text)}, 1); at.Line > 0 {
		return at
	}
	return intent.Place{File: b.main.files[0].shown}
}

// deepest goes along a path in each file, and takes the one where it gets furthest, if
// that is so many steps.
func (b *book) deepest(path []string, least int) intent.Place {
	var at intent.Place
	best := least - 1
	for _, s := range b.all {
		for _, doc := range s.docs {
			for n := len(path); n > best; n-- {
				e := s.reach(doc, path[:n])
				if e.value == s.reach(doc, path[:n-1]).value {
					continue
				}
				best, at = n, s.at(e.key)
				if e.value.Kind == yaml.ScalarNode {
					at = s.at(e.value)
				}
			}
		}
	}
	return at
}

// holding is the first word that has the text in it.
func (s *source) holding(n *yaml.Node, text string) *yaml.Node {
	if n.Kind == yaml.ScalarNode && strings.Contains(s.text(n), text) {
		return n
	}
	for i, below := range n.Content {
		if n.Kind != yaml.MappingNode || i%2 == 1 {
			if found := s.holding(below, text); found != nil {
				return found
			}
		}
	}
	return nil
}
