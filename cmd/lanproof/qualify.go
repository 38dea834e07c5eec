package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/bench"
	"github.com/lanproof/lanproof/bench/turns"
	"github.com/lanproof/lanproof/guest"
	"github.com/lanproof/lanproof/guest/cards"
	"github.com/lanproof/lanproof/internal/port"
	"github.com/lanproof/lanproof/qualify"
	"github.com/lanproof/lanproof/qualify/emulate"
	"github.com/lanproof/lanproof/qualify/record"
	"github.com/lanproof/lanproof/run"
	"github.com/lanproof/lanproof/scenarios"
)

// qualifyFlags are the flags of lanproof qualify.
type qualifyFlags struct {
	options qualify.Options
	profile *choice
	cases   *choice
	out     string
	waivers string
	archive string
	emulate emulate.Options

	inventory inventoryFlags
}

func newQualify() *cobra.Command {
	f := &qualifyFlags{
		profile: oneOf(string(record.Core), string(record.Full)),
		cases:   oneOf("profile", "none", string(record.Core), string(record.Full)),
	}
	cmd := &cobra.Command{
		Use:   "qualify --dut IFACE --peer IFACE | --inventory FILE [PORT ...] | --emulate MODEL",
		Short: "Qualify a network card and its driver, and leave a bundle that anybody can verify",
		Long: `Qualify a network card and its driver: the port that --dut names, by the port that
--peer names, which a cable or a plain switch joins to it. Numbered frames are sent
from one to the other and counted; each requirement ends in pass, fail, unsupported
(with how that was found out) or error (it could not be found out).

Both ports are moved into namespaces of their own, and come back as they were,
whatever happens; what did not is itself a failure. A port that carries the default
route or a connection is refused, unless --yes-really names it as well. After a kill,
lanproof clean brings the ports back.

With --inventory, every pair of ports that FILE has of this machine is qualified, one
after the other; PORT and --label choose among them. Each pair gets a folder of its
own in --out.

With --emulate, the card is one that QEMU emulates, in a guest with a kernel of your
choice: one of ` + cards.Models() + `.

The folder that --out names gets a bundle: qualification.json, report.html, captures,
and a manifest of all sums. lanproof verify checks it on any machine.

Exit status: 0 every requirement that was measured has passed, or is unsupported; 1 a
requirement has failed, also one that is waived by a waiver which has expired, or a
port did not come back as it was; 2 bad usage, or a port that may not be taken; 3 the
harness could not do its work. A waiver in force makes a failure no failure here, and
the port no conformant one.`,
		Example: `  lanproof qualify --dut enp1s0f0 --peer enp1s0f1
  lanproof qualify --dut enp1s0f0 --peer enp1s0f1 --profile full --waivers waivers.yaml --out acme-x1
  lanproof qualify --inventory lab.yaml --label 'intel && !slow'
  lanproof qualify --emulate e1000e --kernel debian:6.12-amd64
  lanproof qualify --emulate virtio-net-pci --requirement rx-promisc`,
		Args: cobra.ArbitraryArgs, // which complete judges
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, args) },
	}
	f.flags(cmd)
	return cmd
}

func (f *qualifyFlags) flags(cmd *cobra.Command) {
	o, flags := &f.options, cmd.Flags()
	flags.StringVar(&o.DUT, "dut", "", "port under test, `IFACE`")
	flags.StringVar(&o.Peer, "peer", "", "port, `IFACE`, that a cable joins to --dut")
	flags.StringVar(&f.inventory.file, "inventory", "", "`FILE` of machines, ports and cables")
	flags.StringVar(&f.inventory.label, "label", "", "with --inventory, only pairs that match `EXPR`, in Ginkgo's label filter language")
	flags.Var(f.profile, "profile", "what is asked for: core is what every port must do")
	flags.Var(f.cases, "cases", "cases of the catalogue that are run over the ports as well: those of the profile, none, or those of a named profile; with --requirement none unless a profile is named")
	flags.StringVar(&f.out, "out", "lanproof-qualification", "`DIR` for the bundle")
	flags.StringVar(&f.archive, "archive", "", "put the bundle into `FILE` as well, a zip archive that is the same for the same bundle")
	flags.StringVar(&f.waivers, "waivers", "", "`FILE` of known failures")
	flags.StringArrayVar(&o.Really, "yes-really", nil, "take the port `IFACE` although the machine needs it (repeatable)")
	flags.StringArrayVar(&o.Only, "requirement", nil, "measure the requirement `ID` only (repeatable)")
	flags.Uint64Var(&o.Seed, "seed", 0, "number that the run's frames carry; chosen and told when 0")
	flags.StringVar(&f.emulate.Model, "emulate", "", "qualify a card of QEMU's, `MODEL`, in a guest")
	flags.StringVar(&f.emulate.Kernel, "kernel", "", "the guest's kernel `K`, "+emulate.DefaultKernel+" if none is named")
	flags.StringVar(&f.emulate.Modules, "modules", "", "`DIR` of modules for a kernel that is a bare image")
}

