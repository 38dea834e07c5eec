package oracle_test

import (
	"bytes"
	"flag"
	"os"
	"testing"

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
	if *update {
		if err := os.WriteFile(page, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(page)
	if err != nil || !bytes.Equal(have, b.Bytes()) {
		t.Errorf("%s is not what the tables say (%v); run with -update if that was meant", page, err)
	}
}
