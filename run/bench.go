package run

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/internal/rtnl"
	"github.com/lanproof/lanproof/probe"
	"github.com/lanproof/lanproof/reports"
	"github.com/lanproof/lanproof/topology"
	"github.com/lanproof/lanproof/topology/lab"
	"github.com/lanproof/lanproof/topology/oracle"
)

// bench is a lab with probes in it: what questions are asked of.
type bench struct {
	plan  *topology.Plan
	lab   *lab.Lab
	nodes map[string]*probe.Node
	field *probe.Field
	// world is what bridges have learned, as long as only the oracle has been asked.
	world *oracle.World
	// sabotage is nil in all but a self-test.
	sabotage *Sabotage
	// cable is nil where no real ports are joined.
	cable *laid
	// otherVersion is set where a real Docker is of another version than the scenario says.
	otherVersion bool
	// foreign is set where an engine builds the networks that is none of Docker's.
	foreign bool
	// turnedAway is how often neighbours had found no room before.
	turnedAway uint64
	together   together
}

// answer is what a question found out.
type answer struct {
	probe.Finding
	observation *probe.Observation
	more        []*probe.Observation
	evidence    []reports.Evidence
	matrices    []reports.Matrix
	flow        *reports.Flow // what was sent, where one flow was
	// missed are the oracle's frames that were not seen where they had to be.
	missed []shot
}

func trouble(err error) answer {
	return answer{Finding: probe.Finding{Trouble: err, Observed: err.Error()}}
}

// state makes the finding of a question that the kernel was asked.
func state(held bool, observed string) probe.Finding {
	return probe.Finding{Held: held, Proof: reports.ProofState, Observed: observed}
}

// openBench builds a plan and opens the probes.
func openBench(plan *topology.Plan, run uint64, o lab.Options) (*bench, error) {
	b := &bench{plan: plan, nodes: map[string]*probe.Node{}, turnedAway: neighboursTurnedAway()}
	if err := b.open(run, o); err != nil {
		return nil, errors.Join(err, b.closeProbes(), b.closeLab())
	}
	return b, nil
}

func (b *bench) open(run uint64, o lab.Options) error {
	var mu sync.Mutex
	var err error
	o.Inside = func(n *lab.Node) error {
		p, err := probe.OpenHere(n.Name, n.Conn, n.Role != topology.RoleSwitch)
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		b.nodes[n.Name] = p
		return nil
	}
	if b.lab, err = lab.Open(b.plan, o); err != nil {
		return err
	}
	var all []*probe.Node
	for _, n := range b.lab.Nodes() {
		all = append(all, b.nodes[n.Name])
	}
	b.field, err = probe.NewField(run, all, b.linkName)
	if err == nil && o.Cable != nil {
		b.field.Deadline = cableDeadline
	}
	return err
}

func (b *bench) linkName(node string, index int) string {
	if d := b.plan.LAN.At(node, index); d != nil {
		return d.Link
	}
	return ""
}

// refresh takes the devices' addresses from the kernel, for frames must go
// where the devices really are, and tells the field which fences there now are.
func (b *bench) refresh(ctx context.Context) error {
	b.world = nil
	for _, n := range b.lab.Nodes() {
		states, err := n.Conn.Links()
		if err != nil {
			return fmt.Errorf("ask for the devices of %s: %w", n.Name, err)
		}
		for _, s := range states {
			for _, d := range b.plan.LAN.Devices {
				if d.Node == n.Name && d.Index == s.Index {
					d.MAC = s.MAC
				}
			}
		}
	}
	for _, d := range b.plan.LAN.Devices {
		if p, err := b.port(d.Ref); err == nil {
			b.field.Watch(p)
		}
	}
	b.field.SetFences(b.fences())
	_, err := b.field.Apply(ctx)
	return err
}

func (b *bench) fences() []probe.Fence {
	var all []probe.Fence
	for _, f := range b.plan.LAN.Fences() {
		at, err := b.port(f.At)
		if err != nil {
			continue
		}
		fence := probe.Fence{At: at, Source: f.Source, Dest: f.Dest, IP: f.IP, Socket: f.Socket, Cable: f.Cable}
		for _, t := range f.Tags {
			fence.Tags = append(fence.Tags, probe.Tag{TPID: t.TPID, VID: uint16(t.VID)})
		}
		for _, r := range f.Reaches {
			if p, err := b.port(r); err == nil {
				fence.Reaches = append(fence.Reaches, p)
			}
		}
		all = append(all, fence)
	}
	return all
}

