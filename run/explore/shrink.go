package explore

import (
	"context"
	"fmt"

	"go.yaml.in/yaml/v4"
)

// Red tells which of some LANs still show a disagreement. It is asked about files
// that are good scenarios; an error ends the shrinking.
type Red func(ctx context.Context, texts [][]byte) ([]bool, error)

// atOnce is how many smaller LANs are tried at once: that many fit a guest's boot.
const atOnce = 16

// Shrink takes away from a LAN what can be taken away with a disagreement about a class
// of frames, seen after a step, still there: machines, devices, settings, addresses,
// steps and classes, larger parts first, until there is no single one left that could
// go. It returns the smallest LAN that it came to, even with an error, such as that the
// context has ended, and whether the disagreement came again at all.
func Shrink(ctx context.Context, name string, lan []byte, class, step string, red Red) (smallest []byte, again bool, err error) {
	root, err := parse(lan)
	if err != nil {
		return lan, false, err
	}
	s := &shrinking{name: name, root: root, gone: map[*yaml.Node]bool{}, best: lan, red: red, asked: map[string]bool{}}
	if again, err = s.narrow(ctx, class, step); err != nil || !again {
		return s.best, again, err
	}
	for smaller := true; smaller; {
		if smaller, err = s.round(ctx); err != nil {
			return s.best, true, err
		}
	}
	return s.best, true, nil
}

// shrinking is a LAN that is being shrunk: a tree, and what of it is gone.
type shrinking struct {
	name  string
	root  *yaml.Node
	gone  map[*yaml.Node]bool
	best  []byte
	red   Red
	asked map[string]bool
}

// narrow asks about the one class after the one step only, if that is enough, and
// reports whether the disagreement came again.
func (s *shrinking) narrow(ctx context.Context, class, step string) (again bool, err error) {
	var changed []*yaml.Node
	for _, n := range parts(s.root, nil) {
		if n.Kind == yaml.ScalarNode && n.Value == "all" {
			n.Value = class
			changed = append(changed, n)
		}
	}
	if again, err = s.without(ctx, others(s.root, step)); err != nil || again {
		return again, err
	}
	for _, n := range changed {
		n.Value = "all"
	}
	return s.without(ctx, nil)
}

// without asks about the LAN without some parts, and takes them away if the
// disagreement is still there.
func (s *shrinking) without(ctx context.Context, parts []*yaml.Node) (bool, error) {
	gone := s.less(parts...)
	b, ok := s.good(gone)
	if !ok {
		return false, nil
	}
	is, err := s.red(ctx, [][]byte{b})
	if err != nil || !is[0] {
		return false, err
	}
	s.gone, s.best = gone, b
	return true, nil
}

// others are the checks before a step and the steps behind it; without a step, all
// steps.
func others(root *yaml.Node, step string) (all []*yaml.Node) {
	steps := entry(root, "steps")
	if steps == nil {
		return nil
	}
	if step != "" {
		all = append(all, entry(root, "checks"))
	}
	behind := step == ""
	for _, s := range steps.Content {
		name := entry(s, "name")
		switch {
		case behind:
			all = append(all, s)
		case name != nil && name.Value == step:
			behind = true
		default:
			all = append(all, entry(s, "checks"))
		}
	}
	return all
}

// candidate is the LAN without one part more.
type candidate struct {
	part *yaml.Node
	text []byte
}

// round tries to take each part away once, and reports whether any could go.
func (s *shrinking) round(ctx context.Context) (smaller bool, err error) {
	all := parts(s.root, s.gone)
	for len(all) > 0 {
		var some []candidate
		for len(all) > 0 && len(some) < atOnce {
			part := all[0]
			all = all[1:]
			if b, ok := s.fresh(part); ok {
				some = append(some, candidate{part, b})
			}
		}
		went, err := s.try(ctx, some)
		if err != nil {
			return smaller, err
		}
		smaller = smaller || went
	}
	return smaller, nil
}

// fresh is the LAN without a part, if that is a good scenario that was not tried yet.
func (s *shrinking) fresh(part *yaml.Node) ([]byte, bool) {
	b, ok := s.good(s.less(part))
	if !ok || s.asked[string(b)] || string(b) == string(s.best) {
		return nil, false
	}
	return b, true
}

// less is what is gone with some parts more.
func (s *shrinking) less(parts ...*yaml.Node) map[*yaml.Node]bool {
	gone := map[*yaml.Node]bool{}
	for n := range s.gone {
		gone[n] = true
	}
	for _, n := range parts {
		gone[n] = true
	}
	return gone
}

// good is the text of what is left, and whether it is a good scenario.
func (s *shrinking) good(gone map[*yaml.Node]bool) ([]byte, bool) {
	b, err := text(without(s.root, gone))
	if err != nil {
		return nil, false
	}
	_, err = caseOf(s.name+".yaml", b)
	return b, err == nil
}

// try asks about some candidates, takes those away that can go together, else the
// first of them, and reports whether any went.
func (s *shrinking) try(ctx context.Context, some []candidate) (bool, error) {
	if len(some) == 0 {
		return false, nil
	}
	texts := make([][]byte, len(some))
	for i := range some {
		texts[i] = some[i].text
		s.asked[string(some[i].text)] = true
	}
	is, err := s.red(ctx, texts)
	if err != nil {
		return false, fmt.Errorf("try %d smaller LANs: %w", len(some), err)
	}
	var may []*yaml.Node
	var first []byte
	for i, red := range is {
		if !red {
			continue
		}
		if first == nil {
			first = some[i].text
		}
		may = append(may, some[i].part)
	}
	if len(may) == 0 {
		return false, nil
	}
	return true, s.together(ctx, may, first)
}

// together takes parts away all at once if the disagreement survives that, else as
// many from their beginning as can go: each half is tried.
func (s *shrinking) together(ctx context.Context, may []*yaml.Node, first []byte) error {
	for n := len(may); n > 1; n /= 2 {
		if went, err := s.without(ctx, may[:n]); err != nil || went {
			return err
		}
	}
	s.gone, s.best = s.less(may[0]), first
	return nil
}
