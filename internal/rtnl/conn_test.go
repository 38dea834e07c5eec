package rtnl_test

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/internal/rtnl"
)

func isErrno(err error, errno unix.Errno) bool { return errors.Is(err, errno) }

// TestErrors shows that a refusal keeps its errno and the kernel's words.
func TestErrors(t *testing.T) {
	p, far := newPlace(t), newPlace(t)
	p.parent(far)
	p.must(p.conn.NewLink(&rtnl.Link{Name: "pass", Kind: "macvlan", Index: 20, Parent: 10, Data: rtnl.Macvlan("passthru", nil, nil, nil, nil)}))
	for _, c := range []struct {
		name  string
		do    func() error
		errno unix.Errno
		words string
	}{
		{"unknown kind", func() error { return p.conn.NewLink(&rtnl.Link{Name: "x", Kind: "no-such-kind"}) }, unix.EOPNOTSUPP, "Unknown device type"},
		{"name taken", func() error { return p.conn.NewLink(&rtnl.Link{Name: "p0", Kind: "bridge"}) }, unix.EEXIST, ""},
		{"beside passthru", func() error {
			return p.conn.NewLink(&rtnl.Link{Name: "x", Kind: "macvlan", Parent: 10, Data: rtnl.Macvlan("bridge", nil, nil, nil, nil)})
		}, unix.EINVAL, ""},
		{"unknown mode", func() error {
			return p.conn.NewLink(&rtnl.Link{Name: "x", Kind: "macvlan", Parent: 10, Data: rtnl.Macvlan("nonsense", nil, nil, nil, nil)})
		}, unix.EINVAL, ""},
		{"on lo", func() error { return p.conn.NewLink(&rtnl.Link{Name: "x", Kind: "macvlan", Parent: 1}) }, unix.EINVAL, ""},
		{"no device", func() error { return p.conn.DeleteLink(4711) }, unix.ENODEV, ""},
		{"address twice", func() error {
			a := netip.MustParsePrefix("192.0.2.1/24")
			return errors.Join(p.conn.AddAddress(10, a), p.conn.AddAddress(10, a))
		}, unix.EEXIST, "already assigned"},
		{"route to nowhere", func() error {
			return p.conn.AddRoute(netip.MustParsePrefix("198.51.100.0/24"), netip.MustParseAddr("203.0.113.1"), 0)
		}, unix.ENETUNREACH, "Nexthop has invalid gateway"},
	} {
		err := c.do()
		if !isErrno(err, c.errno) {
			t.Errorf("%s: %v, want %v", c.name, err, c.errno)
		} else if !strings.Contains(err.Error(), c.words) {
			t.Errorf("%s: %q does not say %q", c.name, err, c.words)
		}
	}
}

func TestAddressesAndRoutes(t *testing.T) {
	p, far := newPlace(t), newPlace(t)
	p.parent(far)
	for _, a := range []string{"192.0.2.1/24", "198.51.100.7/31", "203.0.113.9/32", "2001:db8::1/64"} {
		p.must(p.conn.AddAddress(10, netip.MustParsePrefix(a)))
	}
	p.must(p.conn.AddRoute(netip.MustParsePrefix("0.0.0.0/0"), netip.MustParseAddr("192.0.2.254"), 0))
	p.must(p.conn.AddRoute(netip.MustParsePrefix("10.0.0.0/8"), netip.Addr{}, 10))
	p.must(p.conn.AddRoute(netip.MustParsePrefix("::/0"), netip.MustParseAddr("2001:db8::fe"), 10))
	var shown []struct {
		Info []struct {
			Local     string `json:"local"`
			Bits      int    `json:"prefixlen"`
			Broadcast string `json:"broadcast"`
			Tentative bool   `json:"tentative"`
			NoDAD     bool   `json:"nodad"`
		} `json:"addr_info"`
	}
	p.ip(&shown, "address", "show", "dev", "p0")
	broadcasts := map[string]string{}
	for _, a := range shown[0].Info {
		broadcasts[a.Local] = a.Broadcast
		if a.Local == "2001:db8::1" && (a.Tentative || !a.NoDAD) {
			t.Errorf("an IPv6 address is tentative %v, nodad %v: it must be usable at once", a.Tentative, a.NoDAD)
		}
	}
	for ip, want := range map[string]string{"192.0.2.1": "192.0.2.255", "198.51.100.7": "", "203.0.113.9": ""} {
		if broadcasts[ip] != want {
			t.Errorf("%s has broadcast %q, want %q", ip, broadcasts[ip], want)
		}
	}
	addresses, err := p.conn.Addresses()
	p.must(err)
	var have []string
	for _, a := range addresses {
		if a.Index == 10 {
			have = append(have, a.Prefix.String())
		}
	}
	slices.Sort(have)
	if want := []string{"192.0.2.1/24", "198.51.100.7/31", "2001:db8::1/64", "203.0.113.9/32"}; !slices.Equal(have, want) {
		t.Errorf("addresses %v, want %v: all but the link-local one", have, want)
	}
	routes, err := p.conn.Routes()
	p.must(err)
	for _, want := range []rtnl.RouteEntry{
		{To: netip.MustParsePrefix("0.0.0.0/0"), Via: netip.MustParseAddr("192.0.2.254"), Index: 10, Scope: "global"},
		{To: netip.MustParsePrefix("10.0.0.0/8"), Index: 10, Scope: "link"},
		{To: netip.MustParsePrefix("192.0.2.0/24"), Source: netip.MustParseAddr("192.0.2.1"), Index: 10, Scope: "link"},
		{To: netip.MustParsePrefix("::/0"), Via: netip.MustParseAddr("2001:db8::fe"), Index: 10, Scope: "global"},
		{To: netip.MustParsePrefix("2001:db8::/64"), Index: 10, Scope: "global"},
	} {
		if !slices.Contains(routes, want) {
			t.Errorf("no route %+v among %+v", want, routes)
		}
	}
	p.must(p.conn.RemoveAddress(10, netip.MustParsePrefix("192.0.2.1/24")))
	if err := p.conn.RemoveAddress(10, netip.MustParsePrefix("192.0.2.1/24")); !isErrno(err, unix.EADDRNOTAVAIL) {
		t.Errorf("removing an address that is gone gives %v, want EADDRNOTAVAIL", err)
	}
}

