package reports

// htmlKernels is the table of kernels as the page shows it.
type htmlKernels struct {
	Headline string
	Columns  []string
	Differ   []htmlKernelRow
	Alike    []htmlRow
}

type htmlKernelRow struct {
	htmlRow
	Differences []htmlDifference
	More        int
}

// htmlDifference is what kernels do not say alike.
type htmlDifference struct {
	Case, Title string
	Verdicts    []htmlKernelVerdict
}

type htmlKernelVerdict struct {
	htmlOutcome
	Kernels string
}

// kernelView makes the table; nil when no case ran on two kernels.
func (v *viewer) kernelView() *htmlKernels {
	t := v.r.kernelTable()
	if t == nil {
		return nil
	}
	view := &htmlKernels{Headline: t.headline()}
	for _, place := range t.places {
		view.Columns = append(view.Columns, name(place))
	}
	for _, row := range t.differ {
		one := htmlKernelRow{htmlRow: v.kernelRow(row)}
		for i, d := range row.differences {
			if i == maxListed {
				one.More = len(row.differences) - i
				break
			}
			one.Differences = append(one.Differences, v.kernelDifference(t, d))
		}
		view.Differ = append(view.Differ, one)
	}
	for _, row := range t.alike {
		view.Alike = append(view.Alike, v.kernelRow(row))
	}
	return view
}

func (v *viewer) kernelRow(row kernelRow) htmlRow {
	view := htmlRow{Name: name(row.scenario)}
	for _, c := range row.cells {
		one := htmlOutcome{}
		if c.worst != nil {
			one = htmlOutcome{badge: badgeOf(c.verdict()), Anchor: v.anchorOf(c.worst)}
			if c.verdict() != Skip {
				one.Text = c.text()
			}
		}
		view.Cells = append(view.Cells, one)
	}
	return view
}

func (v *viewer) kernelDifference(t *kernelTable, d kernelDifference) htmlDifference {
	view := htmlDifference{Case: name(d.where()), Title: name(d.title())}
	for _, said := range d.verdicts() {
		one := htmlKernelVerdict{htmlOutcome{sideBadge(said.verdict), "", clip(oneLine(said.text), maxShort)}, name(t.named(said.places))}
		if f := d.at[said.places[0]].check; f != nil {
			one.Anchor = v.anchorOf(f)
		}
		view.Verdicts = append(view.Verdicts, one)
	}
	return view
}

// anchorOf is where the page tells of a finding.
func (v *viewer) anchorOf(f *finding) string { return v.anchors[f.index][f.entry] }
