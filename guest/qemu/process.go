package qemu

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// process is a running QEMU. Nothing of it has a name in a file system: its
// channels are socket pairs and memory files that it inherits, so nothing can be
// left behind.
type process struct {
	cmd    *exec.Cmd
	stderr tail
	exited chan struct{} // closed when it has been waited for
}

// start runs QEMU. The kernel kills it when the thread that started it ends
// (prctl(2), PR_SET_PDEATHSIG), so that thread belongs to a goroutine which waits
// for QEMU and never gives the thread back.
func start(path string, args []string, files []*os.File, cpus []int) (*process, error) {
	p := &process{cmd: exec.Command(path, args...), exited: make(chan struct{})}
	p.cmd.ExtraFiles = files
	p.cmd.Stderr = &p.stderr
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		err := keepOn(cpus) // which QEMU inherits
		if err == nil {
			err = p.cmd.Start()
		}
		started <- err
		if err == nil {
			_ = p.cmd.Wait() // the state is in cmd.ProcessState
			close(p.exited)
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", path, err)
	}
	return p, nil
}

// keepOn keeps the calling thread on some of the machine's processors; all if empty.
func keepOn(cpus []int) error {
	if len(cpus) == 0 {
		return nil
	}
	var set unix.CPUSet
	for _, cpu := range cpus {
		set.Set(cpu)
	}
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return fmt.Errorf("keep to processors %v: %w", cpus, err)
	}
	return nil
}

// starved is how long QEMU has waited for a processor that others had: the one of its
// threads that did so the longest, since it was started. It is zero where the kernel
// keeps no account of that (kernel: Documentation/scheduler/sched-stats.rst, schedstat).
func (p *process) starved() (longest time.Duration) {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", p.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	for _, path := range threads {
		text, err := os.ReadFile(path)
		var ran, waited time.Duration // nanoseconds
		if err == nil {
			_, err = fmt.Sscan(string(text), &ran, &waited)
		}
		if err == nil {
			longest = max(longest, waited)
		}
	}
	return longest
}

// kill ends the process and waits until it is gone.
func (p *process) kill() {
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return // cannot happen to a child of ours; waiting would be for ever
	}
	<-p.exited
}

// state tells how the process ended, with what it complained of.
func (p *process) state() string {
	<-p.exited
	s := "qemu ended: " + p.cmd.ProcessState.String()
	if msg := strings.TrimSpace(p.stderr.String()); msg != "" {
		s += ": " + msg
	}
	return s
}

// socket makes a connected pair: a connection for this process and a file for
// QEMU to inherit.
func socket() (*net.UnixConn, *os.File, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("make a socket pair: %w", err)
	}
	near, far := os.NewFile(uintptr(fds[0]), "near"), os.NewFile(uintptr(fds[1]), "far")
	conn, err := net.FileConn(near)
	if err := errors.Join(err, near.Close()); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("make a socket pair: %w", err), far.Close())
	}
	return conn.(*net.UnixConn), far, nil
}

// memfd makes a file in memory, without a name.
func memfd(name string, size int64) (*os.File, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make a file in memory: %w", err)
	}
	f := os.NewFile(uintptr(fd), name)
	if err := f.Truncate(size); err != nil {
		return nil, errors.Join(fmt.Errorf("make a file of %d bytes in memory: %w", size, err), f.Close())
	}
	return f, nil
}

// tailSize is how much of a console is kept, in bytes.
const tailSize = 64 << 10

// tail keeps the end of what is written to it. It is safe for concurrent use.
type tail struct {
	mu  sync.Mutex
	buf []byte
	cut bool
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, p...)
	if len(t.buf) > 2*tailSize {
		t.buf = append(t.buf[:0], t.buf[len(t.buf)-tailSize:]...)
		t.cut = true
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := string(t.buf[max(0, len(t.buf)-tailSize):])
	if t.cut {
		s = "..." + s
	}
	return s
}

// closeAll closes files that QEMU has inherited.
func closeAll(files []*os.File) {
	for _, f := range files {
		if f != nil {
			_ = f.Close()
		}
	}
}

// watch ends the connection's reads and writes when the context ends.
func watch(ctx context.Context, conn net.Conn) (stop func() bool) {
	return context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
}

var _ io.Writer = (*tail)(nil)
