package answer

import (
	"context"

	"github.com/lanproof/lanproof/run"
	"github.com/lanproof/lanproof/scenarios"
)

// confirm runs the answer's own scenario, which expects what came of the questions, and
// puts it in their place in the results: a question has no wrong answer, and a report of
// questions would call each "no" a failure. Where something could not be found out the
// questions stay.
func (a *Answer) confirm(ctx context.Context, o run.Options) error {
	if a.main == nil || a.Results == nil || a.Trouble != "" {
		return nil
	}
	s, err := a.Scenario(mainName)
	if err != nil {
		return err
	}
	results, err := run.Run(ctx, []*scenarios.Case{caseOf(s, mainName)}, o)
	if results == nil {
		return err
	}
	for i := range a.Results.Cases {
		if a.Results.Cases[i].Case == mainName {
			a.Results.Cases[i] = results.Cases[0]
		}
	}
	a.Results.Duration += results.Duration
	a.Results.Summarize()
	return err
}
