package qualify

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/capture/frames"
	"github.com/lanproof/lanproof/internal/rtnl"
	"github.com/lanproof/lanproof/qualify/record"
)

// Requirement is one thing that a port must do. It is measured on a rig whose ports
// are up, and leaves it as it was.
type Requirement struct {
	ID, Title string
	Profile   record.Profile
	// Expected is the criterion in one sentence, Source where it comes from: a
	// standard's clause, or a kernel file and function.
	Expected, Source string
	// Reproduce are commands that show the same without lanproof, one a line; DUT stands
	// for the port.
	Reproduce string
	// Measure makes the trials and states the facts that its status follows from. An
	// [Unsupported] says that the port does not offer what is asked for, any other error
	// that it could not be found out.
	Measure func(m *Measurement) error
}

// Requirements are all of them in the order in which they are measured.
func Requirements() []Requirement {
	return slices.Concat(identity(), counters(), reception(), addresses(), filters(), sizes(), integrity(), vlans(), vlanOffload(), streams(), claims(), forwarding(), links(), virtualFunctions(), reloads())
}

// Measurement is one requirement being measured.
type Measurement struct {
	*Rig
	// Result is what is handed in.
	Result *record.Result

	ctx  context.Context
	undo []func() error
	made int // devices
	// yards are the rooms with children.
	yards []*Room
}

// Unsupported is the error of a [Requirement] for which a port has not what it takes;
// it says how that was found out.
type Unsupported struct{ How string }

// Error says how it was found out.
func (u *Unsupported) Error() string { return u.How }

func unsupported(format string, args ...any) error {
	return &Unsupported{fmt.Sprintf(format, args...)}
}

// Try makes trials that are judged. Where a few frames are missing, and nothing else is
// wrong, they are made once more, and that is told: a frame may be lost on any wire, and
// whether that happens is asked by [Measurement.TryOnce]. What a card takes in at all
// does not change by asking twice.
func (m *Measurement) Try(asks ...Ask) ([]record.Trial, error) {
	trials, err := m.Window(m.ctx, asks...)
	if lost := aFewLost(trials); err == nil && lost != "" {
		m.Measured("made twice", "at first %s", lost)
		trials, err = m.Window(m.ctx, asks...)
	}
	m.Result.Trials = append(m.Result.Trials, trials...)
	return trials, err
}

// TryOnce makes trials of which no frame may be lost.
func (m *Measurement) TryOnce(asks ...Ask) ([]record.Trial, error) {
	trials, err := m.Window(m.ctx, asks...)
	m.Result.Trials = append(m.Result.Trials, trials...)
	return trials, err
}

// aFewLost says of which trials some frames came and some did not; "" where there are
// none, or where something else is wrong.
func aFewLost(trials []record.Trial) string {
	var lost []string
	for _, t := range trials {
		switch {
		case t.Duplicates+t.Altered+t.Reordered > 0, t.Want == record.None && t.Seen > 0, t.Want == record.All && t.Seen == 0:
			return ""
		case t.Want == record.All && t.Seen < t.Sent():
			lost = append(lost, fmt.Sprintf("%s: %d of %d", t.Name, t.Seen, t.Sent()))
		}
	}
	return strings.Join(lost, ", ")
}

// Look makes trials that are not judged and not kept, to find out where to try.
func (m *Measurement) Look(asks ...Ask) ([]record.Trial, error) { return m.Window(m.ctx, asks...) }

// Fact states what is and what must be.
func (m *Measurement) Fact(name, want, got string) {
	m.Result.Facts = append(m.Result.Facts, record.Fact{Name: name, Want: want, Got: got})
}

// Measured tells a figure that is not judged.
func (m *Measurement) Measured(name, format string, args ...any) {
	if m.Result.Measured == nil {
		m.Result.Measured = map[string]string{}
	}
	m.Result.Measured[name] = fmt.Sprintf(format, args...)
}

// Observed says in one sentence what was seen.
func (m *Measurement) Observed(format string, args ...any) {
	m.Result.Observed = fmt.Sprintf(format, args...)
}

// Finally has something done when the requirement has been measured, the last first.
func (m *Measurement) Finally(undo func() error) { m.undo = append(m.undo, undo) }

// Change changes a device until the requirement has been measured; back is how it was.
func (m *Measurement) Change(d *Device, what string, to, back rtnl.Change) error {
	m.Finally(func() error { return d.Set("set back the "+what, back) })
	return d.Set("set the "+what, to)
}

// Macvlan puts a macvlan of mode bridge on a device, in a room. It is gone when the
// requirement has been measured.
func (m *Measurement) Macvlan(on *Device, in *Room) (*Device, error) {
	return m.Child(on, in, &rtnl.Link{Kind: "macvlan", MAC: m.Address(), Data: rtnl.Macvlan("bridge", nil, nil, nil, nil)})
}

// VLAN puts a vlan on a device, in a room, with its parent's address.
func (m *Measurement) VLAN(on *Device, in *Room, tpid uint16, vid int) (*Device, error) {
	data := rtnl.VLANData{ID: &vid, Protocol: tpid}
	d, err := m.Child(on, in, &rtnl.Link{Kind: "vlan", Data: data.Attrs()})
	if err != nil {
		return nil, err
	}
	d.Tags = append(slices.Clone(on.Tags), frames.Tag{TPID: tpid, VID: uint16(vid)})
	return d, nil
}

