package record

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Verdict is what a comparison says of one figure.
type Verdict string

// The verdicts.
const (
	// Faster and Slower: the figure is better or worse by more than the limit, and chance
	// alone would not have it so.
	Faster Verdict = "faster"
	Slower Verdict = "slower"
	// Same: the interval of the ratio lies inside the limit, so that a difference beyond
	// it is excluded. Too few samples never make it so.
	Same Verdict = "same"
	// CannotTell: neither has been shown.
	CannotTell Verdict = "cannot tell"
)

const (
	// DefaultEffect is the difference, as a part of the figure, below which two figures
	// count as the same. TestFiguresOfTheJudge has what other values would do: with ten
	// blocks and samples that scatter by 1 to 1.5 %, 3 % is what tells 5 % from nothing.
	DefaultEffect = 0.03
	// MinSamples is how many samples, or blocks that both systems have, a verdict takes:
	// with fewer no interval of 95 % has bounds.
	MinSamples = 6
	// alpha is the probability, over a whole comparison, that a difference is chance.
	alpha = 0.05
	// maxSame is the largest limit within which figures are called the same.
	maxSame = 0.10
)

// Rules are how two systems' figures are compared.
type Rules struct {
	// Effect is the least difference that counts, as a part of the figure: 0.03 for 3 %;
	// DefaultEffect if zero.
	Effect float64
	// Noise is what runs of systems against themselves have shown; nil when there are none.
	Noise *Noise
	// Only chooses benchmarks by name; all of them if nil.
	Only func(benchmark string) bool
}

// Comparison is what became of the figures of one system on another one, or in another run.
type Comparison struct {
	Effect float64 `json:"effect"`
	// Pairs are the systems that were compared.
	Pairs []Pair `json:"pairs"`
	// Lost is how many figures the first run has of systems that the second does not have,
	// nor another one in their place.
	Lost int `json:"lost,omitempty"`
	// Warnings name what differs between the runs besides what is measured.
	Warnings []string `json:"warnings"`
}

// Pair is two systems with what was said of each figure.
type Pair struct {
	A System `json:"a"`
	B System `json:"b"`
	// Turns tells that both were measured in one run, in turns, so that what happens to
	// the machine meanwhile happens to both.
	Turns bool `json:"turns"`
	// Differs lists what else differs between the two: machine, kernel, clock, setting.
	Differs []string    `json:"differs"`
	Figures []Judgement `json:"figures"`
	// New and Vanished are figures that only B or only A has.
	New      []Absent `json:"new"`
	Vanished []Absent `json:"vanished"`
}

// Absent is a figure that one of two systems does not have.
type Absent struct {
	Benchmark string `json:"benchmark"`
	Unit      string `json:"unit"`
	// Reason is the problem that the run tells of it, if there is one.
	Reason string `json:"reason,omitempty"`
}

// Figure is one side of a judgement.
type Figure struct {
	N      int     `json:"n"`
	Median float64 `json:"median"`
	// Low and High bound the median with 95 % confidence; with too few samples for that
	// they are the least and the largest of them.
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
	Method string  `json:"method,omitempty"`
	series *Series
}

// Judgement is what is said of one figure of two systems.
type Judgement struct {
	Benchmark string    `json:"benchmark"`
	Unit      string    `json:"unit"`
	Better    Direction `json:"better"`
	A         Figure    `json:"a"`
	B         Figure    `json:"b"`
	// Ratio is B's figure as a multiple of A's, between Low and High with 95 %
	// confidence; all are 0 where there is none.
	Ratio float64 `json:"ratio"`
	Low   float64 `json:"ratio_low"`
	High  float64 `json:"ratio_high"`
	// ByBlock tells that the ratio is that of samples of the same block.
	ByBlock bool `json:"by_block"`
	// P is the probability that chance alone makes such a difference, corrected by Holm's
	// method for how many figures were compared.
	P float64 `json:"p"`
	// Limit is the difference that counts, and Floor what the benchmark's noise is, both
	// as parts of the figure; NoiseFrom tells where it was learnt.
	Limit     float64 `json:"limit"`
	Floor     float64 `json:"noise"`
	NoiseFrom string  `json:"noise_from,omitempty"`
	Verdict   Verdict `json:"verdict"`
	// Reason says why it cannot be told.
	Reason string `json:"reason,omitempty"`
}

// Change is the difference as a part of A's figure: 0.05 for 5 % more.
func (j *Judgement) Change() float64 { return j.Ratio - 1 }

// Worse is by how much B is worse than A, as a factor less one: 0.05 where it takes 5 %
// longer, or A carries 5 % more; below zero where it is better.
func (j *Judgement) Worse() float64 { return worse(j.Ratio, j.Better) }

// worst is by how much B may be worse at most, by the interval.
func (j *Judgement) worst() float64 { return max(worse(j.Low, j.Better), worse(j.High, j.Better)) }

func worse(ratio float64, better Direction) float64 {
	switch {
	case ratio == 0:
		return 0
	case better == HigherIsBetter:
		return 1/ratio - 1
	}
	return ratio - 1
}

// Regressions are the figures that are worse by more than the threshold, a part of the
// figure; that is any that is slower when the threshold is 0.
func (c *Comparison) Regressions(threshold float64) []Judgement {
	return c.where(func(j *Judgement) bool { return j.Verdict == Slower && j.Worse() > threshold })
}

// Open are the figures of which it cannot be told whether they are worse by more than
// the threshold: those that could not be judged, and those that are the same only within
// a noise that is larger.
func (c *Comparison) Open(threshold float64) []Judgement {
	return c.where(func(j *Judgement) bool {
		return (j.Verdict == CannotTell || j.Verdict == Same) && (j.Ratio == 0 || j.worst() > max(threshold, c.Effect))
	})
}

