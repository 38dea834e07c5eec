package probe

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"time"
)

// destination is an IP address at a device.
type destination struct {
	place
	ip netip.Addr
}

// sendIPCanary sends the target datagrams down its own wire, one of which its
// socket must get whatever happens between sender and target: by unicast, and
// by broadcast where unicasts are another's (a passthru child takes its
// parent's).
func (f *Field) sendIPCanary(ctx context.Context, flow *Flow) error {
	canary := f.ipCanary(flow)
	if canary == nil {
		return nil
	}
	at := destination{flow.To.key(), flow.Target}
	seen, err := f.awaitIPCanary(ctx, flow, *canary, f.window())
	if !seen && err == nil && !f.mute[at] {
		// An IPv6 address is the stack's own only when a worker of the kernel has
		// been there (net/ipv6/addrconf.c:addrconf_dad_work), and what came before
		// that is gone. Its absence is told by Canary, not by an error, and costs
		// the whole deadline once an address only.
		limit := f.Deadline
		if len(f.mute) > 0 {
			limit /= 4 // where one is mute there may be many
		}
		seen, err = f.awaitIPCanary(ctx, flow, *canary, limit)
	}
	if delete(f.mute, at); !seen {
		f.mute[at] = true
	}
	return err
}

// ipCanary is the datagram that is sent to a flow's target beforehand; nil where there can
// be none.
func (f *Field) ipCanary(flow *Flow) *Fence {
	i := slices.IndexFunc(f.fences, func(fence Fence) bool {
		return slices.ContainsFunc(fence.Reaches, func(p Port) bool { return p.key() == flow.To.key() })
	})
	if i < 0 || !flow.Target.IsValid() || f.lost[flow.To.key()] {
		return nil
	}
	canary := f.fences[i]
	canary.IP, canary.Socket = flow.Target, true
	canary.Reaches = []Port{{Node: flow.To.Node, Name: flow.To.Name}}
	return &canary
}

// awaitIPCanary sends a canary and waits for it.
func (f *Field) awaitIPCanary(ctx context.Context, flow *Flow, canary Fence, limit time.Duration) (seen bool, err error) {
	clear(f.pending)
	for _, dest := range []net.HardwareAddr{flow.To.MAC, nil} {
		canary.Dest = dest
		if err := f.sendFence(&canary); err != nil {
			return false, err
		}
	}
	return f.wait(ctx, limit, func() bool { return f.canarySeen(flow) })
}

// canarySeen reports whether the target's observer saw a canary.
func (f *Field) canarySeen(flow *Flow) bool {
	at := observed{flow.To.key(), byTap}
	switch {
	case flow.needsAddress() && !flow.OnWire, f.tapless(flow.To):
		at = observed{place{node: flow.To.Node}, byUDP}
	case flow.Kind == Raw && !flow.Overheard():
		at.by = byStack
	}
	return f.canaries[at] > 0
}

// tapless reports whether no tap sees what comes in by a device, as with an
// ipvlan in mode l3s (ipvlan_l3s.c:ipvlan_nf_input hands packets over behind
// all taps). Then only a socket can see a canary.
func (f *Field) tapless(p Port) bool {
	return slices.ContainsFunc(f.fences, func(fence Fence) bool {
		return fence.Socket && slices.ContainsFunc(fence.Reaches, func(r Port) bool { return r.key() == p.key() })
	})
}

// sendCanaries sends a canary to the target of each flow, and reads what came at once.
func (f *Field) sendCanaries(flows []*Flow, toAll bool) error {
	for _, flow := range flows {
		canary := f.ipCanary(flow)
		if canary.Dest = flow.To.MAC; toAll {
			canary.Dest = nil
		}
		if err := f.sendFence(canary); err != nil {
			return err
		}
	}
	return f.drain()
}
