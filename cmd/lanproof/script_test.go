package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/lanproof/lanproof/guest/kernel"
	"github.com/lanproof/lanproof/internal/drops"
	"github.com/lanproof/lanproof/internal/features"
)

// bin is the folder of the lanproof that the tests run, built as users build it.
var bin string

func TestMain(m *testing.M) {
	os.Exit(withBinary(m.Run))
}

func withBinary(test func() int) int {
	dir, err := os.MkdirTemp("", "lanproof-cmd-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", dir+"/lanproof", ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build lanproof: %v\n%s", err, out)
		return 1
	}
	// An ordinary user runs it, too.
	if err := os.Chmod(dir, 0o755); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	bin = dir
	return test()
}

// TestScripts runs the command line as people do: testdata/script has a file for
// each of its sides. Two commands are added to testscript's own:
//
//	status N PROGRAM ARGS...   runs a program and wants that exit status
//	unbuilt                    wants that nothing was built or left in lanproof-out
//
// and two conditions: [have:FEATURE] is true where this kernel has the feature, and
// [drops] where drops can be traced.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                "testdata/script",
		RequireUniqueNames: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", bin+string(filepath.ListSeparator)+os.Getenv("PATH"))
			env.Setenv("BIN", bin)
			env.Setenv("LANPROOF_CACHE", kernel.DefaultCache()) // kernels are fetched once
			env.Setenv("LANPROOF_STATE", filepath.Join(env.WorkDir, "state"))
			return nil
		},
		Condition: condition,
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"status":  status,
			"unbuilt": unbuilt,
		},
	})
}

func condition(name string) (bool, error) {
	if name == "drops" {
		tracer, err := drops.Open()
		return err == nil, tracer.Close()
	}
	feature, ok := strings.CutPrefix(name, "have:")
	if !ok {
		return false, fmt.Errorf("unknown condition %q", name)
	}
	var k features.Kernel
	defer k.Close()
	err := k.Have(feature)
	if errors.Is(err, features.ErrNotSupported) {
		return false, nil
	}
	return err == nil, err
}

func status(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N PROGRAM ARGS...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	err = ts.Exec(args[1], args[2:]...)
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		got = exit.ExitCode()
	default:
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
}

func unbuilt(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: unbuilt")
	}
	if _, err := os.Stat(ts.MkAbs("lanproof-out")); !errors.Is(err, os.ErrNotExist) {
		ts.Fatalf("there is a lanproof-out (%v)", err)
	}
}
