package scenarios

import (
	"encoding/json"
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/lanproof/lanproof/topology"
)

var update = flag.Bool("update", false, "write golden files anew")

type object = map[string]any

const (
	hasVariable = `\$\{`
	isVariable  = `^\$\{[a-z][a-z0-9_]*\}$`
)

// generator walks the Go types and makes a schema of them.
type generator struct {
	defs object
	// docs are comments by type, and by type and field.
	docs map[string]string
}

func generate(t *testing.T) []byte {
	t.Helper()
	g := readSources(t)
	root := g.structure(reflect.TypeFor[Scenario](), false)
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["$id"] = "https://github.com/lanproof/lanproof/scenarios/schema.json"
	root["title"] = "lanproof scenario"
	root["$defs"] = g.defs
	var out strings.Builder
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(root); err != nil {
		t.Fatal(err)
	}
	return []byte(out.String())
}

// readSources reads the comments of all types that a file is made of.
func readSources(t *testing.T) *generator {
	t.Helper()
	g := &generator{defs: object{}, docs: map[string]string{}}
	sources := []string{topology.Source}
	for _, name := range []string{"scenario.go", "claims.go"} {
		sources = append(sources, string(mustRead(t, name)))
	}
	for _, src := range sources {
		g.readDocs(t, src)
	}
	return g
}

// declared returns the struct that declares a field, which may be one that t has
// taken in, and the field in it.
func declared(t reflect.Type, f field) (owner reflect.Type, in reflect.StructField) {
	owner = t
	for i, at := range f.index {
		if i > 0 {
			owner = in.Type
		}
		in = owner.Field(at)
	}
	return owner, in
}

func (g *generator) readDocs(t *testing.T, src string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "", src, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range file.Decls {
		decl, ok := d.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, s := range decl.Specs {
			spec, ok := s.(*ast.TypeSpec)
			if !ok {
				continue
			}
			g.docs[spec.Name.Name] = sentence(decl.Doc)
			if body, ok := spec.Type.(*ast.StructType); ok {
				g.fieldDocs(spec.Name.Name, body)
			}
		}
	}
}

// fieldDocs reads the comments of a struct's fields. One comment may speak of
// several that follow each other, if it names them.
func (g *generator) fieldDocs(owner string, body *ast.StructType) {
	var last string
	for _, f := range body.Fields.List {
		for _, name := range f.Names {
			doc := sentence(f.Doc)
			if doc == "" && regexp.MustCompile(`\b`+name.Name+`\b`).MatchString(last) {
				doc = last
			}
			g.docs[owner+"."+name.Name], last = doc, doc
		}
	}
}

var space = regexp.MustCompile(`\s+`)

func sentence(c *ast.CommentGroup) string {
	return space.ReplaceAllString(strings.TrimSpace(c.Text()), " ")
}

// of is the schema of a type. A tried value stands below Refused.Do, where only
// its type counts.
func (g *generator) of(t reflect.Type, r rule, tried bool) object {
	if tried {
		r = rule{}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return g.of(t.Elem(), r, tried)
	case reflect.Struct:
		name := t.Name()
		if tried {
			name += "Tried"
		}
		if g.defs[name] == nil {
			g.defs[name] = object{}
			g.defs[name] = g.structure(t, tried)
		}
		return object{"$ref": "#/$defs/" + name}
	case reflect.Slice:
		if isNamed(t) {
			return g.names(t.Elem().Field(1).Type, r, tried)
		}
		items := g.of(t.Elem(), r, tried)
		many := object{"type": "array", "items": items}
		if t == reflect.TypeFor[[]Check]() {
			return object{"anyOf": []any{object{"const": oracleWord}, many}}
		}
		if t == reflect.TypeFor[Values]() {
			return object{"anyOf": []any{items, many}}
		}
		return many
	case reflect.Map:
		if t.Key().Kind() == reflect.Int {
			r.pattern = regexp.MustCompile(`^-?[0-9]+$`)
		}
		return g.names(t.Elem(), r, tried)
	case reflect.Int:
		whole := object{"type": "integer"}
		if r.max != 0 {
			whole["minimum"], whole["maximum"] = r.min, r.max
		}
		return object{"anyOf": []any{whole, object{"type": "string", "pattern": isVariable}}}
	case reflect.Bool:
		return object{"anyOf": []any{object{"type": "boolean"}, object{"type": "string", "pattern": isVariable}}}
	}
	return word(r)
}

