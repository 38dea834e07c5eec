package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lanproof/lanproof/bench"
	"github.com/lanproof/lanproof/bench/record"
	"github.com/lanproof/lanproof/reports"
)

// figuresFlags are how figures of benchmarks are compared.
type figuresFlags struct {
	threshold float64 // percent
	only      []string
	noise     []string
	plots     string
}

func (f *figuresFlags) add(cmd *cobra.Command) {
	cmd.Flags().Float64Var(&f.threshold, "threshold", 100*record.DefaultEffect, "figures: how many percent slower is a regression; below 3 it is the least difference that counts, too")
	cmd.Flags().StringArrayVar(&f.only, "only", nil, "figures: benchmarks that count, as lanproof bench takes them: frames/macvlan-*; may be given again")
	cmd.Flags().StringArrayVar(&f.noise, "noise", nil, "figures: a run of a system against itself, whose differences count as noise; may be given again")
	// It fails only for a flag that is not there.
	_ = cmd.RegisterFlagCompletionFunc("only", completeBenchmarks)
	cmd.Flags().StringVar(&f.plots, "plots", "", "figures: write each plot as an SVG image into this folder, too")
}

// unused refuses the flags where no figures are compared.
func (f *figuresFlags) unused(cmd *cobra.Command) error {
	for _, name := range []string{"threshold", "only", "noise", "plots"} {
		if cmd.Flags().Changed(name) {
			return usage("--%s is for figures of lanproof bench; these are none", name)
		}
	}
	return nil
}

// isFigures tells whether a path is that of figures: their file, or a folder that has
// them and no results of checks.
func isFigures(path string) bool {
	info, err := os.Stat(path)
	if err != nil {
		return false
	}
	if info.IsDir() {
		_, figures := os.Stat(filepath.Join(path, record.FileName))
		_, checks := os.Stat(filepath.Join(path, reports.FileJSON))
		return figures == nil && checks != nil
	}
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	return filepath.Base(path) == record.FileName || strings.HasPrefix(schemaOf(f), "lanproof/bench/")
}

// schemaOf is the first field of a file in JSON, where that is its schema.
func schemaOf(r io.Reader) string {
	d := json.NewDecoder(io.LimitReader(r, 1<<16))
	for _, want := range []json.Token{json.Delim('{'), "schema"} {
		if got, err := d.Token(); err != nil || got != want {
			return ""
		}
	}
	schema, err := d.Token()
	if text, ok := schema.(string); ok && err == nil {
		return text
	}
	return ""
}

// compare compares the figures of two runs, or of the systems of one.
func (f *figuresFlags) compare(cmd *cobra.Command, args []string, format, output string) error {
	if len(args) > 2 {
		return usage("%s takes one run of figures or two, and got %d arguments", cmd.CommandPath(), len(args))
	}
	for _, path := range args {
		if !isFigures(path) {
			return notFigures(path)
		}
	}
	c, err := f.judged(args)
	if err != nil {
		return err
	}
	write := map[string]func(io.Writer) error{"text": c.WriteText, "markdown": c.WriteMarkdown, "html": c.WriteHTML, "json": c.WriteJSON}[format]
	if err := writeOut(cmd.OutOrStdout(), output, write); err != nil {
		return err
	}
	if f.plots != "" {
		if _, err := c.SavePlots(f.plots); err != nil {
			return err
		}
	}
	return f.status(cmd, c)
}

// notFigures says why a path cannot stand beside figures.
func notFigures(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return usage("read the figures: %w", err)
	}
	if info.IsDir() {
		return usage("figures are compared with figures, and %s has none, or has results of checks as well: name its %s", path, record.FileName)
	}
	return usage("figures are compared with figures, and %s has none", path)
}

// judged reads the runs and compares them.
func (f *figuresFlags) judged(args []string) (*record.Comparison, error) {
	if !(f.threshold > 0 && f.threshold < 1000) { // as NaN is not, either
		return nil, usage("--threshold %v: it is above 0 and below 1000 percent", f.threshold)
	}
	rules := record.Rules{Effect: min(record.DefaultEffect, f.threshold/100)}
	runs, err := loadFigures(args)
	if err != nil {
		return nil, err
	}
	if len(f.noise) > 0 {
		quiet, err := loadFigures(f.noise)
		if err != nil {
			return nil, err
		}
		if rules.Noise, err = record.LearnNoise(quiet...); err != nil {
			return nil, usage("--noise: %w", err)
		}
	}
	if rules.Only, err = f.wanted(runs); err != nil {
		return nil, err
	}
	var c *record.Comparison
	if len(runs) == 1 {
		c, err = record.Turns(runs[0], rules)
	} else {
		c, err = record.Compare(runs[0], runs[1], rules)
	}
	if err != nil {
		return nil, usage("%w", err)
	}
	return c, nil
}

// wanted is the choice of --only among the benchmarks of the runs; nil for all of them.
func (f *figuresFlags) wanted(runs []*record.Run) (func(string) bool, error) {
	if len(f.only) == 0 {
		return nil, nil
	}
	var names []string
	for _, r := range runs {
		for _, s := range r.Series {
			names = append(names, s.Benchmark)
		}
	}
	chosen, err := bench.Choose(names, f.only...)
	var none *bench.NoSuch
	switch {
	case errors.As(err, &none):
		return nil, usage("--only %q: no benchmark of these runs has such a name", none.Pattern)
	case err != nil:
		return nil, usage("--only: %w", err)
	}
	return func(name string) bool { return chosen[name] }, nil
}

func loadFigures(paths []string) ([]*record.Run, error) {
	var runs []*record.Run
	for _, path := range paths {
		r, err := record.Load(path)
		if err != nil {
			return nil, usage("%w", err)
		}
		runs = append(runs, r)
	}
	return runs, nil
}

// status is the exit status of a comparison, with a line that says why it is not 0.
func (f *figuresFlags) status(cmd *cobra.Command, c *record.Comparison) error {
	threshold := f.threshold / 100
	say := func(n int, what string) { fmt.Fprintf(cmd.ErrOrStderr(), "lanproof: %d %s\n", n, what) }
	if bad := len(c.Regressions(threshold)); bad > 0 {
		say(bad, fmt.Sprintf("slower by more than %v %%", f.threshold))
		return ended(exitFail)
	}
	open, gone := len(c.Open(threshold)), c.Vanished()
	switch {
	case c.Total() == 0:
		say(0, "figures were compared, so it cannot be told")
	case open > 0:
		say(open, fmt.Sprintf("of which it cannot be told whether they are slower by more than %v %%", f.threshold))
	case gone > 0:
		say(gone, "vanished")
	default:
		return nil
	}
	return ended(exitOpen)
}
