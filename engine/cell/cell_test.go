package cell

import (
	"bufio"
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

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/engine"
	"github.com/lanproof/lanproof/internal/netns"
)

// makerName is the role of a process that makes a cell, for tests to kill.
const makerName = "lanproof-cell-maker"

func TestMain(m *testing.M) {
	Main()
	if os.Args[0] == makerName {
		makeOne()
	}
	os.Exit(m.Run())
}

// makeOne makes a cell, says its process, and waits to be killed.
func makeOne() {
	ns, err := netns.New()
	if err == nil {
		var c *Cell
		if c, err = Start(Options{Host: ns, Program: "/bin/sh", Args: []string{"-c", "echo up; sleep 1000 & wait"}}); err == nil {
			err = c.Await(context.Background(), "up")
			fmt.Println(c.PID())
		}
	}
	if err != nil {
		fmt.Println("no cell:", err)
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
	os.Exit(0)
}

// open makes a cell in a namespace of its own, or skips the test.
func open(t *testing.T, script string, hide ...string) *Cell {
	t.Helper()
	ns, err := netns.New()
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { ns.Close() })
	c, err := Start(Options{Host: ns, Program: "/bin/sh", Args: []string{"-c", script}, Env: []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}, Hide: hide, Files: map[string]string{"given": "given\n"}})
	var none *engine.Unavailable
	if errors.As(err, &none) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func TestSeesNothingOfTheMachine(t *testing.T) {
	hidden := t.TempDir()
	if err := os.WriteFile(filepath.Join(hidden, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	c := open(t, "ls /run; ls "+hidden+" | wc -l; ls /sys/class/net; set -- /proc/[0-9]*; echo $#; cat /proc/self/cgroup | tail -n 1; touch file; cat given; echo that is all; exec sleep 1000", hidden)
	if err := c.Await(t.Context(), "that is all"); err != nil {
		t.Fatal(err)
	}
	// Its own folder alone, nothing of the hidden one, one device, init and the shell.
	if want := "lanproof\n0\nlo\n2\n0::/cell\ngiven\nthat is all\n"; c.Log() != want {
		t.Errorf("it sees:\n%s\nwant:\n%s", c.Log(), want)
	}
	if _, err := os.Stat(c.Path(Dir + "/file")); err != nil {
		t.Errorf("what it has made: %v", err)
	}
	if _, err := os.Stat(Dir); err == nil {
		t.Errorf("the machine has a folder %s", Dir)
	}
	ns, err := c.Namespace(1)
	if err != nil {
		t.Fatal(err)
	}
	ns.Close()
}

func TestEndsByItself(t *testing.T) {
	c := open(t, "echo the reason; exit 3")
	err := c.Await(t.Context(), "never said")
	var failure *engine.Failure
	if !errors.As(err, &failure) || !strings.Contains(failure.Log, "the reason") || !strings.Contains(failure.Log, "ended with status 3") {
		t.Errorf("got %v, want a failure with the log", err)
	}
}

// TestDoesNotEnd stops the keeper, so that nobody ends the cell.
func TestDoesNotEnd(t *testing.T) {
	c := open(t, "echo up; exec sleep 1000")
	if err := c.Await(t.Context(), "up"); err != nil {
		t.Fatal(err)
	}
	err := c.keeper.Process.Signal(unix.SIGSTOP)
	if err == nil { // until all of its threads have stopped
		err = unix.Waitid(unix.P_PID, c.keeper.Process.Pid, nil, unix.WSTOPPED|unix.WNOWAIT, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	c.limit = 100 * time.Millisecond
	err = c.Close()
	var failure *engine.Failure
	if !errors.As(err, &failure) || !strings.Contains(err.Error(), "it has not ended in 100ms (1 ") || !strings.Contains(err.Error(), " sleep: S in ") || failure.Log != "up\n" {
		t.Errorf("got %v, want a failure with the processes and the log", err)
	}
	c.limit = 0
	if err := c.keeper.Process.Signal(unix.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

// TestKilled kills the process that has made a cell, and the keeper as well: nothing stays.
func TestKilled(t *testing.T) {
	open(t, "exec sleep 1000") // skips where there can be no cell
	for _, withKeeper := range []bool{false, true} {
		maker := exec.Command("/proc/self/exe")
		maker.Args = []string{makerName}
		maker.SysProcAttr = &unix.SysProcAttr{Pdeathsig: unix.SIGKILL}
		in, err := maker.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := maker.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := maker.Start(); err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(out).ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		first := number(t, line)
		keeper := parent(t, first)
		group := filepath.Join(groups(t), groupPrefix+strconv.Itoa(keeper))
		if _, err := os.Stat(group); err != nil {
			t.Fatal(err)
		}
		ended := []int{watch(t, first), watch(t, keeper)}
		if withKeeper {
			if err := unix.Kill(keeper, unix.SIGKILL); err != nil {
				t.Fatal(err)
			}
		}
		if err := errors.Join(maker.Process.Kill(), in.Close()); err != nil {
			t.Fatal(err)
		}
		_ = maker.Wait() // it was killed
		for _, fd := range ended {
			await(t, fd)
		}
		if withKeeper {
			if err := Clean(); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := os.Stat(group); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("with its keeper killed (%v), the control group of a cell is left: %v", withKeeper, err)
		}
	}
}

func number(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil {
		t.Fatal(text)
	}
	return n
}

// parent is a process's (proc(5): the fourth field of stat, behind the name).
func parent(t *testing.T, pid int) int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	return number(t, strings.Fields(rest)[1])
}

func groups(t *testing.T) string {
	t.Helper()
	root, err := groupRoot()
	if err != nil {
		t.Skip(err)
	}
	return root
}

// watch returns a descriptor that tells when a process ends, and await waits for that.
func watch(t *testing.T, pid int) int {
	t.Helper()
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	return fd
}

func await(t *testing.T, fd int) {
	t.Helper()
	const limit = 30_000 // milliseconds
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, limit)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || n == 0 {
			t.Fatalf("a process of the cell does not end: %v", err)
		}
		return
	}
}

func TestTail(t *testing.T) {
	var log tail
	come := log.await("ready")
	for range 2 * kept {
		fmt.Fprintln(&log, strings.Repeat("x", 2*longest))
	}
	fmt.Fprint(&log, "half")
	select {
	case <-come:
		t.Error("it has come before it was said")
	default:
	}
	fmt.Fprintln(&log, " ready")
	<-come
	<-log.await("half ready")
	lines := strings.Split(strings.TrimSuffix(log.String(), "\n"), "\n")
	if len(lines) != kept || len(lines[0]) != longest || lines[kept-1] != "half ready" {
		t.Errorf("it keeps %d lines, the first of %d bytes, the last %q", len(lines), len(lines[0]), lines[len(lines)-1])
	}
}
