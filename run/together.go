package run

import (
	"context"
	"slices"

	"github.com/lanproof/lanproof/probe"
)

// together are the pings of a stage that can share a window with others of their machine.
// Those that go in one are sent when the first of their checks is made, so that no more
// than a window's observations are held at a time. The zero value has none.
type together struct {
	left map[string][]*flowQuestion // not sent yet, by their senders, as their checks come
	seen map[*flowQuestion]*probe.Observation
}

// newTogether finds them among the checks of a stage.
func newTogether(checks []Check) together {
	t := together{left: map[string][]*flowQuestion{}, seen: map[*flowQuestion]*probe.Observation{}}
	for i := range checks {
		q, ok := checks[i].question.(*flowQuestion)
		if !ok || q.kind != probe.ICMP || q.cast != probe.Unicast || q.bind || q.static || q.errno != 0 {
			continue
		}
		t.left[q.from.Node] = append(t.left[q.from.Node], q)
	}
	return t
}

// take returns what became of a flow that was sent with others, if it is beyond doubt;
// nil for one that is to be sent by itself.
func (t *together) take(ctx context.Context, b *bench, q *flowQuestion) *probe.Observation {
	if slices.Contains(t.left[q.from.Node], q) {
		t.left[q.from.Node] = t.send(ctx, b, t.left[q.from.Node])
	}
	o := t.seen[q]
	delete(t.seen, q)
	return o
}

// send sends the first of some flows together, as many as can go, and returns the
// rest.
func (t *together) send(ctx context.Context, b *bench, some []*flowQuestion) (rest []*flowQuestion) {
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
			t.seen[of[i]] = o
		}
	}
	return rest
}
