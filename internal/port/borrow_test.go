package port_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/internal/port"
)

func TestComesBackAsItWas(t *testing.T) {
	for name, prepare := range map[string]func(*machine){
		"as it was made": func(*machine) {},
		"up":             func(m *machine) { m.sh(m.home, "ip link set enp1s0 up") },
		"furnished":      (*machine).furnish,
		"down with an address": func(m *machine) {
			m.sh(m.home, "ip address add 192.168.7.1/24 dev enp1s0; ip link set enp1s0 arp off")
		},
		"without IPv6": func(m *machine) {
			m.sh(m.home, "echo 1 > /proc/sys/net/ipv6/conf/enp1s0/disable_ipv6; ip link set enp1s0 up; ip address add 192.168.7.1/24 dev enp1s0")
		},
		"without link-local address": func(m *machine) {
			m.sh(m.home, "ip link set enp1s0 up; ip -6 address flush dev enp1s0")
		},
		"without a carrier": func(m *machine) {
			m.sh(m.far, "ip link set cable down")
			m.sh(m.home, "ip link set enp1s0 up; ip address add 192.168.7.1/24 dev enp1s0; ip route add 10.0.0.0/8 via 192.168.7.254")
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t)
			prepare(m)
			was := m.snapshot()
			l := m.borrow(port.Options{Name: "eth0", Index: 7})
			if got := m.sh(m.abroad, "ip -o link show eth0"); !strings.HasPrefix(got, "7: eth0@") {
				t.Errorf("away, the port is %s", got)
			}
			if len(m.journals()) != 1 {
				t.Errorf("while the port is away there are the journals %v", m.journals())
			}
			m.sh(m.abroad, `
				ip link set eth0 mtu 1300 address 02:00:00:00:00:99 txqueuelen 5 up promisc on
				ip address add 10.0.0.1/8 dev eth0
				ip link add child link eth0 address 02:00:00:00:00:98 type macvlan mode passthru
				ip link set child up`)
			m.features("eth0", m.abroad, map[string]bool{"rx-gro": true, "tx-scatter-gather": false})
			m.channels("eth0", m.abroad, 1)
			differences, err := l.Return()
			if err != nil || len(differences) > 0 {
				t.Errorf("it comes back with %v and the differences\n%s", err, strings.Join(differences, "\n"))
			}
			if left := m.sh(m.abroad, "ip -o -br link"); strings.Count(left, "\n") > 0 {
				t.Errorf("where it was there is still\n%s", left)
			}
			now := m.snapshot()
			if d := port.Differences(was, now); len(d) > 0 {
				t.Errorf("a second look shows the differences\n%s", strings.Join(d, "\n"))
			}
			if now.MAC != portMAC || now.Index != 42 {
				t.Errorf("it is %s with index %d", now.MAC, now.Index)
			}
			if len(m.journals()) > 0 {
				t.Errorf("after the return there are the journals %v", m.journals())
			}
			if d, err := l.Return(); d != nil || err != nil {
				t.Errorf("returning again gives %v, %v", d, err)
			}
		})
	}
}

// iproute2 must see the same before and after, too: the snapshot cannot be the only
// witness of itself.
func TestComesBackInTheEyesOfOthers(t *testing.T) {
	m := newMachine(t)
	m.sh(m.home, "echo 0 > /proc/sys/net/ipv6/conf/enp1s0/accept_dad") // or what is shown depends on the time
	m.furnish()
	const look = `
		ip -d -o link show enp1s0 | sed 's/promiscuity.*numtxqueues/numtxqueues/'
		ip -o address show dev enp1s0 | sed 's/valid_lft.*//; s/tentative//' | sort
		ip route show table all dev enp1s0 | sed 's|expires [0-9]*sec|expires|' | sort
		ip neighbour show dev enp1s0 nud permanent | sort
		ip neighbour show proxy
		tc qdisc show dev enp1s0
		bridge fdb show dev enp1s0 | sort
		grep -rs . /proc/sys/net/ipv4/conf/enp1s0 /proc/sys/net/ipv6/conf/enp1s0 /proc/sys/net/ipv4/neigh/enp1s0 | sort`
	before := m.sh(m.home, look)
	l := m.borrow(port.Options{Name: "eth0"})
	if d, err := l.Return(); err != nil || len(d) > 0 {
		t.Fatal(d, err)
	}
	after := m.sh(m.home, look)
	if d := cmp.Diff(strings.Split(before, "\n"), strings.Split(after, "\n")); d != "" {
		t.Errorf("others see it differ:\n%s", d)
	}
}

func TestNumberAndNameTakenMeanwhile(t *testing.T) {
	m := newMachine(t)
	l := m.borrow(port.Options{Name: "eth0"})
	m.sh(m.home, "ip link add thief index 42 type bridge")
	if d, err := l.Return(); err != nil || len(d) > 0 {
		t.Errorf("another device has its ifindex, and it comes back with %v, %v", d, err)
	}
	l = m.borrow(port.Options{Name: "eth0"})
	m.sh(m.home, "ip link set thief name enp1s0")
	d, err := l.Return()
	if err != nil || len(d) == 0 || !strings.Contains(strings.Join(d, "\n"), "port enp1s0 came back with name") {
		t.Errorf("another device has its name, and it comes back with %v, %v", d, err)
	}
}

func TestBorrowFails(t *testing.T) {
	m := newMachine(t)
	m.do(m.home, func() error {
		if _, err := port.Borrow("nope", m.abroad, port.Options{Dir: m.dir}); !errors.Is(err, unix.ENODEV) {
			t.Errorf("a port that is not there: %v", err)
		}
		if _, err := port.Borrow("lo", m.abroad, port.Options{Dir: m.dir}); !errors.Is(err, unix.EINVAL) {
			t.Errorf("a port that cannot be moved: %v", err)
		}
		return nil
	})
	m.sh(m.abroad, "ip link add eth0 type bridge")
	m.do(m.home, func() error {
		_, err := port.Borrow("enp1s0", m.abroad, port.Options{Dir: m.dir, Name: "eth0"})
		if !errors.Is(err, unix.EEXIST) {
			t.Errorf("a name that is taken: %v", err)
		}
		return nil
	})
	if s := m.snapshot(); s.Name != "enp1s0" || len(m.journals()) > 0 {
		t.Errorf("after all that there are %s and the journals %v", s.Name, m.journals())
	}
}

func TestVanished(t *testing.T) {
	m := newMachine(t)
	l := m.borrow(port.Options{Name: "eth0"})
	m.sh(m.abroad, "ip link del eth0")
	if _, err := l.Return(); !errors.Is(err, port.ErrGone) {
		t.Errorf("a port that was deleted comes back with %v", err)
	}
	if len(m.journals()) != 1 {
		t.Errorf("its journal is gone: %v", m.journals())
	}
}

func TestResolve(t *testing.T) {
	m := newMachine(t)
	m.sh(m.home, "ip link property add dev enp1s0 altname office")
	m.do(m.home, func() error {
		for _, where := range []string{"enp1s0", "office", portMAC, "02-00-00-00-00-42"} {
			if name, err := port.Resolve(where); err != nil || name != "enp1s0" {
				t.Errorf("%s is %q, %v", where, name, err)
			}
		}
		for _, where := range []string{"nope", "02:00:00:00:00:99", "0000:03:00.0", ""} {
			if name, err := port.Resolve(where); !errors.Is(err, unix.ENODEV) {
				t.Errorf("%s is %q, %v", where, name, err)
			}
		}
		return nil
	})
}
