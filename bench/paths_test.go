package bench_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lanproof/lanproof/bench"
	"github.com/lanproof/lanproof/internal/features"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// need skips where namespaces cannot be made, or the kernel lacks something.
func need(t testing.TB, wanted ...string) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("making network namespaces needs root")
	}
	var k features.Kernel
	defer k.Close()
	for _, f := range wanted {
		switch err := k.Have(f); {
		case errors.Is(err, features.ErrNotSupported):
			t.Skipf("%v", err)
		case err != nil:
			t.Fatal(err)
		}
	}
}

// held counts the descriptors of this process that hold namespaces, and its sockets.
func held(t *testing.T) (n int) {
	t.Helper()
	paths, err := filepath.Glob("/proc/self/fd/*")
	must(t, err)
	for _, p := range paths {
		if s, err := os.Readlink(p); err == nil && (strings.HasPrefix(s, "net:") || strings.HasPrefix(s, "socket:")) {
			n++
		}
	}
	return n
}

func path(t testing.TB, name string) bench.Path {
	t.Helper()
	for _, p := range bench.Paths() {
		if p.String() == name {
			return p
		}
	}
	t.Fatalf("there is no path %s", name)
	return bench.Path{}
}

func TestPathsAreTold(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range bench.Paths() {
		if seen[p.String()] || len(p.Needs) == 0 {
			t.Errorf("%s: twice %v, needs %v", p, seen[p.String()], p.Needs)
		}
		seen[p.String()] = true
	}
	for _, name := range []string{"veth", "bridge", "vlan", "macvlan-bridge/side", "macvlan-vepa/side", "ipvlan-l3s/in", "vlan-macvlan/out"} {
		if !seen[name] {
			t.Errorf("there is no path %s", name)
		}
	}
}

// TestPathsCarry sends a datagram each way and in each family, through the kernel's
// own sockets.
func TestPathsCarry(t *testing.T) {
	for _, p := range bench.Paths() {
		t.Run(p.String(), func(t *testing.T) {
			need(t, p.Needs...)
			before := held(t)
			l, err := p.Open()
			must(t, err)
			for _, v6 := range []bool{false, true} {
				greet(t, &l.From, &l.To, v6)
				greet(t, &l.To, &l.From, v6)
			}
			on, err := l.From.Offloads()
			must(t, err)
			if !strings.Contains(on, "gso") {
				t.Errorf("the offloads of %s are told as %q", l.From.Ref, on)
			}
			must(t, l.Close())
			if after := held(t); after != before {
				t.Errorf("%d namespaces and sockets before, %d after", before, after)
			}
		})
	}
}

func greet(t *testing.T, from, to *bench.End, v6 bool) {
	t.Helper()
	source, dest := from.IPv4, to.IPv4
	if v6 {
		source, dest = from.IPv6, to.IPv6
	}
	listen := func(e *bench.End, ip net.IP) (c *net.UDPConn) {
		must(t, e.NS.Do(func() (err error) { c, err = net.ListenUDP("udp", &net.UDPAddr{IP: ip, Port: 7}); return err }))
		return c
	}
	a, b := listen(from, source.AsSlice()), listen(to, dest.AsSlice())
	defer a.Close()
	defer b.Close()
	_, err := a.WriteTo([]byte("hello"), b.LocalAddr())
	must(t, err)
	must(t, b.SetReadDeadline(time.Now().Add(5*time.Second)))
	buf := make([]byte, 10)
	n, peer, err := b.ReadFrom(buf)
	must(t, err)
	if string(buf[:n]) != "hello" || peer.String() != a.LocalAddr().String() {
		t.Errorf("%s got %q of %s", to.Ref, buf[:n], peer)
	}
}
