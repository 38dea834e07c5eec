// Package emulate runs a qualification in a guest: a kernel of the user's choice, its
// driver, and a card that QEMU emulates, beside one of another model on the same hub.
// What is measured, and how, is the caller's; this package brings the two ports to the
// measuring and its results back, also those of a guest that dies on the way.
package emulate

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/lanproof/lanproof/guest"
	"github.com/lanproof/lanproof/guest/cards"
	"github.com/lanproof/lanproof/guest/qemu"
	"github.com/lanproof/lanproof/qualify/record"
	"github.com/lanproof/lanproof/reports"
)

// DefaultKernel has drivers for all cards, which Debian's cloud kernels have not.
const DefaultKernel = "debian:6.12-amd64"

// Options say what is emulated. Model and Init must be set.
type Options struct {
	// Model is that of the card under test, one of [cards.Cards].
	Model string
	// Kernel is what [guest.Resolve] takes; [DefaultKernel] if empty. Modules is a
	// directory with further modules.
	Kernel, Modules string
	// Ask is handed to the [Measure] in the guest.
	Ask Ask
	// Init is the path of a static binary that calls [InGuest] with its orders.
	Init string
	// Timeout is for the whole run; 30 minutes if zero.
	Timeout time.Duration
	// Console, if set, gets what the guest's console says.
	Console io.Writer
	// Each, if set, gets every result as soon as it has been measured, and Note what
	// else there is to tell.
	Each func(record.Result)
	Note func(string)
}

// ErrUsage is wrapped by errors about what was asked for: a model that is not known.
var ErrUsage = errors.New("cannot be emulated")

// ErrMissing is wrapped by errors about what this machine has not got: QEMU, the model
// in it, the kernel or its driver. The message ends with what would cure it.
var ErrMissing = errors.New("cannot be emulated here")

// Run boots the guest and returns what was measured in it, with the files of its
// bundle. With an error there may be a qualification as well: what had been measured
// until the guest died, which conforms to nothing.
func Run(ctx context.Context, o Options) (*record.Qualification, record.Contents, error) {
	r := &run{o: o, captures: map[string]io.WriterTo{}}
	r.o.Kernel = cmp.Or(o.Kernel, DefaultKernel)
	r.o.Timeout = cmp.Or(o.Timeout, 30*time.Minute)
	if err := r.prepare(ctx); err != nil {
		return nil, record.Contents{}, err
	}
	start := time.Now()
	job, err := json.Marshal(order{Kind: Kind, Ask: o.Ask, MACs: macs()})
	if err != nil {
		return nil, record.Contents{}, fmt.Errorf("write the guest's order: %w", err)
	}
	err = guest.Run(ctx, job, r.guestOptions(), r.line, r.blob)
	if r.bad != nil {
		err = errors.Join(err, r.bad)
	}
	return r.finish(start, err)
}

// run is one guest.
type run struct {
	o        Options
	dut      cards.Card
	peer     cards.Card
	kernel   guest.Kernel
	emulator string

	release  string
	arch     string
	results  []record.Result
	whole    *record.Qualification
	cases    *reports.Results
	captures map[string]io.WriterTo
	bad      error // a line that could not be read
}

// prepare finds everything that the run needs.
func (r *run) prepare(ctx context.Context) error {
	var ok bool
	if r.dut, ok = cards.Find(r.o.Model); !ok {
		return fmt.Errorf("model %q %w: known are %s", r.o.Model, ErrUsage, cards.Models())
	}
	r.peer, _ = cards.Find(cards.Peer)
	version, err := guest.HaveQEMU(ctx)
	if err != nil {
		return fmt.Errorf("model %s %w: %w", r.dut.Model, ErrMissing, err)
	}
	r.emulator = "QEMU " + version
	devices, err := qemu.Devices(ctx)
	if err != nil {
		return err
	}
	for _, c := range []cards.Card{r.dut, r.peer} {
		if !devices[c.Model] {
			return fmt.Errorf("model %s %w: %s has it not; name one that has: %s=PATH", c.Model, ErrMissing, r.emulator, qemu.Variable)
		}
	}
	r.kernel, err = guest.Resolve(ctx, r.o.Kernel, r.o.Modules, append(r.dut.Modules, r.peer.Modules...)...)
	if err != nil {
		return err
	}
	for _, c := range []cards.Card{r.dut, r.peer} {
		if slices.Contains(r.kernel.Missing, c.Modules[0]) {
			return fmt.Errorf("model %s %w: kernel %s has no driver for it; one of Debian's with drivers for cards: --kernel %s",
				c.Model, ErrMissing, r.kernel.Release, DefaultKernel)
		}
	}
	return nil
}

