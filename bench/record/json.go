package record

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/lanproof/lanproof/reports"
)

// maxJSON bounds how many bytes ReadJSON takes in: some millions of samples.
const maxJSON = 256 << 20

// WriteJSON writes the run as bench.json. A value that is no figure (NaN, infinite or
// negative) is left out and told as a problem instead, so that it cannot cost the others.
func WriteJSON(w io.Writer, r *Run) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	if err := enc.Encode(r.whole()); err != nil {
		return fmt.Errorf("write the figures: %w", err)
	}
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("write the figures: %w", err)
	}
	return nil
}

// whole is a copy of the run that ReadJSON takes: with the schema, without lists that
// are null, without values that are no figures and without series that have none left.
func (r *Run) whole() *Run {
	c := *r
	c.Schema = Schema
	c.Systems = append([]System{}, r.Systems...)
	c.Series = []Series{}
	c.Problems = append([]Problem(nil), r.Problems...)
	for _, s := range r.Series {
		kept := []Sample{}
		for _, v := range s.Samples {
			if why := NoFigure(v.Value); why != "" {
				c.Problems = append(c.Problems, Problem{s.Benchmark, s.System, "error", fmt.Sprintf("block %d gave no figure: %s %s", v.Block, s.Unit, why)})
				continue
			}
			kept = append(kept, v)
		}
		if s.Samples = kept; len(kept) > 0 {
			c.Series = append(c.Series, s)
		}
	}
	return &c
}

// NoFigure says why a value cannot be judged, as what follows its unit, or nothing.
func NoFigure(v float64) string {
	switch {
	case math.IsNaN(v):
		return "is not a number"
	case math.IsInf(v, 0):
		return "is infinite"
	case v < 0:
		return fmt.Sprintf("is %g, below zero", v)
	case v > 1e200:
		return fmt.Sprintf("is %g, beyond all measure", v)
	}
	return ""
}

// ReadJSON reads what WriteJSON wrote. What cannot be judged is refused with the place
// where it stands: another schema, a system told of twice or not at all, a series told
// twice, one without samples, a value that is no figure. Fields that it does not know
// are passed over, since fields may be added.
func ReadJSON(r io.Reader) (*Run, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxJSON+1))
	if err != nil {
		return nil, fmt.Errorf("read the figures: %w", err)
	}
	if len(data) > maxJSON {
		return nil, fmt.Errorf("read the figures: they are larger than %d MiB", maxJSON>>20)
	}
	var head struct{ Schema, Tool string }
	if err := json.Unmarshal(data, &head); err != nil {
		return nil, fmt.Errorf("read the figures: not JSON as lanproof writes it: %w", err)
	}
	if head.Schema != Schema {
		return nil, fmt.Errorf("read the figures: %s", otherSchema(head.Schema, head.Tool))
	}
	var run Run
	if err := json.Unmarshal(data, &run); err != nil {
		return nil, fmt.Errorf("read the figures: %w", err)
	}
	if err := run.check(); err != nil {
		return nil, fmt.Errorf("read the figures: %w", err)
	}
	return &run, nil
}

// otherSchema says what is wrong with a schema that is not ours.
func otherSchema(schema, tool string) string {
	by := ""
	if tool != "" {
		by = ", written by lanproof " + clip(reports.OneLine(tool), 40)
	}
	family, version, cut := cutLast(schema)
	ours, own, _ := cutLast(Schema)
	said := fmt.Sprintf("their schema is %q%s", clip(schema, 80), by)
	switch {
	case schema == "":
		return "they name no schema, so they are no figures of lanproof bench"
	case !cut || family != ours:
		return fmt.Sprintf("%s, which is none of lanproof bench: this reads %q", said, Schema)
	case len(version) > len(own) || len(version) == len(own) && version > own:
		return fmt.Sprintf("%s, which is newer than %q: read it with that lanproof, or measure again", said, Schema)
	}
	return fmt.Sprintf("%s, which is older than %q: measure again", said, Schema)
}

// cutLast cuts "lanproof/bench/v1" into "lanproof/bench" and "v1".
func cutLast(schema string) (family, version string, ok bool) {
	i := strings.LastIndex(schema, "/v")
	if i < 0 {
		return schema, "", false
	}
	return schema[:i], schema[i+1:], true
}

// check finds what makes a run impossible to judge.
func (r *Run) check() error {
	known := map[string]bool{}
	for i, s := range r.Systems {
		at := fmt.Sprintf("systems[%d]", i)
		switch {
		case s.ID == "":
			return fmt.Errorf("%s has no id", at)
		case known[s.ID]:
			return fmt.Errorf("%s: %q is there twice", at, clip(s.ID, 80))
		case s.Clock != Time && s.Clock != Instructions:
			return fmt.Errorf("%s (%s): its clock is %q, neither %q nor %q", at, clip(s.ID, 80), clip(string(s.Clock), 40), Time, Instructions)
		}
		known[s.ID] = true
	}
	seen := map[seriesKey]int{}
	for i := range r.Series {
		s := &r.Series[i]
		at := fmt.Sprintf("series[%d] (%s on %s)", i, clip(s.Benchmark, 120), clip(s.System, 80))
		if err := s.check(); err != nil {
			return fmt.Errorf("%s: %w", at, err)
		}
		if !known[s.System] {
			return fmt.Errorf("%s: no such system among those of the run", at)
		}
		if was, twice := seen[s.key()]; twice {
			return fmt.Errorf("%s: series[%d] has the same benchmark, unit and system", at, was)
		}
		seen[s.key()] = i
	}
	return nil
}

// check finds what is wrong with one series.
func (s *Series) check() error {
	switch {
	case s.Benchmark == "":
		return fmt.Errorf("its benchmark has no name")
	case s.Unit == "":
		return fmt.Errorf("it has no unit")
	case s.Better != HigherIsBetter && s.Better != LowerIsBetter:
		return fmt.Errorf("better is %q, neither %q nor %q", clip(string(s.Better), 40), HigherIsBetter, LowerIsBetter)
	case len(s.Samples) == 0:
		return fmt.Errorf("it has no samples")
	}
	for i, v := range s.Samples {
		if why := NoFigure(v.Value); why != "" {
			return fmt.Errorf("samples[%d] %s", i, why)
		}
		if v.Block < 0 {
			return fmt.Errorf("samples[%d]: its block is %d, below zero", i, v.Block)
		}
	}
	return nil
}

// seriesKey is what there is one series of in a run.
type seriesKey struct{ benchmark, unit, system string }

func (s *Series) key() seriesKey { return seriesKey{s.Benchmark, s.Unit, s.System} }

// clip shortens text from outside.
func clip(s string, limit int) string {
	if r := []rune(s); len(r) > limit {
		return string(r[:limit-1]) + "…"
	}
	return s
}
