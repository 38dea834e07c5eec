package run

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/engine"
	"github.com/lanproof/lanproof/probe"
	"github.com/lanproof/lanproof/reports"
	"github.com/lanproof/lanproof/scenarios"
	"github.com/lanproof/lanproof/topology"
)

// refusedQuestion asks whether a change is refused, and why.
type refusedQuestion struct {
	want  *scenarios.Refused
	errno unix.Errno
	what  string
}

func (e *expansion) refused(c *scenarios.Check) question {
	q := &refusedQuestion{want: c.Refused}
	if c.Refused.Errno != "" {
		if q.errno = errnoByName(c.Refused.Errno); q.errno == 0 {
			e.fail(c.At, "unknown errno %q", c.Refused.Errno)
		}
	}
	for i := range c.Refused.Do {
		last := i == len(c.Refused.Do)-1
		next, err := e.plan.Change(&c.Refused.Do[i])
		switch {
		case err == nil:
			e.need(next.Ops)
			if !last {
				e.plan.Commit(next)
			}
		case !last || q.errno != 0:
			// Only the engine itself could refuse this, and it would not by errno.
			e.fail(c.At, "%v", err)
		}
	}
	q.what = whatOf(c.Refused.Do)
	return q
}

// whatOf names the last change.
func whatOf(do []topology.Change) string {
	if len(do) == 0 {
		return "nothing"
	}
	c := do[len(do)-1]
	switch {
	case c.Add != nil:
		return fmt.Sprintf("adding %s %s/%s", c.Add.Kind, c.Add.Node, c.Add.Name)
	case c.Set != nil:
		return "setting " + c.Set.Link
	case c.Delete != "":
		return "deleting " + c.Delete
	case c.Move != nil:
		return "moving " + c.Move.Link
	case c.Network != nil:
		return "making network " + c.Network.Name
	case c.RemoveNode != "":
		return "removing node " + c.RemoveNode
	case c.RemoveNetwork != "":
		return "removing network " + c.RemoveNetwork
	case c.Attach != nil:
		return fmt.Sprintf("attaching %s to %s", c.Attach.Endpoint, c.Attach.Network)
	case c.Detach != nil:
		return fmt.Sprintf("detaching %s from %s", c.Detach.Endpoint, c.Detach.Network)
	case c.Address != nil:
		return fmt.Sprintf("adding %s to %s", c.Address.Address, c.Address.Link)
	case c.Filter != nil:
		return fmt.Sprintf("taking %s in at %s", c.Filter.Address, c.Filter.Link)
	case c.RemoveFilter != nil:
		return fmt.Sprintf("taking %s out of %s", c.RemoveFilter.Address, c.RemoveFilter.Link)
	case c.RemoveAddress != nil:
		return fmt.Sprintf("removing %s from %s", c.RemoveAddress.Address, c.RemoveAddress.Link)
	}
	return "changing the switch"
}

func (q *refusedQuestion) describe() (id, title, expected string) {
	var by []string
	if q.want.Errno != "" {
		by = append(by, "with "+q.want.Errno)
	}
	if q.want.Reason != "" {
		by = append(by, fmt.Sprintf("because %q", q.want.Reason))
	}
	return "refused-" + strings.ReplaceAll(q.what, " ", "-"), q.what + " is refused", "refused " + strings.Join(by, " and ")
}

func (q *refusedQuestion) ask(ctx context.Context, b *bench) answer {
	last := len(q.want.Do) - 1
	for i := range q.want.Do[:last] {
		err := b.change(&q.want.Do[i])
		if t, ok := turnedDown(err, false); ok {
			return answer{Finding: probe.Finding{Proof: reports.ProofErrno, Observed: fmt.Sprintf("what has to come before was refused: %s: %s", t.command, t.answer)}}
		}
		if err != nil {
			return trouble(fmt.Errorf("prepare: %w", err))
		}
	}
	err := b.change(&q.want.Do[last])
	if why, ok := unfit(err); ok {
		return answer{Finding: probe.Finding{Moot: why, Observed: why}}
	}
	if err := b.refresh(ctx); err != nil {
		return trouble(err)
	}
	var refused *errRefused
	var lenient *errLenient
	switch {
	case errors.As(err, &lenient):
		return answer{Finding: probe.Finding{Proof: reports.ProofErrno, Observed: lenient.Error()}}
	case err == nil:
		return answer{Finding: probe.Finding{Proof: reports.ProofErrno, Observed: "it was not refused"}}
	case !errors.As(err, &refused):
		return trouble(err)
	}
	text := refused.err.Error()
	if refused.op != nil {
		text = probe.ErrnoText(refused.err)
		if words := refused.err.Error(); strings.Contains(words, ": ") {
			text += ": " + words
		}
	}
	held := b.inOtherWords(refused) || (q.errno == 0 || errors.Is(err, q.errno) || byEngine(refused.err, q.errno)) && b.says(refused.err, q.want.Reason)
	return answer{Finding: probe.Finding{Held: held, Proof: reports.ProofErrno, Observed: "refused: " + text}}
}

// byEngine reports whether an engine passes on what the kernel answered: it has its
// words and not its number.
func byEngine(err error, errno unix.Errno) bool {
	var no *engine.Refusal
	return errors.As(err, &no) && strings.Contains(strings.ToLower(no.Text), errno.Error())
}

// ids are what Docker makes up for networks.
var ids = regexp.MustCompile(`[0-9a-f]{12,64}`)

// inOtherWords reports whether an engine of another version than the scenario is about
// has refused in the words of its own version.
func (b *bench) inOtherWords(refused *errRefused) bool {
	if !b.otherVersion || refused.rule == nil {
		return false
	}
	masked := func(err error) string { return ids.ReplaceAllString(err.Error(), "ID") }
	return masked(refused.err) == masked(refused.rule)
}
