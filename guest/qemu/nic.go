package qemu

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"regexp"
)

// NIC is an emulated card.
type NIC struct {
	// Model is QEMU's name for it, one of [Devices].
	Model string
	// MAC is what the card has in its EEPROM.
	MAC net.HardwareAddr
	// Hub is the number of the hub, inside QEMU, that the card is plugged into. A hub
	// hands every frame to all its other cards.
	Hub int
}

// firstSlot is the PCI slot of the first card; the others follow in their order.
// On a q35 slots up to 0x1e are free (qemu: hw/i386/pc_q35.c).
const firstSlot = 4

// board is the machine's kind. Cards need a machine with PCI, and its interrupts need
// ACPI (kernel: drivers/acpi/pci_irq.c).
func (m Machine) board() string {
	if len(m.NICs) == 0 {
		return "microvm,acpi=off,auto-kernel-cmdline=off,memory-backend=ram"
	}
	return "q35,sata=off,usb=off,smbus=off,vmport=off,memory-backend=ram"
}

// nicArgs plugs the cards in. They boot nothing, so they need no ROM.
func (m Machine) nicArgs() []string {
	var args []string
	for i, n := range m.NICs {
		place := fmt.Sprintf("addr=%#x", firstSlot+i)
		if n.Model == functions {
			args = append(args, "-device", fmt.Sprintf("pcie-root-port,id=port%d,chassis=%d,%s", i, i+1, place))
			place = fmt.Sprintf("bus=port%d", i)
		}
		args = append(args,
			"-netdev", fmt.Sprintf("hubport,id=n%d,hubid=%d", i, n.Hub),
			"-device", fmt.Sprintf("%s,netdev=n%d,mac=%s,romfile=,%s", n.Model, i, n.MAC, place))
	}
	return args
}

// functions is the model that can have virtual functions. It is plugged into a port of
// PCI Express as real ones are: those of one that sits on the root complex itself get
// no answer from it, though they can be made.
const functions = "igb"

var deviceLine = regexp.MustCompile(`(?m)^name "([^"]+)", bus PCI(?:, alias "([^"]+)")?`)

// Devices returns the PCI devices that this QEMU has, by all their names: what a
// [NIC] may be, and others.
func Devices(ctx context.Context) (map[string]bool, error) {
	path, err := Find()
	if err != nil {
		return nil, err
	}
	return DevicesOf(ctx, path)
}

// DevicesOf returns those of the QEMU at a path.
func DevicesOf(ctx context.Context, path string) (map[string]bool, error) {
	out, err := exec.CommandContext(ctx, path, "-device", "help").Output()
	if err != nil {
		return nil, fmt.Errorf("ask %s for its devices: %w", path, err)
	}
	all := make(map[string]bool)
	for _, m := range deviceLine.FindAllStringSubmatch(string(out), -1) {
		all[m[1]] = true
		if m[2] != "" {
			all[m[2]] = true
		}
	}
	return all, nil
}
