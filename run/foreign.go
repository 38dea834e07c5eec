package run

import (
	"cmp"
	"errors"
	"strings"

	"github.com/lanproof/lanproof/engine"
	"github.com/lanproof/lanproof/topology"
)

// foreign reports whether networks are built by an engine that is none of Docker's: what
// scenarios say of Docker's rules is not about it.
func (p *Prepared) foreign() bool { return p.engine != nil && p.engine.Docker() == "" }

// dockerOf is the version of Docker that an engine is held against: its own, or the newest.
func dockerOf(i engine.Installation) string { return cmp.Or(i.Docker(), topology.Docker(0).String()) }

// lenient is what comes of a change that an engine has made and that was taken back, though
// by lanproof's rules it is refused. Those are Docker's, and no other engine is judged by them.
func (b *bench) lenient(rule error) error {
	if b.foreign {
		return &errUnfit{"the engine does it; by Docker's rules, which are not its own: " + rule.Error()}
	}
	return &errLenient{rule}
}

// says reports whether a refusal gives a reason. Engines other than Docker have words of
// their own.
func (b *bench) says(err error, reason string) bool {
	var no *engine.Refusal
	return strings.Contains(err.Error(), reason) || b.foreign && errors.As(err, &no)
}
