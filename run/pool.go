package run

import (
	"context"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"

	"github.com/lanproof/lanproof/probe"
	"github.com/lanproof/lanproof/scenarios"
)

// poolQuestion asks what a network's address pools give away.
type poolQuestion struct{ want *scenarios.HandedOut }

func (q *poolQuestion) describe() (id, title, expected string) {
	w := q.want
	var parts []string
	if len(w.Addresses) > 0 {
		parts = append(parts, "next "+strings.Join(w.Addresses, ", "))
	}
	if len(w.Never) > 0 {
		parts = append(parts, "never "+strings.Join(w.Never, ", "))
	}
	if w.Count > 0 {
		parts = append(parts, fmt.Sprintf("%d in all", w.Count))
	}
	return "handed-out-" + w.Network, "what network " + w.Network + " hands out", strings.Join(parts, "; ")
}

// maxHandedOut bounds asking a pool for everything it has.
const maxHandedOut = 1 << 17

func (q *poolQuestion) ask(_ context.Context, b *bench) answer {
	n := b.plan.LAN.Networks[q.want.Network]
	if b.lab.Engine() != nil {
		const why = "what a pool would hand out next is asked of lanproof's simulation: an engine only tells what it has handed out"
		return answer{Finding: probe.Finding{Moot: why, Observed: why}}
	}
	if n == nil {
		return trouble(fmt.Errorf("there is no network %s any more", q.want.Network))
	}
	var free []string
	count := 0
	for _, p := range n.Pools {
		for _, a := range p.Upcoming(maxHandedOut) {
			free = append(free, a.String())
		}
		if size := p.Size(); count < math.MaxInt-size {
			count += size
		}
	}
	next := free[:min(len(free), len(q.want.Addresses))]
	held := slices.Equal(next, q.want.Addresses) || len(q.want.Addresses) == 0
	seen := []string{fmt.Sprintf("next %s", strings.Join(next, ", "))}
	for _, never := range q.want.Never {
		if a, err := netip.ParseAddr(never); err == nil && slices.Contains(free, a.String()) {
			held = false
			seen = append(seen, never+" is handed out")
		} else {
			seen = append(seen, never+" is not among them")
		}
	}
	if q.want.Count > 0 {
		held = held && count == q.want.Count
	}
	seen = append(seen, fmt.Sprintf("%d in all, %d of them free", count, len(free)))
	return answer{Finding: state(held, strings.Join(seen, "; "))}
}
