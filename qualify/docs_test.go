package qualify_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/lanproof/lanproof/guest/cards"
	"github.com/lanproof/lanproof/qualify"
	"github.com/lanproof/lanproof/qualify/record"
)

var update = flag.Bool("update", false, "write the lists of the handbook anew")

// TestDocumented holds the handbook's lists against the requirements and the cards that
// there are.
func TestDocumented(t *testing.T) {
	const page = "../docs/qualification.md"
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	want := string(text)
	for name, list := range map[string]string{"requirements": requirementList(), "models": modelList()} {
		begin := "<!-- " + name + ": written by go test ./qualify -run Documented -update -->\n"
		head, rest, ok := strings.Cut(want, begin)
		_, tail, also := strings.Cut(rest, "<!-- end of "+name+" -->")
		if !ok || !also {
			t.Fatalf("%s has no place for the %s", page, name)
		}
		want = head + begin + list + "<!-- end of " + name + " -->" + tail
	}
	if want == string(text) {
		return
	}
	if !*update {
		t.Errorf("%s does not tell of the requirements and cards that there are; write it anew with -run Documented -update", page)
	} else if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}

func requirementList() string {
	var b strings.Builder
	for _, profile := range []record.Profile{record.Core, record.Full} {
		fmt.Fprintf(&b, "\n%s:\n\n| id | what must be so | where that comes from |\n|---|---|---|\n",
			map[record.Profile]string{record.Core: "Of the core", record.Full: "Of the full profile, in addition"}[profile])
		for _, r := range qualify.Requirements() {
			if r.Profile == profile {
				fmt.Fprintf(&b, "| `%s` | %s: %s | %s |\n", r.ID, r.Title, r.Expected, strings.ReplaceAll(r.Source, "|", `\|`))
			}
		}
	}
	return b.String() + "\n"
}

func modelList() string {
	b := "\n| model | it imitates | Linux's driver |\n|---|---|---|\n"
	for _, c := range cards.Cards() {
		b += fmt.Sprintf("| `%s` | %s | %s |\n", c.Model, c.Chip, c.Driver)
	}
	return b + "\n"
}
