// Package deps holds the lines between the rooms: who may import whom, and why
// not. It has no code but this test.
package deps

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/lanproof/lanproof/"

// rooms from top to bottom: arrows point down only.
var rooms = []string{
	"cmd/lanproof", "answer", "advice", "intent", "qualify", "bench/turns", "bench", "suites", "run", "scenarios", "topology/lab", "engine", "topology", "probe", "capture", "reports", "guest", "internal",
}

// forbidden are imports that a room must not have even by way of others.
var forbidden = []struct {
	room, imports, why string
}{
	{"scenarios", "golang.org/x/sys/unix", "the file format knows no kernel"},
	{"scenarios", "github.com/vishvananda/netlink", "the file format knows no kernel"},
	{"topology", "golang.org/x/sys/unix", "a plan is pure"},
	{"topology", "github.com/vishvananda/netlink", "a plan is pure"},
	{"reports", "github.com/vishvananda/netlink", "reports read result values only"},
	{"reports", module + "topology", "reports read result values only"},
	{"reports", module + "scenarios", "reports read result values only"},
	{"probe", module + "scenarios", "a probe does not know what a scenario is"},
	{"probe", module + "topology", "a probe does not know what a scenario is"},
	{"capture", module + "scenarios", "a capture does not know what a scenario is"},
	{"guest", module + "scenarios", "a guest carries any job"},
	{"run", "github.com/onsi/ginkgo/v2", "the engine room does not import Ginkgo"},
	{"run", "github.com/onsi/gomega", "the engine room does not import Ginkgo"},
	{"qualify/record", "github.com/vishvananda/netlink", "a record is judged on any machine"},
	{"qualify/record", module + "internal/netns", "a record is judged on any machine"},
	{"qualify/record", module + "capture", "a record is judged on any machine"},
	{"qualify/record", module + "probe", "a record is judged on any machine"},
	{"qualify/record", module + "run", "a record is judged on any machine"},
	{"bench/record", "github.com/vishvananda/netlink", "figures are judged on any machine"},
	{"bench/record", module + "internal/netns", "figures are judged on any machine"},
	{"bench/record", module + "topology/lab", "figures are judged on any machine"},
	{"bench/history", "github.com/vishvananda/netlink", "a history is read on any machine"},
	{"bench/history", module + "internal/netns", "a history is read on any machine"},
	{"bench", "modernc.org/sqlite", "a database is for a history alone"},
	{"bench/record", "modernc.org/sqlite", "a database is for a history alone"},
	{"bench/turns", "modernc.org/sqlite", "a database is for a history alone"},
	{"qualify", "modernc.org/sqlite", "a database is for a history alone"},
	{"suites", "modernc.org/sqlite", "a database is for a history alone"},
	{"run", "modernc.org/sqlite", "a guest works for a run, and has no database"},
	{"guest", "modernc.org/sqlite", "a guest has no database"},
	{"reports", "modernc.org/sqlite", "a database is for a history alone"},
	{"intent/command", "github.com/containernetworking/cni/libcni", "command lines and CNI configurations are read by different packages"},
	{"run", "mvdan.cc/sh/v3/syntax", "a run knows what is to be built, not how somebody wrote it down"},
	{"run", module + "intent", "a run knows what is to be built, not how somebody wrote it down"},
	{"intent", "github.com/vishvananda/netlink", "what is written is read on any machine"},
	{"intent", module + "scenarios", "what is written does not know what would come of it"},
	{"run", "github.com/compose-spec/compose-go/v2/loader", "a guest works for a run, and reads no Compose file"},
	{"advice", "github.com/compose-spec/compose-go/v2/loader", "advice is given on what was read, whichever the file"},
	{"advice", module + "internal/netns", "advice is given on any machine"},
	{"advice", module + "run", "advice names what shows it and runs nothing"},
}

// list runs go list and returns the lines that it prints.
func list(t *testing.T, args ...string) []string {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list"}, args...)...)
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list %v: %v", args, err)
	}
	return strings.Fields(string(out))
}

func TestArrowsPointDown(t *testing.T) {
	for _, pkg := range list(t, "./...") {
		from := roomOf(pkg)
		if from < 0 {
			t.Errorf("%s is in no room", pkg)
			continue
		}
		for _, imp := range list(t, "-f", `{{join .Imports "\n"}}`, pkg) {
			if !strings.HasPrefix(imp, module) || roomOf(imp) == from {
				continue
			}
			if roomOf(imp) < from {
				t.Errorf("%s imports %s, which is above it", pkg, imp)
			}
		}
	}
}

// roomOf is the place of a package's room in the list, -1 when it has none.
func roomOf(pkg string) int {
	path := strings.TrimPrefix(pkg, module)
	return slices.IndexFunc(rooms, func(room string) bool { return path == room || strings.HasPrefix(path, room+"/") })
}

func TestForbiddenImports(t *testing.T) {
	for _, f := range forbidden {
		if slices.Contains(list(t, "-deps", module+f.room), f.imports) {
			t.Errorf("%s imports %s, though %s", f.room, f.imports, f.why)
		}
	}
}
