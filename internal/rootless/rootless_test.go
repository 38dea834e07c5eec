package rootless

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// role is what this test binary plays when a test runs it again as a program that
// enters a user namespace.
const role = "LANPROOF_TEST_ROLE"

func TestMain(m *testing.M) {
	if os.Getenv(role) == "" {
		os.Exit(m.Run())
	}
	status, done, err := Enter()
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, err)
		os.Exit(3)
	case done:
		os.Exit(status)
	}
	os.Exit(play(os.Getenv(role)))
}

// play is what the program does once it is privileged.
func play(part string) int {
	switch part {
	case "tell":
		in, _ := io.ReadAll(os.Stdin)
		ok, err := Privileged()
		fmt.Println(os.Getuid(), Inside(), ok, err, unix.Unshare(unix.CLONE_NEWNET), os.Args[1:], string(in))
		return 7
	case "signal":
		c := make(chan os.Signal, 1)
		signal.Notify(c, unix.SIGTERM)
		fmt.Println("ready")
		fmt.Println(<-c)
		return 5
	case "hang":
		// A channel for signals keeps the runtime from seeing a deadlock.
		c := make(chan os.Signal, 1)
		signal.Notify(c, unix.SIGUSR1)
		fmt.Println("ready")
		<-c
	case "die":
		_ = unix.Kill(os.Getpid(), unix.SIGKILL)
	}
	return 99
}

// program is this test binary in a role, run by an ordinary user.
func program(t *testing.T, part string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(reachable(t), args...)
	cmd.Env = append(os.Environ(), role+"="+part)
	if os.Geteuid() == 0 {
		const nobody = 65534
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	return cmd
}

// reachable is a copy of this binary that every user can run.
func reachable(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "lanproof-rootless-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "program")
	if err := os.WriteFile(path, data, 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// finish runs a command, and skips the test where there are no user namespaces.
func finish(t *testing.T, cmd *exec.Cmd) (status int, out string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if strings.Contains(stderr.String(), ErrForbidden.Error()) {
		t.Skip(stderr.String())
	}
	if stderr.Len() > 0 {
		t.Errorf("stderr: %s", &stderr)
	}
	return cmd.ProcessState.ExitCode(), stdout.String()
}

func TestEnter(t *testing.T) {
	cmd := program(t, "tell", "one", "two")
	cmd.Stdin = strings.NewReader("from stdin")
	status, out := finish(t, cmd)
	if want := "0 true true <nil> <nil> [one two] from stdin\n"; out != want || status != 7 {
		t.Errorf("status %d, said %q; want 7, %q", status, out, want)
	}
}

func TestEndedBySignal(t *testing.T) {
	if status, _ := finish(t, program(t, "die")); status != 128+9 {
		t.Errorf("status %d, want %d", status, 128+9)
	}
}

// start starts a command, and returns its output once it has said "ready".
func start(t *testing.T, cmd *exec.Cmd) *bufio.Reader {
	t.Helper()
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if f, ok := pipe.(*os.File); ok { // a guard against waiting for ever
		_ = f.SetReadDeadline(time.Now().Add(time.Minute))
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	out := bufio.NewReader(pipe)
	if line, _ := out.ReadString('\n'); line != "ready\n" {
		_ = cmd.Wait()
		if strings.Contains(stderr.String(), ErrForbidden.Error()) {
			t.Skip(stderr.String())
		}
		t.Fatalf("said %q and %q instead of ready", line, &stderr)
	}
	return out
}

func TestSignalsAreForwarded(t *testing.T) {
	cmd := program(t, "signal")
	out := start(t, cmd)
	if err := cmd.Process.Signal(unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if line, _ := out.ReadString('\n'); line != "terminated\n" {
		_ = cmd.Process.Kill()
		t.Errorf("said %q", line)
	}
	_ = cmd.Wait()
	if status := cmd.ProcessState.ExitCode(); status != 5 {
		t.Errorf("status %d, want 5", status)
	}
}

// TestKilled shows that the process in the namespace ends with the one outside: the
// pipe that both write to comes to its end.
func TestKilled(t *testing.T) {
	cmd := program(t, "hang")
	out := start(t, cmd)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(out); err != nil || len(rest) > 0 {
		t.Errorf("said %q, %v", rest, err)
	}
	_ = cmd.Wait()
}

func TestMarkedAndPowerless(t *testing.T) {
	cmd := program(t, "tell")
	cmd.Env = append(cmd.Env, marker+"=1")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	_ = cmd.Run()
	if cmd.ProcessState.ExitCode() != 3 || !strings.Contains(stderr.String(), "has no power over networks") {
		t.Errorf("status %d, said %q", cmd.ProcessState.ExitCode(), &stderr)
	}
}

func TestExplain(t *testing.T) {
	for _, errno := range []unix.Errno{unix.EPERM, unix.ENOSPC, unix.EINVAL} {
		err := explain(&os.PathError{Op: "fork/exec", Path: "/proc/self/exe", Err: errno})
		if !errors.Is(err, ErrForbidden) || !strings.Contains(err.Error(), unix.ErrnoName(errno)) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v: %v", errno, err)
		}
	}
	if err := explain(unix.ENOMEM); errors.Is(err, ErrForbidden) || !errors.Is(err, unix.ENOMEM) {
		t.Errorf("out of memory: %v", err)
	}
}
