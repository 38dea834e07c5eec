package port

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/lanproof/lanproof/internal/netns"
	"github.com/lanproof/lanproof/internal/rtnl"
)

// Functions returns how many virtual functions a device on the PCI bus has, and how
// many it can have: 0 where it has no SR-IOV.
func Functions(bus string) (now, most int) {
	now, _ = strconv.Atoi(pciFile(bus, "sriov_numvfs"))
	most, _ = strconv.Atoi(pciFile(bus, "sriov_totalvfs"))
	return now, most
}

// SetFunctions has a device on the PCI bus make n virtual functions in the place of
// those that it has. Those go with their ports, wherever these are. The errors wrap
// the kernel's errno.
func SetFunctions(bus string, n int) error {
	now, _ := Functions(bus)
	if now == n {
		return nil
	}
	if now > 0 { // from one number to another only over 0 (drivers/pci/pci-sysfs.c:sriov_numvfs_store)
		if err := setPCI("devices/"+bus+"/sriov_numvfs", "0"); err != nil {
			return fmt.Errorf("take away %d virtual functions of %s: %w", now, bus, err)
		}
	}
	if n == 0 {
		return nil
	}
	if err := setPCI("devices/"+bus+"/sriov_numvfs", strconv.Itoa(n)); err != nil {
		return fmt.Errorf("make %d virtual functions of %s: %w", n, bus, err)
	}
	return nil
}

// setPCI writes to a file of the PCI bus.
func setPCI(name, value string) error {
	return tell(filepath.Join("/sys/bus/pci", name), value)
}

// functionLimit is how long a driver may take until it has the port of a virtual
// function.
const functionLimit = 10 * time.Second

// TakeFunction moves the port of a device's virtual function with that id into a
// namespace, where it is down and has that name, and returns its ifindex there. The
// function is taken from its driver and given to it again first, because some heed the
// address that the host has given it only then (drivers/net/ethernet/intel/igb/
// igb_main.c:igb_ndo_set_vf_mac says so). The error wraps [ErrGone] when no driver
// makes a port of it.
func TakeFunction(bus string, id int, to *netns.NS, name string) (index int, err error) {
	link, err := os.Readlink(filepath.Join("/sys/bus/pci/devices", bus, fmt.Sprintf("virtfn%d", id)))
	if err != nil {
		return 0, fmt.Errorf("look for virtual function %d of %s: %w", id, bus, err)
	}
	function := filepath.Base(link)
	// Ports of drivers that are given a device come up there.
	first, err := netns.Open(firstNetwork)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, first.Close()) }()
	err = at(first, func(p *place) error {
		if _, err := os.Stat(filepath.Join("/sys/bus/pci/devices", function, "driver")); err == nil {
			if err := setPCI("devices/"+function+"/driver/unbind", function); err != nil {
				return err
			}
		}
		if err := setPCI("drivers_probe", function); err != nil {
			return err
		}
		return p.until(functionLimit, func() (bool, error) {
			index, err = p.indexOnBus(function)
			return index > 0, err
		})
	})
	switch {
	case err != nil:
		return 0, fmt.Errorf("give virtual function %s to its driver: %w", function, err)
	case index == 0:
		return 0, fmt.Errorf("give virtual function %s to its driver: no driver makes a port of it: %w", function, ErrGone)
	}
	if index, err = transfer(first, to, index, rtnl.Change{Name: name}); err != nil {
		return index, fmt.Errorf("move the port of virtual function %s: %w", function, err)
	}
	return index, nil
}

// indexOnBus is the ifindex of a physical port at a place of its bus, 0 without one.
func (p *place) indexOnBus(bus string) (int, error) {
	all, err := p.link.LinkList()
	if err != nil {
		return 0, fmt.Errorf("look for the port on %s: %w", bus, err)
	}
	for _, l := range all {
		if p.onBus(l, bus) {
			return l.Attrs().Index, nil
		}
	}
	return 0, nil
}
