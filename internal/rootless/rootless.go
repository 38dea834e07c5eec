// Package rootless lets an ordinary user do what needs privileges over network
// namespaces: it runs the program once more in a user namespace of its own, where
// the user is root.
//
// Only the user namespace is new. The network namespace stays the machine's, over
// which the new root has no power; it has all power over those that it makes
// (user_namespaces(7)). So apt and the guests work as before.
package rootless

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// ErrForbidden is wrapped by errors that say that this machine lets ordinary users
// have no user namespace. Their message is one sentence that ends with the cure.
var ErrForbidden = errors.New("an ordinary user needs a user namespace here")

// marker is set in the environment of a process that was run again, so that one
// that still lacks privileges does not run itself for ever.
const marker = "LANPROOF_ROOTLESS"

// needed are the capabilities to make network namespaces (CAP_SYS_ADMIN) and what
// is in them (CAP_NET_ADMIN, CAP_NET_RAW); capabilities(7).
const needed = 1<<unix.CAP_SYS_ADMIN | 1<<unix.CAP_NET_ADMIN | 1<<unix.CAP_NET_RAW

// Privileged reports whether this process can make network namespaces as it is.
func Privileged() (bool, error) {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData // 64 bits in two halves; all of ours are in the first
	if err := unix.Capget(&header, &data[0]); err != nil {
		return false, fmt.Errorf("ask for this process's capabilities: %w", err)
	}
	return data[0].Effective&needed == needed, nil
}

// Inside reports whether this process was run again by Enter.
func Inside() bool { return os.Getenv(marker) != "" }

// Enter returns done == false when this process is privileged and may go on. Else
// it runs the program again, with the same arguments and files, in a user namespace
// in which it is, waits for its end, and returns its exit status. What would end
// this process ends that one, too. The error wraps ErrForbidden where there can be
// no such namespace.
func Enter() (status int, done bool, err error) { return enter(false) }

// EnterForeground is Enter for a program that reads from the terminal: the process
// that runs again gets the terminal, which only one process group has.
func EnterForeground() (status int, done bool, err error) { return enter(true) }

func enter(foreground bool) (status int, done bool, err error) {
	ok, err := Privileged()
	switch {
	case err != nil || ok:
		return 0, false, err
	case Inside():
		return 0, false, fmt.Errorf("%w, and the one that it got has no power over networks: %s", ErrForbidden, cure())
	}
	status, err = again(foreground)
	return status, err == nil, err
}

// again runs this program in a new user namespace.
func again(foreground bool) (int, error) {
	// The parent-death signal comes when the thread that started the child ends.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	// Caught from before the child is there, so that none gets lost. Terminals send
	// their signals to a whole process group; the child has one of its own, lest it
	// gets each of them twice.
	caught := make(chan os.Signal, 8)
	signal.Notify(caught, unix.SIGINT, unix.SIGTERM, unix.SIGHUP)
	defer signal.Stop(caught)
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Args[0] = os.Args[0]
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), marker+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}},
		Pdeathsig:   unix.SIGKILL,
		Setpgid:     true,
		// Of a standard input that is no terminal there is no foreground.
		Foreground: foreground && term.IsTerminal(unix.Stdin),
		Ctty:       unix.Stdin,
	}
	if err := cmd.Start(); err != nil {
		return 0, explain(err)
	}
	ended := make(chan struct{})
	go func() {
		for {
			select {
			case s := <-caught:
				_ = cmd.Process.Signal(s) // it may have ended just now
			case <-ended:
				return
			}
		}
	}()
	err := cmd.Wait()
	close(ended)
	return exitStatus(cmd.ProcessState, err)
}

// exitStatus passes on how the child ended: as a shell does where a signal ended it.
func exitStatus(state *os.ProcessState, err error) (int, error) {
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return 0, fmt.Errorf("wait for the process in the user namespace: %w", err)
	}
	if w, ok := state.Sys().(syscall.WaitStatus); ok && w.Signaled() {
		return 128 + int(w.Signal()), nil
	}
	return state.ExitCode(), nil
}

// explain tells a machine that forbids user namespaces from other failures: no
// permission (EPERM, EACCES), a limit (ENOSPC; EUSERS before Linux 4.9), or a
// kernel without them (EINVAL, ENOSYS); clone(2).
func explain(err error) error {
	for _, errno := range []unix.Errno{unix.EPERM, unix.EACCES, unix.ENOSPC, unix.EUSERS, unix.EINVAL, unix.ENOSYS} {
		if errors.Is(err, errno) {
			return fmt.Errorf("%w, and this machine refuses one (%s): %s", ErrForbidden, unix.ErrnoName(errno), cure())
		}
	}
	return fmt.Errorf("enter a user namespace: %w", err)
}

// switches are the kernel's settings that forbid user namespaces to ordinary users,
// with the value that does and one that does not.
func switches() []struct{ name, bad, good string } {
	return []struct{ name, bad, good string }{
		{"user.max_user_namespaces", "0", "10000"},
		{"kernel.unprivileged_userns_clone", "0", "1"},             // Debian's patch
		{"kernel.apparmor_restrict_unprivileged_userns", "1", "0"}, // Ubuntu 23.10 and later
	}
}

// cure says what would help: the setting that is to blame where one is found.
func cure() string {
	root := "run lanproof as root"
	if os.Geteuid() == 0 {
		root = "give lanproof CAP_SYS_ADMIN, CAP_NET_ADMIN and CAP_NET_RAW"
	}
	for _, s := range switches() {
		value, err := os.ReadFile("/proc/sys/" + strings.ReplaceAll(s.name, ".", "/"))
		if err == nil && strings.TrimSpace(string(value)) == s.bad {
			return fmt.Sprintf("%s is %s; %s, or allow it with: sudo sysctl -w %s=%s", s.name, s.bad, root, s.name, s.good)
		}
	}
	return root + ", or outside of the container or sandbox that forbids it"
}
