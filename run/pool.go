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

// mostTaken bounds how many containers an engine is to run for what it would hand out.
const mostTaken = 8

func (q *poolQuestion) ask(_ context.Context, b *bench) answer {
	n := b.plan.LAN.Networks[q.want.Network]
	if n == nil {
		return trouble(fmt.Errorf("there is no network %s any more", q.want.Network))
	}
	var free []netip.Addr
	count := 0
	for _, p := range n.Pools {
		free = append(free, p.Upcoming(maxHandedOut)...)
		if size := p.Size(); count < math.MaxInt-size {
			count += size
		}
	}
	if b.lab.Engine() != nil {
		return q.take(b, count-len(free), len(free))
	}
	next := free[:min(len(free), len(q.want.Addresses))]
	held, seen := q.compare(next, free)
	if q.want.Count > 0 {
		held = held && count == q.want.Count
	}
	seen = append(seen, fmt.Sprintf("%d in all, %d of them free", count, len(free)))
	return answer{Finding: state(held, strings.Join(seen, "; "))}
}

// compare holds the addresses that come next, and all that come, against what is expected.
func (q *poolQuestion) compare(next, all []netip.Addr) (held bool, seen []string) {
	var texts []string
	for _, a := range next {
		texts = append(texts, a.String())
	}
	held = slices.Equal(texts, q.want.Addresses) || len(q.want.Addresses) == 0
	if len(texts) > 0 {
		seen = append(seen, "next "+strings.Join(texts, ", "))
	}
	for _, never := range q.want.Never {
		if a, err := netip.ParseAddr(never); err == nil && slices.Contains(all, a) {
			held = false
			seen = append(seen, never+" is handed out")
		} else {
			seen = append(seen, never+" is not among them")
		}
	}
	return held, seen
}

// take has the engine hand out what comes next, to containers that are gone again when it
// is known. Where all that is left is too much, what it never hands out, and how much it
// has, can be refuted by what comes, and not shown.
func (q *poolQuestion) take(b *bench, used, free int) answer {
	if b.foreign {
		const why = "this engine goes on after the last address that it has handed out: to ask for the next would change what follows"
		return answer{Finding: probe.Finding{Moot: why, Observed: why}}
	}
	all, most := len(q.want.Never) > 0 || q.want.Count > 0, len(q.want.Addresses)
	if all && free < mostTaken {
		most = free + 1
	}
	given, refusal, err := b.lab.HandOut(q.want.Network, max(most, 1))
	if err != nil {
		return trouble(err)
	}
	// Each container has an address of each family, and the first subnets come first.
	slices.SortStableFunc(given, func(a, b netip.Addr) int { return a.BitLen() - b.BitLen() })
	held, seen := q.compare(given[:min(len(given), len(q.want.Addresses))], given)
	if refusal != nil {
		seen = append(seen, fmt.Sprintf("%d in all, %d of them free: %s", used+len(given), len(given), refusal.Text))
		held = held && (q.want.Count == 0 || q.want.Count == used+len(given))
	}
	text := strings.Join(seen, "; ")
	if held && all && refusal == nil {
		text = fmt.Sprintf("%s; that is how far the engine was asked: it would take %d containers to know the rest", text, free+1)
		return answer{Finding: probe.Finding{Moot: text, Observed: text}}
	}
	return answer{Finding: state(held, text)}
}
