package suites_test

import (
	"testing"

	"github.com/lanproof/lanproof/scenarios"
	"github.com/lanproof/lanproof/suites"
)

func TestMain(m *testing.M) { suites.Main(m) }

// TestCatalogue runs the built-in scenarios.
func TestCatalogue(t *testing.T) {
	suites.Run(t, scenarios.Catalogue(), suites.Options{Name: "catalogue", Dir: "scenarios/catalogue"})
}
