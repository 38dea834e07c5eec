package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/lanproof/lanproof/internal/rootless"
	"github.com/lanproof/lanproof/reports"
	"github.com/lanproof/lanproof/run"
	"github.com/lanproof/lanproof/scenarios"
)

// explainFlags are the flags of lanproof explain.
type explainFlags struct {
	options run.Options
	on      *choice
	from    string
}

func newExplain() *cobra.Command {
	f := &explainFlags{on: oneOf(string(run.Auto), string(run.Host), string(run.Guest))}
	cmd := &cobra.Command{
		Use:   "explain CASE[/CHECK]",
		Short: "Tell the life of a check's frames: where they were seen, and where and why they died",
		Long: `Tell the life of a check's frames: where they were seen, in the order of time,
and where and why the kernel dropped those that did not arrive. The case is run
for it, or read from the results of a run with --drops. A case alone lists its
checks.

How the end of a frame was found out stands with it: traced (the kernel said where
and why, by its tracepoint skb:kfree_skb), concluded, counted (from counters that
rose, where tracing is not allowed), or not observed.

The exit status is that of a run of this check alone.`,
		Example: `  lanproof explain host-unreachable@mode=vepa
  lanproof explain host-unreachable@mode=vepa/host-to-child-blocked-host-c1-icmp4
  lanproof explain --from lanproof-out macvlan-two-endpoints/host-unreachable`,
		Args: exactly("CASE or CASE/CHECK"),
		RunE: func(cmd *cobra.Command, args []string) error {
			f.options.On, f.options.Version = run.Ground(f.on.value), version()
			if f.from != "" {
				return f.explainFrom(cmd.OutOrStdout(), args[0])
			}
			return f.explain(cmd, args[0])
		},
		ValidArgsFunction: completeCheck,
	}
	o, flags := &f.options, cmd.Flags()
	flags.StringVar(&f.from, "from", "", "read the results in the folder `DIR` instead of running the case")
	flags.Var(f.on, "on", "where the case runs: auto is this kernel where it can, else a guest")
	flags.StringArrayVar(&o.Kernels, "kernel", nil, "guest kernel `K`, as lanproof run takes it")
	flags.StringVar(&o.Modules, "modules", "", "`DIR` of modules for a kernel that is a bare image")
	flags.Uint64Var(&o.Seed, "seed", 0, "seed that names and addresses are derived from")
	return cmd
}

// explain runs the case.
func (f *explainFlags) explain(cmd *cobra.Command, arg string) error {
	c, check, err := caseAndCheck(arg)
	if err != nil {
		return err
	}
	if err := checkKernels(&f.options); err != nil {
		return err
	}
	prepared, err := prepare([]*scenarios.Case{c}, f.options.Seed)
	if err != nil {
		return err
	}
	var ids []string
	var rows [][2]string
	for _, k := range prepared[0].Checks() {
		ids, rows = append(ids, k.ID), append(rows, [2]string{k.ID, k.Title})
	}
	if check == "" {
		return writeRows(cmd.OutOrStdout(), "CHECK\tTITLE", rows)
	}
	if !slices.Contains(ids, check) {
		return usage("%s: %s; lanproof explain %s lists them", c.Name, scenarios.Unknown("check", check, ids), c.Name)
	}
	if f.options.On != run.Guest {
		if status, done, err := rootless.Enter(); done || err != nil {
			if err != nil {
				return err
			}
			return ended(status)
		}
	}
	f.options.Drops, f.options.Blind, f.options.Events = true, true, notes{cmd.ErrOrStderr()}
	results, err := run.Run(cmd.Context(), []*scenarios.Case{c}, f.options)
	if err != nil {
		return err
	}
	return tell(cmd.OutOrStdout(), results.Cases, check)
}

// caseAndCheck finds what CASE/CHECK names; there may be slashes in the case, too.
func caseAndCheck(arg string) (c *scenarios.Case, check string, err error) {
	c, err = oneCase(arg)
	var unknown scenarios.Errors // else it is a case, or several
	if head, tail, ok := cutLast(arg, "/"); ok && errors.As(err, &unknown) {
		check = tail
		c, err = oneCase(head)
	}
	return c, check, err
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// explainFrom reads the results of a run.
func (f *explainFlags) explainFrom(w io.Writer, arg string) error {
	results, err := load(f.from)
	if err != nil {
		return err
	}
	name, check := arg, ""
	cases := casesNamed(results, name)
	if head, tail, ok := cutLast(arg, "/"); len(cases) == 0 && ok {
		name, check = head, tail
		cases = casesNamed(results, name)
	}
	if len(cases) == 0 {
		var names []string
		for _, c := range results.Cases {
			names = append(names, c.Case)
		}
		return usage("%s: %s", f.from, scenarios.Unknown("case", name, names))
	}
	var ids []string
	var rows [][2]string
	for _, k := range cases[0].Checks {
		ids, rows = append(ids, k.ID), append(rows, [2]string{k.ID, k.Title})
	}
	if check == "" {
		return writeRows(w, "CHECK\tTITLE", rows)
	}
	if !slices.Contains(ids, check) && len(ids) > 0 {
		return usage("%s: %s", name, scenarios.Unknown("check", check, ids))
	}
	return tell(w, cases, check)
}

// casesNamed are the results of a case: one for each kernel and repetition.
func casesNamed(results *reports.Results, name string) []reports.Case {
	var all []reports.Case
	for _, c := range results.Cases {
		if c.Case == name {
			all = append(all, c)
		}
	}
	return all
}

// tell writes the biographies of one check, and ends with its worst verdict.
func tell(w io.Writer, cases []reports.Case, check string) error {
	status := exitGood
	for i := range cases {
		c := &cases[i]
		if i > 0 {
			fmt.Fprintln(w)
		}
		at := slices.IndexFunc(c.Checks, func(k reports.Check) bool { return k.ID == check })
		if at < 0 {
			fmt.Fprintf(w, "%s on %s: the check was not made: %s\n", c.Case, c.Kernel, c.Reason)
			status = max(status, statusOf(c.Verdict))
			continue
		}
		if err := reports.WriteBiography(w, c, &c.Checks[at]); err != nil {
			return err
		}
		status = max(status, statusOf(c.Checks[at].Verdict))
	}
	return ended(status)
}

func writeRows(w io.Writer, head string, rows [][2]string) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, head)
	for _, row := range rows {
		fmt.Fprintf(t, "%s\t%s\n", row[0], row[1])
	}
	return t.Flush()
}
