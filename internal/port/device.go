package port

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/lanproof/lanproof/internal/netns"
)

// Device is what a port's driver drives: a place on a bus of the machine. It outlives
// the port, which is the driver's.
type Device struct {
	// Bus is the kernel's name of the bus, such as pci, virtio or usb, Name the device's
	// on it, and Driver that of its driver there, which ethtool may call otherwise.
	Bus    string `json:"bus"`
	Name   string `json:"name"`
	Driver string `json:"driver"`
}

// sysBus is where the buses are. It is the same in all network namespaces.
const sysBus = "/sys/bus/"

// deviceOf is the device behind a link (Linux 5.15), nil of a virtual one.
func deviceOf(a *netlink.LinkAttrs) *Device {
	d := &Device{Bus: a.ParentDevBus, Name: a.ParentDev}
	if !plain(d.Bus) || !plain(d.Name) {
		return nil
	}
	d.Driver = d.driver()
	return d
}

// plain reports whether a name is one of a file, and no way out of its folder.
func plain(name string) bool {
	return name != "" && name != "." && name != ".." && name == filepath.Base(name)
}

// driver is the name of the driver that the device has now, "" when it has none.
func (d *Device) driver() string {
	to, err := os.Readlink(filepath.Join(sysBus, d.Bus, "devices", d.Name, "driver"))
	if err != nil {
		return ""
	}
	return filepath.Base(to)
}

// file is one of its driver's files.
func (d *Device) file(name string) string {
	return filepath.Join(sysBus, d.Bus, "drivers", d.Driver, name)
}

// write tells the driver to let go of the device, or to take it (drivers/base/bus.c:
// unbind_store, bind_store). The kernel answers when it is done.
func (d *Device) write(name string) error {
	if !plain(d.Bus) || !plain(d.Name) || !plain(d.Driver) {
		return fmt.Errorf("it names no driver: %+v", *d)
	}
	return tell(d.file(name), d.Name)
}

