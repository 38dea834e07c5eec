package qualify

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lanproof/lanproof/guest"
	"github.com/lanproof/lanproof/internal/port"
	"github.com/lanproof/lanproof/probe/mark"
	"github.com/lanproof/lanproof/qualify/emulate"
	"github.com/lanproof/lanproof/qualify/record"
)

// pass hands up what is good, and what else is said.
func pass(frame []byte, ok bool) [][]byte {
	if !ok {
		return nil
	}
	return [][]byte{frame}
}

func to(frame []byte) net.HardwareAddr { return net.HardwareAddr(frame[:6]) }

// once remembers whether something has ever been so.
func (c *card) once(what string, now bool) bool {
	c.memory[what] = c.memory[what] || now
	return c.memory[what]
}

// faults are what cards do wrong, and the requirement that notices.
var faults = map[string]struct {
	requirement string
	fault       func(c *card, m *mode, frame []byte, good bool) [][]byte
}{
	"no filter": {"rx-plain", func(_ *card, _ *mode, f []byte, _ bool) [][]byte { return pass(f, true) }},
	"no broadcast": {"rx-plain", func(_ *card, _ *mode, f []byte, good bool) [][]byte {
		return pass(f, good && !bytes.Equal(to(f), broadcast))
	}},
	"doubles": {"rx-plain", func(c *card, _ *mode, f []byte, good bool) [][]byte {
		if good && c.frames%7 == 0 {
			return [][]byte{f, f}
		}
		return pass(f, good)
	}},
	"alters a byte": {"rx-plain", func(c *card, _ *mode, f []byte, good bool) [][]byte {
		if c.frames%7 == 0 {
			f[len(f)-1] ^= 0x10
		}
		return pass(f, good)
	}},
	"loses one in seven": {"rx-plain", func(c *card, _ *mode, f []byte, good bool) [][]byte { return pass(f, good && c.frames%7 != 0) }},
	"cuts the end off": {"rx-plain", func(_ *card, _ *mode, f []byte, good bool) [][]byte {
		return pass(f[:len(f)-4], good)
	}},
	"heeds no allmulti": {"rx-allmulti", func(_ *card, m *mode, f []byte, _ bool) [][]byte {
		m.AllMulti = 0
		return pass(f, m.takes(f))
	}},
	"allmulti lets unicast in": {"rx-allmulti", func(_ *card, m *mode, f []byte, good bool) [][]byte {
		return pass(f, good || m.AllMulti > 0)
	}},
	"heeds no promisc": {"rx-promisc", func(_ *card, m *mode, f []byte, _ bool) [][]byte {
		m.Promiscuity = 0
		return pass(f, m.takes(f))
	}},
	"stays promiscuous": {"rx-promisc", func(c *card, m *mode, f []byte, good bool) [][]byte {
		return pass(f, c.once("promisc", m.Promiscuity > 0) || good)
	}},
	"knows no second address": {"rx-child", knowsNoSecond},
	"stays promiscuous after a macvlan": {"unicast-filter", func(c *card, m *mode, f []byte, good bool) [][]byte {
		return pass(f, c.once("promisc", m.Promiscuity > 0) || good)
	}},
	"no second address": {"unicast-filter", knowsNoSecond},
	"drops beyond four": {"unicast-capacity", func(_ *card, m *mode, f []byte, good bool) [][]byte {
		m.lists = m.lists[:min(4, len(m.lists))]
		m.Promiscuity = 0
		return pass(f, good && m.takes(f))
	}},
	"hashes unicast": {"rx-hash-alias", func(_ *card, m *mode, f []byte, good bool) [][]byte {
		return pass(f, good || slices.ContainsFunc(m.lists, func(a net.HardwareAddr) bool { return bytes.Equal(a[4:], f[4:6]) }))
	}},
	"has room for eight groups": {"multicast-capacity", func(_ *card, m *mode, f []byte, _ bool) [][]byte {
		m.lists = m.lists[:min(8, len(m.lists))]
		return pass(f, m.takes(f))
	}},
	"keeps its first address": {"mac-change", func(c *card, m *mode, f []byte, _ bool) [][]byte {
		m.MAC = c.initial
		return pass(f, m.takes(f))
	}},
	"keeps the old address as well": {"mac-change", func(c *card, _ *mode, f []byte, good bool) [][]byte {
		return pass(f, good || bytes.Equal(to(f), c.initial))
	}},
	"forgets children with its address": {"mac-change-children", func(c *card, m *mode, f []byte, good bool) [][]byte {
		changed := c.once("changed", !bytes.Equal(m.MAC, c.initial))
		return pass(f, good && (!changed || bytes.Equal(to(f), m.MAC) || to(f)[0]&1 != 0))
	}},
	"has its first address again when it comes up": {"mac-change-down", func(c *card, m *mode, f []byte, _ bool) [][]byte {
		m.MAC = c.initial
		return pass(f, m.takes(f))
	}},
	"eats VID 0": {"vlan-priority-tag", func(_ *card, _ *mode, f []byte, good bool) [][]byte {
		return pass(f, good && !bytes.Equal(f[12:16], []byte{0x81, 0, 0, 0}))
	}},
	"clears the PCP": {"vlan-pcp", func(_ *card, _ *mode, f []byte, good bool) [][]byte {
		if bytes.Equal(f[12:14], []byte{0x81, 0}) {
			f[14] &= 0x1f
		}
		return pass(f, good)
	}},
	"deaf after down": {"link-down-up", func(c *card, m *mode, f []byte, good bool) [][]byte {
		return pass(f, good && !c.once("down", !m.Up()))
	}},
	"loses groups by down": {"link-down-up", func(c *card, m *mode, f []byte, good bool) [][]byte {
		lost := c.once("down", !m.Up()) && to(f)[0]&1 != 0 && !bytes.Equal(to(f), broadcast)
		return pass(f, good && !lost)
	}},
	"takes no full size":              {"full-size", func(_ *card, _ *mode, f []byte, good bool) [][]byte { return pass(f, good && len(f) < 1514) }},
	"takes nothing larger than usual": {"mtu", func(_ *card, _ *mode, f []byte, good bool) [][]byte { return pass(f, good && len(f) <= 1514) }},
	"alters some": {"integrity", func(c *card, _ *mode, f []byte, good bool) [][]byte {
		if c.frames%50 == 0 {
			f[len(f)-1] ^= 0x10
		}
		return pass(f, good)
	}},
	"loses few of many": {"integrity-bulk", func(c *card, _ *mode, f []byte, good bool) [][]byte { return pass(f, good && c.frames%1000 != 999) }},
	"loses fragments": {"streams", func(_ *card, _ *mode, f []byte, good bool) [][]byte {
		fragment := bytes.Equal(f[12:14], []byte{8, 0}) && f[20]&0x20 != 0
		return pass(f, good && !fragment)
	}},
	"loses some, whatever its features": {"feature-switches", func(c *card, _ *mode, f []byte, good bool) [][]byte {
		return pass(f, good && c.frames%7 != 0)
	}},
	"loses its children by a reset": {"reset-mtu", func(c *card, m *mode, f []byte, good bool) [][]byte {
		reset := c.once("reset", m.MTU != 1500)
		return pass(f, good && (!reset || bytes.Equal(to(f), m.MAC) || to(f)[0]&1 != 0))
	}},
}

