// Command cardtable qualifies every card that QEMU emulates and the guest's kernel has
// a driver for, by lanproof qualify, verifies each bundle, and writes the page of the
// handbook that puts them side by side.
//
// Exit status: 0 the page is written, whatever failed on the cards; 2 bad usage; 3 a
// card could not be qualified, or its bundle does not verify.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/guest/cards"
	"github.com/lanproof/lanproof/guest/qemu"
	"github.com/lanproof/lanproof/qualify"
	"github.com/lanproof/lanproof/qualify/emulate"
	"github.com/lanproof/lanproof/qualify/record"
)

const (
	exitUsage   = 2
	exitHarness = 3
)

// options are the command's flags.
type options struct {
	lanproof, kernel, profile, out, page, newer string
	models, skip                                []string
	have                                        bool
	// later are the models that only the newer QEMU has.
	later []string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGINT, unix.SIGTERM)
	defer stop()
	o, err := parse(os.Args[1:])
	switch {
	case errors.Is(err, flag.ErrHelp):
		return
	case err != nil:
		fmt.Fprintln(os.Stderr, "cardtable:", err)
		os.Exit(exitUsage)
	}
	if err := run(ctx, o, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "cardtable:", err)
		os.Exit(exitHarness)
	}
}

func parse(args []string) (*options, error) {
	o := &options{}
	flags := flag.NewFlagSet("cardtable", flag.ContinueOnError)
	flags.StringVar(&o.lanproof, "lanproof", "bin/lanproof", "the `program`")
	flags.StringVar(&o.kernel, "kernel", emulate.DefaultKernel, "the guests' `kernel`")
	flags.StringVar(&o.profile, "profile", string(record.Full), "core or full")
	flags.StringVar(&o.out, "out", "lanproof-qualification", "`folder` for the bundles")
	flags.StringVar(&o.page, "page", "", "`file` for the table; printed if empty")
	flags.StringVar(&o.newer, "newer", "", "`path` of another QEMU, for models that the usual one has not")
	skip := flags.String("skip", "vlan-4094", "`requirements` that are left out, with commas between them: 4094 devices take minutes under emulation")
	flags.BoolVar(&o.have, "have", false, "put those bundles side by side that are in -out already")
	models := flags.String("models", "", "`models`, with commas between them; all that QEMU has if empty")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	if flags.NArg() > 0 {
		return nil, fmt.Errorf("no arguments are taken, and %q is one", flags.Arg(0))
	}
	o.skip = strings.Split(*skip, ",")
	if *models != "" {
		o.models = strings.Split(*models, ",")
	}
	return o, nil
}

// run qualifies the cards, one after the other.
func run(ctx context.Context, o *options, w io.Writer) error {
	models, absent, err := o.choose(ctx)
	if err != nil {
		return err
	}
	var all []*record.Qualification
	for _, model := range models {
		if err := o.qualify(ctx, model, w); err != nil {
			return fmt.Errorf("%s: %w", model, err)
		}
		q, err := o.verify(model)
		if err != nil {
			return fmt.Errorf("%s: %w", model, err)
		}
		all = append(all, q)
	}
	if o.page == "" {
		return writePage(w, all, absent, o.skip)
	}
	f, err := os.Create(o.page)
	if err != nil {
		return fmt.Errorf("write the table: %w", err)
	}
	return errors.Join(writePage(f, all, absent, o.skip), f.Close())
}

// choose returns the models that are qualified, and those that no QEMU has got.
func (o *options) choose(ctx context.Context) (models, absent []string, err error) {
	devices, err := qemu.Devices(ctx)
	if err != nil {
		return nil, nil, err
	}
	var newer map[string]bool
	if o.newer != "" {
		if newer, err = qemu.DevicesOf(ctx, o.newer); err != nil {
			return nil, nil, err
		}
	}
	for _, c := range cards.Cards() {
		switch {
		case devices[c.Model]:
		case newer[c.Model]:
			o.later = append(o.later, c.Model)
		default:
			absent = append(absent, c.Model)
			continue
		}
		if len(o.models) == 0 {
			models = append(models, c.Model)
		}
	}
	return append(models, o.models...), absent, nil
}

// folder is where the bundle of a model is.
func (o *options) folder(model string) string { return filepath.Join(o.out, model) }

// qualify has lanproof qualify a card, unless that has been done.
func (o *options) qualify(ctx context.Context, model string, w io.Writer) error {
	if o.have {
		return nil
	}
	args := []string{"qualify", "--emulate", model, "--kernel", o.kernel, "--profile", o.profile, "--cases", "core", "--out", o.folder(model)}
	for _, r := range qualify.Requirements() {
		if wanted := r.Profile == record.Core || o.profile == string(record.Full); wanted && !slices.Contains(o.skip, r.ID) {
			args = append(args, "--requirement", r.ID)
		}
	}
	cmd := exec.CommandContext(ctx, o.lanproof, args...)
	cmd.Stdout, cmd.Stderr = w, w
	if slices.Contains(o.later, model) {
		cmd.Env = append(os.Environ(), qemu.Variable+"="+o.newer)
	}
	var status *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &status) {
		return err
	}
	return nil
}

// verify verifies a bundle and returns what is in it.
func (o *options) verify(model string) (*record.Qualification, error) {
	b, err := record.OpenBundle(o.folder(model))
	if err != nil {
		return nil, err
	}
	defer b.Close()
	v, err := record.Verify(b, record.Asked{Now: time.Now()})
	if err == nil && !v.OK() {
		err = fmt.Errorf("the bundle does not verify: %s: %s", v.Problems[0].Where, v.Problems[0].Text)
	}
	if err != nil {
		return nil, err
	}
	emulate.Explain(v.Qualification) // by what is known today
	return v.Qualification, nil
}
