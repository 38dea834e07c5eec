package suites_test

import (
	"testing"

	"github.com/lanproof/lanproof/scenarios"
	"github.com/lanproof/lanproof/suites"
)

func TestMain(m *testing.M) { suites.Main(m) }

func TestCatalogue(t *testing.T) {
	suites.Run(t, scenarios.Catalogue(), suites.Options{Dir: "scenarios/catalogue"})
}