func knowsNoSecond(_ *card, m *mode, f []byte, _ bool) [][]byte {
	m.Promiscuity, m.lists = 0, slices.DeleteFunc(m.lists, func(a net.HardwareAddr) bool { return a[0]&1 == 0 })
	return pass(f, m.takes(f))
}

// qualifyCard qualifies a card, which it pulls afterwards.
func qualifyCard(t *testing.T, c *card, o Options) (*record.Qualification, record.Contents, error) {
	t.Helper()
	c.work()
	defer c.pull()
	o.DUT, o.Peer, o.StateDir = "eth1", "eth2", t.TempDir()
	q, files, err := Run(t.Context(), o)
	if q != nil {
		q.Finish(nil)
	}
	return q, files, err
}

// TestFaults sees that each fault is noticed by its requirement, and nothing of a good
// card.
func TestFaults(t *testing.T) {
	for name, f := range faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inMachine(t, func() {
				c := newCard(t)
				c.fault = f.fault
				q, files, err := qualifyCard(t, c, Options{Only: []string{f.requirement}})
				if err != nil {
					t.Error(err)
					return
				}
				if r := q.Results[0]; r.Status != record.Fail {
					t.Errorf("%s is %s: %s %s", r.ID, r.Status, r.Observed, r.Reason)
				}
				verify(t, q, files)
			})
		})
	}
}

