package topology

import "slices"

// The kernel features that a plan may need beside the kinds of its devices.
// internal/features finds out whether a kernel has them.
const (
	NeedVLANFiltering = "bridge-vlan-filtering"
	NeedFDBLimit      = "bridge-fdb-limit"
	NeedBCCutoff      = "macvlan-bc-cutoff"
	NeedL3S           = "ipvlan-l3s"
)

// Needs returns what a kernel must offer to carry the operations out, sorted:
// kinds of device, and the features above.
func Needs(ops []Op) []string {
	need := map[string]bool{}
	for _, o := range ops {
		switch o := o.(type) {
		case MakeLink:
			deviceNeeds(o.Device, need)
		case ChangeLink:
			if o.Device.Kind == KindIpvlan && o.Mode == "l3s" {
				need[NeedL3S] = true
			}
			if o.BCCutoff != nil {
				need[NeedBCCutoff] = true
			}
		case SetPort:
			if o.Port.Access != 0 || len(o.Port.Trunk) > 0 {
				need[NeedVLANFiltering] = true
			}
		}
	}
	return sortedKeys(need)
}

func deviceNeeds(d *Device, need map[string]bool) {
	need[d.Kind] = true
	for feature, needed := range map[string]bool{
		NeedVLANFiltering: d.VLANFiltering,
		NeedFDBLimit:      d.FDBMaxLearned > 0,
		NeedBCCutoff:      d.BCCutoff != nil,
		NeedL3S:           d.Kind == KindIpvlan && d.Mode == "l3s",
	} {
		if needed {
			need[feature] = true
		}
	}
}

// NICs returns the names of the real ports that the LAN uses.
func (l *LAN) NICs() []string {
	var names []string
	for _, d := range l.Devices {
		if d.Kind == KindNIC {
			names = append(names, d.Link)
		}
	}
	slices.Sort(names)
	return names
}
