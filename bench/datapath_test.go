package bench_test

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"net/netip"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lanproof/lanproof/bench"
	"github.com/lanproof/lanproof/bench/record"
	"github.com/lanproof/lanproof/internal/rtnl"
)

// quick are rules for tests: short, the sender and the receiver on different processors
// where there are two.
func quick() bench.Rules {
	return bench.Rules{Clock: record.Time, Effort: 20 * time.Millisecond, Peer: min(1, runtime.NumCPU()-1)}
}

// TestDataPath has every benchmark of some paths give figures that can be.
func TestDataPath(t *testing.T) {
	paths := []string{"veth", "bridge", "macvlan-bridge/in", "macvlan-bridge/side", "macvlan-vepa/side", "ipvlan-l3s/in", "vlan-macvlan/out"}
	for _, b := range bench.DataPath() {
		if !slices.ContainsFunc(paths, func(p string) bool {
			return strings.HasSuffix(b.Name, "/"+p) || strings.Contains(b.Name, "/"+p+"/")
		}) {
			continue
		}
		t.Run(b.Name, func(t *testing.T) {
			need(t, b.Needs...)
			before, running := held(t), runtime.NumGoroutine()
			figures, err := b.Run(t.Context(), quick())
			must(t, err)
			sane(t, figures)
			if after := held(t); after != before {
				t.Errorf("%d namespaces and sockets before, %d after", before, after)
			}
			if left := goroutines(running); left > running {
				t.Errorf("%d goroutines before, %d after", running, left)
			}
		})
	}
}

// goroutines is how many there are once those have gone that were told to.
func goroutines(want int) (n int) {
	for limit := time.Now().Add(10 * time.Second); time.Now().Before(limit); {
		if n = runtime.NumGoroutine(); n <= want {
			return n
		}
		runtime.Gosched()
	}
	return n
}

// sane checks that figures are in the wide range of what any machine can do.
func sane(t *testing.T, figures []bench.Figure) {
	t.Helper()
	ranges := map[string]struct {
		low, high float64
		better    record.Direction
	}{
		"bit/s":           {1e5, 1e13, record.HigherIsBetter},
		"datagrams/s":     {10, 1e9, record.HigherIsBetter},
		"frames/s":        {10, 1e9, record.HigherIsBetter},
		"arrived/sent":    {1e-3, 1, record.HigherIsBetter},
		"p50-ns":          {100, 1e9, record.LowerIsBetter},
		"p99-ns":          {100, 1e9, record.LowerIsBetter},
		"p999-ns":         {100, 1e9, record.LowerIsBetter},
		"stamped-p50-ns":  {100, 1e9, record.LowerIsBetter},
		"stamped-p99-ns":  {100, 1e9, record.LowerIsBetter},
		"stamped-p999-ns": {100, 1e9, record.LowerIsBetter},
	}
	if len(figures) == 0 {
		t.Error("there are no figures")
	}
	last := 0.0
	for _, f := range figures {
		r, known := ranges[f.Unit]
		if !known || f.Value < r.low || f.Value > r.high || f.Better != r.better || f.Method == "" {
			t.Errorf("%+v cannot be", f)
		}
		if strings.HasPrefix(f.Unit, "p") {
			if f.Value < last {
				t.Errorf("%s is %v, less than %v", f.Unit, f.Value, last)
			}
			last = f.Value
		}
	}
}

func TestDataPathCountsInstructions(t *testing.T) {
	need(t)
	rules := quick()
	rules.Clock = record.Instructions
	for _, b := range bench.DataPath() {
		if !strings.Contains(b.Name+"/", "/veth/") {
			continue
		}
		figures, err := b.Run(t.Context(), rules)
		if errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist) {
			t.Skip(err)
		}
		must(t, err)
		for _, f := range figures {
			if f.Unit == "arrived/sent" {
				continue
			}
			if !strings.Contains(f.Unit, "instructions") || f.Better != record.LowerIsBetter || f.Value <= 0 {
				t.Errorf("%s: %+v counts no instructions", b.Name, f)
			}
		}
	}
}

