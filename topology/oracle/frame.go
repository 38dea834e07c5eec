package oracle

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/lanproof/lanproof/topology"
)

// MAC is a MAC address that can be compared.
type MAC [6]byte

// MACOf is the address in the form in which it can be compared; zero for one that
// has not six bytes.
func MACOf(a net.HardwareAddr) MAC {
	var m MAC
	if len(a) == len(m) {
		copy(m[:], a)
	}
	return m
}

// String returns the address in colons.
func (m MAC) String() string { return net.HardwareAddr(m[:]).String() }

// Group reports whether a frame to the address is for several (IEEE 802-2014 8.2.2).
func (m MAC) Group() bool { return m[0]&1 != 0 }

// listed reports whether an address is in a list.
func listed(list []net.HardwareAddr, a MAC) bool {
	return slices.ContainsFunc(list, func(l net.HardwareAddr) bool { return MACOf(l) == a })
}

var broadcast = MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

// Tag is a VLAN tag.
type Tag struct {
	TPID     uint16
	VID, PCP int
}

// Kind is what a frame carries, as far as drivers look into it.
type Kind uint8

// The kinds. IPv4 and IPv6 are packets that are no neighbour solicitation.
const (
	Raw Kind = iota // an EtherType that no driver looks into
	IPv4
	IPv6
	ARP // a request
	NS  // a neighbour solicitation
)

// Frame is a frame that is going to be sent.
type Frame struct {
	Source, Dest MAC
	// Tags, outermost first, as the sender has put them in.
	Tags []Tag
	Kind Kind
	// From and To are its IP addresses; of a solicitation To is the target, not the
	// group that it goes to.
	From, To netip.Addr
}

// Type is for whom a frame is, as a tap is told (packet(7), sll_pkttype).
type Type uint8

// The types, with the kernel's values (include/uapi/linux/if_packet.h).
const (
	ToHost Type = iota
	ToBroadcast
	ToMulticast
	ToOther
	Outgoing
)

// String is the type's name in the words of packet(7), without its prefix.
func (t Type) String() string {
	names := [...]string{"host", "broadcast", "multicast", "otherhost", "outgoing"}
	if int(t) < len(names) {
		return names[t]
	}
	return fmt.Sprintf("type %d", uint8(t))
}

// Sight is a frame as it is seen at a device.
type Sight struct {
	At           topology.Ref
	Type         Type
	Source, Dest MAC
	Tags         []Tag
	// Maybe is set where the frame may be missing, since it comes through a filter for
	// which nobody has asked for it.
	Maybe bool
	// Chance is set where that filter is a hash, which lets some addresses through and
	// most not. Without it the filter is a real port's, which may have none.
	Chance bool
}

// Is reports whether two sights are the same, whatever a filter has to do with them.
func (s *Sight) Is(o *Sight) bool {
	return s.Dest == o.Dest && s.Source == o.Source && s.Type == o.Type && s.At == o.At && slices.Equal(s.Tags, o.Tags)
}

// Key is the sight as text.
func (s Sight) Key() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s > %s", s.At, s.Type, s.Source, s.Dest)
	for _, t := range s.Tags {
		fmt.Fprintf(&b, " %#04x:%d:%d", t.TPID, t.VID, t.PCP)
	}
	return b.String()
}

// Step is one decision on the way.
type Step struct {
	At   topology.Ref
	Rule Rule
}

// Prediction is what becomes of a frame.
type Prediction struct {
	// Errno that sending meets; empty when it is not refused.
	Errno string
	// Sights at all devices, in the order in which they come about: one for every
	// time that the frame is to be seen.
	Sights []Sight
	// Taken are the sights of those whose stack accepts the frame.
	Taken []Sight
	// Steps are the decisions that led there.
	Steps []Step
}

// At returns what is to be seen at a device.
func (p *Prediction) At(r topology.Ref) []Sight {
	var at []Sight
	for _, s := range p.Sights {
		if s.At == r {
			at = append(at, s)
		}
	}
	return at
}
