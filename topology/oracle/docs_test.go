package oracle_test

import (
	"bytes"
	"flag"
	"testing"

	"github.com/lanproof/lanproof/internal/golden"
	"github.com/lanproof/lanproof/topology/oracle"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestDocumentedTables holds the documentation against the tables.
func TestDocumentedTables(t *testing.T) {
	const page = "../../docs/tables.md"
	var b bytes.Buffer
	if err := oracle.WriteMarkdown(&b); err != nil {
		t.Fatal(err)
	}
	golden.Compare(t, page, b.String(), *update)
}