// complete says what is wrong with the flags.
func (f *qualifyFlags) complete(named []string) error {
	o := &f.options
	o.Profile, o.Tool = record.Profile(f.profile.value), version()
	emulated, listed := f.emulate.Model != "", f.inventory.file != ""
	switch {
	case listed && (emulated || o.DUT != "" || o.Peer != "" || f.archive != ""):
		return usage("--inventory names the ports, and goes without --dut, --peer, --emulate and --archive")
	case !listed && (len(named) > 0 || f.inventory.label != ""):
		return usage("ports by their names, and --label, are for --inventory")
	case emulated && (o.DUT != "" || o.Peer != "" || len(o.Really) > 0):
		return usage("--emulate takes no port of this machine")
	case !emulated && !listed && (o.DUT == "" || o.Peer == ""):
		return usage("qualify takes two ports, --dut IFACE --peer IFACE, or --inventory FILE, or --emulate MODEL")
	case !emulated && (f.emulate.Kernel != "" || f.emulate.Modules != ""):
		return usage("--kernel and --modules are for --emulate")
	case f.out == "":
		return usage("--out names no folder")
	}
	switch {
	case f.cases.value == "none", f.cases.value == "profile" && len(o.Only) > 0:
		f.cases.value = ""
	case f.cases.value == "profile":
		f.cases.value = f.profile.value
	}
	return writable(f.out)
}

// casesFor are the catalogue's cases of a profile, none without one.
func casesFor(profile string) ([]*scenarios.Case, error) {
	if profile == "" {
		return nil, nil
	}
	return qualify.Cases(record.Profile(profile))
}

func (f *qualifyFlags) run(cmd *cobra.Command, named []string) error {
	if err := f.complete(named); err != nil {
		return err
	}
	var waivers []record.Waiver
	if f.waivers != "" {
		var err error
		if waivers, err = record.LoadWaivers(f.waivers); err != nil {
			return usage("%w", err)
		}
	}
	ctx, stop := signal.NotifyContext(cmd.Context(), unix.SIGINT, unix.SIGTERM)
	defer stop()
	defer context.AfterFunc(ctx, stop)() // a second signal ends lanproof at once
	out := cmd.OutOrStdout()
	var err error
	if f.options.Cases, err = casesFor(f.cases.value); err != nil {
		return err
	}
	f.options.Each = func(r record.Result) { tellResult(out, &r) }
	if f.inventory.file != "" {
		return f.pairs(ctx, out, waivers, named)
	}
	return f.one(ctx, out, waivers)
}

// one qualifies one port.
func (f *qualifyFlags) one(ctx context.Context, out io.Writer, waivers []record.Waiver) error {
	measure := f.here
	if f.emulate.Model != "" {
		measure = f.inGuest
	}
	q, files, err := measure(ctx, out)
	if q == nil {
		return qualifyError(err)
	}
	q.Finish(waivers)
	emulate.Explain(q)
	if err := errors.Join(err, record.WriteBundle(f.out, q, files)); err != nil {
		return &exit{exitHarness, err}
	}
	if f.archive != "" {
		if err := writeOut(out, f.archive, func(w io.Writer) error { return record.WriteArchive(w, f.out) }); err != nil {
			return &exit{exitHarness, err}
		}
	}
	fmt.Fprintln(out)
	if err := q.WriteText(out); err != nil {
		return err
	}
	fmt.Fprintf(out, "seed %d, bundle in %s\n", q.Seed, f.out)
	return ended(statusOfQualification(q))
}

// tellResult tells of a requirement that has been measured.
func tellResult(w io.Writer, r *record.Result) {
	fmt.Fprintf(w, "%-11s %s (%v)\n", r.Status, r.Title, r.Duration.Round(time.Millisecond))
}

func (f *qualifyFlags) here(ctx context.Context, _ io.Writer) (*record.Qualification, record.Contents, error) {
	return qualify.Run(ctx, f.options)
}

func (f *qualifyFlags) inGuest(ctx context.Context, out io.Writer) (*record.Qualification, record.Contents, error) {
	o := f.emulate
	o.Ask = emulate.Ask{Profile: f.options.Profile, Seed: f.options.Seed, Only: f.options.Only, Cases: f.cases.value}
	o.Each, o.Note = f.options.Each, func(text string) { fmt.Fprintln(out, text) }
	var err error
	if o.Init, err = os.Executable(); err != nil {
		return nil, record.Contents{}, fmt.Errorf("find lanproof's own program: %w", err)
	}
	return emulate.Run(ctx, o)
}

// inGuest does what a guest is asked for.
func inGuest(order []byte, out guest.Emitter) error {
	if turns.IsOrder(order) {
		return turns.InGuest(order, out, bench.All())
	}
	if !emulate.IsOrder(order) {
		return run.InGuest(order, out)
	}
	return emulate.InGuest(order, out, func(ctx context.Context, a emulate.Ask, each func(record.Result)) (*record.Qualification, record.Contents, error) {
		cases, err := casesFor(a.Cases)
		if err != nil {
			return nil, record.Contents{}, err
		}
		return qualify.Run(ctx, qualify.Options{
			DUT: a.DUT, Peer: a.Peer, Cases: cases, Profile: a.Profile, Only: a.Only, Seed: a.Seed, StateDir: "/run/lanproof", Tool: version(), Each: each,
		})
	})
}

// qualifyError finds the exit status of what has kept a qualification from beginning.
func qualifyError(err error) error {
	var refused *port.Refusal
	switch {
	case errors.Is(err, qualify.ErrUsage), errors.Is(err, emulate.ErrUsage), errors.As(err, &refused) && refused.Usage:
		return &exit{exitUsage, err}
	case errors.As(err, &refused):
		return &exit{exitHarness, err}
	}
	return err
}

// statusOfQualification is the exit status for a qualification: what failed goes
// before what could not be found out.
func statusOfQualification(q *record.Qualification) int {
	status := exitGood
	if q.Summary.Error > 0 {
		status = exitHarness
	}
	if q.Summary.Fail > 0 || !q.Restored || len(q.Differences) > 0 {
		status = exitFail
	}
	for _, c := range q.Cases {
		switch {
		case c.Verdict == "fail":
			status = exitFail
		case c.Verdict == "error" && status == exitGood:
			status = exitHarness
		}
	}
	return status
}
