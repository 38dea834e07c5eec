package port_test

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/lanproof/lanproof/guest"
	"github.com/lanproof/lanproof/guest/cards"
	"github.com/lanproof/lanproof/guest/qemu"
	"github.com/lanproof/lanproof/internal/ethtool"
	"github.com/lanproof/lanproof/internal/netns"
	"github.com/lanproof/lanproof/internal/port"
	"github.com/lanproof/lanproof/internal/rtnl"
)

// TestPhysical borrows a port with a driver and a device model behind it, in a guest:
// it comes back from a loan, from a driver that was loaded anew in between, and from a
// borrower that was killed, after which the kernel puts it into the first namespace, or
// that was killed when it had taken the driver away.
func TestPhysical(t *testing.T) {
	if testing.Short() {
		t.Skip("boots guests")
	}
	for name, c := range map[string]struct{ model, with, has string }{
		"e1000e":                  {"e1000e", "", "rings 2048"},
		"igb":                     {"igb", "", "driver igb"},
		"vmxnet3":                 {"vmxnet3", "", "wakes by 0x20 of"},
		"virtio-net-pci":          {"virtio-net-pci", "", "rings 128"},
		"virtio-net-pci with RSS": {"virtio-net-pci", ",rss=on,hash=on", "RSS key of 40 and table of 128"},
	} {
		t.Run(name, func(t *testing.T) {
			o := cardGuest(t, c.model)
			o.NICs[0].Model += c.with
			var said []string
			job := fmt.Sprintf("%s %s", o.NICs[0].MAC, o.NICs[1].MAC)
			err := guest.Run(t.Context(), []byte(job), o, func(line []byte) { said = append(said, string(line)) }, func(string, []byte) error { return nil })
			t.Log(strings.Join(said, "\n"))
			if err != nil {
				t.Fatal(err)
			}
			own := func(line string) bool {
				return strings.HasPrefix(line, "virtual functions of its own") && strings.HasSuffix(line, ": as it was")
			}
			if c.model == "igb" && !slices.ContainsFunc(said, own) {
				t.Error("the guest did not say that virtual functions came back as they were")
			}
			for _, want := range []string{
				"loan", "driver loaded anew", "returned without its driver", "killed", "killed without its driver", "killed with its driver",
			} {
				if !slices.Contains(said, want+": as it was") || !strings.Contains(said[0], c.has) {
					t.Errorf("the guest did not say %q", want)
				}
			}
		})
	}
}

// cardGuest is a guest with a card and a peer, whose /init is this binary.
func cardGuest(t *testing.T, model string) guest.Options {
	t.Helper()
	if ok, err := guest.Static("/proc/self/exe"); err != nil || !ok {
		t.Skip("this test's binary is /init of the guest and has to be static: build it with CGO_ENABLED=0 and without -race", err)
	}
	if _, err := guest.HaveQEMU(t.Context()); err != nil {
		t.Skip(err)
	}
	if devices, err := qemu.Devices(t.Context()); err != nil || !devices[model] {
		t.Skipf("this QEMU has no %s: %v", model, err)
	}
	card, ok := cards.Find(model)
	if !ok {
		t.Fatal("no such card")
	}
	peer, ok := cards.Find(cards.Peer)
	if !ok {
		t.Fatal("no peer")
	}
	k, err := guest.Resolve(t.Context(), "debian:6.12-amd64", "", append(card.Modules, peer.Modules...)...)
	if errors.Is(err, guest.ErrNoKernel) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return guest.Options{Kernel: k, Init: exe, Cache: t.TempDir(), NICs: []guest.NIC{
		{Model: card.Model, MAC: cards.MAC(0)}, {Model: peer.Model, MAC: cards.MAC(1)},
	}}
}

