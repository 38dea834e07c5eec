package port_test

import (
	"errors"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/internal/port"
)

// check asks in the machine's home.
func (m *machine) check(names, really []string) error {
	m.t.Helper()
	return m.home.Do(func() error { return port.Check(names, really, m.dir) })
}

func TestRefusals(t *testing.T) {
	one := []string{"enp1s0"}
	for name, c := range map[string]struct {
		prepare string
		names   []string
		want    string // in the sentence; nothing is refused when empty
		usage   bool
	}{
		"fine":                {"ip link set enp1s0 up", one, "", false},
		"down":                {"", one, "", false},
		"not there":           {"", []string{"nope"}, "port nope does not exist", true},
		"twice":               {"", []string{"enp1s0", "enp1s0"}, "is the same port as enp1s0", true},
		"twice by two names":  {"ip link property add dev enp1s0 altname office", []string{"enp1s0", "office"}, "port office is the same port as enp1s0", true},
		"loopback":            {"", []string{"lo"}, "is the loopback device", false},
		"a bridge":            {"ip link add br0 type bridge", []string{"br0"}, "is a bridge device", false},
		"in a bridge":         {"ip link add br0 type bridge; ip link set enp1s0 master br0", one, "is in use by br0", false},
		"with a child":        {"ip link add c0 link enp1s0 type macvlan", one, "is in use: the macvlan device c0 sits on it", false},
		"default route":       {"ip link set enp1s0 up; ip address add 192.168.7.1/24 dev enp1s0; ip route add default via 192.168.7.254", one, "carries a default route (default via 192.168.7.254)", false},
		"IPv6 default route":  {"ip link set enp1s0 up; ip -6 route add default via fe80::1 dev enp1s0", one, "carries a default route (default of IPv6 via fe80::1 metric 1024)", false},
		"one of two defaults": {"ip link add d0 type bridge; ip link set d0 up; ip link set enp1s0 up; ip address add 10.0.0.1/24 dev d0; ip address add 192.168.7.1/24 dev enp1s0; ip route add default nexthop via 10.0.0.2 nexthop via 192.168.7.254", one, "carries a default route", false},
		"default in table":    {"ip link set enp1s0 up; ip route add default dev enp1s0 table 9", one, "carries a default route (default table 9)", false},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t)
			m.sh(m.home, c.prepare)
			expectRefusal(t, m.check(c.names, nil), c.want, c.usage)
			if len(m.journals()) > 0 {
				t.Errorf("checking leaves %v", m.journals())
			}
			if strings.Contains(name, "default") {
				expectRefusal(t, m.check(c.names, []string{"other"}), c.want, false)
				expectRefusal(t, m.check(c.names, c.names), "", false)
			}
		})
	}
}

// expectRefusal holds an error against a part of its sentence.
func expectRefusal(t *testing.T, err error, want string, usage bool) {
	t.Helper()
	var r *port.Refusal
	switch {
	case want == "" && err != nil:
		t.Errorf("refused: %v", err)
	case want == "":
	case !errors.As(err, &r) || !strings.Contains(err.Error(), want) || r.Usage != usage:
		t.Errorf("error %v, want a refusal with %q and usage %v", err, want, usage)
	case strings.Contains(err.Error(), "\n"):
		t.Errorf("more than one sentence: %v", err)
	}
}

func TestRefusesWithoutCarrier(t *testing.T) {
	m := newMachine(t)
	m.sh(m.far, "ip link set cable down")
	m.sh(m.home, "ip link set enp1s0 up")
	expectRefusal(t, m.check([]string{"enp1s0"}, nil), "has no carrier", false)
}

func TestRefusesConnections(t *testing.T) {
	m := newMachine(t)
	m.sh(m.home, "ip link set enp1s0 up; ip address add 192.168.7.1/24 dev enp1s0; ip address add 2001:db8::1/64 dev enp1s0 nodad")
	m.sh(m.far, "ip address add 192.168.7.2/24 dev cable; ip address add 2001:db8::2/64 dev cable nodad")
	for _, address := range []string{"192.168.7.1:0", "[2001:db8::1]:0"} {
		var server net.Listener
		m.do(m.home, func() (err error) { server, err = net.Listen("tcp", address); return err })
		defer server.Close()
		expectRefusal(t, m.check([]string{"enp1s0"}, nil), "", false)
		var client net.Conn
		m.do(m.far, func() (err error) { client, err = net.Dial("tcp", server.Addr().String()); return err })
		expectRefusal(t, m.check([]string{"enp1s0"}, nil), "carries a connection ("+server.Addr().String()+", from "+client.LocalAddr().String()+")", false)
		expectRefusal(t, m.check([]string{"enp1s0"}, []string{"enp1s0"}), "", false)
		accepted, err := server.Accept()
		if err != nil {
			t.Fatal(err)
		}
		// A reset leaves no connection that lingers.
		if err := errors.Join(accepted.(*net.TCPConn).SetLinger(0), accepted.Close(), client.Close()); err != nil {
			t.Error(err)
		}
	}
	t.Setenv("SSH_CONNECTION", "10.0.0.9 5555 192.168.7.1 22")
	expectRefusal(t, m.check([]string{"enp1s0"}, nil), "carries a connection (192.168.7.1:22, from 10.0.0.9:5555)", false)
	t.Setenv("SSH_CONNECTION", "rubbish")
	expectRefusal(t, m.check([]string{"enp1s0"}, nil), "", false)
}

// A container's macvlan sits on the port in a namespace that only a process holds.
func TestRefusesWhatOthersUse(t *testing.T) {
	m := newMachine(t)
	m.sh(m.home, "ip link set enp1s0 up")
	container := exec.Command("sleep", "1000")
	m.do(m.abroad, container.Start)
	defer func() { _, _ = container.Process.Kill(), container.Wait() }()
	expectRefusal(t, m.check([]string{"enp1s0"}, nil), "", false)
	m.sh(m.home, "ip link add c0 link enp1s0 netns "+strconv.Itoa(container.Process.Pid)+" type macvlan")
	expectRefusal(t, m.check([]string{"enp1s0"}, nil), "is in use: the macvlan device c0 of another network namespace sits on it", false)
}

func TestRefusesWhatIsLent(t *testing.T) {
	m := newMachine(t)
	l := m.borrow(port.Options{Name: "eth0"})
	expectRefusal(t, m.check([]string{"enp1s0"}, nil), "is borrowed by another lanproof, process ", false)
	m.do(m.home, func() error {
		_, err := port.Borrow("enp1s0", m.abroad, port.Options{Dir: m.dir})
		expectRefusal(t, err, "is borrowed by another lanproof, process ", false)
		return nil
	})
	if d, err := l.Return(); err != nil || len(d) > 0 {
		t.Error(d, err)
	}
	expectRefusal(t, m.check([]string{"enp1s0"}, nil), "", false)
}

func TestRefusesWithoutRights(t *testing.T) {
	m := newMachine(t)
	m.do(m.home, func() error {
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var none [2]unix.CapUserData
		if err := unix.Capset(&header, &none[0]); err != nil { // of this thread, which ends with this function
			return err
		}
		expectRefusal(t, port.Check([]string{"enp1s0"}, nil, m.dir), "can only be borrowed with CAP_NET_ADMIN", false)
		return nil
	})
}

func TestRefusesWhereNothingCanBeWritten(t *testing.T) {
	m := newMachine(t)
	m.dir = "/proc/nowhere"
	if err := m.check([]string{"enp1s0"}, nil); err == nil || !strings.Contains(err.Error(), "/proc/nowhere") {
		t.Errorf("error %v", err)
	}
}
