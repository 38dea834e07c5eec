package oracle

import "github.com/lanproof/lanproof/topology"

// Why is the decision that keeps a frame from a device: the last one that was made at
// the device or below it, down to the port of the switch that it is plugged into; or,
// where the frame came no such way, the last one of all. It is false where nothing was
// decided at all.
func (w *World) Why(p *Prediction, at topology.Ref) (Step, bool) {
	for d := w.devices[at]; d != nil; d = d.below() {
		for i := len(p.Steps) - 1; i >= 0; i-- {
			if p.Steps[i].At == d.Ref {
				return p.Steps[i], true
			}
		}
	}
	if n := len(p.Steps); n > 0 {
		return p.Steps[n-1], true
	}
	return Step{}, false
}

// below is what a device's frames come from: its parent, or the port of a bridge that
// its other end is, or that bridge.
func (d *device) below() *device {
	switch {
	case d.parent != nil:
		return d.parent
	case d.peer != nil && d.peer.master != nil:
		return d.peer
	}
	return d.master
}
