package record

import (
	_ "embed"
	"slices"
)

//go:embed schema.json
var schemaJSON []byte

// JSONSchema is the JSON Schema of qualification.json. It is made of this package's
// types and their comments.
func JSONSchema() []byte { return slices.Clone(schemaJSON) }
