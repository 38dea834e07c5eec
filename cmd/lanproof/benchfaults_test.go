package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/bench/record"
)

// bencher is a command that measures into a folder.
func bencher(t *testing.T, mark, out string, args ...string) *exec.Cmd {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("it takes root, or lanproof would start itself anew")
	}
	cmd := exec.Command(filepath.Join(bin, "lanproof"), append([]string{"bench", "--out", out}, args...)...)
	cmd.Env = append(os.Environ(), mark)
	cmd.Stderr = &bytes.Buffer{}
	return cmd
}

// keptFigures loads what a run has left, with the number of samples of the one figure of
// each system.
func keptFigures(t *testing.T, out string) (*record.Run, map[string]int) {
	t.Helper()
	r, err := record.Load(out)
	if err != nil {
		t.Fatal(err)
	}
	n := map[string]int{}
	for _, s := range r.Series {
		n[s.System] += len(s.Samples)
	}
	return r, n
}

// TestBench measures on this kernel and in a guest, in turns.
func TestBench(t *testing.T) {
	needGuest(t)
	out := filepath.Join(t.TempDir(), "out")
	cmd := bencher(t, "LANPROOF_TEST="+t.Name(), out, "--kernel", "host", "--kernel", "debian:6.12", "--kernel", "debian:6.12", "--clock", "time", "--count", "2", "--seed", "5", "--json", "machine/loop", "no-such-name*", "machine")
	if text, err := cmd.Output(); cmd.ProcessState.ExitCode() != exitUsage || len(text) > 0 || !strings.Contains(fmt.Sprint(cmd.Stderr), `unknown benchmark "no-such-name*"`) {
		t.Errorf("an unknown name: %v, %s%s", err, text, cmd.Stderr)
	}
	args := slices.DeleteFunc(cmd.Args[2:], func(a string) bool { return a == "no-such-name*" })
	cmd = bencher(t, "LANPROOF_TEST="+t.Name(), out, args...)
	text, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, cmd.Stderr)
	}
	said, err := record.ReadJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	r, n := keptFigures(t, out)
	if len(said.Series) != len(r.Series) || said.Seed != 5 || !strings.HasSuffix(r.Command, "--json machine/loop machine") {
		t.Errorf("%+v was printed, and %+v kept", said, r)
	}
	for _, id := range []string{"host", "guest debian:6.12", "guest debian:6.12#2"} {
		if n[id] != 2 {
			t.Errorf("%s has %d samples: %v", id, n[id], n)
		}
	}
	for _, want := range []string{"warm-up", "block 2 of 2", "guest debian:6.12#2", "too few"} {
		if !strings.Contains(fmt.Sprint(cmd.Stderr), want) {
			t.Errorf("it does not say %q:\n%s", want, cmd.Stderr)
		}
	}
}

// TestBenchEnds ends a run in its middle, in every way and on both grounds: what it had
// measured is there, and no process and no file more.
func TestBenchEnds(t *testing.T) {
	for _, ground := range []string{"host", "guest"} {
		for _, s := range []unix.Signal{unix.SIGINT, unix.SIGKILL} {
			t.Run(ground+" "+unix.SignalName(s), func(t *testing.T) {
				if ground == "guest" {
					needGuest(t)
				}
				mark, out := "LANPROOF_TEST="+t.Name(), filepath.Join(t.TempDir(), "out")
				cmd := bencher(t, mark, out, "--on", ground, "--count", "100000", "machine/loop")
				lines := startAndWaitFor(t, cmd, "block 2 of")
				family := processes(t, mark)
				if err := cmd.Process.Signal(s); err != nil {
					t.Fatal(err)
				}
				_, _ = io.ReadAll(lines)
				_ = cmd.Wait()
				for _, p := range family {
					p.awaitEnd(t)
				}
				checkGone(t, mark, nil)
				r, n := keptFigures(t, out)
				if len(r.Series) != 1 || n[r.Systems[0].ID] < 2 {
					t.Errorf("%v samples are kept", n)
				}
				if s == unix.SIGKILL {
					return
				}
				if status := cmd.ProcessState.ExitCode(); status != exitHarness || !strings.Contains(fmt.Sprint(cmd.Stderr), "interrupt") {
					t.Errorf("exit status %d, said %s", status, cmd.Stderr)
				}
				if len(r.Problems) != 1 || r.Problems[0].Kind != "error" || !strings.Contains(r.Problems[0].Reason, "ended in block") {
					t.Errorf("problems %+v", r.Problems)
				}
			})
		}
	}
}

// TestBenchOnFullDisk fills the disk while it measures: what was kept before stays whole.
func TestBenchOnFullDisk(t *testing.T) {
	dir := t.TempDir()
	kept := filepath.Join(t.TempDir(), "kept")
	if os.Geteuid() != 0 {
		t.Skip("it takes root to mount a disk")
	}
	cmd := exec.Command("unshare", "-m", "sh", "-c",
		`mount -t tmpfs -o size=32k lanproof "$1" && { "$2" bench --count 100000 --out "$1/out" machine/loop; status=$?; ls -A "$1/out" && cp -r "$1/out" "$3"; exit $status; }`,
		"sh", dir, filepath.Join(bin, "lanproof"), kept)
	text, _ := cmd.CombinedOutput()
	if status := cmd.ProcessState.ExitCode(); status != exitHarness || !strings.Contains(string(text), "no space left on device") {
		t.Errorf("exit status %d, said %s", status, text)
	}
	if r, n := keptFigures(t, kept); n["host"] < 10 {
		t.Errorf("%d samples are kept; problems %v", n["host"], r.Problems)
	}
	left, err := os.ReadDir(kept)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range left {
		if strings.HasPrefix(f.Name(), ".") {
			t.Errorf("%s is left", f.Name())
		}
	}
}
