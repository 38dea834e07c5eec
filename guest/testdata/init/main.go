// Program init is the guest's /init of the tests: its job is a line of words, of
// which the first says what to do.
package main

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lanproof/lanproof/guest"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// variant is set by the linker to make binaries that differ.
var variant string

func main() {
	if !guest.IsInit() {
		fmt.Fprintln(os.Stderr, "only for guests", variant)
		os.Exit(2)
	}
	if variant == "hang" {
		hang()
	}
	guest.Init(work)
}

func work(job []byte, out guest.Emitter) error {
	word, rest, _ := strings.Cut(string(job), " ")
	switch word {
	case "echo":
		return out.Line([]byte(rest))
	case "sum":
		return out.Line(fmt.Appendf(nil, "%x", sha256.Sum256(job)))
	case "facts":
		return facts(out)
	case "loop":
		return loop(rest, out)
	case "lines":
		return lines(rest, out)
	case "blob":
		return blob(rest, out)
	case "links":
		return links(out)
	case "cards":
		return cards(strings.Fields(rest), out)
	case "run":
		said, err := exec.Command(rest).CombinedOutput()
		return errors.Join(err, out.Line(said))
	case "fail":
		return errors.New(rest)
	case "panic":
		_ = out.Line([]byte("before"))
		panic(rest)
	case "goroutine":
		go func() { panic("in another goroutine") }()
		select {}
	case "crash":
		_ = out.Line([]byte("before"))
		return os.WriteFile("/proc/sysrq-trigger", []byte("c"), 0)
	case "reboot":
		return unix.Reboot(unix.LINUX_REBOOT_CMD_RESTART)
	case "hang":
		_ = out.Line([]byte("before"))
		hang()
	}
	return fmt.Errorf("unknown job %q", word)
}

// hang never returns. To wait for a channel that nobody sends to is a deadlock to Go.
func hang() {
	for {
		_ = unix.Pause()
	}
}

// loop tells how many ns a loop of so many turns takes.
func loop(count string, out guest.Emitter) error {
	n, err := strconv.Atoi(count)
	begun, x := time.Now(), uint64(1)
	for i := range n {
		x = x*6364136223846793005 + uint64(i)
	}
	took := time.Since(begun)
	return errors.Join(err, out.Line(fmt.Appendf(nil, "%d %d", took.Nanoseconds(), x&1)))
}

func lines(count string, out guest.Emitter) error {
	n, err := strconv.Atoi(count)
	for i := range n {
		err = errors.Join(err, out.Line(fmt.Appendf(nil, "line %d", i)))
	}
	return err
}

func blob(size string, out guest.Emitter) error {
	n, err := strconv.Atoi(size)
	if err != nil {
		return err
	}
	data := bytes.Repeat([]byte("0123456789abcde\n"), n/16+1)[:n]
	return errors.Join(out.Line([]byte("first")), out.Blob("some.pcapng", data), out.Line([]byte("last")))
}

// facts tells what must differ between runs, and what must be there.
func facts(out guest.Emitter) error {
	random := make([]byte, 8)
	if _, err := unix.Getrandom(random, 0); err != nil {
		return err
	}
	lo, err := net.InterfaceByName("lo")
	if err != nil {
		return err
	}
	modules, err := os.ReadFile("/proc/modules")
	if err != nil {
		return err
	}
	var names []string
	for line := range strings.Lines(string(modules)) {
		names = append(names, strings.Fields(line)[0])
	}
	slices.Sort(names)
	clock, err := os.ReadFile("/sys/devices/system/clocksource/clocksource0/current_clocksource")
	if err != nil {
		return err
	}
	return out.Line(fmt.Appendf(nil, "%x %d %v %s %s", random, time.Now().UnixNano(),
		lo.Flags&net.FlagUp != 0, strings.TrimSpace(string(clock)), strings.Join(names, ",")))
}

// links makes one device of each kind that a default guest can make, and prints the
// random MAC address of the last.
func links(out guest.Emitter) error {
	attrs := func(name string, parent int) netlink.LinkAttrs {
		a := netlink.NewLinkAttrs()
		a.Name, a.ParentIndex = name, parent
		return a
	}
	dummy := &netlink.Dummy{LinkAttrs: attrs("d0", 0)}
	if err := netlink.LinkAdd(dummy); err != nil {
		return fmt.Errorf("dummy: %w", err)
	}
	d := dummy.Attrs().Index
	all := []netlink.Link{
		&netlink.Veth{LinkAttrs: attrs("v0", 0), PeerName: "v1"},
		&netlink.Bridge{LinkAttrs: attrs("br0", 0)},
		&netlink.Vlan{LinkAttrs: attrs("d0.10", d), VlanId: 10},
		&netlink.Dummy{LinkAttrs: attrs("d1", 0)},
	}
	for _, l := range all {
		if err := netlink.LinkAdd(l); err != nil {
			return fmt.Errorf("%s: %w", l.Type(), err)
		}
	}
	ipvlan := &netlink.IPVlan{LinkAttrs: attrs("i0", all[3].Attrs().Index)}
	macvlan := &netlink.Macvlan{LinkAttrs: attrs("m0", d), Mode: netlink.MACVLAN_MODE_BRIDGE}
	for _, l := range []netlink.Link{ipvlan, macvlan} {
		if err := netlink.LinkAdd(l); err != nil {
			return fmt.Errorf("%s: %w", l.Type(), err)
		}
	}
	m, err := netlink.LinkByName("m0")
	if err != nil {
		return err
	}
	return out.Line([]byte(m.Attrs().HardwareAddr.String()))
}
