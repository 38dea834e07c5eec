package cell

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"

	"golang.org/x/sys/unix"
)

// The names by which the roles are called. Endpoint is also where the binary lies in
// the image of containers.
const (
	keeperName = "lanproof-cell-keeper"
	initName   = "lanproof-cell-init"
	Endpoint   = "/lanproof-endpoint"
)

// Main plays the role that this process was called for, and does not return then. Every
// program that starts an engine calls it first, tests in TestMain.
func Main() {
	if len(os.Args) == 0 {
		return
	}
	// Namespaces and the wish to die with one's parent belong to threads.
	switch os.Args[0] {
	case keeperName:
		runtime.LockOSThread()
		os.Exit(report(keep))
	case initName:
		runtime.LockOSThread()
		os.Exit(report(initialize))
	case Endpoint:
		wait()
		os.Exit(0)
	}
}

// report runs a role and returns its exit status.
func report(role func(o *Options) (int, error)) int {
	var o Options
	if len(os.Args) < 2 {
		return statusForbidden
	}
	if err := json.Unmarshal([]byte(os.Args[1]), &o); err != nil {
		fmt.Fprintln(os.Stderr, "read what the cell is to be:", err)
		return statusForbidden
	}
	status, err := role(&o)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	return status
}

// keep is the keeper: it starts init, says its number, and ends it when nobody wants
// the cell any more.
func keep(*Options) (int, error) {
	signal.Ignore(unix.SIGINT, unix.SIGTERM, unix.SIGHUP, unix.SIGPIPE)
	group, err := newGroup()
	if err != nil {
		return statusForbidden, err
	}
	status, err := keepInit(group)
	return status, errors.Join(err, group.remove())
}

func keepInit(group group) (int, error) {
	cmd := exec.Command("/proc/self/exe")
	cmd.Args = []string{initName, os.Args[1], string(group)}
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &unix.SysProcAttr{
		Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS,
		Pdeathsig:  unix.SIGKILL,
	}
	// Init tells of itself when its mounts are there: by then nothing is missing that
	// others look for under /proc/PID/root.
	ready, tell, err := os.Pipe()
	if err != nil {
		return statusForbidden, fmt.Errorf("make a cell: %w", err)
	}
	cmd.ExtraFiles = []*os.File{tell}
	err = cmd.Start()
	if err = errors.Join(err, tell.Close()); err != nil {
		return statusForbidden, fmt.Errorf("make a cell's namespaces: %w", err)
	}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		_ = cmd.Process.Kill() // it may have ended just now
	}()
	if n, _ := io.ReadFull(ready, make([]byte, 1)); n == 1 {
		out := os.NewFile(3, "pid")
		_, err = fmt.Fprintln(out, cmd.Process.Pid)
		err = errors.Join(err, out.Close())
	}
	if waited := cmd.Wait(); waited != nil && cmd.ProcessState == nil {
		err = errors.Join(err, waited)
	}
	return max(cmd.ProcessState.ExitCode(), 0), err
}
