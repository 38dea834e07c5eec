package run

import (
	"errors"
	"fmt"
	"slices"

	"github.com/lanproof/lanproof/engine"
	"github.com/lanproof/lanproof/internal/rtnl"
	"github.com/lanproof/lanproof/probe"
	"github.com/lanproof/lanproof/reports"
	"github.com/lanproof/lanproof/topology"
	"github.com/lanproof/lanproof/topology/lab"
)

// builtCheck is the id of the check that fails where a kernel refuses a part of
// the topology. A step's is sN.accepted.
const builtCheck = "built"

// turndown is what a kernel answered to what it has to accept: the plan makes
// nothing that a kernel is known to refuse, for that is found in the file before.
type turndown struct {
	command, answer string
}

// turnedDown makes out whether an error is a kernel's finding rather than the
// harness's trouble: it is answered by an errno that speaks about the request, or
// the device is left with an operstate that does not fit. While a topology is
// built only what concerns a macvlan, ipvlan or vlan counts; without the rest
// there is nothing to judge by.
func turnedDown(err error, building bool) (turndown, bool) {
	if errors.Is(err, lab.ErrUnsettled) {
		return turndown{"wait until carrier and operstate fit", err.Error()}, true
	}
	if t, ok := refusedByEngine(err); ok {
		return t, true
	}
	var op topology.Op
	var built *lab.OpError
	var changed *errRefused
	switch {
	case errors.As(err, &changed):
		op, err = changed.op, changed.err
	case errors.As(err, &built):
		op, err = built.Op, built.Err
	}
	if op == nil || !rtnl.Answered(err) || building && !aboutChild(op) {
		return turndown{}, false
	}
	return turndown{op.String(), probe.ErrnoText(err) + ": " + err.Error()}, true
}

// refusedByEngine makes out whether an engine did not do what it was asked for.
func refusedByEngine(err error) (turndown, bool) {
	var no *engine.Refusal
	if !errors.As(err, &no) {
		return turndown{}, false
	}
	what := "a change"
	if deed := (*lab.DeedError)(nil); errors.As(err, &deed) {
		what = deed.Deed.String()
	}
	return turndown{what, no.Text}, true
}

// aboutChild reports whether an operation is about a device of the drivers that
// are under test.
func aboutChild(op topology.Op) bool {
	var d *topology.Device
	switch op := op.(type) {
	case topology.MakeLink:
		d = op.Device
	case topology.ChangeLink:
		d = op.Device
	case topology.AddAddress:
		d = op.Device
	case topology.ChangeFilter:
		d = op.Device
	case topology.AddRoute:
		d = op.Device
	case topology.RemoveRoute:
		d = op.Device
	case topology.Announce:
		d = op.Device
	}
	return d != nil && slices.Contains([]string{topology.KindMacvlan, topology.KindIpvlan, topology.KindVLAN}, d.Kind)
}

// refusedToAccept ends a case with a check that fails, and says that nothing after
// it was asked.
func (o *Outcome) refusedToAccept(id, title, step, location string, t turndown) {
	o.Result.Checks = append(o.Result.Checks, reports.Check{
		ID: id, Title: title, Step: step, Verdict: probe.Judge(probe.Finding{Proof: reports.ProofErrno}),
		Expected: "the kernel accepts every command", Observed: "refused: " + t.answer, Proof: reports.ProofErrno,
		Claims: []string{}, Location: location,
		Evidence: []reports.Evidence{{Kind: "command", Text: t.command}, {Kind: "errno", Text: t.answer}},
	})
	o.Result.Verdict = reports.Fail
	o.Result.Reason = fmt.Sprintf("%s: %s: %s; nothing after it was asked", title, t.command, t.answer)
}
