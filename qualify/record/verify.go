package record

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/lanproof/lanproof/capture/frames"
	"github.com/lanproof/lanproof/reports"
	"github.com/lanproof/lanproof/run/recount"
)

// Verification is what came of checking a bundle.
type Verification struct {
	// Qualification as it stands in the bundle; nil when it could not be read.
	Qualification *Qualification
	// Steps are what was recomputed, in the order in which it was.
	Steps []Step
	// Problems are what does not agree, each with its place.
	Problems []Problem
	// Notes are worth knowing and no disagreement.
	Notes []string
	// Sum is the SHA-256 sum of the manifest: two bundles with the same one are the
	// same bundle.
	Sum string
}

// Step is one kind of thing that was recomputed.
type Step struct {
	What string
	// Done counts what was recomputed, Taken what could not be, is taken from the record
	// and is protected by its sums only.
	Done, Taken int
	// Wrong counts those of Done that do not agree.
	Wrong int
}

// Problem is one thing that does not agree.
type Problem struct {
	Where string // a file, or a place in it
	Text  string // one sentence
}

// OK reports whether all agrees.
func (v *Verification) OK() bool { return len(v.Problems) == 0 }

// Asked says what whoever verifies knows himself.
type Asked struct {
	// Now is the day for what has expired since.
	Now time.Time
	// Core are the core requirements that must be there, measured or told as left out.
	// What is missing is a note, and no disagreement, when the bundle was not made by
	// this version, Tool: it may know more of them. Empty is as good as another.
	Core []string
	Tool string
}

// Verify recomputes everything that follows from a bundle's captures and sums. It
// needs no rights and no kernel. The error wraps ErrNoBundle.
func Verify(b *Bundle, asked Asked) (*Verification, error) {
	v := &verifier{bundle: b, sights: map[string]*Sights{}, traces: map[string]*frames.Trace{}, recounts: map[string]*recount.Capture{}}
	if err := v.manifest(); err != nil {
		return nil, err
	}
	q, err := b.Qualification()
	if err != nil && v.OK() {
		return nil, fmt.Errorf("%w: %w", ErrNoBundle, err)
	}
	if err != nil {
		v.problem(FileQualification, "%v", err)
		return &v.Verification, nil
	}
	v.Qualification = q
	v.requirements(q)
	v.cases(q)
	v.complete(q, asked)
	v.notes(q, asked.Now)
	return &v.Verification, nil
}

// verifier is a verification on its way.
type verifier struct {
	Verification
	bundle   *Bundle
	traces   map[string]*frames.Trace
	sights   map[string]*Sights
	recounts map[string]*recount.Capture
}

func (v *verifier) problem(where, format string, args ...any) {
	v.Problems = append(v.Problems, Problem{where, fmt.Sprintf(format, args...)})
}

// step counts a kind of thing; wrong are the problems that it found.
func (v *verifier) step(what string, count func(*Step)) {
	s := Step{What: what}
	before := len(v.Problems)
	count(&s)
	s.Wrong = len(v.Problems) - before
	v.Steps = append(v.Steps, s)
}

// manifest holds all files against the sums. An error means that there is no bundle.
func (v *verifier) manifest() error {
	if _, ok := slices.BinarySearch(v.bundle.names, FileManifest); !ok {
		return fmt.Errorf("%w: it is unfinished: there is no %s", ErrNoBundle, FileManifest)
	}
	text, err := v.bundle.read(FileManifest)
	if err != nil && v.bundle.changed == nil {
		return fmt.Errorf("%w: %w", ErrNoBundle, err)
	}
	v.step("files held against their SHA-256 sums", func(s *Step) {
		if err := v.bundle.changed; err != nil {
			v.problem("the archive", "%v", err)
		}
		said, err := parseManifest(text)
		if err != nil {
			v.problem(FileManifest, "%v", err)
			return
		}
		if v.Sum, err = v.bundle.sum(FileManifest); err != nil {
			v.problem(FileManifest, "%v", err)
		}
		for name := range said {
			if _, ok := slices.BinarySearch(v.bundle.names, name); !ok {
				v.problem(name, "is missing")
			}
		}
		for _, name := range v.bundle.names {
			if name == FileManifest {
				continue
			}
			s.Done++
			switch sum, err := v.bundle.sum(name); {
			case err != nil:
				v.problem(name, "%v", err)
			case said[name] == "":
				v.problem(name, "is not in %s", FileManifest)
			case said[name] != sum:
				v.problem(name, "was changed: its sum is %s and was %s", sum[:12], said[name][:12])
			}
		}
	})
	slices.SortStableFunc(v.Problems, func(a, b Problem) int { return strings.Compare(a.Where, b.Where) })
	return nil
}