// missing is what a card in this program and a veth have not got.
var missing = [...]string{"this kernel makes no ", "the port has no SR-IOV", "it is on no bus", "no PCI device", "l2-fwd-offload"}

// good says what is wrong with a good card's qualification, where nothing may be.
func good(t *testing.T, q *record.Qualification) {
	t.Helper()
	for _, r := range q.Results {
		has := func(why string) bool { return r.Status == record.Unsupported && strings.Contains(r.Reason, why) }
		if r.Status != record.Pass && !slices.ContainsFunc(missing[:], has) {
			t.Errorf("%s is %s: %s %s", r.ID, r.Status, r.Observed, r.Reason)
		}
	}
	if !q.Restored || len(q.Differences) > 0 {
		t.Errorf("not restored: %q", q.Differences)
	}
}

// TestLosesOne sees that one lost frame is told, and no failure but where it is asked
// for.
func TestLosesOne(t *testing.T) {
	for requirement, c := range map[string]struct {
		lost int // behind scouts and canaries
		want record.Status
	}{"rx-plain": {8, record.Pass}, "integrity": {30, record.Fail}} {
		nth, want := c.lost, c.want
		t.Run(requirement, func(t *testing.T) {
			t.Parallel()
			inMachine(t, func() {
				c := newCard(t)
				trialFrames := 0
				c.fault = func(_ *card, _ *mode, f []byte, good bool) [][]byte {
					if m, _, ok := mark.Find(f); ok && m.Role == mark.Probe && bytes.Equal(to(f), c.initial) {
						trialFrames++
					}
					if trialFrames == nth {
						trialFrames++
						return nil
					}
					return pass(f, good)
				}
				q, files, err := qualifyCard(t, c, Options{Only: []string{requirement}})
				if err != nil {
					t.Error(err)
					return
				}
				if r := q.Results[0]; r.Status != want || want == record.Pass && !strings.Contains(r.Measured["made twice"], " of ") {
					t.Errorf("%s is %s: %s %s %v", r.ID, r.Status, r.Observed, r.Reason, r.Measured)
				}
				verify(t, q, files)
			})
		})
	}
}

func TestGoodCards(t *testing.T) {
	for name, delay := range map[string]func() time.Duration{"at once": nil, "with delays": shaky} {
		var some []string
		if delay != nil { // each round takes its time, and those that send thousands of frames take minutes
			some = []string{"counters", "rx-plain", "rx-promisc", "rx-child", "mac-change", "unicast-filter", "unicast-capacity", "vlan-priority-tag", "link-down-up"}
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inMachine(t, func() {
				c := newCard(t)
				c.delay = delay
				q, files, err := qualifyCard(t, c, Options{Profile: record.Full, Only: some})
				if err != nil {
					t.Error(err)
					return
				}
				good(t, q)
				verify(t, q, files)
				t.Log(q.Duration)
			})
		})
	}
}

// needVLANs are requirements that only a kernel with VLANs can tell anything of. Cards
// that fail them are in the guests of package emulate.
var needVLANs = []string{
	"vlan-filter", "vlan-64", "vlan-4094", "vlan-qinq", "vlan-in-vlan", "vlan-offload",
	"full-size-vlan", "baby-giants", "integrity-vlan", "integrity-vlan-bulk", "streams-vlan", "streams-ipvlan",
}

