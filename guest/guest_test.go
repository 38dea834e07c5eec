package guest_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/guest"
)

// hostEnv makes the test binary run a guest that hangs, to be killed.
const hostEnv = "GUEST_TEST_HOST"

func TestMain(m *testing.M) {
	if args := os.Getenv(hostEnv); args != "" {
		image, init, _ := strings.Cut(args, "|")
		err := guest.Run(context.Background(), []byte("hang"),
			guest.Options{Kernel: guest.Kernel{Image: image, ID: "killed-host-test"}, Init: init},
			func(line []byte) { fmt.Println(string(line)) }, nil)
		fmt.Println(err)
		os.Exit(3)
	}
	dir, err := os.MkdirTemp("", "guest-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Setenv(dirEnv, dir)
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// dirEnv names the directory of the programs that are built once for all tests.
const dirEnv = "GUEST_TEST_DIR"

// build compiles a static program of testdata.
func build(tb testing.TB, program, variant string) string {
	tb.Helper()
	out := filepath.Join(os.Getenv(dirEnv), program+variant)
	if _, err := os.Stat(out); err == nil {
		return out
	}
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w -X main.variant="+variant, "-o", out, "./testdata/"+program)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		tb.Fatalf("build %s: %v\n%s", program, err, text)
	}
	return out
}

// options returns what a guest with a kernel needs, or skips.
func options(tb testing.TB, spec string, drivers ...string) guest.Options {
	tb.Helper()
	if runtime.GOARCH != "amd64" {
		tb.Skip("guests run x86-64 binaries, this is", runtime.GOARCH)
	}
	if _, err := guest.HaveQEMU(tb.Context()); err != nil {
		tb.Skip(err)
	}
	k, err := guest.Resolve(tb.Context(), spec, "", drivers...)
	if errors.Is(err, guest.ErrNoKernel) {
		tb.Skip(err)
	}
	if err != nil {
		tb.Fatal(err)
	}
	return guest.Options{Kernel: k, Init: build(tb, "init", ""), Cache: tb.TempDir()}
}

// outcome is what a run gave.
type outcome struct {
	lines []string
	blobs map[string][]byte
	err   error
}

func run(ctx context.Context, job string, o guest.Options) outcome {
	out := outcome{blobs: make(map[string][]byte)}
	out.err = guest.Run(ctx, []byte(job), o, func(line []byte) {
		out.lines = append(out.lines, string(line))
	}, func(name string, data []byte) error {
		out.blobs[name] = data
		return nil
	})
	return out
}

// noGuestLeft fails if a QEMU of this process is left, or a file more than before.
func noGuestLeft(tb testing.TB) {
	tb.Helper()
	before := descriptors(tb)
	tb.Cleanup(func() {
		if left := children(tb, os.Getpid()); len(left) > 0 {
			tb.Errorf("processes left: %v", left)
		}
		if after := descriptors(tb); after > before {
			tb.Errorf("%d descriptors before, %d after", before, after)
		}
	})
}

func descriptors(tb testing.TB) int {
	tb.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		tb.Fatal(err)
	}
	n := 0
	for _, e := range list {
		// The runtime's own (epoll and the like) come and go.
		if to, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil &&
			(strings.HasPrefix(to, "socket:") || strings.Contains(to, "memfd:")) {
			n++
		}
	}
	return n
}

// children returns the QEMU processes that a process has started.
func children(tb testing.TB, pid int) []int {
	tb.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		tb.Fatal(err)
	}
	var found []int
	for _, file := range stats {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		var child, parent int
		var state string
		name, rest, _ := strings.Cut(string(text), ") ")
		fmt.Sscan(name, &child)
		fmt.Sscan(rest, &state, &parent)
		if parent == pid && strings.Contains(name, "qemu-system") {
			found = append(found, child)
		}
	}
	return found
}

func kernels(t *testing.T, test func(t *testing.T, o guest.Options)) {
	for _, spec := range []string{"debian:6.1", "debian:6.12"} {
		t.Run(spec, func(t *testing.T) {
			o := options(t, spec)
			noGuestLeft(t)
			test(t, o)
		})
	}
}

