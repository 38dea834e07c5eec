package cni

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// stateDir is where plugins and libcni keep what they must remember, in a /run that
// nobody else sees.
const stateDir = "/run/lanproof-cni"

// mounts are a mount namespace, held by a descriptor: with the process it goes, and with
// it all that was kept in it.
type mounts struct{ file *os.File }

// newMounts makes a mount namespace like the machine's, except for an empty /run.
func newMounts() (*mounts, error) {
	m := &mounts{}
	err := onThread(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
			return fmt.Errorf("unshare the mounts: %w", err)
		}
		if err := unix.Mount("", "/", "", unix.MS_PRIVATE|unix.MS_REC, ""); err != nil {
			return fmt.Errorf("keep mounts from the machine: %w", err)
		}
		if err := unix.Mount("lanproof", "/run", "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, ""); err != nil {
			return fmt.Errorf("mount /run: %w", err)
		}
		if err := os.Mkdir(stateDir, 0o700); err != nil {
			return err
		}
		var err error
		m.file, err = os.Open(fmt.Sprintf("/proc/self/task/%d/ns/mnt", unix.Gettid()))
		return err
	})
	if err != nil {
		return nil, err
	}
	return m, nil
}

// enter moves the calling thread into the mounts. The thread must not be used on.
func (m *mounts) enter() error {
	// A thread that shares its root with others cannot have mounts of its own.
	if err := unix.Unshare(unix.CLONE_FS); err != nil {
		return fmt.Errorf("unshare the root: %w", err)
	}
	if err := unix.Setns(int(m.file.Fd()), unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("enter the mounts of CNI: %w", err)
	}
	return nil
}

// close lets the mounts go. Closing again does nothing.
func (m *mounts) close() error {
	if err := m.file.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
		return fmt.Errorf("let go of the mounts of CNI: %w", err)
	}
	return nil
}

// onThread runs fn on a thread that ends with it.
func onThread(fn func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		if unix.Gettid() == unix.Getpid() {
			done <- onThread(fn) // the first thread is not thrown away, but parked for good
			runtime.UnlockOSThread()
			return
		}
		done <- fn()
	}()
	return <-done
}
