package run

import (
	"context"

	"github.com/lanproof/lanproof/probe"
)

// probeAhead sends the pings of each machine that checks ask for together, and keeps
// what became of them where it is beyond doubt. The others are sent one by one as their
// checks are made.
func (b *bench) probeAhead(ctx context.Context, checks []Check) {
	b.ahead = map[*flowQuestion]*probe.Observation{}
	var senders []string
	bySender := map[string][]*flowQuestion{}
	for i := range checks {
		q, ok := checks[i].question.(*flowQuestion)
		if !ok || q.kind != probe.ICMP || q.cast != probe.Unicast || q.bind || q.static || q.errno != 0 {
			continue
		}
		if bySender[q.from.Node] == nil {
			senders = append(senders, q.from.Node)
		}
		bySender[q.from.Node] = append(bySender[q.from.Node], q)
	}
	for _, sender := range senders {
		for next := bySender[sender]; len(next) > 0; {
			next = b.probeSome(ctx, next)
		}
	}
}

// probeSome sends the first of some flows together, as many as can go, and returns the
// rest.
func (b *bench) probeSome(ctx context.Context, some []*flowQuestion) (rest []*flowQuestion) {
	var flows []*probe.Flow
	var of []*flowQuestion
	taken := map[string]bool{}
	for _, q := range some {
		flow, err := q.flow(b)
		switch {
		case err != nil: // it is told when the check is made
		case taken[q.target.String()] || len(flows) == probe.MostTogether:
			rest = append(rest, q)
		default:
			taken[q.target.String()] = true
			flows, of = append(flows, flow), append(of, q)
		}
	}
	if len(flows) < 2 {
		return rest
	}
	for i, o := range b.field.ProbeTogether(ctx, flows) {
		if o.Beyond() {
			b.ahead[of[i]] = o
		}
	}
	return rest
}
