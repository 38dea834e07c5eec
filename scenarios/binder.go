package scenarios

import (
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// binder puts a tree into Go values and collects everything that does not fit.
// Where a misspelt word has one likely meaning it goes on with that, so that one
// slip is one error.
type binder struct {
	to *faults
	// claims are the ids of the registry.
	claims []string
	// spoiled are nodes that could not be bound, and mappings that lack
	// something because of it: what is found wrong with them later follows from
	// the error already reported.
	spoiled map[*node]bool
	// tried is true below Refused.Do, where wrong values are the point.
	tried  bool
	fields map[reflect.Type][]field
}

// field of a struct, inline ones taken in.
type field struct {
	name     string
	index    []int
	rule     rule
	required bool
}

// newBinder takes the nodes that are wrong already.
func newBinder(to *faults, claims []string, spoiled map[*node]bool) *binder {
	return &binder{to: to, claims: claims, spoiled: spoiled, fields: map[reflect.Type][]field{}}
}

// fail reports a node that cannot be used.
func (b *binder) fail(n *node, format string, args ...any) bool {
	b.to.add(n.pos, format, args...)
	b.spoiled[n] = true
	return false
}

// bind fills v from n. It returns false when the value is left unset.
func (b *binder) bind(n *node, v reflect.Value, r rule) bool {
	if b.spoiled[n] {
		return false
	}
	switch t := v.Type(); t.Kind() {
	case reflect.Pointer:
		fresh := reflect.New(t.Elem())
		if !b.bind(n, fresh.Elem(), r) {
			return false
		}
		v.Set(fresh)
		return true
	case reflect.Struct:
		return b.bindStruct(n, v)
	case reflect.Slice:
		if isNamed(t) {
			return b.bindNamed(n, v, r)
		}
		return b.bindList(n, v, r)
	case reflect.Map:
		return b.bindMap(n, v, r)
	case reflect.String:
		return b.bindString(n, v, r)
	case reflect.Int:
		return b.bindInt(n, v, r)
	case reflect.Bool:
		return b.bindBool(n, v)
	}
	return b.fail(n, "fields of type %s cannot be read", v.Type())
}

// isNamed reports whether t is a topology.Named list.
func isNamed(t reflect.Type) bool {
	e := t.Elem()
	return e.Kind() == reflect.Struct && strings.HasPrefix(e.Name(), "Item[") && e.NumField() == 2
}

func (b *binder) bindStruct(n *node, v reflect.Value) bool {
	if n.kind != mapping {
		return b.fail(n, "expected a mapping, found %s", n.describe())
	}
	fields := b.fieldsOf(v.Type())
	whole := b.mendKeys(n, fields)
	seen := b.uniqueKeys(n, "field")
	for i := 0; i < len(n.items); i += 2 {
		key, value := n.items[i], n.items[i+1]
		at := slices.IndexFunc(fields, func(f field) bool { return f.name == key.value })
		if at < 0 || seen[key.value] != key {
			continue
		}
		f := fields[at]
		outer := b.tried
		b.tried = outer || v.Type() == reflect.TypeFor[Refused]() && f.name == "do"
		if !b.bind(value, v.FieldByIndex(f.index), f.rule) {
			b.spoiled[n] = true
		}
		b.tried = outer
	}
	for _, f := range fields {
		if f.required && seen[f.name] == nil {
			b.fail(n, "%q is missing", f.name)
		}
	}
	if whole {
		b.checkShape(n, v.Type().Name(), seen)
	}
	if at := v.FieldByName("At"); at.IsValid() && at.Type() == reflect.TypeFor[Position]() {
		at.Set(reflect.ValueOf(n.pos))
	}
	return true
}

// mendKeys reports unknown keys, and puts the one that was meant in their place
// where that is plain and it is not there too. It returns false when a key was lost.
func (b *binder) mendKeys(n *node, fields []field) bool {
	whole := true
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.name
	}
	for i := 0; i < len(n.items); i += 2 {
		key := n.items[i]
		if slices.Contains(names, key.value) && key.kind == scalar {
			continue
		}
		switch {
		case key.kind != scalar:
			b.to.add(key.pos, "expected a field's name, found %s", key.describe())
		case key.tag == "!!merge":
			b.to.add(key.pos, `"<<" does not work here: write the fields out, or use the matrix`)
		default:
			text, meant := unknown("field", key.value, names)
			b.to.add(key.pos, "%s", text)
			if _, there := n.get(meant); meant != "" && there == nil {
				key.value = meant
				continue
			}
		}
		b.spoiled[n], whole = true, false
	}
	return whole
}

