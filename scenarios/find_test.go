package scenarios

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

func write(t *testing.T, dir, name, src string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(src), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestFind(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.MkdirAll("set/below", 0o755); err != nil {
		t.Fatal(err)
	}
	check := "checks: [{link: {link: h/eth0}}]\n"
	write(t, "set", "small.yaml", small+check)
	write(t, "set", "vids.yml", matrixFile)
	write(t, "set", "notes.txt", "not a scenario")
	write(t, "set/below", "small.yaml", "broken: [")
	write(t, ".", "small.yaml", small+check)
	write(t, ".", "vids.yaml", matrixFile)

	one := "vids@vid=0x14,kind=veth,up=true"
	all := []string{"vids@vid=10,kind=dummy,up=true", "vids@vid=10,kind=dummy,up=false", "vids@vid=10,kind=veth,up=true", one}
	for _, c := range []struct {
		args []string
		want []string
	}{
		{[]string{"set/small.yaml"}, []string{"small"}},
		{[]string{"set"}, append([]string{"small"}, all...)},
		{[]string{"./set/", "set/small.yaml"}, append([]string{"small"}, all...)},
		{[]string{"macvlan-two-endpoints", "small.yaml"}, []string{"macvlan-two-endpoints", "small"}},
		{[]string{"host-unreachable@mode=vepa"}, []string{"host-unreachable@mode=vepa"}},
		{[]string{"host-unreachable@mode=vepa", "host-unreachable@mode=bridge"}, []string{"host-unreachable@mode=vepa", "host-unreachable@mode=bridge"}},
		{[]string{"vids.yaml@vid=0x14,kind=veth,up=true"}, []string{one}},
		{[]string{"set/vids.yml@vid=0x14,kind=veth,up=true"}, []string{one}},
	} {
		files, err := Find(c.args)
		if err != nil {
			t.Errorf("%v: %v", c.args, err)
			continue
		}
		var got []string
		for _, f := range files {
			got = append(got, caseNames(f)...)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%v: %s", c.args, diff)
		}
	}
}

func TestFindNothing(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.MkdirAll("empty", 0o755); err != nil {
		t.Fatal(err)
	}
	check := "checks: [{link: {link: h/eth0}}]\n"
	write(t, ".", "small.yaml", small+check)
	write(t, "empty", "notes.txt", "")
	if err := os.MkdirAll("other", 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, "other", "small.yaml", small+check)
	write(t, ".", "bad.yaml", "name: bad\nchekcs: []\nstations: {pc: {}}\n")
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"macvlan-two-endpoint"}, `unknown scenario "macvlan-two-endpoint" (did you mean "macvlan-two-endpoints"?)`},
		{[]string{"zzz"}, `"zzz" is no file, no folder and no built-in scenario`},
		{[]string{""}, `"" is no file, no folder and no built-in scenario`},
		{[]string{"no/such.yaml"}, `no/such.yaml: cannot open the scenario file: no such file or directory`},
		{[]string{"empty"}, `empty: the folder has no scenario file (*.yaml, *.yml)`},
		{[]string{"small.yaml", "other/small.yaml"}, `other/small.yaml:1:1: scenario small is also small.yaml: results go by the name`},
		{[]string{"host-unreachable@mode=veap"}, `scenarios/catalogue/host-unreachable.yaml:1:1: unknown case "host-unreachable@mode=veap" (did you mean "host-unreachable@mode=vepa"?)`},
		{[]string{"zzz", "bad.yaml", "empty"}, `"zzz" is no file, no folder and no built-in scenario
bad.yaml:2:1: unknown field "chekcs" (did you mean "checks"?)
bad.yaml:2:9: nothing is checked: a run without a check proves nothing
empty: the folder has no scenario file (*.yaml, *.yml)`},
	} {
		files, err := Find(c.args)
		if err == nil {
			t.Errorf("%v: found %d files", c.args, len(files))
			continue
		}
		if diff := cmp.Diff(c.want, err.Error()); diff != "" {
			t.Errorf("%v: %s", c.args, diff)
		}
	}
}

func TestBuiltin(t *testing.T) {
	files, err := Find(nil)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range files {
		names = append(names, f.Name)
		if want := "scenarios/catalogue/" + f.Name + ".yaml"; f.Path != want {
			t.Errorf("%s is called %s", want, f.Path)
		}
		for _, c := range f.Cases() {
			if c.Scenario.Title == "" || c.Scenario.Description == "" || len(c.Scenario.Labels) == 0 {
				t.Errorf("%s: a built-in scenario has title, description and labels", c.Name)
			}
		}
	}
	if !slices.IsSorted(names) || !slices.Contains(names, "macvlan-two-endpoints") {
		t.Error(names)
	}
}

// Another module's embedded folder.
func TestFindFS(t *testing.T) {
	folder := fstest.MapFS{
		"small.yaml":    {Data: []byte(small + "checks: [{link: {link: h/eth0}}]\n")},
		"sub/deep.yaml": {Data: []byte("broken")},
	}
	files, err := FindFS(folder, "mine")
	if err != nil || len(files) != 1 || files[0].Path != "mine/small.yaml" {
		t.Error(files, err)
	}
	folder["bad.yaml"] = &fstest.MapFile{Data: []byte("broken")}
	if _, err := FindFS(folder, "mine"); err == nil || err.Error() != `mine/bad.yaml:1:1: expected a mapping, found "broken"` {
		t.Error(err)
	}
}

func TestClaims(t *testing.T) {
	claims, err := Claims()
	if err != nil || len(claims) == 0 {
		t.Fatal(claims, err)
	}
	for _, c := range claims {
		if !strings.HasSuffix(c.Text, ".") {
			t.Errorf("%s: %q is no sentence", c.ID, c.Text)
		}
	}
	_, err = readClaims("claims.yaml", []byte("- {id: a, text: x, source: y}\n- {id: a, txet: x, source: y}\n- {id: B, text: x}\n"))
	want := `claims.yaml:2:8: claim "a" comes twice
claims.yaml:2:11: unknown field "txet" (did you mean "text"?)
claims.yaml:3:3: "source" is missing
claims.yaml:3:8: "B" is no id: lower-case letters, digits and dashes only`
	if err == nil || err.Error() != want {
		t.Error(err)
	}
}
