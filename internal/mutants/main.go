// Command mutants asks whether the catalogue notices a broken driver: it builds
// Debian's macvlan, ipvlan and 8021q with one small bug at a time, runs the
// catalogue on each in a guest, and prints which bug was killed by which check. The
// drivers without a bug are run first, and all must pass.
//
// Exit status: 0 every mutant was killed; 1 one was not; 2 bad usage; 3 the work
// could not be done.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

const (
	exitSurvivor = 1
	exitUsage    = 2
	exitHarness  = 3
)

// errSurvivor says that a mutant was not killed.
var errSurvivor = errors.New("not every mutant was killed")

// options are the command's flags.
type options struct {
	only     *regexp.Regexp
	among    *regexp.Regexp
	list     bool
	quick    bool
	oracle   bool
	parallel int
	lanproof string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGINT, unix.SIGTERM)
	defer stop()
	o, err := parse(os.Args[1:])
	switch {
	case errors.Is(err, flag.ErrHelp):
		return
	case err != nil:
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(exitUsage)
	}
	switch err := run(ctx, o, os.Stdout); {
	case errors.Is(err, errSurvivor):
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(exitSurvivor)
	case err != nil:
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(exitHarness)
	}
}

func parse(args []string) (options, error) {
	var o options
	flags := flag.NewFlagSet("mutants", flag.ContinueOnError)
	among := flags.String("among", "", "run only the scenarios whose name matches `REGEXP`")
	only := flags.String("only", "", "try only the mutants whose id matches `REGEXP`")
	flags.BoolVar(&o.list, "list", false, "list the mutants and try none")
	flags.BoolVar(&o.quick, "quick", false, "run only the scenarios that are labelled with the mutant's driver")
	flags.BoolVar(&o.oracle, "oracle", false, "hold every path against the oracle as well (lanproof run --oracle)")
	flags.IntVar(&o.parallel, "j", 1, "guests that run at once")
	flags.StringVar(&o.lanproof, "lanproof", "bin/lanproof", "the `FILE` that is asked")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 || o.parallel < 1 {
		return o, errors.New("it takes flags only, and -j is 1 at least")
	}
	var err error
	if o.only, err = regexp.Compile(*only); err != nil {
		return o, fmt.Errorf("-only: %w", err)
	}
	if o.among, err = regexp.Compile(*among); err != nil {
		return o, fmt.Errorf("-among: %w", err)
	}
	return o, nil
}

// run lists or tries the mutants that are asked for.
func run(ctx context.Context, o options, out io.Writer) error {
	mutants := slices.DeleteFunc(Mutants(), func(m Mutant) bool { return !o.only.MatchString(m.ID) })
	if len(mutants) == 0 {
		return fmt.Errorf("no mutant matches -only %s", o.only)
	}
	if o.list {
		for _, m := range mutants {
			fmt.Fprintf(out, "%-38s %s\n%38s %s\n", m.ID, m.Bug, "", "rule: "+m.Rule)
		}
		return nil
	}
	dir, err := os.MkdirTemp("", "lanproof-mutants-")
	if err != nil {
		return fmt.Errorf("make a place to work in: %w", err)
	}
	defer os.RemoveAll(dir)
	l, err := openLaboratory(ctx, o, dir, out)
	if err != nil {
		return err
	}
	return l.tryAll(ctx, mutants)
}

// laboratory is a workshop and the benches that work side by side.
type laboratory struct {
	workshop *Workshop
	free     chan *Bench
	names    map[string][]string // scenarios in order, by the driver's label
	control  []string            // all of those
	out      io.Writer
}

func openLaboratory(ctx context.Context, o options, dir string, out io.Writer) (*laboratory, error) {
	tree, err := openTree(ctx)
	if err != nil {
		return nil, err
	}
	src := filepath.Join(dir, "src")
	if err := os.Mkdir(src, 0o755); err != nil {
		return nil, fmt.Errorf("make a place to work in: %w", err)
	}
	l := &laboratory{free: make(chan *Bench, o.parallel), names: map[string][]string{}, out: out}
	if l.workshop, err = openWorkshop(tree, src); err != nil {
		return nil, err
	}
	for n := range o.parallel {
		b, err := openBench(o, tree, filepath.Join(dir, fmt.Sprint(n)))
		if err != nil {
			return nil, err
		}
		l.free <- b
	}
	for _, d := range drivers() {
		names, err := order(ctx, o, d.label)
		if err != nil {
			return nil, err
		}
		l.names[d.label] = slices.DeleteFunc(names, func(name string) bool { return !o.among.MatchString(name) })
		l.control = append(l.control, l.names[d.label]...)
	}
	slices.Sort(l.control)
	l.control = slices.Compact(l.control)
	return l, nil
}

// order returns the names of all scenarios, those with the label first, and only
// those if it is to be quick.
func order(ctx context.Context, o options, label string) ([]string, error) {
	first, err := list(ctx, o.lanproof, "--label", label)
	if err != nil || o.quick {
		return first, err
	}
	all, err := list(ctx, o.lanproof)
	if err != nil {
		return nil, err
	}
	rest := slices.DeleteFunc(all, func(name string) bool { return slices.Contains(first, name) })
	return append(first, rest...), nil
}

// list returns the names that lanproof list prints below its heading.
func list(ctx context.Context, lanproof string, args ...string) ([]string, error) {
	text, err := output(ctx, "", lanproof, append([]string{"list"}, args...)...)
	if err != nil {
		return nil, err
	}
	var names []string
	for line := range strings.Lines(text) {
		if fields := strings.Fields(line); len(fields) > 0 && fields[0] != "SCENARIO" {
			names = append(names, fields[0])
		}
	}
	return names, nil
}

// tryAll runs the control, then all mutants, and prints what came of them.
func (l *laboratory) tryAll(ctx context.Context, mutants []Mutant) error {
	b := <-l.free
	control, err := b.control(ctx, l.workshop, l.control)
	l.free <- b
	if err != nil {
		return err
	}
	l.say("(no bug)", control)
	if control.Outcome != Survived {
		return fmt.Errorf("the drivers without a bug do not pass: %s", control.By)
	}
	results := make([]Result, len(mutants))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(cap(l.free))
	for i, m := range mutants {
		g.Go(func() error {
			b := <-l.free
			defer func() { l.free <- b }()
			r, err := b.try(ctx, l.workshop, m, l.names)
			if err != nil {
				return fmt.Errorf("try %s: %w", m.ID, err)
			}
			results[i] = r
			l.say(m.ID, r)
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return l.conclude(results)
}

// say prints a line of the table. One write a line keeps lines of several benches
// apart.
func (l *laboratory) say(id string, r Result) {
	by, _, _ := strings.Cut(r.By, "\n")
	fmt.Fprintf(l.out, "%-9s %-38s %5.1f s  %s\n", r.Outcome, id, r.Time.Seconds(), by)
}

// conclude prints the kill rate.
func (l *laboratory) conclude(results []Result) error {
	count := map[Outcome]int{}
	for _, r := range results {
		count[r.Outcome]++
	}
	killed := count[Killed] + count[Died]
	fmt.Fprintf(l.out, "\n%d of %d mutants killed (%.1f %%), %d of them by a dead guest; %d survived, %d unclear, %d not built\n",
		killed, len(results), 100*float64(killed)/float64(len(results)), count[Died], count[Survived], count[Error], count[NotBuilt])
	if killed < len(results) {
		return errSurvivor
	}
	return nil
}
