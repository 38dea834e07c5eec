// Package features finds out what a kernel offers, by trying it in a scratch
// namespace. What a kernel's version or its list of modules says is not asked:
// a driver may be built in, left out, or loadable on demand.
package features

import (
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/internal/netns"
	"github.com/lanproof/lanproof/internal/rtnl"
)

// ErrNotSupported is in every error that says that the kernel has not got a
// feature; other errors say that it could not be found out.
var ErrNotSupported = errors.New("not supported by this kernel")

// The features beside the kinds of device, with the kernel that brought them.
const (
	VLANFiltering = "bridge-vlan-filtering" // CONFIG_BRIDGE_VLAN_FILTERING
	FDBLimit      = "bridge-fdb-limit"      // Linux 6.7, ddd1ad68826d
	BCCutoff      = "macvlan-bc-cutoff"     // Linux 6.4, 954d1fa1ac93
	L3S           = "ipvlan-l3s"            // CONFIG_IPVLAN_L3S
)

// Names are all the features that can be asked for.
func Names() []string {
	return []string{"veth", "bridge", "dummy", "macvlan", "ipvlan", "vlan", VLANFiltering, FDBLimit, BCCutoff, L3S}
}

// Since is the kernel version that every feature has to be in, where there is
// such a version. A newer kernel without it is at fault.
func Since(feature string) (major, minor int, ok bool) {
	switch feature {
	case FDBLimit:
		return 6, 7, true
	case BCCutoff:
		return 6, 4, true
	}
	return 0, 0, false
}

// Kernel asks one kernel and remembers its answers. The zero value is ready.
// It is not for concurrent use.
type Kernel struct {
	known map[string]error
	// All that is tried stays in one namespace until Close: taking it away takes
	// the kernel's big lock from those who build meanwhile.
	ns    *netns.NS
	conn  *rtnl.Conn
	tries int
	lower int // ifindex of a device to stand on
}

// Have returns nil when the kernel has the feature, an error that wraps
// ErrNotSupported when it has not, and another error when that could not be
// found out.
func (k *Kernel) Have(feature string) error {
	if err, ok := k.known[feature]; ok {
		return err
	}
	if k.known == nil {
		k.known = map[string]error{}
	}
	err := k.try(feature)
	if err != nil {
		err = fmt.Errorf("%s: %w", feature, err)
	}
	k.known[feature] = err
	return err
}

// Close takes away what was made to find out.
func (k *Kernel) Close() error {
	if k.conn != nil {
		k.conn.Close()
		k.conn = nil
	}
	err := k.ns.Close()
	k.ns = nil
	return err
}

// Missing returns those of the features that the kernel has not got, with the
// reason for each. The error says that it could not be found out.
func (k *Kernel) Missing(features []string) (map[string]error, error) {
	missing := map[string]error{}
	for _, f := range features {
		err := k.Have(f)
		switch {
		case errors.Is(err, ErrNotSupported):
			missing[f] = err
		case err != nil:
			return nil, err
		}
	}
	return missing, nil
}

// try makes what the feature is about.
func (k *Kernel) try(feature string) error {
	if feature == "nic" {
		return nil // a real port needs no driver of ours
	}
	if err := k.open(); err != nil {
		return err
	}
	l := k.next(feature)
	needsLower := slices.Contains([]string{"macvlan", "ipvlan", "vlan", BCCutoff, L3S}, feature)
	switch feature {
	case "vlan":
		vid := 10
		l.Data = (&rtnl.VLANData{ID: &vid, Protocol: unix.ETH_P_8021Q}).Attrs()
	case "veth":
		l.Peer = k.next("")
	case BCCutoff:
		cutoff := 5
		l.Kind, l.Data = "macvlan", rtnl.Macvlan("bridge", nil, nil, nil, &cutoff)
	case L3S:
		l.Kind, l.Data = "ipvlan", rtnl.Ipvlan("l3s", "")
	case VLANFiltering:
		l.Kind, l.Data = "bridge", rtnl.BridgeData(true, 0)
	case FDBLimit:
		l.Kind, l.Data = "bridge", rtnl.BridgeData(false, 1)
	}
	if needsLower {
		var err error
		if l.Parent, err = k.standOn(l.Kind); err != nil {
			return err
		}
	}
	if err := k.conn.NewLink(l); err != nil {
		if needsLower && feature != L3S && rtnl.Answered(err) {
			return nil // it has the driver, which refuses: that is for the cases to find
		}
		return explain("make a "+l.Kind, err)
	}
	return readBack(k.conn, l.Index, feature)
}

// open makes the namespace that everything is tried in.
func (k *Kernel) open() error {
	if k.ns != nil {
		return nil
	}
	ns, err := netns.NewEach(1, func(int, *netns.NS) (err error) {
		k.conn, err = rtnl.OpenHere()
		return err
	})
	if err != nil {
		return err
	}
	k.ns = ns[0]
	return nil
}

// next is a device with a name and an index of its own.
func (k *Kernel) next(kind string) *rtnl.Link {
	const first = 100
	k.tries++
	return &rtnl.Link{Name: fmt.Sprintf("try%d", k.tries), Kind: kind, Index: first + k.tries}
}

// standOn makes a veth to stand on, which every kernel with namespaces in
// earnest has. A macvlan and an ipvlan cannot stand on the same.
func (k *Kernel) standOn(kind string) (index int, err error) {
	if k.lower != 0 && kind != "ipvlan" {
		return k.lower, nil
	}
	l := k.next("veth")
	l.Peer = k.next("")
	if err := k.conn.NewLink(l); err != nil {
		return 0, explain("make a veth to stand on", err)
	}
	if kind != "ipvlan" {
		k.lower = l.Index
	}
	return l.Index, nil
}

// readBack finds out about attributes that older kernels ignore in silence.
func readBack(c *rtnl.Conn, index int, feature string) error {
	if feature != BCCutoff && feature != FDBLimit && feature != VLANFiltering {
		return nil
	}
	s, err := c.Link(index)
	if err != nil {
		return err
	}
	if feature == BCCutoff && s.BCCutoff != 5 || feature == FDBLimit && s.FDBMaxLearned != 1 {
		return fmt.Errorf("%w: the kernel takes the attribute and does not report it back", ErrNotSupported)
	}
	return nil
}

// explain tells a kernel without the driver from other failures.
func explain(what string, err error) error {
	const enotsupp = unix.Errno(524) // ENOTSUPP, which user space has no name for
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, enotsupp) {
		return fmt.Errorf("%w: asked to %s it says %w", ErrNotSupported, what, err)
	}
	return fmt.Errorf("%s: %w", what, err)
}
