package qualify

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/internal/netns"
	"github.com/lanproof/lanproof/internal/port"
	"github.com/lanproof/lanproof/internal/rtnl"
	"github.com/lanproof/lanproof/qualify/record"
)

// driver takes a card of this program away from its machine and gives it back: its
// device goes, and all that sits on it, and another one comes.
type driver struct {
	c     *card
	space *netns.NS
	was   *rtnl.State

	// Faults.
	keeps, changes, loses bool

	again, reset atomic.Bool // it has been
}

func (d *driver) Reloadable() error { return nil }

func (d *driver) in(fn func(c *rtnl.Conn) error) error {
	return d.space.Do(func() error {
		c, err := rtnl.OpenHere()
		if err != nil {
			return err
		}
		defer c.Close()
		return fn(c)
	})
}

func (d *driver) Unbind() (err error) {
	if d.space, err = d.c.where(); err != nil {
		return err
	}
	if err := d.in(func(c *rtnl.Conn) (err error) { d.was, err = c.LinkByName("eth1"); return err }); err != nil {
		return err
	}
	if d.keeps {
		return nil
	}
	return d.c.port.Close()
}

func (d *driver) Bind() (index int, err error) {
	defer d.again.Store(true)
	if d.loses {
		return 0, fmt.Errorf("the driver finds no card: %w", unix.EIO)
	}
	if d.keeps {
		return d.was.Index, nil
	}
	err = d.in(func(c *rtnl.Conn) error {
		file, err := openTap("eth1")
		if err != nil {
			return err
		}
		d.c.port.Store(file)
		s, err := c.LinkByName("eth1")
		if err != nil {
			return err
		}
		index = s.Index
		change := &rtnl.Change{MAC: d.was.MAC, MTU: d.was.MTU}
		if d.changes {
			change.MTU = 1400
		}
		return c.SetLink(index, change)
	})
	if err == nil {
		d.c.send()
	}
	return index, errors.Join(err, d.space.Close())
}

func (d *driver) Resets() []port.Reset {
	return []port.Reset{
		{Name: "not at all", Do: func() error { return fmt.Errorf("no: %w", errors.ErrUnsupported) }},
		{Name: "by word", Do: func() error { d.reset.Store(true); return nil }},
	}
}

// reload qualifies a card that can be taken away.
func reload(t *testing.T, requirement string, prepare func(d *driver)) (q *record.Qualification, files record.Contents, err error) {
	t.Helper()
	inMachine(t, func() {
		d := &driver{c: newCard(t)}
		prepare(d)
		q, files, err = qualifyCard(t, d.c, Options{Only: []string{requirement}, reloads: func(*port.Loan) lent { return d }})
	})
	return q, files, err
}

// TestReload sees that a good card survives, and that each fault is noticed.
func TestReload(t *testing.T) {
	// deaf is a fault of a card once something has been done to it.
	deaf := func(now func(d *driver) *atomic.Bool, but func(c *card, m *mode, f []byte) bool) func(d *driver) {
		return func(d *driver) {
			d.c.fault = func(c *card, m *mode, f []byte, good bool) [][]byte {
				return pass(f, good && (!now(d).Load() || but(c, m, f)))
			}
		}
	}
	again, reset := func(d *driver) *atomic.Bool { return &d.again }, func(d *driver) *atomic.Bool { return &d.reset }
	own := func(_ *card, m *mode, f []byte) bool { return bytes.Equal(to(f), m.MAC) || to(f)[0]&1 != 0 }
	for name, c := range map[string]struct {
		requirement string
		prepare     func(d *driver)
		shows       string // "" when it passes
	}{
		"good":                         {"rebind", func(*driver) {}, ""},
		"keeps its port":               {"rebind", func(d *driver) { d.keeps = true }, "devices left of the port and its children"},
		"comes back with another MTU":  {"rebind", func(d *driver) { d.changes = true }, "MTU with its driver again"},
		"forgets what it can":          {"rebind", deaf(again, own), "with its driver again: macvlan's address"},
		"is deaf when it comes back":   {"rebind", deaf(again, func(*card, *mode, []byte) bool { return false }), "own address"},
		"doubles when it comes back":   {"rebind", doubles, "more than once"},
		"resets well":                  {"reset", func(*driver) {}, ""},
		"forgets children by a reset":  {"reset", deaf(reset, own), "after reset: macvlan's address"},
		"loses groups by a reset":      {"reset", deaf(reset, func(_ *card, _ *mode, f []byte) bool { return to(f)[0] != 1 }), "after reset: joined group"},
		"streams stop after its reset": {"reset", deaf(reset, func(_ *card, _ *mode, f []byte) bool { return !bytes.Equal(f[12:14], []byte{8, 0}) }), "the stream goes on after by word"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q, files, err := reload(t, c.requirement, c.prepare)
			if err != nil {
				t.Error(err)
				return
			}
			r := q.Results[0]
			if c.shows == "" && r.Status != record.Pass || c.shows != "" && (r.Status != record.Fail || !strings.Contains(r.Reason, c.shows)) {
				t.Errorf("%s is %s: %s %s", r.ID, r.Status, r.Observed, r.Reason)
			}
			if !q.Restored {
				t.Errorf("not restored: %q", q.Differences)
			}
			verify(t, q, files)
		})
	}
}

func doubles(d *driver) {
	d.c.fault = func(c *card, _ *mode, f []byte, good bool) [][]byte {
		if good && d.again.Load() && c.frames%7 == 0 {
			return [][]byte{f, f}
		}
		return pass(f, good)
	}
}

// A port that does not come back is a failure, and ends the qualification.
func TestReloadVanishes(t *testing.T) {
	q, _, err := reload(t, "rebind", func(d *driver) { d.loses = true })
	if !errors.Is(err, port.ErrGone) || q == nil || q.Summary.Conformant || q.Results[0].Status != record.Fail {
		t.Errorf("error %v, %+v", err, q)
	}
}

// What is on no bus has nothing that could be taken away or reset.
func TestReloadVirtual(t *testing.T) {
	inMachine(t, func() {
		if err := plugVeth(); err != nil {
			t.Error(err)
			return
		}
		q, _, err := Run(t.Context(), Options{DUT: "eth1", Peer: "eth2", Only: []string{"rebind", "reset"}, StateDir: t.TempDir()})
		if err != nil {
			t.Error(err)
			return
		}
		for i, why := range []string{"no PCI device", "it is on no bus"} {
			if r := q.Results[i]; r.Status != record.Unsupported || !strings.Contains(r.Reason, why) {
				t.Errorf("%s is %s: %s", r.ID, r.Status, r.Reason)
			}
		}
	})
}
