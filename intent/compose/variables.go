package compose

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"strings"

	"github.com/compose-spec/compose-go/v2/template"
	"github.com/compose-spec/compose-go/v2/types"
	"go.yaml.in/yaml/v4"
)

// text is a word after its variables are replaced, as the library does it.
func (s *source) text(n *yaml.Node) string {
	text, _, err := s.substitute(n)
	if err != nil {
		return n.Value
	}
	return text
}

// substitute replaces a word's variables and names those that have no value and no
// default.
func (s *source) substitute(n *yaml.Node) (text string, missing []string, err error) {
	if !strings.Contains(n.Value, "$") || n.Tag != "!!str" || tooMany(n.Value) != "" {
		return n.Value, nil, nil
	}
	var unknown []string
	value := func(name string) (string, bool) {
		v, ok := s.model.env[name]
		if !ok {
			unknown = append(unknown, name)
		}
		return v, ok
	}
	replace := func(word string, value template.Mapping, c *template.Config) (string, error) {
		unknown = nil
		got, applied, err := template.DefaultReplacementAppliedFunc(word, value, c)
		// A default that is a variable in turn may have none either.
		if nested := strings.Count(word, "$") > 1 && got == ""; (!applied || nested) && len(unknown) > 0 {
			missing = append(missing, unknown[len(unknown)-1])
		}
		return got, err
	}
	text, err = template.SubstituteWithOptions(n.Value, value, template.WithoutLogging, template.WithReplacementFunction(replace))
	return text, missing, err
}

// check finds words with variables that cannot be replaced: those that must have a value
// and have none, and those that are written wrongly.
func (s *source) check(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		return s.checkWord(n)
	}
	if n.Kind == yaml.AliasNode {
		return nil // looked at where it stands
	}
	var all []error
	for i, below := range n.Content {
		if n.Kind != yaml.MappingNode || i%2 == 1 {
			all = append(all, s.check(below))
		}
	}
	return joined(all)
}

// tooMany says which variables of a word the library would take too long to replace.
func tooMany(word string) string {
	if strings.Count(word, "$") > maxVariables {
		return fmt.Sprintf("more than %d dollar signs in one word", maxVariables)
	}
	for line := range strings.SplitSeq(word, "\n") {
		if laborious(line) {
			return "too many variables in one line"
		}
	}
	return ""
}

func (s *source) checkWord(n *yaml.Node) error {
	if text := tooMany(n.Value); text != "" {
		return s.wrong(n, "%s", text)
	}
	_, _, err := s.substitute(n)
	var invalid *template.InvalidTemplateError
	if errors.As(err, &invalid) {
		return s.wrong(n, "%s holds a variable that is written wrongly; a dollar sign itself is written $$", oneLine(n.Value))
	}
	if err != nil {
		return s.wrong(n, "%w", err)
	}
	return nil
}

// oneLine is a text cut to one line of bearable length.
func oneLine(text string) string {
	line, rest, more := strings.Cut(strings.TrimSpace(text), "\n")
	if runes := []rune(line); len(runes) > 60 {
		return string(runes[:60]) + "..."
	}
	if more && rest != "" {
		return line + "..."
	}
	return line
}

func keysOf(m types.Mapping) iter.Seq[string] { return maps.Keys(m) }
