package suites_test

import (
	"embed"
	"testing"

	"github.com/lanproof/lanproof/suites"
)

//go:embed testdata/lan
var files embed.FS

func ExampleRun() {
	// func TestMain(m *testing.M) { suites.Main(m) }
	TestLAN := func(t *testing.T) { suites.Run(t, files, suites.Options{Out: "out"}) }
	_ = TestLAN
}