// uniqueKeys reports keys that come twice and returns the first of each.
func (b *binder) uniqueKeys(n *node, what string) map[string]*node {
	seen := map[string]*node{}
	for i := 0; i < len(n.items); i += 2 {
		key := n.items[i]
		if key.kind != scalar {
			continue
		}
		if first := seen[key.value]; first != nil {
			b.to.add(key.pos, "%s %s comes twice; the first is on line %d", what, quote(key.value), first.pos.Line)
			continue
		}
		seen[key.value] = key
	}
	return seen
}

// checkShape reports fields that are missing or exclude each other.
func (b *binder) checkShape(n *node, name string, seen map[string]*node) {
	s := shapes[name]
	isSet := func(name string) bool { return seen[name] != nil }
	for _, r := range s.required {
		if !isSet(r) {
			b.fail(n, "%q is missing", r)
		}
	}
	if s.anyOf != nil && !slices.ContainsFunc(s.anyOf, isSet) {
		b.fail(n, "at least one is needed of %s", strings.Join(s.anyOf, ", "))
	}
	if s.oneOf == nil {
		return
	}
	set := slices.DeleteFunc(slices.Clone(s.oneOf), func(name string) bool { return !isSet(name) })
	switch {
	case len(set) == 0:
		b.fail(n, "exactly one is needed of %s", strings.Join(s.oneOf, ", "))
	case len(set) > 1:
		b.fail(n, "only one is allowed of %s; two need two entries", strings.Join(set, ", "))
	}
}

func (b *binder) bindNamed(n *node, v reflect.Value, r rule) bool {
	if n.kind != mapping {
		return b.fail(n, "expected a mapping of names, found %s", n.describe())
	}
	seen := b.uniqueKeys(n, "name")
	for i := 0; i < len(n.items); i += 2 {
		key := n.items[i]
		item := reflect.New(v.Type().Elem()).Elem()
		if !b.bindString(key, item.Field(0), r) || seen[key.value] != key {
			continue
		}
		// A thing that could not be read is there all the same.
		b.bind(n.items[i+1], item.Field(1), valueRule(item.Field(1).Type()))
		v.Set(reflect.Append(v, item))
	}
	return true
}

func (b *binder) bindMap(n *node, v reflect.Value, r rule) bool {
	if n.kind != mapping {
		return b.fail(n, "expected a mapping, found %s", n.describe())
	}
	seen := b.uniqueKeys(n, "key")
	v.Set(reflect.MakeMap(v.Type()))
	for i := 0; i < len(n.items); i += 2 {
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		if b.bind(n.items[i], key, r) && seen[n.items[i].value] == n.items[i] && b.bind(n.items[i+1], value, valueRule(value.Type())) {
			v.SetMapIndex(key, value)
		}
	}
	return true
}

func (b *binder) bindList(n *node, v reflect.Value, r rule) bool {
	items := n.items
	if v.Type() == reflect.TypeFor[[]Check]() && n.kind == scalar {
		return b.bindOracle(n, v)
	}
	if n.kind != list {
		if v.Type() != reflect.TypeFor[Values]() || n.kind != scalar {
			return b.fail(n, "expected a list, found %s", n.describe())
		}
		items = []*node{n}
	}
	v.Set(reflect.MakeSlice(v.Type(), len(items), len(items)))
	for i, item := range items {
		// A wrong item keeps its place, so that the others keep theirs.
		if !b.bind(item, v.Index(i), r) {
			b.spoiled[n] = true
		}
	}
	return true
}