// port is a device as probes see it.
func (b *bench) port(r topology.Ref) (probe.Port, error) {
	d := b.plan.LAN.Device(r)
	if d == nil {
		return probe.Port{}, fmt.Errorf("there is no device %s any more", r)
	}
	return b.portOf(d)
}

func (b *bench) portOf(d *topology.Device) (probe.Port, error) {
	n := b.nodes[d.Node]
	if n == nil {
		return probe.Port{}, fmt.Errorf("there is no node %s", d.Node)
	}
	return probe.Port{Node: n, Index: d.Index, Name: d.Link, MAC: d.MAC}, nil
}

// mac reads a MAC address, or NODE/LINK for a device's.
func (b *bench) mac(s string) (net.HardwareAddr, error) {
	if m, err := net.ParseMAC(s); err == nil {
		return m, nil
	}
	d := b.plan.LAN.Device(topology.ParseRef(s, ""))
	if d == nil {
		return nil, fmt.Errorf("%q is neither a MAC address nor a device", s)
	}
	return d.MAC, nil
}

// conn is the netlink socket in a device's namespace.
func (b *bench) conn(r topology.Ref) (*rtnl.Conn, error) {
	n := b.lab.Node(r.Node)
	if n == nil {
		return nil, fmt.Errorf("there is no node %s", r.Node)
	}
	return n.Conn, nil
}

// errRefused wraps what a kernel or the engine says when it refuses a change.
type errRefused struct {
	op  topology.Op // nil when the engine refuses
	err error
	// rule is what lanproof's rules for the engine's version say, where a real engine
	// has refused.
	rule error
}

func (e *errRefused) Error() string {
	if e.op == nil {
		return e.err.Error()
	}
	return fmt.Sprintf("%s: %v", e.op, e.err)
}

func (e *errRefused) Unwrap() error { return e.err }

// change carries a change out and waits until the kernel has caught up. Its error is of type errRefused when the engine
// or the kernel said no; nothing is left of the change then.
func (b *bench) change(c *topology.Change) error {
	if b.lab.Engine() != nil && c.Deed(nil) != nil {
		return b.changeByEngine(c)
	}
	next, err := b.plan.Change(c)
	if err != nil {
		return &errRefused{err: err}
	}
	for _, op := range next.Ops {
		if why := b.cable.forbids(op, b.plan.LAN); why != "" {
			return &errUnfit{why}
		}
	}
	for i, op := range next.Ops {
		if gone, ok := op.(topology.DeleteNode); ok {
			if err := b.leave(gone.Node.Name); err != nil {
				return err
			}
		}
		if err := b.lab.Apply(b.sabotage.op(op)); err != nil {
			return errors.Join(&errRefused{op: op, err: err}, b.undo(next.Ops[:i]))
		}
	}
	b.plan.Commit(next)
	return b.lab.Settle()
}

// leave closes the probes of a node, which would hold its namespace.
func (b *bench) leave(node string) error {
	n := b.nodes[node]
	if n == nil {
		return nil
	}
	delete(b.nodes, node)
	return errors.Join(b.field.Forget(n), probe.CloseAll(n))
}

// undo deletes what the first operations of a refused change have made.
func (b *bench) undo(done []topology.Op) error {
	var errs []error
	for i := len(done) - 1; i >= 0; i-- {
		made, ok := done[i].(topology.MakeLink)
		if !ok {
			continue
		}
		if err := b.lab.Apply(topology.DeleteLink{Device: made.Device}); err != nil && !errors.Is(err, unix.ENODEV) {
			errs = append(errs, fmt.Errorf("take back %s: %w", made.Device.Ref, err))
		}
	}
	return errors.Join(errs...)
}

// step carries out the changes of a step.
func (b *bench) step(ctx context.Context, changes []topology.Change) error {
	for i := range changes {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := b.change(&changes[i]); err != nil {
			return err
		}
	}
	return b.refresh(ctx)
}

func (b *bench) closeProbes() error {
	var nodes []*probe.Node
	for _, n := range b.nodes {
		nodes = append(nodes, n)
	}
	errs := []error{probe.CloseAll(nodes...)}
	if b.field != nil {
		errs = append(errs, b.field.Close())
	}
	return errors.Join(errs...)
}

func (b *bench) closeLab() error {
	if b.lab == nil {
		return nil
	}
	return b.lab.Close()
}
