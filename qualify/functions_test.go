package qualify

import (
	"context"
	"errors"
	"maps"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/guest"
	"github.com/lanproof/lanproof/internal/rtnl"
	"github.com/lanproof/lanproof/qualify/emulate"
	"github.com/lanproof/lanproof/qualify/record"
)

// meddling is what somebody does behind the back of a requirement of virtual functions
// so that it must fail. A link state can be set on no card that is emulated: see
// TestLinkOfFunction.
var meddling = map[string]func(m *Measurement, host *netlink.Handle, port netlink.Link) error{
	"vf-come-and-go": func(m *Measurement, _ *netlink.Handle, _ netlink.Link) error {
		return m.DUT.Room.Conn.SetLink(m.DUT.Index, &rtnl.Change{MAC: m.Address()})
	},
	"vf-reception": func(m *Measurement, host *netlink.Handle, port netlink.Link) error {
		return host.LinkSetVfVlan(port, 1, 5)
	},
	"vf-switching": func(m *Measurement, host *netlink.Handle, port netlink.Link) error {
		return host.LinkSetVfVlan(port, 0, 5)
	},
	"vf-trust": func(m *Measurement, host *netlink.Handle, port netlink.Link) error {
		if err := host.LinkSetVfTrust(port, 0, true); err != nil {
			return err
		}
		for _, d := range m.DUT.Yard.devices {
			if d.Link != "vf0" {
				continue
			}
			// Coming up, its driver asks for all of its addresses again.
			return errors.Join(d.Set("state", rtnl.Change{Up: ptr(false)}), d.Set("state", rtnl.Change{Up: ptr(true)}), d.awaitCarrier(m.ctx))
		}
		return errors.New("there is no virtual function")
	},
	// Already without it: QEMU's igb checks nothing.
	"vf-spoofchk": func(*Measurement, *netlink.Handle, netlink.Link) error { return nil },
	"vf-vlan": func(m *Measurement, host *netlink.Handle, port netlink.Link) error {
		return host.LinkSetVfVlan(port, 0, 78)
	},
	"vf-link-state": func(*Measurement, *netlink.Handle, netlink.Link) error { return nil },
}

// meddledWith marks the results of requirements that were meddled with.
const meddledWith = ", meddled with"

// meddled measures requirements in a guest, each as it is and once more with somebody
// who meddles.
func meddled(ctx context.Context, a emulate.Ask, each func(record.Result)) (*record.Qualification, record.Contents, error) {
	s, err := newSession(Options{DUT: a.DUT, Peer: a.Peer, Profile: record.Full, Only: a.Only, Seed: a.Seed, Each: each})
	if err != nil {
		return nil, record.Contents{}, err
	}
	for _, r := range s.todo {
		measure := r.Measure
		r.ID += meddledWith
		r.Measure = func(m *Measurement) error {
			m.meddle = func() error { return m.DUT.meddledWith(m, meddling[strings.TrimSuffix(r.ID, meddledWith)]) }
			defer func() { m.meddle = nil }()
			return measure(m)
		}
		s.todo = append(s.todo, r)
	}
	err = s.borrowed(ctx)
	return s.q, s.files, err
}

// meddledWith meddles in the namespace of the port.
func (s *Side) meddledWith(m *Measurement, how func(*Measurement, *netlink.Handle, netlink.Link) error) error {
	return s.Room.NS.Do(func() error {
		host, err := netlink.NewHandle(unix.NETLINK_ROUTE)
		if err != nil {
			return err
		}
		defer host.Close()
		l, err := host.LinkByIndex(s.Index)
		if err != nil {
			return err
		}
		return how(m, host, l)
	})
}