// tell writes to a file of the kernel's, which must be there.
func tell(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// orphan reports whether the device is there and nobody drives it.
func (d *Device) orphan() bool {
	if d == nil || !plain(d.Bus) || !plain(d.Name) || !plain(d.Driver) {
		return false
	}
	_, err := os.Stat(filepath.Join(sysBus, d.Bus, "devices", d.Name))
	return err == nil && d.driver() == ""
}

// firstPID is the number of the machine's first namespace of processes
// (include/linux/proc_ns.h:PROC_PID_INIT_INO).
const firstPID = "pid:[4026531836]"

// firstNetwork is the network namespace of the machine's first process, where ports
// of drivers that are loaded come up.
const firstNetwork = "/proc/1/ns/net"

// errNotReloaded wraps [errors.ErrUnsupported].
func errNotReloaded(format string, args ...any) error {
	return fmt.Errorf("its driver cannot be taken from it: %s: %w", fmt.Sprintf(format, args...), errors.ErrUnsupported)
}

// Reloadable says why the port's driver cannot be taken away from it alone, by an error
// that wraps [errors.ErrUnsupported]; nil if it can.
func (l *Loan) Reloadable() error { return l.Was.reloadable() }

func (s *State) reloadable() error {
	pid, err := os.Readlink("/proc/1/ns/pid")
	switch {
	case s.Device == nil:
		return errNotReloaded("it is on no bus")
	case s.Device.Driver == "":
		return errNotReloaded("its device %s on %s has none", s.Device.Name, s.Device.Bus)
	case !s.AloneOnBus:
		return errNotReloaded("it shares its device %s with another port", s.Device.Name)
	case s.functions() > 0:
		return errNotReloaded("its %d virtual functions would go with it", s.functions())
	case err != nil || pid != firstPID:
		return errNotReloaded("it would come back in the machine's first network namespace, which cannot be seen from here (/proc/1 is of %q)", pid)
	}
	for _, name := range []string{"unbind", "bind"} {
		if _, err := os.Stat(s.Device.file(name)); err != nil {
			return errNotReloaded("driver %s does not let it: %v", s.Device.Driver, err)
		}
	}
	return nil
}

// Unbind takes the port's driver away from it, as rmmod would: the port is gone, and
// what was built on it. [Loan.Bind] has it back; so have [Loan.Return] and [Recover].
// The error wraps [errors.ErrUnsupported], and nothing was done, where the port has no
// driver that can be taken away alone.
func (l *Loan) Unbind() error {
	if err := l.Was.reloadable(); err != nil {
		return err
	}
	if err := l.Was.Device.write("unbind"); err != nil {
		return fmt.Errorf("take port %s away from its driver %s: %w", l.Was.Name, l.Was.Device.Driver, err)
	}
	return nil
}

// Bind gives the port that [Loan.Unbind] took away back to its driver, waits until it
// is there, moves it to where it was lent, and sets it as it was before the loan; it
// is down. It keeps its ifindex there where it can. What it does not take is told when
// it is returned. The error wraps [ErrGone] when no port comes.
func (l *Loan) Bind() (index int, err error) {
	c, err := load(l.Was, l.home, l.name, l.away)
	if err != nil {
		return 0, fmt.Errorf("give port %s back to its driver %s: %w", l.Was.Name, l.Was.Device.Driver, err)
	}
	defer c.close()
	there := *l.Was
	there.Name, there.Index = l.name, l.index
	if l.index, err = c.send(l.away, &there); err != nil {
		return 0, fmt.Errorf("move port %s to where it was lent: %w", l.Was.Name, err)
	}
	return l.index, at(l.away, func(p *place) error {
		link, err := p.link.LinkByIndex(l.index)
		if err != nil {
			return fmt.Errorf("look for port %s where it was lent: %w", l.Was.Name, err)
		}
		_ = errors.Join(p.restoreLink(&there, link), p.restoreDriver(&there, link.Attrs().Name))
		return nil
	})
}

// loadLimit is how long a driver may take until it has its port: some load firmware.
const loadLimit = 30 * time.Second

// load gives a device that nobody drives to its driver, and waits for its port. The
// candidate is to be closed.
func load(was *State, home *netns.NS, awayName string, away *netns.NS) (c *candidate, err error) {
	first, err := netns.Open(firstNetwork)
	if err != nil {
		return nil, err
	}
	err = at(first, func(p *place) error {
		if err := was.Device.write("bind"); err != nil {
			return err
		}
		return p.until(loadLimit, func() (bool, error) {
			c, err = search(was, home, awayName, away)
			if errors.Is(err, ErrGone) {
				return false, nil
			}
			return err == nil, err
		})
	})
	if err == nil && c == nil {
		err = fmt.Errorf("its driver has it, and makes no port of it: %w", ErrGone)
	}
	return c, errors.Join(err, first.Close())
}

// seek looks for a port. Where its device has lost its driver, somebody was killed
// who had taken it away, and it is given back.
func seek(was *State, home *netns.NS, awayName string, away *netns.NS) (*candidate, error) {
	c, err := search(was, home, awayName, away)
	if !errors.Is(err, ErrGone) || !was.Device.orphan() {
		return c, err
	}
	c, loaded := load(was, home, awayName, away)
	if loaded != nil {
		return nil, errors.Join(err, fmt.Errorf("give it back to its driver %s: %w", was.Device.Driver, loaded))
	}
	return c, nil
}

// Reset is one way of starting a port's hardware anew while its driver keeps it.
type Reset struct {
	// Name is the command that does the same.
	Name string
	// Do does it. The error wraps [errors.ErrUnsupported] where it cannot be done.
	Do func() error
}

// Resets are the ways that there may be: the driver's own, and that of the bus, which
// a driver is told of only if it asks for it (drivers/pci/pci.c:pci_reset_function,
// struct pci_error_handlers.reset_prepare).
func (l *Loan) Resets() []Reset {
	return []Reset{
		{"ethtool --reset " + l.name + " dedicated", func() error {
			return at(l.away, func(p *place) error { return p.eth.Reset(l.name) })
		}},
		{"echo 1 > /sys/bus/pci/devices/" + l.Was.Driver.Bus + "/reset", l.resetFunction},
	}
}

func (l *Loan) resetFunction() error {
	switch d := l.Was.Driver.Bus; {
	case pciFile(d, "vendor") == "":
		return fmt.Errorf("it is no PCI device: %w", errors.ErrUnsupported)
	case !l.Was.AloneOnBus || l.Was.functions() > 0:
		return fmt.Errorf("others share the PCI function %s: %w", d, errors.ErrUnsupported)
	}
	err := tell(filepath.Join("/sys/bus/pci/devices", l.Was.Driver.Bus, "reset"), "1")
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("the PCI function %s has no reset: %w", l.Was.Driver.Bus, errors.ErrUnsupported)
	}
	return err
}
