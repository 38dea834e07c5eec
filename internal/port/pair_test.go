package port_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/lanproof/lanproof/internal/port"
)

// pair makes two ports, left and right, with a cable between them, so that neither has a
// carrier without the other.
func (m *machine) pair() {
	m.t.Helper()
	m.sh(m.home, `
		ip link add left address 02:00:00:00:00:0a type veth peer name right address 02:00:00:00:00:0b
		ip link set left mtu 1400 up; ip link set right up
		ip address add 10.0.1.1/24 dev left; ip address add 10.0.2.1/24 dev right
		ip route add 10.0.9.0/24 via 10.0.2.2`)
}

func (m *machine) snapshots() map[string]*port.State {
	m.t.Helper()
	all := map[string]*port.State{}
	m.do(m.home, func() error {
		for _, name := range []string{"left", "right"} {
			s, err := port.Snapshot(name)
			if err != nil {
				return err
			}
			all[name] = s
		}
		return nil
	})
	return all
}

// expectSame holds both ports against what they were.
func (m *machine) expectSame(was map[string]*port.State) {
	m.t.Helper()
	for name, now := range m.snapshots() {
		if d := port.Differences(was[name], now); len(d) > 0 {
			m.t.Errorf("after it there are the differences\n%s", strings.Join(d, "\n"))
		}
	}
}

func TestPairComesBack(t *testing.T) {
	m := newMachine(t)
	m.pair()
	was := m.snapshots()
	var loans []*port.Loan
	m.do(m.home, func() (err error) {
		loans, err = port.BorrowAll(m.dir, port.Order{Port: "left", To: m.abroad, Name: "eth0"}, port.Order{Port: "right", To: m.far, Name: "eth0"})
		return err
	})
	m.sh(m.abroad, "ip link set eth0 address 02:00:00:00:00:99 up")
	if d, err := port.ReturnAll(loans...); err != nil || len(d) > 0 {
		t.Errorf("together, they come back with %v and\n%s", err, strings.Join(d, "\n"))
	}
	m.expectSame(was)
	m.do(m.home, func() error {
		first, err := port.Borrow("left", m.abroad, port.Options{Dir: m.dir})
		if err != nil {
			return err
		}
		second, err := port.Borrow("right", m.far, port.Options{Dir: m.dir})
		if err != nil {
			return err
		}
		if d, err := port.ReturnAll(first, second); err != nil || len(d) > 0 {
			t.Errorf("borrowed one after the other, they come back with %v and\n%s", err, strings.Join(d, "\n"))
		}
		return nil
	})
	m.expectSame(was)
}

// Where the second of two cannot be borrowed, the first one is not either.
func TestBothOrNone(t *testing.T) {
	m := newMachine(t)
	m.pair()
	was := m.snapshots()
	for name, second := range map[string]port.Order{
		"is not there":    {Port: "nope", To: m.far},
		"cannot be moved": {Port: "lo", To: m.far},
		"has no name":     {Port: "right", To: m.far, Name: "cable"},
	} {
		m.do(m.home, func() error {
			loans, err := port.BorrowAll(m.dir, port.Order{Port: "left", To: m.abroad}, second)
			if err == nil || loans != nil {
				t.Errorf("a port that %s is borrowed", name)
			}
			return nil
		})
		m.expectSame(was)
		if len(m.journals()) > 0 {
			t.Errorf("%s: there are the journals %v", name, m.journals())
		}
	}
}

func TestRecoverPair(t *testing.T) {
	m := newMachine(t)
	m.pair()
	was := m.snapshots()
	t.Setenv(borrowed, "left right")
	m.killed(m.abroad.Path())
	m.sh(m.abroad, fmt.Sprintf("for p in eth0 eth1; do ip link set $p netns %s; done", m.home.Path()))
	all, err := m.recover()
	if err != nil || len(all) != 2 || len(all[0].Differences)+len(all[1].Differences) > 0 {
		t.Errorf("recovery gives %v, %v", all, err)
	}
	m.expectSame(was)
}
