package qualify

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/capture"
	"github.com/lanproof/lanproof/capture/frames"
	"github.com/lanproof/lanproof/internal/ethtool"
	"github.com/lanproof/lanproof/internal/netns"
	"github.com/lanproof/lanproof/internal/rtnl"
	"github.com/lanproof/lanproof/qualify/record"
)

// Rig is two ports that a cable joins, each in a namespace of its own, with all that
// is needed to send frames from one and to count them at the other and at what is
// built on it. It serves one goroutine.
type Rig struct {
	DUT, Peer *Side

	run    uint64 // in every frame's mark
	seq    uint32
	rooms  []*Room
	waiter *capture.Waiter
	drops  int // of all taps, as far as known

	tape *tape // of the requirement that is being measured
	// spy, if set, is shown the frames that are not lanproof's own.
	spy func(*Device, capture.Frame)
	// meddle, if set, is called before each window: tests undo there what a requirement
	// has just set.
	meddle func() error
}

// Side is one port: the device itself, and the room where its children are put.
type Side struct {
	*Device
	// Yard is a further namespace, as that of a container would be.
	Yard *Room
	// Driver is who drives it.
	Driver ethtool.Driver

	lent lent // nil where its driver cannot be taken away
}

// Room is a namespace of the rig, with one tap for all devices in it, which is not
// promiscuous: it sees what their drivers hand up, and nothing else.
type Room struct {
	NS   *netns.NS
	Conn *rtnl.Conn
	Tool *ethtool.Conn

	name    string
	tap     *capture.Tap
	send    *capture.Tap // its frames are seen by tap on their way out
	devices map[int]*Device
}

// Device is one that frames are sent from or counted at.
type Device struct {
	Room  *Room
	Index int
	// Link is its name in its namespace, Name that in captures and trials, such as
	// dut/eth0.
	Link, Name string
	MAC        net.HardwareAddr
	// Tags are what a frame to it has on the wire, outermost first.
	Tags []frames.Tag

	in, out uint64 // frames that the tap has seen, whosever
	begun   tally  // its counters when none had been seen
}

// newRooms makes the four rooms of a rig: two for the ports and two yards. IPv6 is
// off in them, so that stacks send nothing of their own accord.
func newRooms() ([]*Room, error) {
	names := []string{"dut", "peer", "dut", "peer"}
	rooms := make([]*Room, len(names))
	spaces, err := netns.NewEach(len(names), func(i int, ns *netns.NS) (err error) {
		rooms[i] = &Room{NS: ns, name: names[i], devices: map[int]*Device{}}
		return rooms[i].furnish()
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make namespaces for the ports: %w", err), closeRooms(rooms))
	}
	for i, ns := range spaces {
		rooms[i].NS = ns
	}
	return rooms, nil
}

// furnish opens a room's sockets, on a thread that is in there.
func (r *Room) furnish() (err error) {
	for _, which := range []string{"default", "all"} {
		err := os.WriteFile("/proc/sys/net/ipv6/conf/"+which+"/disable_ipv6", []byte("1"), 0)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("switch IPv6 off: %w", err)
		}
	}
	if r.Conn, err = rtnl.OpenHere(); err != nil {
		return err
	}
	if r.Tool, err = ethtool.OpenHere(); err != nil {
		return err
	}
	if r.tap, err = capture.OpenHere(capture.Config{}); err != nil {
		return err
	}
	r.send, err = capture.OpenHere(capture.Config{SendOnly: true})
	return err
}

func closeRooms(rooms []*Room) error {
	var errs []error
	for _, r := range rooms {
		if r == nil {
			continue
		}
		if r.Conn != nil {
			r.Conn.Close()
		}
		if r.Tool != nil {
			errs = append(errs, r.Tool.Close())
		}
		errs = append(errs, capture.CloseAll(r.tap, r.send), r.NS.Close())
	}
	return errors.Join(errs...)
}

// newRig makes a rig of rooms with a port in each of the first two.
func newRig(rooms []*Room, run uint64, dut, peer int) (*Rig, error) {
	g := &Rig{run: run, rooms: rooms}
	taps := make([]capture.Source, len(rooms))
	for i, r := range rooms {
		taps[i] = r.tap
	}
	var err error
	if g.waiter, err = capture.NewWaiter(taps...); err != nil {
		return nil, err
	}
	if g.DUT, err = newSide(rooms[0], rooms[2], dut); err != nil {
		return nil, errors.Join(err, g.waiter.Close())
	}
	if g.Peer, err = newSide(rooms[1], rooms[3], peer); err != nil {
		return nil, errors.Join(err, g.waiter.Close())
	}
	return g, nil
}