// firstIndex is the ifindex of the first child; the kernel's own numbers are small.
const firstIndex = 10000

// Child makes a device on another one. Its name and index are chosen here.
func (m *Measurement) Child(on *Device, in *Room, l *rtnl.Link) (*Device, error) {
	m.made++
	l.Name, l.Index, l.NS, l.Parent, l.Up = fmt.Sprintf("%s%d", l.Kind, m.made), firstIndex+m.made, in.NS.FD(), on.Index, true
	l.Instead = append(l.Instead, rtnl.U32(unix.IFLA_GROUP, childGroup))
	if err := on.Room.Conn.NewLink(l); err != nil {
		if isAny(err, unix.EOPNOTSUPP) {
			return nil, unsupported("this kernel makes no %s: %v", l.Kind, err)
		}
		return nil, fmt.Errorf("put a %s on %s: %w", l.Kind, on.Name, err)
	}
	if !slices.Contains(m.yards, in) {
		m.yards = append(m.yards, in)
		m.Finally(in.clear)
	}
	d, err := in.Device(l.Index)
	if err != nil {
		return nil, err
	}
	d.Tags = slices.Clone(on.Tags)
	return d, nil
}

// Remove takes a child away before the requirement has been measured.
func (m *Measurement) Remove(d *Device) error {
	delete(d.Room.devices, d.Index)
	if err := d.Room.Conn.DeleteLink(d.Index); err != nil && !isAny(err, unix.ENODEV) {
		return fmt.Errorf("take away %s: %w", d.Name, err)
	}
	return nil
}

// childGroup is the group of devices that all children are in.
const childGroup = 0x6c70

// clear takes all children of a room away at once: one after the other, each would
// wait until no CPU looks at it any more (net/core/dev.c:unregister_netdevice_many).
func (r *Room) clear() error {
	for index := range r.devices {
		if index > firstIndex {
			delete(r.devices, index)
		}
	}
	message := nl.NewIfInfomsg(unix.AF_UNSPEC).Serialize()
	message = append(message, nl.NewRtAttr(unix.IFLA_GROUP, nl.Uint32Attr(childGroup)).Serialize()...)
	if err := r.Conn.Send(unix.RTM_DELLINK, 0, message); err != nil && !isAny(err, unix.ENODEV) {
		return fmt.Errorf("take away the children in a room of %s: %w", r.name, err)
	}
	return nil
}

// Address is one that nobody else has. Its last bytes are not those of any group that
// a stack joins: hashes of multicast filters are of the last bytes only, and some
// devices hold them against single addresses as well.
func (m *Measurement) Address() net.HardwareAddr {
	n := m.numbers(1)
	return net.HardwareAddr{0x02, 0x6c, 0x70, byte(n>>14) | 0x40, byte(n>>7)&0x7f | 0x80, byte(n)&0x7f | 0x80}
}

// Group is one of IPv4's multicast addresses that no stack joins (RFC 1112 6.4).
func (m *Measurement) Group() net.HardwareAddr {
	a := m.Address()
	return net.HardwareAddr{0x01, 0x00, 0x5e, 0x6c, a[4], a[5]}
}

// Join makes a device a member of a group until the requirement has been measured.
func (m *Measurement) Join(d *Device, group net.HardwareAddr) error {
	m.Finally(func() error { return d.Room.send.Leave(d.Index, group) })
	return d.Room.send.Join(d.Index, group)
}

// measure measures a requirement and returns what came of it, with what was seen.
func (g *Rig) measure(ctx context.Context, q *Requirement) (record.Result, *tape) {
	start := time.Now()
	r := record.Result{
		ID: q.ID, Title: q.Title, Profile: q.Profile, Expected: q.Expected, Source: q.Source,
		Reproduce: q.Reproduce,
	}
	g.tape = newTape(g.run, q.ID+": "+q.Title)
	m := &Measurement{Rig: g, Result: &r, ctx: ctx}
	err := q.Measure(m)
	var none *Unsupported
	if errors.As(err, &none) {
		r.Status, r.Reason, err = record.Unsupported, none.How, nil
	}
	for _, undo := range slices.Backward(m.undo) {
		err = errors.Join(err, undo())
	}
	if err != nil {
		r.Status, r.Reason = record.Error, err.Error()
	}
	if g.tape.recorder.Len() > 0 {
		r.Capture = "captures/" + q.ID + ".pcapng"
		// The paper says what its capture shows. There frames stand by their time stamps,
		// and those of a card's several queues may have been read in another order.
		shown := record.SightsOf(g.tape.recorder.Trace(), g.run)
		for i := range r.Trials {
			shown.Count(&r.Trials[i])
		}
	}
	r.Duration = time.Since(start)
	return r, g.tape
}

// isAny reports whether an error is one of some errnos.
func isAny(err error, errnos ...unix.Errno) bool {
	return slices.ContainsFunc(errnos, func(e unix.Errno) bool { return errors.Is(err, e) })
}
