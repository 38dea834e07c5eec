package record

import (
	"bytes"
	"encoding/json"
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

var update = flag.Bool("update", false, "write golden files anew")

type object = map[string]any

// schemaMaker makes a JSON Schema of the model: its types, its comments, and the words
// that its own types of text may be.
type schemaMaker struct {
	docs  map[string]string // by type, and by type and field
	words map[string][]any  // by type
	defs  object
}

func makeSchema(t *testing.T) []byte {
	t.Helper()
	m := &schemaMaker{docs: map[string]string{}, words: map[string][]any{}, defs: object{}}
	for _, name := range []string{"model.go", "waivers.go"} {
		m.read(t, name)
	}
	root := m.structure(reflect.TypeFor[Qualification]())
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["$id"] = "https://github.com/lanproof/lanproof/qualify/record/schema.json"
	root["title"] = "lanproof qualification"
	root["$defs"] = m.defs
	root["properties"].(object)["schema"] = object{"const": Schema}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(root); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// read takes in a file's comments and the constants of its types of text.
func (m *schemaMaker) read(t *testing.T, name string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range file.Decls {
		decl, ok := d.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, s := range decl.Specs {
			switch s := s.(type) {
			case *ast.ValueSpec:
				if kind, ok := s.Type.(*ast.Ident); ok && decl.Tok == token.CONST {
					m.words[kind.Name] = append(m.words[kind.Name], strings.Trim(s.Values[0].(*ast.BasicLit).Value, `"`))
				}
			case *ast.TypeSpec:
				m.docs[s.Name.Name] = sentence(decl.Doc)
				if body, ok := s.Type.(*ast.StructType); ok {
					for _, f := range body.Fields.List {
						for _, name := range f.Names {
							m.docs[s.Name.Name+"."+name.Name] = strings.TrimSpace(sentence(f.Doc) + " " + sentence(f.Comment))
						}
					}
				}
			}
		}
	}
}

func sentence(c *ast.CommentGroup) string { return strings.Join(strings.Fields(c.Text()), " ") }

func (m *schemaMaker) of(t reflect.Type) object {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return object{"type": "string", "format": "date-time"}
	case t == reflect.TypeFor[time.Duration]():
		return object{"type": "integer", "minimum": 0}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return m.of(t.Elem())
	case reflect.Struct:
		if m.defs[t.Name()] == nil {
			m.defs[t.Name()] = object{} // it may hold itself
			m.defs[t.Name()] = m.structure(t)
		}
		return object{"$ref": "#/$defs/" + t.Name()}
	case reflect.Slice:
		return object{"type": "array", "items": m.of(t.Elem())}
	case reflect.Map:
		return object{"type": "object", "additionalProperties": m.of(t.Elem())}
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.String:
		if words := m.words[t.Name()]; words != nil {
			return object{"enum": words}
		}
		return object{"type": "string"}
	case reflect.Uint32, reflect.Uint64:
		return object{"type": "integer", "minimum": 0}
	}
	return object{"type": "integer"}
}

// structure is a struct's schema. Fields may be added to it later, so that others are
// no mistake.
func (m *schemaMaker) structure(t reflect.Type) object {
	properties, required := object{}, []any{}
	m.fields(t, properties, &required)
	s := object{"type": "object", "properties": properties, "required": required}
	if doc := m.docs[t.Name()]; doc != "" {
		s["description"] = doc
	}
	return s
}

func (m *schemaMaker) fields(t reflect.Type, properties object, required *[]any) {
	for f := range t.Fields() {
		name, option, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous {
			m.fields(f.Type, properties, required)
			continue
		}
		p := m.of(f.Type)
		if doc := m.docs[t.Name()+"."+f.Name]; doc != "" {
			p["description"] = doc
		}
		properties[name] = p
		if option == "" {
			*required = append(*required, name)
		}
	}
}

func TestSchema(t *testing.T) {
	got := makeSchema(t)
	if *update {
		if err := os.WriteFile("schema.json", got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if d := cmp.Diff(string(JSONSchema()), string(got)); d != "" {
		t.Errorf("schema.json is not of these types; go test ./qualify/record -update (-is +want):\n%s", d)
	}
}

func TestQualificationsFitTheSchema(t *testing.T) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(JSONSchema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("q.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("q.json")
	if err != nil {
		t.Fatal(err)
	}
	good, _ := showcase()
	small, _ := planted()
	word, _ := planted()
	word.Results[0].Status = "fine"
	old, _ := planted()
	old.Schema = "lanproof/qualification/v0"
	for name, c := range map[string]struct {
		q    *Qualification
		fits bool
	}{"one of everything": {good, true}, "a small one": {small, true}, "an empty one": {&Qualification{Schema: Schema, Profile: Core}, true}, "a status that is none": {word, false}, "another version": {old, false}} {
		var b bytes.Buffer
		if err := c.q.WriteJSON(&b); err != nil {
			t.Fatal(err)
		}
		value, err := jsonschema.UnmarshalJSON(&b)
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(value); (err == nil) != c.fits {
			t.Errorf("%s: %v", name, err)
		}
	}
}