// requirements counts again, judges again, and waives and sums up again.
func (v *verifier) requirements(q *Qualification) {
	again := *q
	again.Results = slices.Clone(q.Results)
	again.Cases = slices.Clone(q.Cases)
	var taken int // what no frame shows
	v.step("trials counted again from their captures", func(s *Step) {
		for i := range again.Results {
			r := &again.Results[i]
			taken += len(r.Facts) + len(r.Measured) + len(r.Features)
			r.Trials = slices.Clone(r.Trials)
			for n := range r.Trials {
				s.Done++
				v.recount(q, r, &r.Trials[n])
			}
		}
	})
	waivers := make([]Waiver, len(q.Waivers))
	for i, w := range q.Waivers {
		waivers[i] = w.Waiver
	}
	again.Finish(waivers)
	v.step("requirements judged again", func(s *Step) {
		s.Taken = taken
		for i := range q.Results {
			v.rejudge(s, &q.Results[i], &again.Results[i])
		}
	})
	v.step("waivers held against them again", func(s *Step) {
		s.Done = len(q.Waivers)
		for i, was := range q.Waivers {
			if is := again.Waivers[i]; was != is {
				v.problem("waiver of "+was.ID, "the record says %s, and it is %s: %s", was.State, is.State, is.Note)
			}
		}
	})
	v.step("sums, and whether it conforms", func(s *Step) {
		s.Done = 1
		if again.Summary != q.Summary {
			v.problem(FileQualification+", summary", "it says %s, and what was recomputed is %s", q.Summary.words(), again.Summary.words())
		}
	})
}

func (s Summary) words() string {
	conformant := "not conformant"
	if s.Conformant {
		conformant = "conformant"
	}
	return fmt.Sprintf("%d pass, %d fail, %d unsupported, %d waived, %d error, %s", s.Pass, s.Fail, s.Unsupported, s.Waived, s.Error, conformant)
}

func (v *verifier) recount(q *Qualification, r *Result, t *Trial) {
	where := fmt.Sprintf("%s, trial %q", r.ID, t.Name)
	if t.First == 0 || t.Last < t.First || t.CanaryFirst != 0 && t.CanaryLast < t.CanaryFirst {
		v.problem(where, "its numbers %d to %d, canary %d to %d, are none", t.First, t.Last, t.CanaryFirst, t.CanaryLast)
		return
	}
	sights, err := v.sightsOf(r.Capture, q.Run)
	if err != nil {
		v.problem(where, "%v", err)
		return
	}
	said := *t
	sights.Count(t)
	if said.Seen != t.Seen || said.CanarySeen != t.CanarySeen || said.Duplicates != t.Duplicates || said.Reordered != t.Reordered || said.Altered != t.Altered {
		v.problem(where, "%s shows %s, and the record says %s", r.Capture, t.counts(), said.counts())
	}
	if lost := v.lost(r.Capture, t.At); lost > 0 {
		v.problem(where, "the tap on %s has lost %d frames", t.At, lost)
	}
}

func (t *Trial) counts() string {
	return fmt.Sprintf("%d of %d frames, %d of %d of the canary, %d twice, %d late, %d altered", t.Seen, t.Sent(), t.CanarySeen, t.canaries(), t.Duplicates, t.Reordered, t.Altered)
}

func (v *verifier) rejudge(s *Step, was, is *Result) {
	where := was.ID
	taken := (was.Status == Unsupported || was.Status == Error) && len(was.Trials)+len(was.Facts) == 0
	if taken && is.Status == was.Status {
		s.Taken++
		return
	}
	s.Done++
	if was.Status != is.Status {
		v.problem(where, "the record says %s, and what was counted makes it %s: %s", was.Status, is.Status, is.Reason)
	}
	if !sameWaiver(was.Waiver, is.Waiver) {
		v.problem(where, "its waiver is not the one among those that were given")
	}
}

func sameWaiver(a, b *Waiver) bool { return a == nil && b == nil || a != nil && b != nil && *a == *b }