// macs are the addresses of the card under test and of its peer.
func macs() [2]string { return [2]string{cards.MAC(0).String(), cards.MAC(1).String()} }

func (r *run) guestOptions() guest.Options {
	return guest.Options{
		Kernel: r.kernel, Init: r.o.Init, Memory: guestMemory, Timeout: r.o.Timeout, Console: r.o.Console,
		NICs: []guest.NIC{{Model: r.dut.Model, MAC: cards.MAC(0)}, {Model: r.peer.Model, MAC: cards.MAC(1)}},
	}
}

// guestMemory holds captures as well, in MiB.
const guestMemory = 512

func (r *run) note(text string) {
	if r.o.Note != nil {
		r.o.Note(text)
	}
}

// line takes in one line of the guest's answer.
func (r *run) line(text []byte) {
	var l line
	if err := json.Unmarshal(text, &l); err != nil {
		r.bad = fmt.Errorf("read the guest's answer: %w", err)
		return
	}
	switch {
	case l.Begun != nil:
		r.release, r.arch = l.Begun.Kernel, l.Begun.Arch
		r.note(fmt.Sprintf("Linux %s: %s is %s (%s), %s is %s", l.Begun.Kernel, l.Begun.DUT, r.dut.Model, r.dut.Driver, l.Begun.Peer, r.peer.Model))
	case l.Result != nil:
		r.results = append(r.results, *l.Result)
		if r.o.Each != nil {
			r.o.Each(*l.Result)
		}
	case l.Whole != nil:
		r.whole = l.Whole
	}
}

// blob keeps a file of the bundle.
func (r *run) blob(name string, data []byte) error {
	if name != record.FileResults {
		r.captures[name] = record.Bytes(data)
		return nil
	}
	cases, err := reports.ReadJSON(bytes.NewReader(data))
	if err != nil {
		return fmt.Errorf("read the catalogue's results: %w", err)
	}
	r.cases = cases
	return nil
}

// finish puts together what has come.
func (r *run) finish(start time.Time, err error) (*record.Qualification, record.Contents, error) {
	q := r.whole
	if q == nil {
		if err == nil {
			err = errors.New("the guest ended well, and without a word about what it measured")
		}
		if len(r.results) == 0 {
			return nil, record.Contents{}, fmt.Errorf("qualify %s in a guest: %w", r.dut.Model, err)
		}
		q = &record.Qualification{
			Started: start, Profile: r.o.Ask.Profile, Seed: r.o.Ask.Seed, Results: r.results,
			Differences: []string{"not found out: " + err.Error()},
			DUT:         record.Port{Driver: r.dut.Driver, MAC: macs()[0]},
			Peer:        record.Port{Driver: r.peer.Driver, MAC: macs()[1]},
			Machine:     record.Machine{Kernel: r.release, Arch: r.arch},
		}
	}
	q.DUT.Model, q.Peer.Model, q.Machine.Emulator = r.dut.Model, r.peer.Model, r.emulator
	if err != nil {
		err = fmt.Errorf("qualify %s in a guest: %w", r.dut.Model, err)
	}
	return q, record.Contents{Results: r.cases, Captures: r.captures}, err
}

// Explain puts the faults that are known of an emulated card beside the failures that
// they make.
func Explain(q *record.Qualification) {
	for i := range q.Results {
		r := &q.Results[i]
		r.Known = nil
		if r.Status != record.Fail && r.Status != record.Waived {
			continue
		}
		for _, k := range cards.Of(q.DUT.Model, r.ID) {
			r.Known = append(r.Known, record.Known{ID: k.ID, Fault: string(k.Fault), Text: k.Seen, Source: k.Source})
		}
	}
}