// Total counts the figures that were compared.
func (c *Comparison) Total() int { return len(c.where(func(*Judgement) bool { return true })) }

// Vanished counts the figures that only A has, those of lost systems among them.
func (c *Comparison) Vanished() int {
	n := c.Lost
	for i := range c.Pairs {
		n += len(c.Pairs[i].Vanished)
	}
	return n
}

func (c *Comparison) where(want func(*Judgement) bool) []Judgement {
	var some []Judgement
	for i := range c.Pairs {
		for k := range c.Pairs[i].Figures {
			if j := &c.Pairs[i].Figures[k]; want(j) {
				some = append(some, *j)
			}
		}
	}
	return some
}

// Turns compares the first system of a run with each other one.
func Turns(r *Run, rules Rules) (*Comparison, error) {
	if len(r.Systems) < 2 {
		return nil, fmt.Errorf("compare the systems of a run: it has %d", len(r.Systems))
	}
	c := rules.begin()
	for _, b := range r.Systems[1:] {
		c.Pairs = append(c.Pairs, rules.pair(side{r, r.Systems[0]}, side{r, b}))
	}
	c.correct()
	return c, nil
}

// Compare compares the systems of run a with the same ones of run b, by their IDs; one
// that is left over in each is compared with the other.
func Compare(a, b *Run, rules Rules) (*Comparison, error) {
	if len(a.Systems) == 0 || len(b.Systems) == 0 {
		return nil, fmt.Errorf("compare two runs: one of them has no system")
	}
	c := rules.begin()
	c.Warnings = append(c.Warnings, runsDiffer(a, b)...)
	gone := slices.DeleteFunc(slices.Clone(a.Systems), func(s System) bool { return b.system(s.ID) != nil })
	come := slices.DeleteFunc(slices.Clone(b.Systems), func(s System) bool { return a.system(s.ID) != nil })
	for _, s := range a.Systems {
		if other := b.system(s.ID); other != nil {
			c.Pairs = append(c.Pairs, rules.pair(side{a, s}, side{b, *other}))
		}
	}
	if len(gone) == 1 && len(come) == 1 {
		c.Pairs = append(c.Pairs, rules.pair(side{a, gone[0]}, side{b, come[0]}))
		gone, come = nil, nil
	}
	for _, s := range gone {
		lost := len(side{a, s}.series(rules.Only))
		c.Lost += lost
		c.Warnings = append(c.Warnings, fmt.Sprintf("the second run has no system %s, and no other one in its place: figures VANISHED: %d", s.ID, lost))
	}
	for _, s := range come {
		c.Warnings = append(c.Warnings, fmt.Sprintf("the first run has no system %s, and no other one in its place", s.ID))
	}
	if len(c.Pairs) == 0 {
		return nil, fmt.Errorf("compare two runs: no system of the one is in the other: %s; and %s", a.names(), b.names())
	}
	c.correct()
	return c, nil
}

func (r *Run) system(id string) *System {
	for i := range r.Systems {
		if r.Systems[i].ID == id {
			return &r.Systems[i]
		}
	}
	return nil
}

func (r *Run) names() string {
	var ids []string
	for _, s := range r.Systems {
		ids = append(ids, s.ID)
	}
	return strings.Join(ids, ", ")
}

func (r Rules) begin() *Comparison {
	if r.Effect == 0 {
		r.Effect = DefaultEffect
	}
	return &Comparison{Effect: r.Effect, Pairs: []Pair{}, Warnings: []string{}}
}

// correct gives the judgements their last word, with all probabilities known.
func (c *Comparison) correct() {
	var all []*Judgement
	var p []float64
	for i := range c.Pairs {
		for k := range c.Pairs[i].Figures {
			if j := &c.Pairs[i].Figures[k]; j.Verdict == "" {
				all, p = append(all, j), append(p, j.P)
			}
		}
	}
	for i, corrected := range holm(p) {
		all[i].P = corrected
		all[i].decide()
	}
}

// decide says the verdict.
func (j *Judgement) decide() {
	far := math.Abs(math.Log(j.Ratio))
	reach := max(math.Abs(math.Log(j.Low)), math.Abs(math.Log(j.High)))
	limit, bar := math.Log1p(j.Limit), math.Log1p(max(j.Limit, j.Floor))
	switch {
	case j.P < alpha && far > bar:
		j.Verdict = Faster
		if j.Worse() > 0 {
			j.Verdict = Slower
		}
	case reach <= limit && j.Limit <= maxSame:
		j.Verdict = Same
	case reach <= limit:
		j.Verdict, j.Reason = CannotTell, fmt.Sprintf("the noise floor of %s is too high to call anything the same", percent(j.Limit))
	case far > limit && far <= bar:
		j.Verdict, j.Reason = CannotTell, fmt.Sprintf("not beyond the noise of %s %s; %s", percent(j.Floor), j.NoiseFrom, j.more(limit))
	case far > limit:
		j.Verdict, j.Reason = CannotTell, "it may be chance; "+j.more(limit)
	default:
		j.Verdict, j.Reason = CannotTell, "the interval reaches beyond "+percent(j.Limit)+"; "+j.more(limit)
	}
}

// muchMore is how many samples nobody takes.
const muchMore = 200

// more says how many samples would tell, as an interval becomes narrower by the root of
// their number.
func (j *Judgement) more(limit float64) string {
	half := (math.Log(j.High) - math.Log(j.Low)) / 2
	n := float64(max(j.A.N, j.B.N)) * math.Pow(half/limit, 2) * 1.5
	if n > muchMore {
		return fmt.Sprintf("it is so noisy that %d samples would not tell", muchMore)
	}
	return fmt.Sprintf("take %d samples", max(int(math.Ceil(n)), j.A.N+2, j.B.N+2))
}