// Every requirement must have a fault that it notices, but those of TestSpoiled,
// TestReload and TestForwarding.
func TestEveryRequirementHasAFault(t *testing.T) {
	has := map[string]bool{"identity": true, "counters": true, "reset": true, "rebind": true, "l2-forwarding": true}
	for _, f := range faults {
		has[f.requirement] = true
	}
	for _, r := range Requirements() {
		if !has[r.ID] && !slices.Contains(needVLANs, r.ID) && meddling[r.ID] == nil {
			t.Errorf("nothing is known to fail %s", r.ID)
		}
	}
}

// TestSpoiled has the rig believe what is not so, where a card in this program cannot
// lie, since its kernel counts for it.
func TestSpoiled(t *testing.T) {
	for id, spoil := range map[string]func(m *Measurement){
		"identity": func(m *Measurement) { m.DUT.Driver.Firmware = "another" },
		"counters": func(m *Measurement) { m.DUT.begun["ip -s link: rx_packets"]++ },
	} {
		t.Run(id, func(t *testing.T) {
			inMachine(t, func() {
				c := newCard(t)
				c.work()
				defer c.pull()
				o := Options{DUT: "eth1", Peer: "eth2", StateDir: t.TempDir(), Only: []string{id}, Profile: record.Core}
				s, err := newSession(o)
				if err != nil {
					t.Error(err)
					return
				}
				measure := s.todo[0].Measure
				s.todo[0].Measure = func(m *Measurement) error { spoil(m); return measure(m) }
				if err := s.borrowed(t.Context()); err != nil {
					t.Error(err)
				}
				if r := s.q.Results[0]; r.Status != record.Fail {
					t.Errorf("%s: %s %s", r.Status, r.Observed, r.Reason)
				}
			})
		})
	}
}

func TestNoCable(t *testing.T) {
	inMachine(t, func() {
		c := newCard(t)
		c.cut = true
		q, _, err := qualifyCard(t, c, Options{})
		if err == nil || !strings.Contains(err.Error(), "peer/eth2 sees no frame of dut/eth1") {
			t.Errorf("error %v", err)
		}
		if q == nil || q.Summary.Conformant {
			t.Errorf("%+v", q)
		}
	})
}

func TestVanishes(t *testing.T) {
	inMachine(t, func() {
		c := newCard(t)
		c.fault = func(c *card, _ *mode, f []byte, good bool) [][]byte {
			if c.frames == 20 {
				_ = c.port.Close()
			}
			return pass(f, good)
		}
		q, _, err := qualifyCard(t, c, Options{})
		if !errors.Is(err, port.ErrGone) || q == nil || q.Summary.Conformant {
			t.Errorf("error %v", err)
		}
	})
}

func TestCancelled(t *testing.T) {
	inMachine(t, func() {
		c := newCard(t)
		c.work()
		defer c.pull()
		ctx, cancel := context.WithCancelCause(t.Context())
		stop := errors.New("enough")
		q, _, err := Run(ctx, Options{DUT: "eth1", Peer: "eth2", StateDir: t.TempDir(), Each: func(record.Result) { cancel(stop) }})
		if !errors.Is(err, stop) || len(q.Results) != 1 {
			t.Errorf("error %v, %+v", err, q)
		}
	})
}

func TestUsage(t *testing.T) {
	for name, o := range map[string]Options{
		"the same port twice": {DUT: "eth1", Peer: "eth1"},
		"no such requirement": {DUT: "eth1", Peer: "eth2", Only: []string{"x"}},
		"no such profile":     {DUT: "eth1", Peer: "eth2", Profile: "some"},
	} {
		if _, _, err := Run(t.Context(), o); !errors.Is(err, ErrUsage) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestMain is the main of a guest, where it is one. Else it runs many cards side by side, since most of what they do is to wait.
func TestMain(m *testing.M) {
	if guest.IsInit() {
		guest.Init(func(job []byte, out guest.Emitter) error { return emulate.InGuest(job, out, meddled) })
	}
	flag.Parse()
	if err := flag.Set("test.parallel", "16"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}
