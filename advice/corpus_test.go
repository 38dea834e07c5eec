package advice_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lanproof/lanproof/advice"
	"github.com/lanproof/lanproof/intent"
	"github.com/lanproof/lanproof/intent/command"
	"github.com/lanproof/lanproof/intent/compose"
	"github.com/lanproof/lanproof/run"
	"github.com/lanproof/lanproof/scenarios"
)

// corpus are files as people write them, read by their readers.
func corpus(t *testing.T) map[string]*intent.Intent {
	t.Helper()
	all := map[string]*intent.Intent{}
	for _, pattern := range []string{"../intent/compose/testdata/*.y*ml", "../intent/command/testdata/*"} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if strings.HasSuffix(name, ".want") {
				continue
			}
			var in *intent.Intent
			if strings.Contains(name, "compose") {
				in, err = compose.Load(t.Context(), []string{name}, compose.Options{})
			} else if text, cannot := os.ReadFile(name); cannot == nil {
				in, err = command.Read(name, text)
			}
			if err != nil {
				continue // what cannot be read is its reader's affair
			}
			all[filepath.Base(name)] = in
		}
	}
	return all
}

// TestCorpus holds that whatever is warned of in such files is shown by frames, or is known
// to be shown by none.
func TestCorpus(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("making network namespaces needs root")
	}
	var cases []*scenarios.Case
	files := corpus(t)
	if len(files) < 20 {
		t.Errorf("only %d files can be read", len(files))
	}
	for name, in := range files {
		seen := map[*advice.Trial]bool{}
		for _, w := range advice.Of(in, advice.Surroundings{}) {
			e, explained := advice.Explain(w.ID)
			if !explained {
				t.Errorf("%s: %s is not explained", name, w.ID)
				continue
			}
			if w.Trial == nil && e.Proof != "" {
				t.Logf("%s: nothing shows %s at %s: %s", name, w.ID, w.Place, w.Text)
			}
			if w.Trial == nil || seen[w.Trial] {
				continue
			}
			seen[w.Trial] = true
			s := *w.Trial.Scenario
			s.Name = fmt.Sprintf("corpus-%d", len(cases))
			s.Description = "For " + name + "."
			if c := load(t, &s); !strings.Contains(w.Trial.Scenario.Name, "guest") {
				cases = append(cases, c)
			}
		}
	}
	passes(t, cases, run.Options{On: run.Host, Parallel: 2})
}
