package scenarios

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/lanproof/lanproof/topology"
)

// validator checks what fields demand of each other. What a field demands by
// itself stands in rules.go.
type validator struct {
	problems []topology.Problem
	ids      map[string]bool
}

func (v *validator) add(path []any, format string, args ...any) {
	v.problems = append(v.problems, topology.Problem{Path: path, Text: fmt.Sprintf(format, args...)})
}

// join makes a longer path and leaves the shorter one alone.
func join(path []any, more ...any) []any { return slices.Concat(path, more) }

// place is a check or step with where it stands in the file.
type place struct {
	path   []any
	checks []Check
	do     []topology.Change
}

// timeline is what happens in a case, in order: the first checks, then each
// step that applies.
func timeline(s *Scenario, b binding) []place {
	all := []place{{path: nil, checks: s.Checks}}
	for i, step := range s.Steps {
		if b.applies(step.When) {
			all = append(all, place{path: []any{"steps", i}, checks: step.Checks, do: step.Do})
		}
	}
	return all
}

// eachCheck visits the checks of a place that apply.
func (p place) eachCheck(b binding, visit func(path []any, c *Check)) {
	for i := range p.checks {
		if b.applies(p.checks[i].When) {
			visit(join(p.path, "checks", i), &p.checks[i])
		}
	}
}

func (b binding) applies(when map[string]Values) bool {
	for name, values := range when {
		if mine := b.get(name); mine == nil || !slices.Contains(values, mine.value) {
			return false
		}
	}
	return true
}

// filter leaves only what applies to the case.
func filter(s *Scenario, b binding) {
	drop := func(c Check) bool { return !b.applies(c.When) }
	s.Checks = slices.DeleteFunc(s.Checks, drop)
	s.Steps = slices.DeleteFunc(s.Steps, func(step Step) bool { return !b.applies(step.When) })
	for i := range s.Steps {
		s.Steps[i].Checks = slices.DeleteFunc(s.Steps[i].Checks, drop)
	}
}

// validate checks a case's scenario.
func validate(s *Scenario, b binding, fileName string) []topology.Problem {
	v := &validator{ids: map[string]bool{}}
	if want, ok := baseName(fileName); ok && s.Name != "" && s.Name != want {
		v.add([]any{"name"}, "the name is %q, but the file is called %q: they must be the same", s.Name, want)
	}
	checks := 0
	for _, p := range timeline(s, b) {
		p.eachCheck(b, func(path []any, c *Check) {
			checks++
			v.check(path, c)
		})
	}
	if checks == 0 && (s.Checks != nil || s.Steps != nil) {
		v.add([]any{"checks"}, "nothing is checked: a run without a check proves nothing")
	}
	return v.problems
}

func (v *validator) check(path []any, c *Check) {
	if c.ID != "" && v.ids[c.ID] {
		v.add(join(path, "id"), "id %q is another check's too", c.ID)
	}
	v.ids[c.ID] = true
	if c.Reach != nil {
		v.flow(join(path, "reach"), c.Reach)
		if c.Reach.Errno != "" {
			v.add(join(path, "reach", "errno"), "what is expected to arrive is not expected to fail: errno belongs to blocked")
		}
	}
	if c.Blocked != nil {
		v.flow(join(path, "blocked"), c.Blocked)
	}
	if c.Link != nil {
		v.linkState(join(path, "link"), c.Link)
	}
	if c.Counters != nil {
		v.flow(join(path, "counters", "send"), &c.Counters.Send)
		for name, n := range c.Counters.Rise {
			if n < 1 {
				v.add(join(path, "counters", "rise", name), "a counter rises by 1 at the least; one that must not move belongs to still")
			}
		}
	}
	if c.Refused != nil && len(c.Refused.Do) == 0 {
		v.add(join(path, "refused", "do"), "nothing is tried, so nothing is refused")
	}
}

// flow checks that options go with the frame kinds that have them.
func (v *validator) flow(path []any, f *Flow) {
	kinds := f.Kind
	if len(kinds) == 0 {
		kinds = Values{"icmp"}
	}
	only := func(field string, set bool, allowed ...string) {
		for _, k := range kinds {
			if set && k != "" && !slices.Contains(allowed, k) {
				v.add(join(path, field), "%s is for %s frames only, not for %s", field, strings.Join(allowed, " and "), k)
			}
		}
	}
	cast := slices.ContainsFunc(f.Cast, func(c string) bool { return c != "" && c != "unicast" })
	only("cast", cast, "raw", "udp")
	only("tags", len(f.Tags) > 0, "raw")
	only("source", f.Source != "", "raw")
	only("dest", f.Dest != "", "raw")
	only("size", f.Size > 0, "raw", "udp")
	for i, from := range f.From {
		if from != "" && len(f.To) > 0 && !slices.ContainsFunc(f.To, func(to string) bool { return to != from }) {
			v.add(join(path, "from", i), "%s has no target but itself", from)
		}
	}
	for _, side := range []struct {
		name string
		of   Values
	}{{"from", f.From}, {"to", f.To}} {
		v.noRepeat(join(path, side.name), side.of)
		if side.of != nil && len(side.of) == 0 {
			v.add(join(path, side.name), "the list is empty, so nothing is checked")
		}
	}
}

func (v *validator) noRepeat(path []any, values []string) {
	for i, value := range values {
		if value != "" && slices.Index(values, value) < i {
			v.add(join(path, i), "%s comes twice", value)
		}
	}
}

// linkState refuses expectations on a device that must not exist.
func (v *validator) linkState(path []any, l *LinkState) {
	if l.Exists == nil || *l.Exists {
		return
	}
	bare := LinkState{Link: l.Link, Exists: l.Exists}
	if !reflect.DeepEqual(*l, bare) {
		v.add(join(path, "exists"), "a device that must not exist has nothing else to expect")
	}
}