func TestNeighbours(t *testing.T) {
	p, far := newPlace(t), newPlace(t)
	p.parent(far)
	p.must(p.conn.AddAddress(10, netip.MustParsePrefix("192.0.2.1/24")))
	p.must(p.conn.AddAddress(10, netip.MustParsePrefix("2001:db8::1/64")))
	known := func() []string {
		var all []struct {
			IP    string   `json:"dst"`
			MAC   string   `json:"lladdr"`
			State []string `json:"state"`
		}
		p.ip(&all, "neighbour", "show", "dev", "p0")
		var out []string
		for _, n := range all {
			out = append(out, strings.Join(append([]string{n.IP, n.MAC}, n.State...), " "))
		}
		return slices.Sorted(slices.Values(out))
	}
	for _, ip := range []string{"192.0.2.7", "2001:db8::7"} {
		p.must(p.conn.AddNeighbour(rtnl.Neighbour{Index: 10, IP: netip.MustParseAddr(ip), MAC: mac(6)}))
		p.must(p.conn.AddNeighbour(rtnl.Neighbour{Index: 10, IP: netip.MustParseAddr(ip), MAC: mac(7)}))
	}
	want := []string{"192.0.2.7 02:00:00:00:00:07 PERMANENT", "2001:db8::7 02:00:00:00:00:07 PERMANENT"}
	if got := known(); !slices.Equal(got, want) {
		t.Errorf("neighbours %q, want %q", got, want)
	}
	all, err := p.conn.Neighbours()
	p.must(err)
	for _, ip := range []string{"192.0.2.7", "2001:db8::7"} {
		if !slices.ContainsFunc(all, func(n rtnl.Neighbour) bool {
			return n.Index == 10 && n.IP == netip.MustParseAddr(ip) && slices.Equal(n.MAC, mac(7))
		}) {
			t.Errorf("%s is not among %v", ip, all)
		}
	}
	// One that nobody answers for is pending, and is forgotten too.
	p.must(p.ns.Do(func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		return errors.Join(unix.Sendto(fd, []byte("x"), 0, &unix.SockaddrInet4{Port: 9, Addr: [4]byte{192, 0, 2, 99}}), unix.Close(fd))
	}))
	if got := known(); len(got) != 3 {
		t.Errorf("neighbours %q, want a pending one beside the two", got)
	}
	p.must(p.conn.FlushNeighbours())
	if got := known(); len(got) != 0 {
		t.Errorf("neighbours %q are left after a flush", got)
	}
	p.must(p.conn.FlushNeighbours())
}

func TestEvents(t *testing.T) {
	p, far := newPlace(t), newPlace(t)
	p.parent(far)
	var events *rtnl.Events
	p.must(p.ns.Do(func() (err error) { events, err = rtnl.WatchLinksHere(); return err }))
	defer events.Close()
	// Something of the parent's own may still be on its way.
	for {
		err := events.Wait(50 * time.Millisecond)
		if isErrno(err, unix.ETIMEDOUT) {
			break
		}
		p.must(err)
	}
	p.must(p.conn.SetLink(10, &rtnl.Change{MTU: 1200}))
	p.must(events.Wait(10 * time.Second))
	if err := events.Wait(time.Millisecond); !isErrno(err, unix.ETIMEDOUT) {
		t.Errorf("nothing happened, and Wait says %v, want ETIMEDOUT", err)
	}
	if err := events.Wait(-time.Second); !isErrno(err, unix.ETIMEDOUT) {
		t.Errorf("a limit in the past gives %v, want ETIMEDOUT", err)
	}
	// More than the socket's buffer holds is lost, and still tells that something was.
	for i := range 3000 {
		p.must(p.conn.SetLink(10, &rtnl.Change{MTU: 1200 + i%2}))
	}
	p.must(events.Wait(10 * time.Second))
}

func TestConnClosesTwice(t *testing.T) {
	p := newPlace(t)
	p.conn.Close()
	p.conn.Close()
}
