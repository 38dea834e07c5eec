package topology

import (
	"fmt"
	"net"
	"net/netip"
)

// Op is one kernel operation of a plan. String returns the commands of iproute2
// that do the same, as version 6.1 takes them; only bclim (6.4) and
// fdb_max_learned (6.8) are younger, as the kernel features behind them are.
// Devices in an Op are as they were when it was planned.
type Op interface {
	fmt.Stringer
	op()
}

// MakeNode makes a namespace with its loopback up.
type MakeNode struct{ Node Node }

// MakeLink makes a device in its final place with its final settings. A veth's
// other end is made with it.
type MakeLink struct {
	Device *Device
	Peer   *Device // of a veth
}

// DeleteLink deletes a device, and with it what sits on it.
type DeleteLink struct{ Device *Device }

// ChangeLink changes a device. Fields that are nil or empty stay as they are;
// Sources that are empty and not nil are cleared.
type ChangeLink struct {
	Device *Device // as it was
	Up     *bool
	MAC    net.HardwareAddr
	MTU    int
	// Mode, Flag, NoPromisc, NoDst and Sources change a macvlan or ipvlan.
	Mode, Flag       string
	NoPromisc, NoDst *bool
	Sources          []net.HardwareAddr
	// AddSource, RemoveSource and FlushSources change a macvlan's list.
	AddSource, RemoveSource net.HardwareAddr
	FlushSources            bool
	BCQueueLen, BCCutoff    *int
	// VLANFlags are those of a vlan that change, reorder_hdr among them.
	VLANFlags             map[string]bool
	EgressQoS, IngressQoS map[int]int
	Promisc, AllMulti     *bool
	Master                *Device
	// Attributes are sent in place of what the other fields say.
	Attributes []Attribute
}

// MoveDevice puts a device into another node.
type MoveDevice struct {
	Device *Device // as it is
	To     Ref     // node and name that it gets
}

// AddAddress gives a device an address; no duplicate address detection is done.
type AddAddress struct {
	Device *Device
	Prefix netip.Prefix
}

// RemoveAddress takes an address away.
type RemoveAddress struct {
	Device *Device
	Prefix netip.Prefix
}

// ChangeFilter has a device take frames to an address, or take them no more.
type ChangeFilter struct {
	Device *Device
	MAC    net.HardwareAddr
	Remove bool
}

// DeleteNode lets a namespace go, and all devices in it.
type DeleteNode struct{ Node Node }

// AddRoute adds a route to a node's main table. Prefix is 0/0 for a default route.
type AddRoute struct {
	Node   string
	Prefix netip.Prefix
	Via    netip.Addr
	Device *Device // may be nil when Via says it
}

// RemoveRoute takes a route away from it.
type RemoveRoute AddRoute

// Announce has a device tell the LAN its addresses, as Docker has its endpoints do: by an
// ARP request for its own address, which changes what others know, and an unsolicited
// neighbour advertisement.
type Announce struct{ Device *Device }

// SetPort sets how a port of the switch behaves.
type SetPort struct {
	Device *Device // the one that is plugged in
	Port   Port
	// Was is the port as it was before, so that what is gone can be taken away.
	Was Port
}

func (MakeNode) op()      {}
func (MakeLink) op()      {}
func (DeleteLink) op()    {}
func (ChangeLink) op()    {}
func (MoveDevice) op()    {}
func (AddAddress) op()    {}
func (RemoveAddress) op() {}
func (AddRoute) op()      {}
func (RemoveRoute) op()   {}
func (Announce) op()      {}
func (SetPort) op()       {}
func (DeleteNode) op()    {}
func (ChangeFilter) op()  {}

// empty reports whether nothing would change.
func (o ChangeLink) empty() bool {
	return o.Up == nil && o.MAC == nil && o.MTU == 0 && o.Mode == "" && o.Flag == "" && o.NoPromisc == nil &&
		o.NoDst == nil && o.Sources == nil && o.Promisc == nil && o.Master == nil && !o.ofKind() && o.AllMulti == nil
}

// ofKind reports whether anything changes that only one kind has, beside modes and
// flags.
func (o ChangeLink) ofKind() bool {
	return o.AddSource != nil || o.RemoveSource != nil || o.FlushSources || o.BCQueueLen != nil || o.BCCutoff != nil ||
		len(o.VLANFlags) > 0 || len(o.EgressQoS) > 0 || len(o.IngressQoS) > 0 || len(o.Attributes) > 0
}
