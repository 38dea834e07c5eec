package port_test

import (
	"strings"
	"testing"

	"github.com/lanproof/lanproof/internal/port"
)

// Each kind of difference is planted on a port that has everything, and must be told;
// what belongs to the moment must not.
func TestEveryDifferenceIsTold(t *testing.T) {
	for change, want := range map[string]string{
		"ip link set enp1s0 mtu 1400":                                                           "came back with MTU 1400, which was 1450",
		"ip link set enp1s0 address 02:00:00:00:00:55":                                          "came back with address 02:00:00:00:00:55, which was " + portMAC,
		"ip link set enp1s0 alias other":                                                        "came back with alias other, which was the office",
		"ip link set enp1s0 txqueuelen 5":                                                       "came back with transmit queue length 5, which was 777",
		"ip link set enp1s0 group 6":                                                            "came back with group 6, which was 5",
		"ip link set enp1s0 promisc on":                                                         "came back with flags up promisc allmulti multicast, which was up allmulti multicast",
		"ip link set enp1s0 arp off":                                                            "came back with flags up allmulti noarp multicast",
		"ip link property del dev enp1s0 altname office":                                        "has lost alternative names, which was office",
		"ip link add br0 type bridge; ip link set enp1s0 master br0":                            "has got master, which is br0",
		"ip address del 192.168.7.2/24 dev enp1s0":                                              "has lost the address 192.168.7.2/24 brd 192.168.7.255",
		"ip address del 10.1.1.1 peer 10.1.1.2/32 dev enp1s0":                                   "has lost the address 10.1.1.1 peer 10.1.1.2/32",
		"ip address add 192.168.9.1/24 dev enp1s0":                                              "has got the address 192.168.9.1/24",
		"ip address del 2001:db8::1/64 dev enp1s0":                                              "has lost the address 2001:db8::1/64",
		"ip route del default":                                                                  "has lost the route default via 192.168.7.254 metric 100",
		"ip route change 10.8.0.0/16 dev enp1s0 src 192.168.7.2 mtu 1200":                       "has lost the route 10.8.0.0/16 src 192.168.7.2",
		"ip route del 10.9.0.0/16 table 77":                                                     "has lost the route 10.9.0.0/16 via 203.0.113.1 table 77 onlink",
		"ip -6 route del 2001:db8:f::/48":                                                       "has lost the route 2001:db8:f::/48 via 2001:db8::fe metric 5",
		"ip neighbour del 192.168.7.9 dev enp1s0":                                               "has lost the neighbour 192.168.7.9 lladdr 02:00:00:00:00:09",
		"ip neighbour del proxy 192.168.7.77 dev enp1s0":                                        "has lost the neighbour proxy 192.168.7.77",
		"bridge fdb del 02:00:00:00:00:77 dev enp1s0 self":                                      "has lost additional addresses, which was 02:00:00:00:00:77",
		"echo 0 > /proc/sys/net/ipv4/conf/enp1s0/rp_filter":                                     "came back with sysctl ipv4/conf/rp_filter 0, which was 2",
		"echo 1 > /proc/sys/net/ipv6/conf/enp1s0/disable_ipv6":                                  "has lost the address 2001:db8::1/64",
		"echo 9 > /proc/sys/net/ipv6/neigh/enp1s0/mcast_solicit":                                "came back with sysctl ipv6/neigh/mcast_solicit 9, which was 3",
		"ip link set enp1s0 down":                                                               "has lost carrier, which was on",
		"tc qdisc del dev enp1s0 root":                                                          "has lost the queueing discipline tbf at the root",
		"feature":                                                                               "came back with feature rx-gro on, which was off",
		"channels":                                                                              "came back with setting channels rx 1, which was 2",
		"ip neighbour add 192.168.7.10 lladdr 02:00:00:00:00:0a dev enp1s0 nud reachable":       "",
		"ip address change 2001:db8:1::1/64 dev enp1s0 nodad valid_lft 4800 preferred_lft 3800": "",
	} {
		t.Run(change, func(t *testing.T) {
			m := newMachine(t)
			m.furnish()
			was := m.snapshot()
			switch change {
			case "feature":
				m.features("enp1s0", m.home, map[string]bool{"rx-gro": true})
			case "channels":
				m.channels("enp1s0", m.home, 1)
			default:
				if !m.try(m.home, change) {
					t.Skip("this machine cannot make that difference")
				}
			}
			got := strings.Join(port.Differences(was, m.snapshot()), "\n")
			if want == "" && got != "" || !strings.Contains(got, want) {
				t.Errorf("told are\n%s\nwant %q", got, want)
			}
		})
	}
}

// A port that has never been up may tell of a carrier that it has not looked for.
func TestCarrierOfPortThatIsDown(t *testing.T) {
	for flag, want := range map[string]int{"broadcast": 0, "up": 1} {
		was := &port.State{Name: "eth0", Carrier: true, Flags: []string{flag}}
		now := &port.State{Name: "eth0", Flags: []string{flag}}
		if got := port.Differences(was, now); len(got) != want {
			t.Errorf("%s: %q", flag, got)
		}
	}
}