// oracleWord stands for the checks that the oracle makes by itself.
const oracleWord = "oracle"

// bindOracle reads checks that are one word.
func (b *binder) bindOracle(n *node, v reflect.Value) bool {
	if n.value != oracleWord {
		return b.fail(n, "expected a list of checks, or %s, found %q", oracleWord, n.value)
	}
	v.Set(reflect.ValueOf([]Check{{At: n.pos, Oracle: Values{"all"}}}))
	return true
}

func (b *binder) bindString(n *node, v reflect.Value, r rule) bool {
	number := n.plain && (n.tag == "!!int" || n.tag == "!!float" || n.tag == "!!timestamp" || r.word && n.tag == "!!bool")
	if n.kind != scalar || n.tag != "!!str" && !number {
		hint := ""
		if n.tag == "!!bool" {
			hint = fmt.Sprintf(" (quote it if you mean the word: %q)", n.value)
		}
		return b.fail(n, "expected text, found %s%s", n.describe(), hint)
	}
	value := n.value
	if text, meant := b.judge(value, r); text != "" {
		b.to.add(n.pos, "%s", text)
		if meant == "" {
			b.spoiled[n] = true
			return false
		}
		value = meant
	}
	if own, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		if err := own.UnmarshalText([]byte(value)); err != nil {
			return b.fail(n, "%v", err)
		}
		return true
	}
	v.SetString(value)
	return true
}

func (b *binder) judge(value string, r rule) (text, meant string) {
	switch {
	case b.tried:
		return "", ""
	case r.what == "claim" && !slices.Contains(b.claims, value):
		return unknown("claim", value, b.claims)
	}
	return r.judge(value)
}

func (b *binder) bindInt(n *node, v reflect.Value, r rule) bool {
	digits := strings.TrimLeft(n.value, "+-")
	number, err := strconv.ParseInt(n.value, 0, 0)
	switch {
	case n.kind != scalar || n.tag != "!!int":
		return b.fail(n, "expected a whole number, found %s", n.describe())
	case len(digits) > 1 && digits[0] == '0' && digits[1] >= '0' && digits[1] <= '9':
		return b.fail(n, "%s is ambiguous: write it without leading zeros", n.value)
	case err != nil:
		return b.fail(n, "%s is no whole number, or far too large", quote(n.value))
	case r.max != 0 && !b.tried && (number < int64(r.min) || number > int64(r.max)):
		return b.fail(n, "%s is outside %d to %d", n.value, r.min, r.max)
	}
	v.SetInt(number)
	return true
}

func (b *binder) bindBool(n *node, v reflect.Value) bool {
	if n.kind != scalar || n.tag != "!!bool" {
		return b.fail(n, "expected true or false, found %s", n.describe())
	}
	v.SetBool(strings.EqualFold(n.value, "true"))
	return true
}

// fieldsOf lists a struct's fields by their names in files, in Go's order.
func (b *binder) fieldsOf(t reflect.Type) []field {
	if known, ok := b.fields[t]; ok {
		return known
	}
	fields := structFields(t, t.Name())
	b.fields[t] = fields
	return fields
}

// structFields reads the yaml tags. A field's rule goes by the struct that
// declares it, or by the one that takes it in.
func structFields(t reflect.Type, outer string) []field {
	var fields []field
	for f := range t.Fields() {
		name, option, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if name == "-" {
			continue
		}
		if option == "inline" {
			for _, inner := range structFields(f.Type, outer) {
				inner.index = append([]int{f.Index[0]}, inner.index...)
				fields = append(fields, inner)
			}
			continue
		}
		r, ok := rules[t.Name()+"."+name]
		if !ok {
			r = rules[outer+"."+name]
		}
		fields = append(fields, field{name, f.Index, r, option == "required"})
	}
	return fields
}
