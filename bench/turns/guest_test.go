package turns

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/bench"
	"github.com/lanproof/lanproof/bench/record"
	"github.com/lanproof/lanproof/guest"
)

// TestMain makes the test's binary a guest's init as well.
func TestMain(m *testing.M) {
	if guest.IsInit() {
		guest.Init(func(job []byte, out guest.Emitter) error { return InGuest(job, out, inGuests()) })
	}
	os.Exit(m.Run())
}

// slowly is what a benchmark says on the console before it begins.
const slowly = "this takes a while"

// inGuests are benchmarks for guests.
func inGuests() []bench.Benchmark {
	loop := bench.Machine()[0].Run
	return append(bench.All(), bench.Benchmark{Name: "crash", Run: func(context.Context, bench.Rules) ([]bench.Figure, error) {
		return nil, os.WriteFile("/proc/sysrq-trigger", []byte("c"), 0)
	}}, bench.Benchmark{Name: "slow", Run: func(ctx context.Context, r bench.Rules) ([]bench.Figure, error) {
		fmt.Fprintln(os.Stderr, slowly)
		for range 10 {
			if _, err := loop(ctx, r); err != nil {
				return nil, err
			}
		}
		return loop(ctx, r)
	}})
}

// guestOptions are for the benchmarks with these names on a guest, or skip.
func guestOptions(tb testing.TB, names ...string) Options {
	tb.Helper()
	if runtime.GOARCH != "amd64" {
		tb.Skip("guests run x86-64 binaries, this is", runtime.GOARCH)
	}
	_, err := guest.Resolve(tb.Context(), "debian:6.12", "")
	if errors.Is(err, guest.ErrNoQEMU) || errors.Is(err, guest.ErrNoKernel) {
		tb.Skip(err)
	}
	if err != nil {
		tb.Fatal(err)
	}
	o := Options{Targets: []Target{{Kernel: "debian:6.12"}}, Benchmarks: inGuests(), Count: 1, Init: static(tb)}
	o.Benchmarks = slices.DeleteFunc(o.Benchmarks, func(b bench.Benchmark) bool { return !slices.Contains(names, b.Name) })
	return o
}

// static is a copy of this test's binary without what a guest has no room for, or this
// binary where it is good as it is.
func static(tb testing.TB) string {
	tb.Helper()
	self, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	ok, err := guest.Static(self)
	if err != nil {
		tb.Fatal(err)
	}
	if ok {
		return self
	}
	out := filepath.Join(tb.TempDir(), "init")
	cmd := exec.Command("go", "test", "-c", "-ldflags", "-s -w", "-o", out, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		tb.Fatalf("build a static test: %v\n%s", err, text)
	}
	return out
}

// only is the one series of a run, or a failure.
func only(t *testing.T, r *record.Run, benchmark string) record.Series {
	t.Helper()
	i := slices.IndexFunc(r.Series, func(s record.Series) bool { return s.Benchmark == benchmark })
	if i < 0 {
		t.Fatalf("there is no figure of %s; problems %v", benchmark, r.Problems)
	}
	return r.Series[i]
}

// TestGuestDies holds that a benchmark of which a guest dies costs the others nothing.
func TestGuestDies(t *testing.T) {
	r, err := Run(t.Context(), guestOptions(t, "crash", "machine/loop"))
	if err != nil {
		t.Fatal(err)
	}
	loop := only(t, r, "machine/loop")
	if s := r.Systems[0]; loop.Unit != "instructions/turn" || len(loop.Samples) != 1 || s.Clock != record.Instructions || !strings.HasPrefix(s.Kernel, "6.12.") || s.Detail["cpus"] != "1" {
		t.Errorf("%+v of %+v", loop, s)
	}
	if len(r.Problems) != 1 || r.Problems[0].Benchmark != "crash" || r.Problems[0].Kind != kindError || !strings.Contains(r.Problems[0].Reason, "Kernel panic") {
		t.Errorf("problems %+v", r.Problems)
	}
}

// TestQEMUKilled kills a guest's QEMU in the middle of a benchmark, in the second block
// that counts.
func TestQEMUKilled(t *testing.T) {
	o := guestOptions(t, "slow", "machine/loop")
	var said strings.Builder // which comes in pieces
	begun := 0
	o.Count = 3
	o.Console = console(func(text string) {
		said.WriteString(text)
		if n := strings.Count(said.String(), slowly); n == 2 && begun != n {
			begun = n
			for _, pid := range children(t) {
				if err := unix.Kill(pid, unix.SIGKILL); err != nil {
					t.Error(err)
				}
			}
		}
	})
	r, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	slow, loop := only(t, r, "slow"), only(t, r, "machine/loop")
	if len(slow.Samples) != 1 || len(loop.Samples) != 3 {
		t.Errorf("samples %v and %v", slow.Samples, loop.Samples)
	}
	if len(r.Problems) != 1 || r.Problems[0].Benchmark != "slow" || !strings.HasPrefix(r.Problems[0].Reason, "in block 1: guest died: at work: qemu ended: signal: killed") {
		t.Errorf("problems %+v", r.Problems)
	}
	if left := children(t); len(left) > 0 {
		t.Errorf("processes %v are left", left)
	}
}

// console hands over what a guest's console says.
type console func(string)

func (c console) Write(p []byte) (int, error) { c(string(p)); return len(p), nil }

// children are the processes that this one has started.
func children(t *testing.T) []int {
	t.Helper()
	lists, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil {
		t.Fatal(err)
	}
	var all []int
	for _, list := range lists {
		text, _ := os.ReadFile(list) // the thread may have ended
		for word := range strings.FieldsSeq(string(text)) {
			pid, err := strconv.Atoi(word)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, pid)
		}
	}
	return all
}