// word is the schema of text. YAML reads 28 or 0x8100 as numbers, the loader as
// the characters that stand there.
func word(r rule) object {
	text := object{"type": []string{"string", "number"}}
	variable := object{"type": "string", "pattern": hasVariable}
	switch {
	case r.word:
		return object{"type": []string{"string", "number", "boolean"}}
	case r.enum != nil:
		var values []any
		for _, e := range r.enum {
			values = append(values, e)
			if n, err := strconv.ParseInt(e, 0, 64); err == nil {
				values = append(values, n)
			} else if n, err := strconv.ParseFloat(e, 64); err == nil {
				values = append(values, n)
			}
		}
		return object{"anyOf": []any{object{"enum": values}, variable}}
	case r.pattern != nil:
		text["pattern"] = r.pattern.String()
		if !r.pattern.MatchString("${x}") {
			return object{"anyOf": []any{text, variable}}
		}
	}
	return text
}

func (g *generator) names(value reflect.Type, r rule, tried bool) object {
	named := object{"type": "object", "additionalProperties": g.of(value, valueRule(value), tried)}
	if r.enum != nil || r.pattern != nil {
		named["propertyNames"] = word(r)
	}
	return named
}

func (g *generator) structure(t reflect.Type, tried bool) object {
	properties := object{}
	for _, f := range structFields(t, t.Name()) {
		owner, field := declared(t, f)
		p := g.of(field.Type, f.rule, tried || t == reflect.TypeFor[Refused]() && f.name == "do")
		if doc := g.docs[owner.Name()+"."+field.Name]; doc != "" {
			p["description"] = doc
		}
		if f.rule.preset != "" && !tried && !isChange(t) {
			p["default"] = preset(field.Type, f.rule)
		}
		properties[f.name] = p
	}
	out := object{"type": "object", "properties": properties, "additionalProperties": false}
	if doc := g.docs[t.Name()]; doc != "" {
		out["description"] = doc
	}
	s := shapes[t.Name()]
	if s.required != nil {
		out["required"] = s.required
	}
	for word, fields := range map[string][]string{"anyOf": s.anyOf, "oneOf": s.oneOf} {
		var each []any
		for _, f := range fields {
			each = append(each, object{"required": []string{f}})
		}
		if each != nil {
			out[word] = each
		}
	}
	return out
}

// isChange reports whether what is left out of a struct stays as it is.
func isChange(t reflect.Type) bool { return strings.HasPrefix(t.Name(), "Set") }

// preset is a rule's default as JSON has it.
func preset(t reflect.Type, r rule) any {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.Bool:
		return r.preset == "true"
	case reflect.Int:
		return json.Number(r.preset)
	}
	return r.preset
}

func TestSchemaIsCurrent(t *testing.T) {
	want := generate(t)
	if *update {
		if err := os.WriteFile("schema.json", want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(want), string(Schema())); diff != "" {
		t.Errorf("schema.json is not what the Go types say; run go generate ./scenarios (-types +file):\n%s", diff)
	}
}

// Every rule and shape speaks about a field that exists.
func TestRulesHaveFields(t *testing.T) {
	types := map[string]reflect.Type{}
	var collect func(t reflect.Type)
	collect = func(t reflect.Type) {
		switch t.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Map:
			collect(t.Elem())
		case reflect.Struct:
			if types[t.Name()] != nil {
				return
			}
			types[t.Name()] = t
			for f := range t.Fields() {
				collect(f.Type)
			}
		}
	}
	collect(reflect.TypeFor[Scenario]())
	collect(reflect.TypeFor[Claim]())
	has := func(typ, name string) bool {
		return types[typ] != nil && slices.ContainsFunc(structFields(types[typ], typ), func(f field) bool { return f.name == name })
	}
	for key := range maps.Keys(rules) {
		if typ, field, _ := strings.Cut(key, "."); !has(typ, field) {
			t.Errorf("rule for %s, which does not exist", key)
		}
	}
	for typ, s := range shapes {
		for _, field := range slices.Concat(s.required, s.oneOf, s.anyOf) {
			if !has(typ, field) {
				t.Errorf("shape of %s names %s, which does not exist", typ, field)
			}
		}
	}
	g := readSources(t)
	for name, typ := range types {
		for _, f := range structFields(typ, name) {
			if owner, field := declared(typ, f); f.name != "" && g.docs[owner.Name()+"."+field.Name] == "" {
				t.Errorf("%s.%s has no comment", owner.Name(), f.name)
			}
		}
	}
	// The other way round: a check or change of a new kind must be in its shape.
	for _, typ := range []string{"Check", "Change"} {
		for _, f := range structFields(types[typ], typ) {
			common := []string{"id", "title", "when", "claims", "refutes"}
			if !slices.Contains(common, f.name) && !slices.Contains(shapes[typ].oneOf, f.name) {
				t.Errorf("%s.%s is missing in the shape", typ, f.name)
			}
		}
	}
}