func TestRun(t *testing.T) {
	kernels(t, func(t *testing.T, o guest.Options) {
		o.Snapshot = true
		if len(o.Kernel.Missing) > 0 {
			t.Errorf("modules missing: %v", o.Kernel.Missing)
		}
		t.Run("echo", func(t *testing.T) {
			got := run(t.Context(), "echo hello\nworld\x00", o)
			if diff := cmp.Diff([]string{"hello\nworld\x00"}, got.lines); diff != "" || got.err != nil {
				t.Error(got.err, diff)
			}
		})
		t.Run("large job", func(t *testing.T) {
			job := "sum " + strings.Repeat("0123456789", 60_000)
			got := run(t.Context(), job, o)
			want := []string{fmt.Sprintf("%x", sha256.Sum256([]byte(job)))}
			if diff := cmp.Diff(want, got.lines); diff != "" || got.err != nil {
				t.Error(got.err, diff)
			}
		})
		t.Run("every device", func(t *testing.T) {
			a, b := run(t.Context(), "links", o), run(t.Context(), "links", o)
			if a.err != nil || b.err != nil || len(a.lines) != 1 || len(b.lines) != 1 {
				t.Fatal(a, b)
			}
			if a.lines[0] == b.lines[0] {
				t.Errorf("two guests chose the same MAC address %s", a.lines[0])
			}
		})
		t.Run("many lines", func(t *testing.T) { manyLines(t, o) })
		t.Run("blob", func(t *testing.T) { largeBlob(t, o) })
		t.Run("facts", func(t *testing.T) { facts(t, o) })
	})
}

func manyLines(t *testing.T, o guest.Options) {
	got := run(t.Context(), "lines 5000", o)
	if got.err != nil || len(got.lines) != 5000 {
		t.Fatalf("%d lines, %v", len(got.lines), got.err)
	}
	for i, l := range got.lines {
		if l != fmt.Sprint("line ", i) {
			t.Fatalf("line %d is %q", i, l)
		}
	}
}

// largeBlob sends more than fits into the ring, so that the guest has to wait.
func largeBlob(t *testing.T, o guest.Options) {
	const size = 25_000_000
	got := run(t.Context(), fmt.Sprint("blob ", size), o)
	if diff := cmp.Diff([]string{"first", "last"}, got.lines); diff != "" || got.err != nil {
		t.Fatal(got.err, diff)
	}
	want := bytes.Repeat([]byte("0123456789abcde\n"), size/16+1)[:size]
	if !bytes.Equal(got.blobs["some.pcapng"], want) {
		t.Errorf("blob of %d bytes differs", len(got.blobs["some.pcapng"]))
	}
}

// facts checks what a restored guest must not share with its snapshot.
func facts(t *testing.T, o guest.Options) {
	var seen []string
	for range 2 {
		before := time.Now().UnixNano()
		got := run(t.Context(), "facts", o)
		after := time.Now().UnixNano()
		if got.err != nil || len(got.lines) != 1 {
			t.Fatal(got)
		}
		var random, lo, clock, modules string
		var now int64
		if _, err := fmt.Sscan(got.lines[0], &random, &now, &lo, &clock, &modules); err != nil {
			t.Fatal(err, got.lines)
		}
		const second = int64(time.Second)
		if now < before-second || now > after+second {
			t.Errorf("guest's clock says %v, host's %v", time.Unix(0, now), time.Unix(0, after))
		}
		if lo != "true" || !strings.HasPrefix(clock, "tsc") || !strings.Contains(modules, "macvlan") {
			t.Errorf("facts: %s", got.lines[0])
		}
		seen = append(seen, random)
	}
	if seen[0] == seen[1] {
		t.Errorf("two guests share random numbers: %v", seen)
	}
}

