package scenarios

import (
	_ "embed"
	"slices"
)

// The schema, and docs/reference.md for people, are generated from the Go types,
// their comments and the loader's own rules by the tests: go test -run
// IsCurrent -update. It is kept as a file so that editors can be pointed to it,
// and so that no parser of Go has to be in the binary.
//
//go:generate go test -run IsCurrent -update .
//go:embed schema.json
var schema []byte

// Schema returns the JSON Schema (draft 2020-12) of scenario files, for editors
// to complete and check by. What it cannot say (references, addresses, the rules
// of topologies) only Load checks.
func Schema() []byte { return slices.Clone(schema) }
