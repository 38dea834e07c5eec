package scenarios

import (
	"cmp"
	"reflect"
	"slices"
)

// Bind reads a YAML file of another kind than scenarios, such as waivers or an
// inventory, as strictly as those: into, a pointer to a struct with yaml tags, is
// filled, and the error is Errors, all that is wrong with its place and a suggestion.
//
// A field whose tag has the option required must be there. A field At of type
// Position without a name in the file ("-") gets the place where its struct begins.
// A type with UnmarshalText judges its own text; its error follows the place.
func Bind(name string, src []byte, into any) error {
	var l ledger
	root := parse(src, &l.file)
	if root != nil {
		b := newBinder(&l.file, nil, map[*node]bool{})
		b.bind(root, reflect.ValueOf(into).Elem(), rule{})
	}
	return l.errors(name)
}

// Sort puts errors into the order of their places.
func (e Errors) Sort() {
	slices.SortStableFunc(e, func(a, b *Error) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Text, b.Text))
	})
}
