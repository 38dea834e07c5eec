package reports

import (
	"fmt"
	"strings"
)

// overview is the table of all cases against all grounds. Repeats share a cell,
// which shows the worst of them.
func (v *viewer) overview(scenarios []*htmlScenario) ([]string, []htmlRow) {
	columns := map[string]int{}
	var heads []string
	rows := map[string]int{}
	var table []htmlRow
	for _, s := range scenarios {
		for _, c := range s.Cases {
			place, _, _ := strings.Cut(c.Place, " repeat ")
			column, known := columns[place]
			if !known {
				column = len(heads)
				columns[place] = column
				heads = append(heads, place)
			}
			key := s.Name + "\x00" + c.Name
			row, known := rows[key]
			if !known {
				row = len(table)
				rows[key] = row
				table = append(table, htmlRow{Name: c.Name})
			}
			for len(table[row].Cells) <= column {
				table[row].Cells = append(table[row].Cells, htmlOutcome{})
			}
			cell := &table[row].Cells[column]
			if cell.Anchor == "" || Overall([]Verdict{Verdict(cell.Class), Verdict(c.Class)}) != Verdict(cell.Class) {
				*cell = htmlOutcome{c.badge, c.Anchor, c.Counts}
			}
		}
	}
	for i := range table {
		for len(table[i].Cells) < len(heads) {
			table[i].Cells = append(table[i].Cells, htmlOutcome{})
		}
	}
	return heads, table
}

func (v *viewer) claimViews() []htmlClaim {
	var all []htmlClaim
	for i, c := range v.claims {
		view := htmlClaim{
			Anchor: claimAnchor(i), ID: name(c.Claim.ID), Text: text(c.Claim.Text), Source: name(c.Claim.Source), Standing: standingBadge(c.Standing),
		}
		for _, k := range c.Kernels {
			kernel := htmlClaimKernel{Kernel: name(k.Kernel), Standing: standingBadge(k.Standing)}
			for n, by := range k.Checks {
				if n == maxListed {
					kernel.More = len(k.Checks) - n
					break
				}
				c := &v.r.Cases[by.Case]
				// A case with a reason of its own has one entry more than checks.
				entry := by.Check + len(v.anchors[by.Case]) - len(c.Checks)
				kernel.Checks = append(kernel.Checks, htmlClaimCheck{
					badgeOf(by.Verdict), v.anchors[by.Case][entry], name(c.Checks[by.Check].Title), by.Refutes,
				})
			}
			view.Kernels = append(view.Kernels, kernel)
		}
		all = append(all, view)
	}
	return all
}

// standingBadge shows a standing in the shape and colour of the nearest verdict.
// A refuted claim is a finding, not a failure, and has a sign of its own.
func standingBadge(s Standing) badge {
	switch s {
	case Proven:
		return badge{"pass", "✓", string(s)}
	case Refuted:
		return badge{"refuted", "≠", string(s)}
	case Disputed:
		return badge{"fail", "✗", string(s)}
	case Open:
	}
	return badge{"skip", "–", string(Open)}
}

func claimAnchor(i int) string { return fmt.Sprintf("claim-%d", i+1) }
