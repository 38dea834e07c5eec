package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/lanproof/lanproof/reports"
	"github.com/lanproof/lanproof/run"
	"github.com/lanproof/lanproof/run/repro"
	"github.com/lanproof/lanproof/scenarios"
)

// exportFlags are the flags of lanproof export.
type exportFlags struct {
	as                  *choice
	check, from, output string
	seed                uint64
}

func newExport() *cobra.Command {
	f := &exportFlags{as: oneOf(string(repro.Sh), string(repro.Kselftest))}
	cmd := &cobra.Command{
		Use:   "export CASE",
		Short: "Write a shell script that makes one check of a case without lanproof, for a bug report",
		Long: `Write a short script of ip, bridge, ping, arping and tcpdump that makes one check
of a case without lanproof, for a bug report: it builds as much of the LAN as the
check needs, changes it as the steps do, and cleans up after itself. Its exit
status is 0 when it is as expected and 1 when not. What the checks before it have
sent is not sent again.

--as kselftest writes it as the kernel's own tests are written (lib.sh of
tools/testing/selftests/net, or its own functions where there is none). What a
shell cannot say is told, with exit status 2, and nothing is written.`,
		Example: `  lanproof export macvlan-two-endpoints
  lanproof export --check host-unreachable --output unreachable.sh macvlan-two-endpoints
  lanproof export --from lanproof-out --as kselftest failing.yaml`,
		Args:              exactly("one case"),
		ValidArgsFunction: completeCase,
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.export(cmd.OutOrStdout(), args[0])
		},
	}
	flags := cmd.Flags()
	flags.Var(f.as, "as", "style of the script")
	flags.StringVar(&f.check, "check", "", "`ID` of the check; the first one that failed in --from, else the first")
	flags.StringVar(&f.from, "from", "", "`DIR` of a run that says what was observed")
	flags.Uint64Var(&f.seed, "seed", 0, "seed that names and addresses are derived from; that of the run with --from")
	outputFlag(cmd, &f.output)
	return cmd
}

func (f *exportFlags) export(stdout io.Writer, name string) error {
	files, err := scenarios.Find([]string{name})
	if err != nil {
		return err
	}
	var found *observed
	if f.from != "" {
		if found, err = f.observed(casesOf(files), name); err != nil {
			return err
		}
	} else {
		c, err := oneCase(name)
		if err != nil {
			return err
		}
		found = &observed{which: c, check: f.check}
	}
	script, err := f.script(found)
	if err != nil {
		return err
	}
	var text bytes.Buffer
	if err := script.Write(&text, repro.Style(f.as.value)); err != nil {
		return unsayable(fmt.Errorf("check %s: %w", script.Check, err))
	}
	if err := writeOut(stdout, f.output, func(w io.Writer) error {
		_, err := w.Write(text.Bytes())
		return err
	}); err != nil {
		return err
	}
	if f.output != "" {
		return os.Chmod(f.output, 0o755)
	}
	return nil
}

// unsayable makes bad usage of what no script can say.
func unsayable(err error) error {
	var bad *repro.Unsayable
	if errors.As(err, &bad) {
		return &exit{exitUsage, fmt.Errorf("%w (--check ID names another check; lanproof list --checks has them all)", err)}
	}
	return err
}

// script works out the check's script.
func (f *exportFlags) script(o *observed) (*repro.Script, error) {
	prepared, err := prepare([]*scenarios.Case{o.which}, f.seed)
	if err != nil {
		return nil, err
	}
	p := prepared[0]
	all := p.Checks()
	switch {
	case len(all) == 0:
		return nil, usage("case %s has no checks", o.which.Name)
	case o.check == "":
		o.check = all[0].ID
	case !has(all, o.check):
		return nil, usage("case %s has no check %q; lanproof list --checks has them all", o.which.Name, o.check)
	}
	script, err := p.Script(o.check)
	if err != nil {
		return nil, unsayable(err)
	}
	script.Observed, script.Where, script.Tool = o.text, o.where, version()
	return script, nil
}

func has(all []run.Check, id string) bool {
	for i := range all {
		if all[i].ID == id {
			return true
		}
	}
	return false
}

// observed is a check, and what a run saw of it.
type observed struct {
	which       *scenarios.Case
	check       string
	text, where string
}

// observed finds the check in the results of a run: the one that is named, else the
// first that failed, else the first that could not be judged.
func (f *exportFlags) observed(cases []*scenarios.Case, name string) (*observed, error) {
	results, err := load(f.from)
	if err != nil {
		return nil, err
	}
	f.seed = results.Seed
	for _, verdict := range []reports.Verdict{reports.Fail, reports.Error} {
		for i := range results.Cases {
			r := &results.Cases[i]
			for _, c := range cases {
				if c.Name != r.Case {
					continue
				}
				for j := range r.Checks {
					k := &r.Checks[j]
					if f.check == k.ID || f.check == "" && k.Verdict == verdict {
						return &observed{c, k.ID, k.Observed, r.Ground + " " + r.Kernel}, nil
					}
				}
			}
		}
	}
	if f.check != "" {
		return nil, usage("the results in %s have no check %q of %s", f.from, f.check, name)
	}
	return nil, usage("no check of %s failed in %s; name one with --check", name, f.from)
}
