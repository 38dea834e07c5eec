package reports

import (
	"bufio"
	"fmt"
	"slices"
	"strings"
)

// BuiltChange is a node that two engines, or two versions of one, have built otherwise.
type BuiltChange struct {
	Case, Node string
	// Before and After are the engines, and Gone and New the lines that only one of them has.
	Before, After string
	Gone, New     []string
}

// refusals is the node of a change that stands for what engines and kernels refused.
const refusals = "refusals"

// compareBuilt compares what engines have built in the cases that both runs have, and in
// which words they refused.
func compareBuilt(a, b *Results) []BuiltChange {
	before := map[string]*Case{}
	for i := range a.Cases {
		if c := &a.Cases[i]; c.Engine != "" && before[c.Case] == nil {
			before[c.Case] = c
		}
	}
	var all []BuiltChange
	seen := map[string]bool{}
	for i := range b.Cases {
		now := &b.Cases[i]
		was := before[now.Case]
		if was == nil || now.Engine == "" || seen[now.Case] {
			continue
		}
		seen[now.Case] = true
		add := func(node string, had, has []string) {
			c := BuiltChange{Case: now.Case, Node: node, Before: was.Engine, After: now.Engine, Gone: missingIn(had, has), New: missingIn(has, had)}
			if len(c.Gone)+len(c.New) > 0 {
				all = append(all, c)
			}
		}
		for _, built := range now.Built {
			i := slices.IndexFunc(was.Built, func(o Built) bool { return o.Node == built.Node })
			if i >= 0 {
				add(built.Node, was.Built[i].lines(), built.lines())
			}
		}
		add(refusals, was.refusals(), now.refusals())
	}
	return all
}

func missingIn(lines, other []string) []string {
	return slices.DeleteFunc(slices.Clone(lines), func(l string) bool { return slices.Contains(other, l) })
}

// lines are the facts of a node, one each.
func (b *Built) lines() []string {
	var all []string
	for _, d := range b.Devices {
		line := strings.TrimSpace(d.Name + ": " + strings.Join(slices.DeleteFunc([]string{d.Kind, d.Mode, d.Flag}, func(s string) bool { return s == "" }), " "))
		if d.Parent != "" {
			line += " on " + d.Parent
		}
		all = append(all, line, d.Name+": MAC "+d.MAC, fmt.Sprintf("%s: mtu %d qlen %d", d.Name, d.MTU, d.TxQueueLen))
		if !d.Up {
			all = append(all, d.Name+": down")
		}
		for _, a := range d.Addresses {
			all = append(all, d.Name+": "+a)
		}
	}
	for _, r := range b.Routes {
		all = append(all, "route "+r)
	}
	var settings []string
	for name, value := range b.Settings {
		settings = append(settings, name+" = "+value)
	}
	slices.Sort(settings)
	return append(all, settings...)
}

// refusals are what was refused in a case, in the words of who did.
func (c *Case) refusals() []string {
	var all []string
	for _, check := range c.Checks {
		if check.Proof == ProofErrno {
			all = append(all, check.ID+": "+check.Observed)
		}
	}
	return all
}

// writeBuilt writes what was built otherwise.
func (d Diff) writeBuilt(b *bufio.Writer) {
	if len(d.Built) == 0 {
		return
	}
	fmt.Fprintf(b, "BUILT OTHERWISE (%s)\n", count(len(d.Built)))
	for _, c := range d.Built {
		fmt.Fprintf(b, "  %s / %s: %s, then %s\n", clip(oneLine(c.Case), 120), oneLine(c.Node), oneLine(c.Before), oneLine(c.After))
		for _, l := range c.Gone {
			fmt.Fprintf(b, "      - %s\n", clip(oneLine(l), 300))
		}
		for _, l := range c.New {
			fmt.Fprintf(b, "      + %s\n", clip(oneLine(l), 300))
		}
	}
	fmt.Fprintln(b)
}

// markdownBuilt is the same for a CI job's page.
func (d Diff) markdownBuilt(p *page) {
	if len(d.Built) == 0 {
		return
	}
	p.add(fmt.Sprintf("\n### Built otherwise (%s)\n", count(len(d.Built))))
	for _, c := range d.Built {
		text := fmt.Sprintf("\n%s / %s: %s, then %s\n\n```diff\n", oneLine(c.Case), oneLine(c.Node), oneLine(c.Before), oneLine(c.After))
		for _, l := range c.Gone {
			text += "- " + clip(strings.ReplaceAll(oneLine(l), "```", "'''"), 300) + "\n"
		}
		for _, l := range c.New {
			text += "+ " + clip(strings.ReplaceAll(oneLine(l), "```", "'''"), 300) + "\n"
		}
		if !p.add(text + "```\n") {
			return
		}
	}
}
