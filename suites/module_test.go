package suites_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const lanproof = "github.com/lanproof/lanproof"

// TestAnotherModule takes the lines of the package's text into a module of its
// own, and runs its suite.
func TestAnotherModule(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod": theirGoMod(t), "go.sum": read(t, filepath.Join(root(t), "go.sum")), "lan_test.go": theirTest(t),
		"scenarios/wrong.yaml": read(t, "testdata/lan/wrong.yaml"), "scenarios/more/siblings.yaml": read(t, "testdata/lan/siblings.yaml"),
	} {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("go", "test", "-mod=mod", "./...", "-ginkgo.no-color")
	cmd.Dir = dir
	// What is downloaded is enough, and the race detector is this test's own.
	cmd.Env = append(os.Environ(), "GOPROXY=off", "GOFLAGS=", "GOWORK=off", "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	theirs{output: string(out), status: cmd.ProcessState.ExitCode()}.want(t, 1,
		"FAIL	example.com/theirs", "scenarios/wrong.yaml:22: host reaches c1", "5 Passed", "1 Failed")
	if err == nil {
		t.Error("go test is content with a suite that fails")
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// root is the folder of lanproof's own module.
func root(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", lanproof).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// theirGoMod is lanproof's with another name, and with lanproof taken from here.
func theirGoMod(t *testing.T) string {
	t.Helper()
	own := strings.Replace(read(t, filepath.Join(root(t), "go.mod")), "module "+lanproof, "module example.com/theirs", 1)
	return own + "\nrequire " + lanproof + " v0.0.0\nreplace " + lanproof + " => " + root(t) + "\n"
}

// theirTest is a file with the lines that the package's text shows, of which
// there may be five.
func theirTest(t *testing.T) string {
	t.Helper()
	var lines []string
	for line := range strings.Lines(read(t, "doc.go")) {
		code, ok := strings.CutPrefix(line, "//\t")
		switch {
		case ok:
			lines = append(lines, code)
		case len(lines) > 0 && strings.TrimSpace(line) != "//":
			if len(lines) > 5 {
				t.Errorf("%d lines, want 5 at most", len(lines))
			}
			return "package theirs\n\nimport (\n\t\"embed\"\n\t\"testing\"\n\n\t\"" + lanproof + "/suites\"\n)\n\n" + strings.Join(lines, "")
		}
	}
	t.Fatal("the package's text shows no lines")
	return ""
}