// trace reads a capture of the bundle, once.
func (v *verifier) trace(name string) (*frames.Trace, error) {
	if t, ok := v.traces[name]; ok {
		return t, nil
	}
	if name == "" {
		return nil, errors.New("no capture is named that it could be counted from")
	}
	f, err := v.bundle.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	t, err := frames.ReadNG(io.LimitReader(f, maxFile))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	v.traces[name] = t
	return t, nil
}

func (v *verifier) sightsOf(name string, run uint64) (*Sights, error) {
	if s := v.sights[name]; s != nil {
		return s, nil
	}
	t, err := v.trace(name)
	if err != nil {
		return nil, err
	}
	v.sights[name] = SightsOf(t, run)
	return v.sights[name], nil
}

// lost is how many frames the tap on a device has missed, by its own count.
func (v *verifier) lost(name, device string) int {
	t := v.traces[name]
	for _, i := range t.Interfaces {
		if i.Name == device && i.Stats != nil {
			return i.Stats.Dropped
		}
	}
	return 0
}

// complete looks for core requirements that the record says nothing of.
func (v *verifier) complete(q *Qualification, asked Asked) {
	v.step("core requirements looked for", func(s *Step) {
		s.Done = len(asked.Core)
		left, unknown := 0, []string(nil)
		for _, id := range asked.Core {
			if slices.Contains(q.Left, id) {
				left++
				continue
			}
			if slices.ContainsFunc(q.Results, func(r Result) bool { return r.ID == id && r.Profile == Core }) {
				continue
			}
			if asked.Tool == "" || q.Tool != asked.Tool {
				unknown = append(unknown, id)
				continue
			}
			v.problem(id, "the record does not tell of this core requirement")
		}
		if len(unknown) > 0 {
			v.Notes = append(v.Notes, fmt.Sprintf("this lanproof has core requirements that the one that measured, %s, does not tell of: %s", q.Tool, strings.Join(unknown, ", ")))
		}
		if left > q.LeftCore {
			v.problem(FileQualification+", left", "%d core requirements were left out, and it counts %d", left, q.LeftCore)
		}
	})
}

// notes tell what is no disagreement.
func (v *verifier) notes(q *Qualification, now time.Time) {
	for _, w := range q.Waivers {
		if w.State == InForce && !w.inForceOn(now) {
			v.Notes = append(v.Notes, fmt.Sprintf("the waiver of %s, in force when this was measured, has expired on %s", w.ID, w.Until))
		}
	}
}

// WriteText writes what was recomputed as a table, what does not agree, and one
// sentence.
func (v *Verification) WriteText(w io.Writer) error {
	var b strings.Builder
	width, taken := 0, 0
	for _, s := range v.Steps {
		width = max(width, len(s.What))
		taken += s.Taken
	}
	fmt.Fprintf(&b, "%-*s  %10s  %10s  %10s\n", width, "", "recomputed", "disagree", "taken")
	for _, s := range v.Steps {
		fmt.Fprintf(&b, "%-*s  %10d  %10d  %10d\n", width, s.What, s.Done, s.Wrong, s.Taken)
	}
	if taken > 0 {
		b.WriteString("\nTaken is what no frame shows (a state, an errno, a figure): it is taken from the record and protected by its sums only.\n")
	}
	if len(v.Problems) > 0 {
		b.WriteString("\n")
	}
	for _, p := range v.Problems {
		fmt.Fprintf(&b, "%s: %s\n", reports.OneLine(p.Where), reports.OneLine(p.Text))
	}
	for _, n := range v.Notes {
		fmt.Fprintf(&b, "\nnote: %s\n", reports.OneLine(n))
	}
	fmt.Fprintf(&b, "\n%s\n", reports.OneLine(v.Sentence()))
	_, err := io.WriteString(w, b.String())
	return err
}

// Sentence says what came of it.
func (v *Verification) Sentence() string {
	switch {
	case !v.OK() && len(v.Problems) == 1:
		return "Not verified: 1 thing does not agree."
	case !v.OK():
		return fmt.Sprintf("Not verified: %d things do not agree.", len(v.Problems))
	}
	return fmt.Sprintf("Verified: all agrees with the captures and the sums (bundle %.16s). %s", v.Sum, v.Qualification.Verdict())
}
