package suites_test
import ("testing";"os";"github.com/lanproof/lanproof/suites")
func TestTmp(t *testing.T) { suites.Run(t, os.DirFS("testdata/"+os.Getenv("DIR")), suites.Options{Out: os.Getenv("OUT")}) }
