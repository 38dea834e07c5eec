package port_test

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/internal/ethtool"
	"github.com/lanproof/lanproof/internal/netns"
	"github.com/lanproof/lanproof/internal/port"
	"github.com/lanproof/lanproof/internal/rtnl"
)

// machine is a namespace that plays a machine with a port, enp1s0, whose cable ends
// in a namespace of its own, and a namespace to which the port is lent.
type machine struct {
	t                 *testing.T
	home, far, abroad *netns.NS
	dir               string
}

const portMAC = "02:00:00:00:00:42"

func newMachine(t *testing.T) *machine {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("making network namespaces needs root")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skipf("setting a port up needs iproute2: %v", err)
	}
	all, err := netns.NewEach(3, func(int, *netns.NS) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, ns := range all {
			if err := ns.Close(); err != nil {
				t.Error(err)
			}
		}
	})
	m := &machine{t: t, home: all[0], far: all[1], abroad: all[2], dir: t.TempDir()}
	m.do(m.home, func() error {
		c, err := rtnl.OpenHere()
		if err != nil {
			return err
		}
		defer c.Close()
		return c.NewLink(&rtnl.Link{
			Name: "enp1s0", Kind: "veth", Index: 42, MAC: []byte{2, 0, 0, 0, 0, 0x42},
			Instead: []rtnl.Attr{rtnl.U32(unix.IFLA_NUM_RX_QUEUES, 2), rtnl.U32(unix.IFLA_NUM_TX_QUEUES, 2)},
			Peer:    &rtnl.Link{Name: "cable", Index: 43, NS: m.far.FD()},
		})
	})
	m.sh(m.home, "ip link set lo up")
	m.sh(m.far, "ip link set cable up")
	return m
}

// do runs fn in a namespace and fails the test with its error.
func (m *machine) do(ns *netns.NS, fn func() error) {
	m.t.Helper()
	if err := ns.Do(fn); err != nil {
		m.t.Fatal(err)
	}
}

// sh runs a shell script in a namespace and returns what it prints.
func (m *machine) sh(ns *netns.NS, script string) string {
	m.t.Helper()
	var out []byte
	m.do(ns, func() (err error) {
		out, err = exec.Command("sh", "-ec", script).CombinedOutput()
		return err
	})
	return strings.TrimSpace(string(out))
}

// try is sh for what may fail for want of a feature.
func (m *machine) try(ns *netns.NS, script string) bool {
	err := ns.Do(func() error { return exec.Command("sh", "-ec", script).Run() })
	return err == nil
}

// furnish gives the port all that a port can have.
func (m *machine) furnish() {
	m.t.Helper()
	m.sh(m.home, `
		p=enp1s0
		ip link set $p alias "the office" mtu 1450 txqueuelen 777 group 5
		ip link property add dev $p altname office
		ip link set $p allmulticast on
		ip link set $p up
		ip address add 192.168.7.1/24 brd + dev $p
		ip address add 192.168.7.2/24 brd + dev $p
		ip address add 10.1.1.1 peer 10.1.1.2/32 dev $p
		ip address add 10.2.0.1/16 dev $p noprefixroute valid_lft 5000 preferred_lft 4000
		ip address add 2001:db8::1/64 dev $p nodad
		ip address add 2001:db8:1::1/64 dev $p nodad valid_lft 5000 preferred_lft 4000
		ip route add default via 192.168.7.254 metric 100
		ip route add 10.9.0.0/16 via 203.0.113.1 dev $p onlink table 77 proto static
		ip route add 10.8.0.0/16 dev $p src 192.168.7.2 mtu 1300
		ip -6 route add 2001:db8:f::/48 via 2001:db8::fe metric 5 dev $p
		ip neighbour add 192.168.7.9 lladdr 02:00:00:00:00:09 dev $p
		ip neighbour add 2001:db8::9 lladdr 02:00:00:00:00:09 dev $p
		ip neighbour add proxy 192.168.7.77 dev $p
		bridge fdb add 02:00:00:00:00:77 dev $p self
		echo 2 > /proc/sys/net/ipv4/conf/$p/rp_filter
		echo 1 > /proc/sys/net/ipv4/conf/$p/arp_ignore
		echo 3 > /proc/sys/net/ipv6/conf/$p/dad_transmits
		echo 1400 > /proc/sys/net/ipv6/conf/$p/mtu
		echo 12345 > /proc/sys/net/ipv4/neigh/$p/retrans_time_ms
	`)
	m.try(m.home, "tc qdisc add dev enp1s0 root handle 8: tbf rate 1gbit burst 32k latency 50ms")
	m.features("enp1s0", m.home, map[string]bool{"tx-generic-segmentation": false, "rx-gro": false})
	m.channels("enp1s0", m.home, 2)
}

// borrow lends the port out.
func (m *machine) borrow(o port.Options) *port.Loan {
	m.t.Helper()
	o.Dir = m.dir
	var l *port.Loan
	m.do(m.home, func() (err error) {
		l, err = port.Borrow("enp1s0", m.abroad, o)
		return err
	})
	return l
}

func (m *machine) snapshot() *port.State {
	m.t.Helper()
	var s *port.State
	m.do(m.home, func() (err error) {
		s, err = port.Snapshot("enp1s0")
		return err
	})
	return s
}

// journals returns what is left in the folder of journals.
func (m *machine) journals() []string {
	m.t.Helper()
	entries, err := os.ReadDir(m.dir)
	if err != nil {
		m.t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// features changes features of a port.
func (m *machine) features(name string, ns *netns.NS, change map[string]bool) {
	m.t.Helper()
	m.ethtool(ns, func(c *ethtool.Conn) error { return c.SetFeatures(name, change) })
}

// channels changes the number of queues of a port.
func (m *machine) channels(name string, ns *netns.NS, n uint32) {
	m.t.Helper()
	m.ethtool(ns, func(c *ethtool.Conn) error {
		return c.SetSettings(name, ethtool.Channels, map[string]uint32{"rx": n, "tx": n})
	})
}

func (m *machine) ethtool(ns *netns.NS, fn func(c *ethtool.Conn) error) {
	m.t.Helper()
	m.do(ns, func() error {
		c, err := ethtool.OpenHere()
		if err != nil {
			return err
		}
		return errors.Join(fn(c), c.Close())
	})
}