func TestDeath(t *testing.T) {
	base := options(t, "debian:6.12")
	noGuestLeft(t)
	base.Snapshot = true
	base.Idle = 3 * time.Second
	for _, tt := range []struct {
		job, reason, console string
		lines                []string
	}{
		{"crash", "sysrq triggered crash", "sysrq_handle_crash", []string{"before"}},
		{"panic at the disco", "panic in the guest: at the disco", "main.work", []string{"before"}},
		{"goroutine", "Attempted to kill init", "in another goroutine", nil},
		{"reboot", "qemu ended: exit status 0", "", nil},
		{"hang", "it sent nothing for too long", "", []string{"before"}},
	} {
		t.Run(tt.job, func(t *testing.T) {
			got := run(t.Context(), tt.job, base)
			var died *guest.Died
			if !errors.As(got.err, &died) || !died.Begun {
				t.Fatalf("error %v", got.err)
			}
			if !strings.Contains(died.Reason, tt.reason) || !strings.Contains(died.Console, tt.console) {
				t.Errorf("reason %q, console:\n%s", died.Reason, died.Console)
			}
			if diff := cmp.Diff(tt.lines, got.lines); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestJobError(t *testing.T) {
	got := run(t.Context(), "fail on purpose", options(t, "debian:6.12"))
	var failed *guest.JobError
	if !errors.As(got.err, &failed) || failed.Text != "on purpose" {
		t.Fatalf("error %v", got.err)
	}
}

func TestBlobRefused(t *testing.T) {
	noGuestLeft(t)
	o := options(t, "debian:6.12")
	full := errors.New("disk full")
	err := guest.Run(t.Context(), []byte("blob 100"), o, func([]byte) {}, func(string, []byte) error { return full })
	if !errors.Is(err, full) {
		t.Fatalf("error %v", err)
	}
}

func TestJobTooLarge(t *testing.T) {
	if got := run(t.Context(), strings.Repeat("x", guest.MaxJob+1), guest.Options{}); got.err == nil {
		t.Fatal("no error")
	}
}

func TestBootFails(t *testing.T) {
	o := options(t, "debian:6.12")
	noGuestLeft(t)
	rubbish := filepath.Join(t.TempDir(), "vmlinux")
	if err := os.WriteFile(rubbish, []byte("rubbish"), 0o600); err != nil {
		t.Fatal(err)
	}
	broken, hanging := o, o
	broken.Kernel.Image = rubbish
	hanging.Init, hanging.BootLimit = build(t, "init", "hang"), 5*time.Second
	for name, o := range map[string]guest.Options{"rubbish": broken, "hang": hanging} {
		t.Run(name, func(t *testing.T) {
			var console bytes.Buffer
			o.Console = &console
			got := run(t.Context(), "echo x", o)
			var died *guest.Died
			if !errors.As(got.err, &died) || died.Begun {
				t.Fatalf("error %v", got.err)
			}
			if n := strings.Count(console.String(), "booting it once more"); n != 1 {
				t.Errorf("booted %d times more; console:\n%s", n, console.String())
			}
		})
	}
}

func TestCancel(t *testing.T) {
	o := options(t, "debian:6.12")
	noGuestLeft(t)
	ctx, cancel := context.WithCancel(t.Context())
	err := guest.Run(ctx, []byte("hang"), o, func([]byte) { cancel() }, nil)
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v", err)
	}
	o.Timeout = 10 * time.Millisecond // while booting
	if got := run(t.Context(), "echo x", o); !errors.Is(got.err, context.DeadlineExceeded) {
		t.Fatalf("error %v", got.err)
	}
}

// TestHostKilled kills the host's process; QEMU must go with it.
func TestHostKilled(t *testing.T) {
	o := options(t, "debian:6.12")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	host := exec.Command(self)
	host.Env = append(os.Environ(), hostEnv+"="+o.Kernel.Image+"|"+o.Init)
	out, err := host.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := host.Start(); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, len("before"))
	if _, err := io.ReadFull(out, line); err != nil || string(line) != "before" {
		t.Fatalf("host said %q: %v", line, err)
	}
	guests := children(t, host.Process.Pid)
	if len(guests) != 1 {
		t.Fatalf("guests %v", guests)
	}
	fd, err := unix.PidfdOpen(guests[0], 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := host.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = host.Wait()
	poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	if n, err := unix.Poll(poll, 20_000); n != 1 {
		_ = unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0)
		t.Fatalf("qemu outlived its host: %v", err)
	}
}

func TestNoQEMU(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	got := run(t.Context(), "echo x", guest.Options{Init: "/dev/null"})
	if !errors.Is(got.err, guest.ErrNoQEMU) || !strings.HasSuffix(got.err.Error(), "apt-get install --no-install-recommends qemu-system-x86") {
		t.Fatalf("error %v", got.err)
	}
	if _, err := guest.HaveQEMU(t.Context()); !errors.Is(err, guest.ErrNoQEMU) {
		t.Fatalf("error %v", err)
	}
	// A kernel of no use is not fetched.
	if _, err := guest.Resolve(t.Context(), "debian:9.9", ""); !errors.Is(err, guest.ErrNoQEMU) {
		t.Fatalf("error %v", err)
	}
}

func TestClean(t *testing.T) {
	cache := filepath.Join(t.TempDir(), "cache")
	for _, dir := range []string{"snapshots", "images", "packages", "debian"} {
		if err := os.MkdirAll(filepath.Join(cache, dir, "x"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // the second time there is nothing to clean
		if err := guest.Clean(cache); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(cache); !errors.Is(err, os.ErrNotExist) {
			t.Fatalf("cache is left: %v", err)
		}
	}
}
