package compose

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/schema"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"go.yaml.in/yaml/v4"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"github.com/lanproof/lanproof/internal/spell"
)

// misfits are all places where files do not have the specification's form. The library
// names but one, and no place; so it is asked first, and this only where it found one.
func (b *book) misfits() error {
	raw, err := jsonschema.UnmarshalJSON(strings.NewReader(schema.Schema))
	if err != nil {
		return nil
	}
	c := jsonschema.NewCompiler()
	if c.AddResource("compose.json", raw) != nil {
		return nil
	}
	form, err := c.Compile("compose.json")
	if err != nil {
		return nil
	}
	var all []error
	for _, s := range b.all {
		for _, doc := range s.docs {
			var invalid *jsonschema.ValidationError
			if errors.As(form.Validate(s.plain(doc)), &invalid) {
				for _, leaf := range leaves(invalid) {
					all = append(all, s.misfit(raw, doc, leaf)...)
				}
			}
		}
	}
	return joined(all)
}

// plain is a node as a JSON value, with variables replaced and without what is reset.
func (s *source) plain(n *yaml.Node) any {
	switch n = resolve(n); n.Kind {
	case yaml.MappingNode:
		m := map[string]any{}
		for _, e := range s.entries(n) {
			if e.value.Tag != "!reset" {
				m[e.name] = s.plain(e.value)
			}
		}
		return m
	case yaml.SequenceNode:
		list := []any{}
		for _, item := range items(n) {
			list = append(list, s.plain(item))
		}
		return list
	}
	if strings.Contains(n.Value, "$") {
		return s.text(n)
	}
	var v any
	if n.Decode(&v) != nil {
		return n.Value
	}
	switch v.(type) {
	case bool, nil, string:
		return v
	case int, int64, uint64, float64:
		return json.Number(fmt.Sprint(v))
	}
	return n.Value
}

// leaves are the things that are wrong: of alternatives, of which none fits, the one that
// gets furthest into the file.
func leaves(err *jsonschema.ValidationError) []*jsonschema.ValidationError {
	if len(err.Causes) == 0 {
		return []*jsonschema.ValidationError{err}
	}
	var all []*jsonschema.ValidationError
	for _, cause := range err.Causes {
		all = append(all, leaves(cause)...)
	}
	switch err.ErrorKind.(type) {
	case *kind.OneOf, *kind.AnyOf:
		return []*jsonschema.ValidationError{slices.MaxFunc(all, func(a, b *jsonschema.ValidationError) int { return depth(a) - depth(b) })}
	}
	return all
}

func depth(err *jsonschema.ValidationError) int {
	if _, ok := err.ErrorKind.(*kind.AdditionalProperties); ok {
		return len(err.InstanceLocation) + 1
	}
	return len(err.InstanceLocation)
}

// misfit says one thing that is wrong, at its place.
func (s *source) misfit(raw any, doc *yaml.Node, err *jsonschema.ValidationError) []error {
	path := err.InstanceLocation
	switch k := err.ErrorKind.(type) {
	case *kind.AdditionalProperties:
		var all []error
		for _, key := range k.Properties {
			all = append(all, s.stray(raw, doc, path, key))
		}
		return all
	case *kind.FalseSchema:
		// Where one key does not fit, its neighbours are said to be unknown as well.
		if n := len(path); n > 0 && !slices.Contains(known(raw, path[:n-1]), path[n-1]) {
			return []error{s.stray(raw, doc, path[:n-1], path[n-1])}
		}
		return nil
	case *kind.Type:
		return []error{s.wrong(s.reach(doc, path).value, "%s must be %s", strings.Join(path, "."), kinds(k.Want))}
	}
	text := err.ErrorKind.LocalizedString(message.NewPrinter(language.English))
	return []error{s.wrong(s.reach(doc, path).value, "%s: %s", strings.Join(path, "."), text)}
}

// stray says that a key is not known there.
func (s *source) stray(raw any, doc *yaml.Node, path []string, key string) error {
	at := s.reach(doc, append(slices.Clone(path), key)).key
	where := "at the top"
	if len(path) > 0 {
		where = "in " + strings.Join(path, ".")
	}
	keys := known(raw, path)
	if len(path) > 0 && len(keys) == 0 {
		return s.wrong(at, "%q cannot be a name in %s: Compose takes letters of the English alphabet, digits, dots, dashes and underscores", key, strings.Join(path, "."))
	}
	hint := ""
	if meant := spell.Closest(key, keys); meant != "" {
		hint = fmt.Sprintf(" (did you mean %q?)", meant)
	}
	return s.wrong(at, "unknown key %q %s%s", key, where, hint)
}

// kinds says in YAML's words what is wanted.
func kinds(want []string) string {
	var all []string
	for _, w := range want {
		switch w {
		case "null":
			continue
		case "object":
			w = "mapping"
		case "array":
			w = "list"
		}
		all = append(all, "a "+w)
	}
	return strings.Join(all, " or ")
}

// reach follows a path of keys and numbers as far as it goes.
func (s *source) reach(doc *yaml.Node, path []string) entry {
	e := entry{key: doc, value: doc}
	for _, name := range path {
		if e.value.Kind == yaml.SequenceNode {
			i, err := strconv.Atoi(name)
			all := items(e.value)
			if err != nil || i < 0 || i >= len(all) {
				return e
			}
			e = entry{key: all[i], value: all[i]}
			continue
		}
		next, ok := s.child(e.value, name)
		if !ok {
			return e
		}
		e = next
	}
	return e
}

// known are the keys that the specification has at a path.
func known(raw any, path []string) []string {
	here := form(raw, raw)
	for _, name := range path {
		var next []map[string]any
		for _, f := range here {
			next = append(next, step(raw, f, name)...)
		}
		here = next
	}
	var all []string
	for _, f := range here {
		if keys, ok := f["properties"].(map[string]any); ok {
			all = append(all, slices.Collect(maps.Keys(keys))...)
		}
	}
	slices.Sort(all)
	return all
}

// form are the parts that a schema consists of: itself, what it refers to and its
// alternatives.
func form(raw, of any) []map[string]any {
	f, ok := of.(map[string]any)
	if !ok {
		return nil
	}
	all := []map[string]any{f}
	if ref, ok := f["$ref"].(string); ok {
		defs, _ := raw.(map[string]any)["$defs"].(map[string]any)
		all = append(all, form(raw, defs[strings.TrimPrefix(ref, "#/$defs/")])...)
	}
	for _, key := range []string{"allOf", "oneOf", "anyOf"} {
		list, _ := f[key].([]any)
		for _, one := range list {
			all = append(all, form(raw, one)...)
		}
	}
	return all
}

// step are the schemas of what stands under a name.
func step(raw any, f map[string]any, name string) []map[string]any {
	if keys, ok := f["properties"].(map[string]any); ok && keys[name] != nil {
		return form(raw, keys[name])
	}
	if _, err := strconv.Atoi(name); err == nil && f["items"] != nil {
		return form(raw, f["items"])
	}
	patterns, _ := f["patternProperties"].(map[string]any)
	for pattern, of := range patterns {
		if re, err := regexp.Compile(pattern); err == nil && re.MatchString(name) {
			return form(raw, of)
		}
	}
	return nil
}
