package cell

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// initialize is process 1 of a cell: it starts the program and returns its exit status
// when it has ended, having reaped whatever else has.
func initialize(o *Options) (int, error) {
	if err := setUp(o, group(os.Args[2])); err != nil {
		return statusForbidden, fmt.Errorf("set up a cell: %w", err)
	}
	ready := os.NewFile(3, "ready")
	_, err := ready.Write([]byte{1})
	if err = errors.Join(err, ready.Close()); err != nil {
		return statusForbidden, fmt.Errorf("say that the cell is set up: %w", err)
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		return statusForbidden, fmt.Errorf("start in a cell: %w", err)
	}
	p, err := os.StartProcess(o.Program, append([]string{o.Program}, o.Args...), &os.ProcAttr{
		Dir: Dir, Env: o.Env, Files: []*os.File{null, os.Stdout, os.Stderr},
	})
	if err != nil {
		return 1, fmt.Errorf("start in a cell: %w", err)
	}
	return reap(p.Pid)
}

// reap waits for all children until one of them has ended, and returns its status.
func reap(main int) (int, error) {
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return 1, fmt.Errorf("wait in a cell: %w", err)
		case pid == main && status.Signaled():
			return 1, fmt.Errorf("it was killed by %v", status.Signal())
		case pid == main:
			return max(status.ExitStatus(), 1), fmt.Errorf("it ended with status %d", status.ExitStatus())
		}
	}
}

// setUp joins the cell's control group and makes its mounts. Nothing of that is seen
// outside.
func setUp(o *Options, g group) error {
	if err := g.join(); err != nil {
		return err
	}
	if err := unix.Unshare(unix.CLONE_NEWCGROUP); err != nil {
		return fmt.Errorf("unshare control groups: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_PRIVATE|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("keep mounts from the machine: %w", err)
	}
	const plain = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC
	mounts := []struct {
		kind, at string
		flags    uintptr
	}{
		{"proc", "/proc", plain},
		{"sysfs", "/sys", plain}, // shows the devices of this network namespace
		{"cgroup2", "/sys/fs/cgroup", plain},
		{"tmpfs", "/run", unix.MS_NOSUID},
	}
	for _, path := range o.Hide {
		if at, err := os.Stat(path); err == nil && at.IsDir() {
			mounts = append(mounts, struct {
				kind, at string
				flags    uintptr
			}{"tmpfs", path, plain})
		}
	}
	for _, m := range mounts {
		if err := unix.Mount("lanproof", m.at, m.kind, m.flags, ""); err != nil {
			return fmt.Errorf("mount %s: %w", m.at, err)
		}
	}
	// Groups with processes in them can have none below that controllers work in
	// (Documentation/admin-guide/cgroup-v2.rst, "No Internal Process Constraint").
	inner := group("/sys/fs/cgroup/cell")
	if err := os.Mkdir(string(inner), 0o755); err != nil {
		return err
	}
	if err := inner.join(); err != nil {
		return err
	}
	if err := os.Mkdir(Dir, 0o755); err != nil {
		return err
	}
	for name, text := range o.Files {
		if err := os.WriteFile(filepath.Join(Dir, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return unix.Sethostname([]byte("lanproof"))
}

// wait is what a container does: nothing, until it is ended. As process 1 it would reap
// what others leave to it; it has no others.
func wait() {
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, unix.SIGTERM, unix.SIGINT)
	<-ended
}
