package record

import (
	"fmt"
	"math"
	"strings"
	"time"

	"golang.org/x/perf/benchunit"
)

// Say writes a value of a unit for people: "1.23M" frames/s, "15.3µs" where the unit
// counts nanoseconds.
func Say(v float64, unit string) string {
	if isTime(unit) {
		return shortTime(v)
	}
	return benchunit.Scale(v, benchunit.ClassOf(unit))
}

// isTime tells whether a unit counts nanoseconds.
func isTime(unit string) bool {
	return unit == "ns" || strings.HasPrefix(unit, "ns/") || strings.HasSuffix(unit, "-ns")
}

// shortTime writes nanoseconds with three digits.
func shortTime(ns float64) string {
	for _, step := range []struct {
		per  time.Duration
		name string
	}{{time.Second, "s"}, {time.Millisecond, "ms"}, {time.Microsecond, "µs"}} {
		if v := ns / float64(step.per); v >= 1 {
			return digits(v) + step.name
		}
	}
	return digits(ns) + "ns"
}

// digits writes a number with three digits that count.
func digits(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

// percent writes a part as "3 %".
func percent(part float64) string {
	return strings.TrimSuffix(fmt.Sprintf("%.1f", 100*part), ".0") + " %"
}

// signed writes a change as "+5.1 %"; one that is not zero but rounds to it says so.
func signed(part float64) string {
	if math.Abs(part) >= 10 {
		return fmt.Sprintf("×%s", digits(part+1))
	}
	return fmt.Sprintf("%+.1f %%", 100*part)
}

// shortP writes a probability.
func shortP(p float64) string {
	if p < 0.001 {
		return "<0.001"
	}
	return fmt.Sprintf("%.3f", p)
}

// scatter writes how far the bounds of a median lie from it: "±1.2 %"; of too few samples
// to have bounds it writes how many they are.
func (f Figure) scatter() string {
	if f.N < MinSamples {
		return fmt.Sprintf("n=%d", f.N)
	}
	if f.Median == 0 {
		return ""
	}
	return "±" + percent(max(f.High-f.Median, f.Median-f.Low)/f.Median)
}

// pWord is p as the tables have it; exact agreement has none.
func (j *Judgement) pWord() string {
	if j.Ratio == 0 {
		return "–"
	}
	return shortP(j.P)
}

// change is the difference: "-5.1 %".
func (j *Judgement) change() string {
	if j.Ratio == 0 {
		return "–"
	}
	return signed(j.Change())
}

// interval is that of the difference: "[-6.0 %, -4.2 %]".
func (j *Judgement) interval() string {
	if j.Ratio == 0 {
		return ""
	}
	return fmt.Sprintf("[%s, %s]", signed(j.Low-1), signed(j.High-1))
}

// changeWord is the change with its interval.
func (j *Judgement) changeWord() string { return strings.TrimSpace(j.change() + " " + j.interval()) }

// verdictWord is the verdict with what it rests on where that is not plain.
func (j *Judgement) verdictWord(effect float64) string {
	switch {
	case j.Reason != "":
		return string(j.Verdict) + ": " + j.Reason
	case j.Verdict == Same && j.Limit > effect:
		return fmt.Sprintf("same within its noise of %s", percent(j.Limit))
	}
	return string(j.Verdict)
}

// Headline says in one sentence what became of the figures.
func (c *Comparison) Headline() string {
	n := map[Verdict]int{}
	added := 0
	for _, p := range c.Pairs {
		added += len(p.New)
		for _, j := range p.Figures {
			n[j.Verdict]++
		}
	}
	var parts []string
	for _, part := range []struct {
		n    int
		word string
	}{
		{c.Vanished(), "VANISHED"}, {added, "new"}, {n[Slower], "slower"}, {n[CannotTell], "cannot tell"}, {n[Faster], "faster"}, {n[Same], "the same"},
	} {
		if part.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", part.n, part.word))
		}
	}
	if len(parts) == 0 {
		return "no figure was compared"
	}
	return strings.Join(parts, ", ")
}

// Caveats are sentences on what the figures of systems can and cannot say.
func Caveats(systems ...System) []string {
	var said []string
	say := func(s string) {
		for _, was := range said {
			if was == s {
				return
			}
		}
		said = append(said, s)
	}
	for _, s := range systems {
		switch emulated := s.Detail["emulation"]; {
		case s.Clock == Instructions:
			say("Figures by the clock of instructions count what an emulated CPU carries out for the same work: they find a longer or shorter way through the kernel's code and are the same however busy the machine is; they say nothing about caches, memory, locks that CPUs fight for, or speed on a real CPU.")
		case emulated != "" && emulated != "none" && emulated != "no":
			say("Times in an emulated guest hold the emulator's cost for each kind of instruction: their ratio is a hint, and no figure of what a real CPU does.")
		default:
			say("Times hold for this machine, as busy as it was; ratios of systems that took turns hold better than the figures themselves.")
		}
	}
	return said
}

// caveats are those of the comparison.
func (c *Comparison) caveats() []string {
	var systems []System
	apart := false
	for _, p := range c.Pairs {
		systems = append(systems, p.A, p.B)
		apart = apart || !p.Turns
	}
	said := Caveats(systems...)
	if apart {
		said = append(said, "The two were not measured in turns: what else changed on the machine between the runs is in each difference. One run of both systems takes it out, and A/A runs given as noise bound it.")
	}
	return append(said, fmt.Sprintf("Differences below %s count as none. Intervals hold with %.0f %% confidence; p is corrected for %d figures (Holm), and a difference needs p < %g.",
		percent(c.Effect), 100*confidence, c.Total(), alpha))
}