// TestNamesOfBenchmarks holds them to the form that benchstat and people read.
func TestNamesOfBenchmarks(t *testing.T) {
	form := regexp.MustCompile(`^(tcp|udp|rtt|frames|throughput)/[a-z0-9-]+(/(in|out|side))?(/[a-z]+=[a-z0-9]+)*$`)
	seen := map[string]bool{}
	for _, b := range bench.DataPath() {
		if !form.MatchString(b.Name) || seen[b.Name] || !strings.HasSuffix(b.About, ").") || len(b.Needs) == 0 {
			t.Errorf("%+v is no benchmark, or comes twice", b.Name)
		}
		seen[b.Name] = true
	}
}

// TestBrokenPathGivesNoFigure breaks a path that exists before it is measured.
func TestBrokenPathGivesNoFigure(t *testing.T) {
	broken := map[string]func(t *testing.T, l *bench.Line){
		"the receiver is down": func(t *testing.T, l *bench.Line) {
			down := false
			must(t, l.To.Conn.SetLink(l.To.Index, &rtnl.Change{Up: &down}))
		},
		"nobody has the MAC address": func(t *testing.T, l *bench.Line) {
			for _, ip := range []netip.Addr{l.To.IPv4, l.To.IPv6} {
				n := rtnl.Neighbour{Index: l.From.Index, IP: ip, MAC: net.HardwareAddr{2, 0, 0, 0, 0, 99}}
				must(t, l.From.Conn.AddNeighbour(n))
			}
			l.To.MAC = net.HardwareAddr{2, 0, 0, 0, 0, 99}
		},
	}
	for name, breakIt := range broken {
		for what, measure := range bench.Measures() {
			t.Run(name+"/"+what, func(t *testing.T) {
				need(t, path(t, "macvlan-bridge/in").Needs...)
				t.Parallel()
				l, err := path(t, "macvlan-bridge/in").Open()
				must(t, err)
				defer l.Close()
				breakIt(t, l)
				figures, err := measure(t.Context(), l, quick())
				if err == nil || len(figures) > 0 {
					t.Errorf("figures %v, error %v", figures, err)
				}
			})
		}
	}
}

// TestFamilies breaks a path for IPv6 alone, which nothing over IPv4 notices, and the other
// way round.
func TestFamilies(t *testing.T) {
	need(t, path(t, "macvlan-bridge/in").Needs...)
	measures := bench.Measures()
	for _, broken := range []string{"", "/family=ipv6"} {
		for _, what := range []string{"tcp", "udp/gso=off", "udp/gso=on", "rtt"} {
			t.Run(what+broken, func(t *testing.T) {
				t.Parallel()
				l, err := path(t, "macvlan-bridge/in").Open()
				must(t, err)
				defer l.Close()
				ip, other := l.To.IPv4, "/family=ipv6"
				if broken != "" {
					ip, other = l.To.IPv6, ""
				}
				must(t, l.From.Conn.AddNeighbour(rtnl.Neighbour{Index: l.From.Index, IP: ip, MAC: net.HardwareAddr{2, 0, 0, 0, 0, 99}}))
				if figures, err := measures[what+broken](t.Context(), l, quick()); err == nil {
					t.Errorf("nobody is there, and it has figures %v", figures)
				}
				figures, err := measures[what+other](t.Context(), l, quick())
				must(t, err)
				sane(t, figures)
			})
		}
	}
}

// TestCancelled has each measure end when its context does, in the midst of it.
func TestCancelled(t *testing.T) {
	need(t)
	for what, measure := range bench.Measures() {
		t.Run(what, func(t *testing.T) {
			l, err := path(t, "veth").Open()
			must(t, err)
			defer l.Close()
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			rules := quick()
			rules.Effort = time.Hour
			if figures, err := measure(ctx, l, rules); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("figures %v, error %v", figures, err)
			}
		})
	}
}