func newSide(home, yard *Room, index int) (*Side, error) {
	d, err := home.Device(index)
	if err != nil {
		return nil, err
	}
	s := &Side{Device: d, Yard: yard}
	if d.begun, err = d.tally(); err != nil {
		return nil, err
	}
	// Not every driver says who it is; that is told by the identity alone.
	if s.Driver, err = home.Tool.Driver(d.Link); err != nil && !errors.Is(err, unix.EOPNOTSUPP) {
		return nil, err
	}
	return s, nil
}

// Device makes a device of the room known to the rig.
func (r *Room) Device(index int) (*Device, error) {
	s, err := r.Conn.Link(index)
	if err != nil {
		return nil, fmt.Errorf("look at a device of %s: %w", r.name, err)
	}
	d := &Device{Room: r, Index: index, Link: s.Name, Name: r.name + "/" + s.Name, MAC: s.MAC}
	r.devices[index] = d
	return d, nil
}

// State is what the kernel says of the device now.
func (d *Device) State() (*rtnl.State, error) {
	s, err := d.Room.Conn.Link(d.Index)
	if err != nil {
		return nil, fmt.Errorf("look at %s: %w", d.Name, err)
	}
	return s, nil
}

// Set changes the device.
func (d *Device) Set(what string, c rtnl.Change) error {
	if err := d.Room.Conn.SetLink(d.Index, &c); err != nil {
		return fmt.Errorf("%s of %s: %w", what, d.Name, err)
	}
	if len(c.MAC) > 0 {
		d.MAC = c.MAC
	}
	return nil
}

// carrierLimit is how long a link may take to come up: auto-negotiation of copper
// takes up to 4 s, some drivers' own resets as long again.
const carrierLimit = 15 * time.Second

// errNoCarrier is in the error of a port without a link.
var errNoCarrier = errors.New("no carrier: is the cable in, and the other end up?")

// up brings both ports up and waits for their links. Where one has none, the other is
// told as well, since it may be only one that has.
func (g *Rig) up(ctx context.Context) error {
	for _, s := range []*Side{g.DUT, g.Peer} {
		if err := s.Set("bring up the port", rtnl.Change{Up: ptr(true)}); err != nil {
			return err
		}
	}
	return errors.Join(g.DUT.awaitCarrier(ctx), g.Peer.awaitCarrier(ctx))
}

// awaitCarrier waits until the device has a link.
func (d *Device) awaitCarrier(ctx context.Context) error {
	var events *rtnl.Events
	err := d.Room.NS.Do(func() (err error) { events, err = rtnl.WatchLinksHere(); return err })
	if err != nil {
		return err
	}
	err = awaitCarrier(ctx, d, events)
	return errors.Join(err, events.Close())
}

func awaitCarrier(ctx context.Context, d *Device, events *rtnl.Events) error {
	for end := time.Now().Add(carrierLimit); ; {
		s, err := d.State()
		if err != nil || s.Carrier {
			return err
		}
		left := min(time.Until(end), time.Second) // so that a cancelled context is noticed
		if left <= 0 {
			return fmt.Errorf("%s: %w", d.Name, errNoCarrier)
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := events.Wait(left); err != nil && !errors.Is(err, unix.ETIMEDOUT) {
			return err
		}
	}
}

// close lets everything go but the rooms.
func (g *Rig) close() error { return g.waiter.Close() }

// tape is what the taps have seen for one requirement.
type tape struct {
	recorder capture.Recorder
	faces    map[*Device]int
	sights   record.Sights
	came     map[*Device]map[uint32]bool // numbers of the frames that came in
}

func newTape(run uint64, about string) *tape {
	t := &tape{faces: map[*Device]int{}, sights: record.Sights{Run: run}, came: map[*Device]map[uint32]bool{}}
	t.recorder.Application, t.recorder.Comments = "lanproof", []string{about}
	return t
}

// keep has a frame in the capture.
func (t *tape) keep(d *Device, f capture.Frame) {
	face, ok := t.faces[d]
	if !ok {
		face = t.recorder.Interface(d.Name, "")
		t.faces[d] = face
	}
	t.recorder.Add(face, f)
}

// add takes in a frame by its number.
func (t *tape) add(d *Device, f capture.Frame, number uint32) {
	if f.Direction() == capture.In {
		if t.came[d] == nil {
			t.came[d] = map[uint32]bool{}
		}
		t.came[d][number] = true
	}
	t.sights.Add(d.Name, f)
	t.keep(d, f)
}

func ptr[T any](v T) *T { return &v }
