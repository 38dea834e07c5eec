package reports

import "slices"

// Standing is what a run's checks say about a claim.
type Standing string

// The standings. One counterexample refutes a claim, whatever else was seen.
const (
	Proven   Standing = "proven"   // a check that shows it passed, and none speaks against it
	Refuted  Standing = "refuted"  // a check that shows the contrary passed
	Disputed Standing = "disputed" // a check about it failed: what was seen is not what was foretold
	Open     Standing = "open"     // no check about it came to a verdict
)

// Coverage is one claim and what the run's checks say about it.
type Coverage struct {
	Claim    Claim
	Standing Standing
	Kernels  []KernelCoverage // in order of appearance; empty when nothing checks it
}

// KernelCoverage is a claim's standing on one kernel.
type KernelCoverage struct {
	Kernel   string
	Standing Standing
	Checks   []CoveredBy
}

// CoveredBy is one check that speaks about a claim.
type CoveredBy struct {
	Case    int // index into Results.Cases
	Check   int // index into Case.Checks
	Verdict Verdict
	Refutes bool // a pass of it shows the claim false
}

// Coverage says for every claim of the run, and for every one that a check
// names, how it stands on each kernel. Claims come in the order of r.Claims;
// those that only checks name follow without text.
func (r *Results) Coverage() []Coverage {
	c := coverage{index: map[string]int{}}
	for _, claim := range r.Claims {
		c.at(claim)
	}
	for i := range r.Cases {
		for j := range r.Cases[i].Checks {
			c.add(r, i, j)
		}
	}
	for i := range c.all {
		c.all[i].settle()
	}
	return c.all
}

type coverage struct {
	all   []Coverage
	index map[string]int
}

// at finds a claim's place, which it makes when there is none.
func (c *coverage) at(claim Claim) int {
	i, known := c.index[claim.ID]
	if !known {
		i = len(c.all)
		c.index[claim.ID] = i
		c.all = append(c.all, Coverage{Claim: claim})
	}
	return i
}

// add enters check j of case i under every claim that it names.
func (c *coverage) add(r *Results, i, j int) {
	check := &r.Cases[i].Checks[j]
	for n, id := range append(slices.Clone(check.Claims), check.Refutes...) {
		refutes := slices.Contains(check.Refutes, id)
		if refutes && n < len(check.Claims) {
			continue // named in both lists: it comes again among the refuted
		}
		cov := &c.all[c.at(Claim{ID: id})]
		k := slices.IndexFunc(cov.Kernels, func(k KernelCoverage) bool { return k.Kernel == r.Cases[i].Kernel })
		if k < 0 {
			k = len(cov.Kernels)
			cov.Kernels = append(cov.Kernels, KernelCoverage{Kernel: r.Cases[i].Kernel})
		}
		by := CoveredBy{Case: i, Check: j, Verdict: check.Verdict.known(), Refutes: refutes}
		cov.Kernels[k].Checks = append(cov.Kernels[k].Checks, by)
	}
}

// settle derives the standings from the checks that were entered.
func (c *Coverage) settle() {
	var all []CoveredBy
	for i := range c.Kernels {
		c.Kernels[i].Standing = standing(c.Kernels[i].Checks)
		all = append(all, c.Kernels[i].Checks...)
	}
	c.Standing = standing(all)
}

func standing(checks []CoveredBy) Standing {
	var proven, refuted, failed bool
	for _, c := range checks {
		proven = proven || c.Verdict == Pass && !c.Refutes
		refuted = refuted || c.Verdict == Pass && c.Refutes
		failed = failed || c.Verdict == Fail
	}
	switch {
	case refuted:
		return Refuted
	case failed:
		return Disputed
	case proven:
		return Proven
	}
	return Open
}
