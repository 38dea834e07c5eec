package topology

import "fmt"

// Deed is what is done about networks among a plan's operations: what a real engine is
// asked for in the place of these.
type Deed struct {
	// Change is of a network, remove_network, attach or detach, as it was written down.
	Change Change
	// First is the number of its first operation, and Count how many there are.
	First, Count int
}

// String says what is done in one line: attach web to lan.
func (d *Deed) String() string { return d.Change.deed() }

func (c *Change) deed() string {
	switch {
	case c.Network != nil:
		return "make network " + c.Network.Name
	case c.RemoveNetwork != "":
		return "remove network " + c.RemoveNetwork
	case c.Attach != nil:
		return fmt.Sprintf("attach %s to %s", c.Attach.Endpoint, c.Attach.Network)
	case c.Detach != nil:
		return fmt.Sprintf("detach %s from %s", c.Detach.Endpoint, c.Detach.Network)
	}
	return ""
}

// Deed returns the deed that a change is, with the operations that a plan has for it; nil
// where it is none. The plan may be nil.
func (c *Change) Deed(n *Next) *Deed {
	if c.deed() == "" {
		return nil
	}
	d := &Deed{Change: *c}
	if n != nil {
		d.Count = len(n.Ops)
	}
	return d
}

// deed notes that what f plans is about networks.
func (b *builder) deed(c Change, f func()) {
	first := len(b.ops)
	f()
	b.deeds = append(b.deeds, Deed{Change: c, First: first, Count: len(b.ops) - first})
}

// Made are the devices that come with a deed, each once, those of other ends included.
func (d *Deed) Made(ops []Op) []*Device {
	var all []*Device
	for _, op := range ops[d.First : d.First+d.Count] {
		if made, ok := op.(MakeLink); ok {
			all = append(all, made.Device)
			if made.Peer != nil {
				all = append(all, made.Peer)
			}
		}
	}
	return all
}
