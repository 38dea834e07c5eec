package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/lanproof/lanproof/capture/frames"
	"github.com/lanproof/lanproof/engine"
	cells "github.com/lanproof/lanproof/engine/cell"
	"github.com/lanproof/lanproof/engine/docker"
	"github.com/lanproof/lanproof/guest/kernel"
	"github.com/lanproof/lanproof/internal/drops"
	"github.com/lanproof/lanproof/internal/features"
	"github.com/lanproof/lanproof/internal/netns"
	"github.com/lanproof/lanproof/probe/mark"
	"github.com/lanproof/lanproof/qualify/record"
)

// bin is the folder of the lanproof that the tests run, built as users build it.
var bin string

func TestMain(m *testing.M) {
	cells.Main()
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
// each of its sides. Four commands are added to testscript's own:
//
//	status N PROGRAM ARGS...   runs a program and wants that exit status
//	unbuilt                    wants that nothing was built or left in lanproof-out
//	bundle DIR PASS|FAIL       leaves the bundle of a qualification
//	figures DIR [KEY=VALUE...] leaves the figures of benchmarks
//
// and three conditions: [have:FEATURE] is true where this kernel has the feature,
// [drops] where drops can be traced, and [dockerd] where Docker starts.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                "testdata/script",
		RequireUniqueNames: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", bin+string(filepath.ListSeparator)+os.Getenv("PATH"))
			env.Setenv("BIN", bin)
			env.Setenv("LANPROOF_CACHE", kernel.DefaultCache()) // kernels are fetched once
			env.Setenv(docker.Variable, os.Getenv(docker.Variable))
			env.Setenv("LANPROOF_STATE", filepath.Join(env.WorkDir, "state"))
			return nil
		},
		Condition: condition,
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"status":  status,
			"unbuilt": unbuilt,
			"bundle":  bundle,
			"figures": figures,
		},
	})
}

func condition(name string) (bool, error) {
	if name == "dockerd" {
		return dockerd()
	}
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

// dockerd reports whether Docker starts here.
func dockerd() (bool, error) {
	var none *engine.Unavailable
	i, err := docker.Find(context.Background(), kernel.DefaultCache())
	if errors.As(err, &none) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	host, err := netns.New()
	if err != nil {
		return false, nil //nolint:nilerr // without namespaces there is no Docker either
	}
	defer host.Close()
	e, err := i.Start(context.Background(), host)
	if errors.As(err, &none) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, e.Close()
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

// bundle leaves the bundle of a qualification with one requirement, which is measured
// by one frame. What this lanproof asks for besides is told as left out.
func bundle(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: bundle DIR pass|fail")
	}
	const capture = "captures/one-frame.pcapng"
	frame := append([]byte{2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xb5}, mark.Mark{Run: 7, Seq: 1, Role: mark.Probe}.Encode(40)...)
	var rec frames.Recorder
	at := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	rec.Add(rec.Interface("peer/eth0", ""), frames.Frame{Time: at, Type: frames.Outgoing, Data: frame})
	if dut := rec.Interface("dut/eth0", ""); args[1] == "pass" {
		rec.Add(dut, frames.Frame{Time: at, Type: frames.Host, Data: frame})
	}
	q := &record.Qualification{
		Tool: "test", Started: at, Profile: record.Core, Run: 7, Restored: true, DUT: record.Port{Name: "dut", Driver: "e1000e"},
		Results: []record.Result{{
			ID: "one-frame", Title: "A frame arrives", Profile: record.Core, Expected: "it comes", Observed: "see the trial", Capture: capture,
			Trials: []record.Trial{{Name: "one", From: "peer/eth0", At: "dut/eth0", Want: record.All, First: 1, Last: 1, Proof: "received"}},
		}},
	}
	record.SightsOf(rec.Trace(), 7).Count(&q.Results[0].Trials[0])
	q.Finish(nil)
	ts.Check(record.WriteBundle(ts.MkAbs(args[0]), q, record.Contents{Captures: map[string]io.WriterTo{capture: &rec}}))
}

func unbuilt(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: unbuilt")
	}
	if _, err := os.Stat(ts.MkAbs("lanproof-out")); !errors.Is(err, os.ErrNotExist) {
		ts.Fatalf("there is a lanproof-out (%v)", err)
	}
}
