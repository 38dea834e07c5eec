package netns

import (
	"errors"
	"fmt"
	"os"
	"os/exec"

	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Open opens the namespace that is bound to a path, such as one of ip netns.
func Open(path string) (*NS, error) {
	h, err := netns.GetFromPath(path)
	if err != nil {
		return nil, fmt.Errorf("open the network namespace %s: %w", path, err)
	}
	return &NS{handle: h, open: true}, nil
}

// Run runs a command in the namespace, with a /sys that shows the namespace's
// devices where the kernel allows to mount one, and waits for its end. Signals from
// the channel are passed on to it. The error is that of cmd.Run.
func (n *NS) Run(cmd *exec.Cmd, signals <-chan os.Signal) error {
	return n.Do(func() error {
		if err := ownSys(); err != nil {
			return err
		}
		if err := cmd.Start(); err != nil {
			return err
		}
		ended := make(chan struct{})
		defer close(ended)
		go func() {
			for {
				select {
				case s := <-signals:
					_ = cmd.Process.Signal(s) // it may have ended just now
				case <-ended:
					return
				}
			}
		}()
		return cmd.Wait()
	})
}

// ownSys gives the calling thread mounts of its own, with a fresh /sys among them
// as ip netns exec does it: sysfs shows the devices of the namespace that it is
// mounted from (mount(2), fs/sysfs/mount.c). The thread must not be used on.
func ownSys() error {
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("unshare the mounts: %w", err)
	}
	if err := unix.Mount("", "/", "none", unix.MS_SLAVE|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("keep mounts from the machine: %w", err)
	}
	// A sandbox may allow no sysfs: then /sys stays as it is, and the rest works.
	err := unix.Mount("sysfs", "/sys", "sysfs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "")
	if err != nil && !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.EBUSY) && !errors.Is(err, unix.ENODEV) && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("mount /sys: %w", err)
	}
	return nil
}