// TestFunctions measures the requirements of virtual functions on a card that has some,
// and has them notice what is not as they have set it.
func TestFunctions(t *testing.T) {
	if testing.Short() {
		t.Skip("boots a guest")
	}
	if ok, err := guest.Static("/proc/self/exe"); err != nil || !ok {
		t.Skip("this test's binary is /init of the guest and has to be static: build it with CGO_ENABLED=0 and without -race", err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]record.Status{
		"vf-come-and-go": record.Pass, "vf-switching": record.Pass, "vf-trust": record.Pass, "vf-vlan": record.Pass,
		"vf-reception": record.Fail, "vf-spoofchk": record.Fail, // by QEMU's fault: see package cards
		"vf-link-state": record.Unsupported, // its driver offers none
	}
	ask := emulate.Ask{Profile: record.Full}
	for _, r := range virtualFunctions() {
		ask.Only = append(ask.Only, r.ID)
	}
	q, _, err := emulate.Run(t.Context(), emulate.Options{Model: "igb", Init: exe, Ask: ask})
	if errors.Is(err, emulate.ErrMissing) || errors.Is(err, guest.ErrNoKernel) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	q.Finish(nil)
	known := map[string]map[string]bool{}
	for _, r := range q.Results {
		id, more := strings.TrimSuffix(r.ID, meddledWith), wrong(&r)
		t.Logf("%-30s %-12s %v", r.ID, r.Status, more)
		if id == r.ID {
			known[id] = wrong(&r)
			if r.Status != want[id] {
				t.Errorf("%s is %s and not %s: %s %s", r.ID, r.Status, want[id], r.Observed, r.Reason)
			}
			continue
		}
		maps.DeleteFunc(more, func(name string, _ bool) bool { return known[id][name] })
		if seen := len(more) > 0; seen != (id != "vf-spoofchk" && id != "vf-link-state") {
			t.Errorf("%s: %s %s; beside what is known: %v", r.ID, r.Status, r.Reason, more)
		}
	}
	if diff := cmp.Diff(map[string]bool{"unknown unicast at the port": true}, known["vf-reception"]); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]bool{"spoofchk on: another's source address": true}, known["vf-spoofchk"]); diff != "" {
		t.Error(diff)
	}
	if len(q.Results) != 2*len(ask.Only) || !q.Restored {
		t.Errorf("%d results, %q", len(q.Results), q.Differences)
	}
}

// wrong are the names of a result's trials and facts that are not as they must be.
func wrong(r *record.Result) map[string]bool {
	all := map[string]bool{}
	for _, t := range r.Trials {
		one := record.Result{Trials: []record.Trial{t}}
		if status, _ := one.Judge(); status != record.Pass {
			all[t.Name] = true
		}
	}
	for _, f := range r.Facts {
		if f.Got != f.Want {
			all[f.Name] = true
		}
	}
	return all
}

// TestLinkOfFunction sees that a link which is there although it was disabled is told,
// by a macvlan in the place of a virtual function.
func TestLinkOfFunction(t *testing.T) {
	for _, up := range []bool{true, false} {
		inMachine(t, func() {
			c := newCard(t)
			c.work()
			defer c.pull()
			s, err := newSession(Options{DUT: "eth1", Peer: "eth2", StateDir: t.TempDir(), Only: []string{"vf-link-state"}, Profile: record.Full})
			if err != nil {
				t.Error(err)
				return
			}
			s.todo[0].Measure = func(m *Measurement) error {
				child, err := m.Macvlan(m.DUT.Device, m.DUT.Yard)
				if err != nil {
					return err
				}
				f := &functions{Measurement: m, all: []*Device{child}}
				if err := f.linkIs("enable", true); err != nil {
					return err
				}
				if err := child.Set("state", rtnl.Change{Up: &up}); err != nil {
					return err
				}
				return f.linkIs("disable", false)
			}
			if err := s.borrowed(t.Context()); err != nil {
				t.Error(err)
			}
			// A macvlan that is down keeps its carrier (drivers/net/macvlan.c:macvlan_stop).
			told := map[string]bool{}
			for _, f := range s.q.Results[0].Facts {
				told[f.Name] = f.Got != f.Want
			}
			want := map[string]bool{
				"disable: carrier of the virtual function": true, "disable: frames that come to it": up, "disable: frames of it that come to the peer": up,
			}
			if diff := cmp.Diff(want, told); diff != "" {
				t.Errorf("up %t: %s %s", up, s.q.Results[0].Reason, diff)
			}
		})
	}
}
