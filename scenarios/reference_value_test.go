package scenarios

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// value says what a key takes, and what holds without it.
func (p *referencePage) value(t reflect.Type, f field, defaults bool) string {
	text := p.kind(t, f.rule, f.name)
	switch {
	case !defaults:
	case f.rule.preset != "":
		text += "; default `" + f.rule.preset + "`"
	case t.Kind() == reflect.Bool:
		text += "; default `false`"
	}
	return text
}

// kind says what a type takes.
func (p *referencePage) kind(t reflect.Type, r rule, key string) string {
	switch t.Kind() {
	case reflect.Pointer:
		return p.kind(t.Elem(), r, key)
	case reflect.Struct:
		s := p.of(t)
		return fmt.Sprintf("[%s](#%s)", s.anchor, s.anchor)
	case reflect.Bool:
		return "`true` or `false`"
	case reflect.Int:
		switch {
		case r.max >= 1<<31-1:
			return fmt.Sprintf("whole number, %d or more", r.min)
		case r.max != 0:
			return fmt.Sprintf("whole number, %d to %d", r.min, r.max)
		}
		return "whole number"
	case reflect.String:
		return p.word(r, key)
	case reflect.Map:
		return p.mapping(t, r, key)
	}
	if isNamed(t) {
		value := p.kind(t.Elem().Field(1).Type, rule{what: "value"}, "")
		if r.what == "" {
			r.what = "name"
		}
		return fmt.Sprintf("mapping: %s → %s", p.word(rule{what: r.what}, ""), value)
	}
	item := p.kind(t.Elem(), r, key)
	switch t {
	case reflect.TypeFor[Values]():
		return item + "; or a list"
	case reflect.TypeFor[[]Check]():
		return "list: " + item + ", or `" + oracleWord + "`"
	}
	return "list: " + item
}

func (p *referencePage) mapping(t reflect.Type, r rule, key string) string {
	from, to := p.kind(t.Key(), r, key), p.kind(t.Elem(), rule{what: "value"}, "")
	switch key {
	case "when", "exclude":
		from = "variable"
	case "aux_addresses":
		from, to = "name", "IP address"
	case "attributes":
		from = "attribute"
	}
	return fmt.Sprintf("mapping: %s → %s", from, to)
}

// word says what a text may be. Long lists stand at the end of the page.
func (p *referencePage) word(r rule, key string) string {
	const most = 14
	switch {
	case len(r.enum) > most:
		anchor := "words-" + key
		list := fmt.Sprintf("<a id=\"%s\"></a>\n\nAs %s: %s.", anchor, article(r.what), strings.Join(r.enum, ", "))
		if key == "still" { // the same words as those of rise
			anchor = "words-rise"
		} else if !slices.Contains(p.lists, list) {
			p.lists = append(p.lists, list)
		}
		return fmt.Sprintf("[%s](#%s)", r.what, anchor)
	case r.enum != nil:
		return "`" + strings.Join(r.enum, "`, `") + "`"
	case r.form == nameForm, r.form == variableForm, r.form == labelForm:
		return r.what + " (" + r.form + ")"
	case r.form != "":
		return strings.TrimPrefix(r.form, "it is written ")
	case r.what != "":
		return strings.ReplaceAll(r.what, " or none", ", or `none`")
	}
	return "text"
}

func article(noun string) string {
	if strings.ContainsAny(noun[:1], "aeiou") {
		return "an " + noun
	}
	return "a " + noun
}