// inGuest is what the guest does: the job is the MAC addresses of its two cards.
func inGuest(job []byte, out guest.Emitter) error {
	macs := strings.Fields(string(job))
	g := &inside{out: out, mac: macs[0], dir: "/run/journals"}
	for _, step := range []func() error{
		func() error { return g.await(macs[1], up) },
		g.furnish, g.loan, g.reload, g.unloaded, g.killed, g.killedWithout, g.killedWith, g.owned,
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// inside is the machine in the guest.
type inside struct {
	out      guest.Emitter
	mac, dir string
	was      *port.State
}

// await waits until there is a device with a permanent address, and calls fn with it.
func (g *inside) await(mac string, fn func(l netlink.Link) error) error {
	events, err := rtnl.WatchLinksHere()
	if err != nil {
		return err
	}
	defer events.Close()
	for {
		if name, err := port.Resolve(mac); err == nil {
			l, err := netlink.LinkByName(name)
			if err != nil {
				return err
			}
			return fn(l)
		}
		if err := events.Wait(time.Minute); err != nil {
			return fmt.Errorf("wait for the card %s: %w", mac, err)
		}
	}
}

func up(l netlink.Link) error { return netlink.LinkSetUp(l) }

// furnish gives the port a name, addresses, routes and settings, and waits for its
// carrier, so that all that belongs to it is there.
func (g *inside) furnish() error {
	err := g.await(g.mac, func(l netlink.Link) error {
		eth, err := ethtool.OpenHere()
		if err != nil {
			return err
		}
		defer eth.Close()
		address, other := &netlink.Addr{IPNet: network("192.168.7.1/24")}, &netlink.Addr{IPNet: network("2001:db8::1/64")}
		set := []func() error{
			func() error { return netlink.LinkSetName(l, "office0") },
			func() error { return netlink.LinkSetMTU(l, 1400) },
			func() error { return netlink.LinkSetTxQLen(l, 77) },
			func() error { return os.WriteFile("/proc/sys/net/ipv4/conf/office0/rp_filter", []byte("2"), 0) },
			func() error { return ring(eth) },
			func() error { return rekey(eth, "office0", 0x4c, wakeMagic) },
			func() error { return eth.SetFeatures("office0", map[string]bool{"rx-gro": false}) },
			func() error { return netlink.LinkSetUp(l) },
			func() error { return netlink.AddrAdd(l, address) },
			func() error { return netlink.AddrAdd(l, other) },
			func() error {
				return netlink.RouteAdd(&netlink.Route{Gw: net.IPv4(192, 168, 7, 254), LinkIndex: l.Attrs().Index, Priority: 100})
			},
		}
		for i, fn := range set {
			if err := fn(); err != nil {
				return fmt.Errorf("setting %d: %w", i, err)
			}
		}
		return g.ready()
	})
	if err != nil {
		return err
	}
	if g.was, err = port.Snapshot("office0"); err != nil {
		return err
	}
	spread := cmp.Or(g.was.Spread, &ethtool.Spread{})
	return g.say("driver %s on %s, PCI %s, rings %v, wakes by %#x of %#x, RSS key of %d and table of %d, %d features",
		g.was.Driver.Name, g.was.Driver.Bus, g.was.PCI, g.was.Settings[ethtool.Rings]["rx"],
		g.was.Settings[ethtool.Wake]["on"], g.was.Settings[ethtool.Wake]["supported"], len(spread.Key), len(spread.Table), len(g.was.Features))
}

// rekey spreads by another key, where the port has one, and wakes the machine for a
// magic packet or not, where it can.
func rekey(eth *ethtool.Conn, name string, first byte, wake uint32) error {
	if s, err := eth.Settings(name, ethtool.Wake); err == nil && s["supported"]&wakeMagic != 0 {
		if err := eth.SetSettings(name, ethtool.Wake, map[string]uint32{"on": wake}); err != nil {
			return err
		}
	}
	s, err := eth.Spread(name)
	if err != nil || len(s.Key) == 0 {
		return nil
	}
	s.Key[0] = first
	return eth.SetSpread(name, s)
}

const wakeMagic = 1 << 5 // WAKE_MAGIC

// owned has virtual functions of its user's own before it is lent, which go meanwhile:
// they are made again, with all that they were set to.
func (g *inside) owned() error {
	bus := g.was.Driver.Bus
	if _, most := port.Functions(bus); most == 0 {
		return nil
	}
	if err := port.SetFunctions(bus, 2); err != nil {
		return err
	}
	l, err := netlink.LinkByName("office0")
	if err != nil {
		return err
	}
	err = errors.Join(
		netlink.LinkSetVfHardwareAddr(l, 0, net.HardwareAddr{2, 0, 0, 0, 1, 0}), netlink.LinkSetVfHardwareAddr(l, 1, net.HardwareAddr{2, 0, 0, 0, 1, 1}),
		netlink.LinkSetVfVlanQos(l, 1, 77, 3), netlink.LinkSetVfTrust(l, 0, true), netlink.LinkSetVfSpoofchk(l, 1, false))
	if err == nil {
		err = g.ready()
	}
	if err != nil {
		return err
	}
	if g.was, err = port.Snapshot("office0"); err != nil {
		return err
	}
	loan, ns, err := g.borrow()
	if err != nil {
		return err
	}
	if err := port.SetFunctions(bus, 0); err != nil {
		return err
	}
	differences, err := loan.Return()
	return errors.Join(g.tell(fmt.Sprintf("virtual functions of its own: %+v", g.was.VFs), differences, err), ns.Close())
}

// functions makes virtual functions, where the port can have some. Nobody takes them
// away but who brings the port back.
func (g *inside) functions() error {
	bus := g.was.Driver.Bus
	now, most := port.Functions(bus)
	if _, none := os.Stat("/sys/bus/pci/devices/" + bus + "/driver"); most == 0 || none != nil {
		return nil
	}
	err := port.SetFunctions(bus, 2)
	made, _ := port.Functions(bus)
	return errors.Join(err, g.say("%d virtual functions of %d, and there were %d", made, most, now))
}

// ring changes the size of a ring, where the driver lets it.
func ring(eth *ethtool.Conn) error {
	rings, err := eth.Settings("office0", ethtool.Rings)
	if err != nil || rings["rx"] == rings["rx-max"] && rings["rx"] < 256 {
		return nil
	}
	return eth.SetSettings("office0", ethtool.Rings, map[string]uint32{"rx": rings["rx-max"] / 2})
}

func network(s string) *net.IPNet {
	ip, n, err := net.ParseCIDR(s)
	if err != nil {
		return nil
	}
	return &net.IPNet{IP: ip, Mask: n.Mask}
}

// ready waits until the port has a carrier and its own link-local address.
func (g *inside) ready() error {
	events, err := rtnl.WatchLinksHere()
	if err != nil {
		return err
	}
	defer events.Close()
	for {
		s, err := port.Snapshot("office0")
		if err != nil {
			return err
		}
		if s.Carrier && len(s.Addresses) == 3 {
			return nil
		}
		if err := events.Wait(time.Minute); err != nil {
			return fmt.Errorf("wait for the port (carrier %v, %d addresses): %w", s.Carrier, len(s.Addresses), err)
		}
	}
}

func (g *inside) say(format string, args ...any) error {
	return g.out.Line([]byte(fmt.Sprintf(format, args...)))
}

// tell says what a return has given.
func (g *inside) tell(what string, differences []string, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	now, err := port.Snapshot("office0")
	if err != nil {
		return err
	}
	differences = append(differences, port.Differences(g.was, now)...)
	if len(differences) > 0 {
		return g.say("%s: %s", what, strings.Join(differences, "; "))
	}
	return g.say("%s: as it was", what)
}

// borrow lends the port out and changes it there.
func (g *inside) borrow() (*port.Loan, *netns.NS, error) {
	ns, err := netns.New()
	if err != nil {
		return nil, nil, err
	}
	l, err := port.Borrow("office0", ns, port.Options{Dir: g.dir, Name: "eth0"})
	if err != nil {
		return nil, nil, err
	}
	err = ns.Do(func() error {
		link, err := netlink.LinkByName("eth0")
		if err != nil {
			return err
		}
		eth, err := ethtool.OpenHere()
		if err != nil {
			return err
		}
		defer eth.Close()
		if rings, none := eth.Settings("eth0", ethtool.Rings); none == nil && rings["rx-max"] > 256 {
			err = eth.SetSettings("eth0", ethtool.Rings, map[string]uint32{"rx": rings["rx-max"]})
		}
		return errors.Join(err, rekey(eth, "eth0", 0x99, 0),
			netlink.LinkSetHardwareAddr(link, net.HardwareAddr{2, 0, 0, 0, 0, 9}), netlink.LinkSetMTU(link, 1300), netlink.LinkSetUp(link),
			g.functions(), netlink.SetPromiscOn(link), eth.SetFeatures("eth0", map[string]bool{"rx-gro": true, "tx-scatter-gather": false}))
	})
	return l, ns, err
}

func (g *inside) loan() error {
	l, ns, err := g.borrow()
	if err != nil {
		return err
	}
	differences, err := l.Return()
	return errors.Join(g.tell("loan", differences, err), ns.Close())
}

// reload takes the card away from its driver while it is lent, and gives it back:
// then it is another device, and where it was lent all the same.
func (g *inside) reload() error {
	l, ns, err := g.borrow()
	if err != nil {
		return err
	}
	if err := l.Unbind(); err != nil {
		return err
	}
	if there, err := namesIn(ns); err != nil || len(there) != 1 {
		return fmt.Errorf("without its driver there are %q: %w", there, err)
	}
	index, err := l.Bind()
	if err != nil {
		return err
	}
	err = ns.Do(func() error {
		s, err := port.Snapshot("eth0")
		if err != nil {
			return err
		}
		if s.Index != index || s.MTU != g.was.MTU || s.MAC != g.was.MAC || s.Up() || s.Settings[ethtool.Rings]["rx"] != g.was.Settings[ethtool.Rings]["rx"] ||
			s.Features["rx-gro"].On != g.was.Features["rx-gro"].On {
			return fmt.Errorf("it came back as %+v, with the index %d", s, index)
		}
		return nil
	})
	if err != nil {
		return err
	}
	differences, err := l.Return()
	return errors.Join(g.tell("driver loaded anew", differences, err), ns.Close())
}

func namesIn(ns *netns.NS) (names []string, err error) {
	err = ns.Do(func() error {
		all, err := net.Interfaces()
		for _, i := range all {
			names = append(names, i.Name)
		}
		return err
	})
	return names, err
}

// unloaded returns a port that its driver was taken away from.
func (g *inside) unloaded() error {
	l, ns, err := g.borrow()
	if err != nil {
		return err
	}
	if err := l.Unbind(); err != nil {
		return err
	}
	differences, err := l.Return()
	return errors.Join(g.tell("returned without its driver", differences, err), ns.Close())
}

// killed has a process borrow the port, and kills it; the kernel puts it back.
func (g *inside) killed() error {
	if err := g.kill(""); err != nil {
		return err
	}
	err := g.await(g.mac, func(l netlink.Link) error {
		return g.say("the kernel put it back as %s, flags %v", l.Attrs().Name, l.Attrs().Flags)
	})
	if err != nil {
		return err
	}
	return g.recovered("killed")
}

// killedWithout kills a process that has taken the driver away, before it has given it
// back: no port is anywhere.
func (g *inside) killedWithout() error {
	if err := g.kill("unbind"); err != nil {
		return err
	}
	if name, err := port.Resolve(g.mac); err == nil {
		return fmt.Errorf("without its driver it is there, as %s", name)
	}
	return g.recovered("killed without its driver")
}

// killedWith kills a process that has given the driver back, before it has looked for
// the port.
func (g *inside) killedWith() error {
	if err := g.kill("unbind bind"); err != nil {
		return err
	}
	return g.recovered("killed with its driver")
}

// kill has a process borrow the port and write to its driver's files, and kills it.
func (g *inside) kill(files string) error {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), borrower+"=own", "LANPROOF_STATE="+g.dir, borrowed+"=office0", written+"="+files)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	defer in.Close()
	if err := cmd.Start(); err != nil {
		return err
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "borrowed\n" {
		return fmt.Errorf("the borrower says %q: %w", line, err)
	}
	if _, err := port.Snapshot("office0"); err == nil {
		return errors.New("the borrowed port is at home")
	}
	if err := g.functions(); err != nil {
		return err
	}
	if err := cmd.Process.Kill(); err != nil {
		return err
	}
	_ = cmd.Wait()
	return nil
}

// recovered brings the port back, and tells how it came.
func (g *inside) recovered(what string) error {
	all, err := port.Recover(g.dir)
	if err == nil && len(all) != 1 {
		err = fmt.Errorf("recovered %v", all)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return g.tell(what, all[0].Differences, nil)
}
