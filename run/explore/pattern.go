package explore

import (
	"context"
	"fmt"

	"github.com/lanproof/lanproof/reports"
	"github.com/lanproof/lanproof/scenarios"
)

// pattern is which kernels disagree with the oracle about a class. A smaller LAN
// shows the same if the same ones do, and no others.
type pattern struct {
	measure Measure
	name    string
	class   string
	want    map[string]bool
	// shown are the outcomes of the LANs that showed it, by their text.
	shown map[string]*Outcome
}

// signs tell of each kernel with a verdict whether it disagrees about a class.
func signs(outcomes []Outcome, class string) map[string]bool {
	all := map[string]bool{}
	for i := range outcomes {
		if o := &outcomes[i]; o.Verdict == reports.Fail || o.Verdict == reports.Pass {
			all[o.where()] = o.Verdict == reports.Fail && o.Class == class
		}
	}
	return all
}

// red is a Red.
func (p *pattern) red(ctx context.Context, texts [][]byte) ([]bool, error) {
	var cases []*scenarios.Case
	for i, b := range texts {
		c, err := caseOf(fmt.Sprintf("%d/%s.yaml", i, p.name), b)
		if err != nil {
			return nil, err
		}
		cases = append(cases, c)
	}
	all, err := p.measure(ctx, cases)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	is := make([]bool, len(texts))
	for i := range all {
		if is[i] = p.same(signs(all[i], p.class)); is[i] {
			p.shown[string(texts[i])] = p.failed(all[i])
		}
	}
	return is, nil
}

func (p *pattern) failed(outcomes []Outcome) *Outcome {
	for i := range outcomes {
		if outcomes[i].Verdict == reports.Fail && outcomes[i].Class == p.class {
			return &outcomes[i]
		}
	}
	return nil
}

func (p *pattern) same(have map[string]bool) bool {
	for where, red := range p.want {
		if have[where] != red {
			return false
		}
	}
	return true
}
