package run

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/engine"
	"github.com/lanproof/lanproof/guest"
	"github.com/lanproof/lanproof/guest/cards"
	"github.com/lanproof/lanproof/internal/features"
	"github.com/lanproof/lanproof/reports"
	"github.com/lanproof/lanproof/scenarios"
)

// Ground is where cases run.
type Ground string

// The grounds that can be asked for. On Auto a case runs on this kernel where
// that can carry it, else in a guest.
const (
	Auto  Ground = "auto"
	Host  Ground = "host"
	Guest Ground = "guest"
)

// GroundNIC is this kernel with real ports.
const GroundNIC Ground = "nic"

// DefaultKernel is the guest kernel where none is named: the newest that the
// machine's packages offer.
const DefaultKernel = "debian"

// ThisKernel among the kernels means the one that lanproof runs on, in namespaces of its
// own and not in a guest.
const ThisKernel = "host"

// CardKernel has drivers for all emulated cards, which cloud kernels have not.
const CardKernel = "debian:6.12-amd64"

// Options are how cases are run. The zero value runs them on Auto.
type Options struct {
	On Ground
	// Kernels for guests, as guest.Resolve knows them. With [ThisKernel] among them every
	// case runs on all of them, and not only what needs a guest; that is for Auto, without
	// a card to emulate.
	Kernels []string
	// Modules is a directory of modules for kernels that are a bare image.
	Modules string
	// Out is the directory for captures; no captures are kept when empty. Where nobody
	// wants one none is made, and evidence has no packets' numbers.
	Out string
	// Capture is given every capture of this kernel's cases, under the name that it has
	// in Out; from several goroutines. May be nil.
	Capture  func(name string, pcapng []byte)
	Parallel int
	Repeat   int
	Seed     uint64
	FailFast bool
	// Oracle holds every frame of every case against the oracle's tables, too.
	Oracle bool
	// Drops finds out where frames ended that did not arrive. Blind closes taps for it
	// that hide an end, which waits for the kernel; otherwise that end is concluded.
	Drops, Blind bool
	// Together sends pings of one machine in one window where that can be, on this kernel:
	// many of them cost a fraction then. Their evidence is the same.
	Together bool
	// Keep leaves the topology standing under names after the run; KeepFailed does so
	// for cases of this kernel in which a check failed or could not be judged.
	Keep, KeepFailed bool
	// NICs says which real port stands for a device of kind nic.
	NICs map[string]string
	// Cable is two real ports that are joined. With one, all cases run over it, on the
	// ground of GroundNIC.
	Cable *Cable
	// Emulate is the model of the card under test in guests that have two, see
	// [cards.Cards]. With one, all cases run over a cable between them.
	Emulate string
	// Engine builds the networks of all cases; lanproof itself where it is nil. What it
	// cannot build is skipped. Only an [engine.Portable] builds in guests, too.
	Engine engine.Installation
	// Init is the static binary that is /init in a guest; this one when empty.
	Init string
	// NoSnapshot boots every guest cold and keeps none.
	NoSnapshot bool
	// GuestTimeout bounds one guest; 20 minutes when 0, and 5 more for each case with
	// an engine that has daemons.
	GuestTimeout time.Duration
	// Version of the tool, for reports.
	Version string
	// Events is told what happens, from several goroutines; may be nil.
	Events Events
}

// Events is told what happens during a run.
type Events interface {
	Started(caseName, ground string)
	Finished(c reports.Case)
	Note(text string)
}

// job is one case on one kernel, and the place of its result.
type job struct {
	p      *Prepared
	repeat int
	kernel string // of a guest, as it was named
	unfit  string // why the engine cannot build it
	result reports.Case
}

// runner is one run.
type runner struct {
	o   Options
	all context.Context // the caller's: what has begun ends by it
	ctx context.Context // what has not begun, and guests, end by this, too

	cancel   context.CancelCauseFunc
	jobs     []*job
	kernel   features.Kernel
	release  string
	env      map[string]reports.Environment
	mu       sync.Mutex
	closing  sync.WaitGroup
	held     []*Outcome
	closeErr error
	// ports is held by the case that has the real ports.
	ports sync.Mutex
	// coroner is nil unless drops are asked for.
	coroner *coroner
	cable   *laid
	// releases are the guests' kernels by what they call themselves.
	releases map[string]string
}

var errFailFast = errors.New("a check failed before")

// Run runs cases and returns what came of them. An error means that there is no
// result at all; what went wrong with a case stands in its result.
func Run(ctx context.Context, cases []*scenarios.Case, o Options) (*reports.Results, error) {
	r := newRunner(ctx, o)
	defer r.cancel(nil)
	start := time.Now()
	results := &reports.Results{Schema: reports.Schema, Started: start.UTC(), Seed: o.Seed}
	if err := r.prepare(cases); err != nil {
		return nil, err
	}
	if err := r.survey(); err != nil {
		return nil, err
	}
	r.run()
	for _, j := range r.jobs {
		results.Cases = append(results.Cases, j.result)
	}
	for _, name := range sortedKeys(r.env) {
		results.Environment = append(results.Environment, r.env[name])
	}
	results.Claims = claimsOf(results)
	results.Duration = time.Since(start)
	results.Summarize()
	return results, r.closeErr
}

func newRunner(ctx context.Context, o Options) *runner {
	if o.Events == nil {
		o.Events = silent{}
	}
	if o.On == "" {
		o.On = Auto
	}
	r := &runner{o: o, all: ctx, env: map[string]reports.Environment{}, releases: map[string]string{}}
	r.ctx, r.cancel = context.WithCancelCause(ctx)
	return r
}

type silent struct{}

func (silent) Started(string, string) {}
func (silent) Finished(reports.Case)  {}
func (silent) Note(string)            {}

// prepare works out every case's checks before anything is built.
func (r *runner) prepare(cases []*scenarios.Case) error {
	release, err := kernelRelease()
	if err != nil {
		return err
	}
	r.release = release
	var errs scenarios.Errors
	for _, c := range cases {
		if r.o.Oracle {
			c = withOracle(c)
		}
		p, why, err := prepareFor(r.o.Engine, c, r.o.Seed)
		var bad scenarios.Errors
		switch {
		case errors.As(err, &bad):
			errs = append(errs, bad...)
			continue
		case err != nil:
			return err
		}
		for n := range max(r.o.Repeat, 1) {
			repeat := 0
			if r.o.Repeat > 1 {
				repeat = n + 1
			}
			r.jobs = append(r.jobs, &job{p: p, repeat: repeat, unfit: why})
		}
	}
	if len(errs) > 0 {
		return errs
	}
	return nil
}

// kernels are the kernels of guests.
func (r *runner) kernels() []string {
	if len(r.o.Kernels) == 0 && r.o.Emulate != "" {
		return []string{CardKernel}
	}
	if len(r.o.Kernels) == 0 {
		return []string{DefaultKernel}
	}
	return r.o.Kernels
}

func kernelRelease() (string, error) {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return "", fmt.Errorf("ask for the kernel's release: %w", err)
	}
	return unix.ByteSliceToString(u.Release[:]), nil
}

// run places the jobs, and runs this kernel's and the guests' side by side.
func (r *runner) run() {
	var here, placed []*job
	for _, j := range r.jobs {
		r.place(j)
		placed = append(placed, r.spread(j)...)
	}
	r.jobs = placed
	guests := map[string][]*job{}
	for _, j := range r.jobs {
		switch {
		case j.result.Verdict != "":
			r.finish(j)
		case j.kernel == "":
			here = append(here, j)
		default:
			guests[j.kernel] = append(guests[j.kernel], j)
		}
	}
	var wg sync.WaitGroup
	wg.Go(func() { r.runHere(here) })
	wg.Go(func() {
		// One guest after another: each wants a whole CPU.
		for _, kernel := range sortedKeys(guests) {
			r.runGuest(kernel, guests[kernel])
		}
	})
	wg.Wait()
	r.closing.Wait()
	r.letGo()
	r.closeErr = errors.Join(r.closeErr, r.kernel.Close())
}

func (r *runner) runOne(j *job) {
	if err := r.ctx.Err(); err != nil {
		j.result.Verdict, j.result.Reason = notRun(context.Cause(r.ctx))
		r.finish(j)
		return
	}
	onPorts := j.result.Ground == string(GroundNIC)
	if onPorts {
		r.ports.Lock()
		defer r.ports.Unlock()
	}
	r.environment(r.here(j))
	r.o.Events.Started(j.name(), j.result.Ground)
	j.p.coroner, j.p.cable = r.coroner, r.cable
	j.p.together = r.o.Together && r.cable == nil && r.o.Engine == nil
	j.p.uncaptured = r.o.Out == "" && r.o.Capture == nil
	out := Execute(r.all, j.p, r.o.NICs)
	placed := j.result
	j.result = out.Result
	j.result.Repeat, j.result.Ground, j.result.Kernel, j.result.Placement = placed.Repeat, placed.Ground, placed.Kernel, placed.Placement
	if out.placement != "" {
		j.result.Placement = out.placement
	}
	r.saveCapture(j, out.Capture)
	r.keep(out)
	if onPorts {
		r.noteClosed(out.Close()) // the next case may want the same ports
	} else {
		r.close(out)
	}
	r.finish(j)
}

// here describes this kernel, with the engine that builds networks on it.
func (r *runner) here(j *job) reports.Environment {
	e := reports.Environment{Ground: j.result.Ground, Kernel: r.release, Arch: runtime.GOARCH, Tool: r.o.Version}
	if r.o.Engine != nil {
		e.Detail = map[string]string{"engine": engineName(r.o.Engine)}
	}
	return e
}

func (r *runner) noteClosed(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closeErr = errors.Join(r.closeErr, err)
}

// notRun is the verdict of a case that was never begun.
func notRun(cause error) (reports.Verdict, string) {
	if errors.Is(cause, errFailFast) {
		return reports.Skip, "not run: " + cause.Error() + " (--fail-fast)"
	}
	return reports.Error, "not run: " + cause.Error()
}

func (j *job) name() string {
	if j.repeat > 0 {
		return fmt.Sprintf("%s (%d)", j.p.Case.Name, j.repeat)
	}
	return j.p.Case.Name
}

// finish tells of a job that has its verdict.
func (r *runner) finish(j *job) {
	if j.saysNothingNew() {
		shorten(&j.result)
	}
	r.o.Events.Finished(j.result)
	if r.o.FailFast && j.result.Verdict == reports.Fail {
		r.cancel(errFailFast)
	}
}

func (r *runner) environment(e reports.Environment) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.env[e.Ground+" "+e.Kernel] = e
}

// claimsOf returns the claims that a run's checks speak about.
func claimsOf(results *reports.Results) []reports.Claim {
	named := map[string]bool{}
	for i := range results.Cases {
		for _, c := range results.Cases[i].Checks {
			for _, id := range c.Claims {
				named[id] = true
			}
		}
	}
	if len(named) == 0 {
		return nil
	}
	registry, err := scenarios.Claims()
	if err != nil {
		return nil // an id without its sentence is still an id
	}
	var claims []reports.Claim
	for _, c := range registry {
		if named[c.ID] {
			claims = append(claims, reports.Claim{ID: c.ID, Text: c.Text, Source: c.Source})
		}
	}
	return claims
}

// cardMemory is a guest's with cards, in MiB: their drivers' modules and the captures are
// in it as well.
const cardMemory = 512

// lanproofMemory is what a guest needs without any engine's daemons, in MiB. With them it
// is bootLimit until it has unpacked their programs, and engineIdle at most until it says
// something: a case takes it as long as dozens without.
const (
	lanproofMemory = 256
	bootLimit      = 2 * time.Minute
	engineIdle     = 5 * time.Minute
)

// guestTimeout bounds a guest, whatever it says.
const guestTimeout = 20 * time.Minute

// guestOptions are how a guest is run for some cases.
func (r *runner) guestOptions(k guest.Kernel, cases int) guest.Options {
	o := guest.Options{Kernel: k, Init: r.o.Init, Timeout: r.o.GuestTimeout, Snapshot: !r.o.NoSnapshot}
	if r.o.Emulate != "" {
		o.Memory = cardMemory
		o.NICs = []guest.NIC{{Model: r.o.Emulate, MAC: cards.MAC(0)}, {Model: cards.Peer, MAC: cards.MAC(1)}}
	}
	if p, ok := r.o.Engine.(engine.Portable); ok {
		o.Programs = p.Programs()
		if memory := p.Memory(); memory > 0 {
			// Daemons and their clients give up on what takes long; where the clock counts
			// what the guest does, a slow machine is none to them.
			o.Memory, o.Count, o.BootLimit, o.Idle = lanproofMemory+memory, true, bootLimit, engineIdle
			o.Timeout = cmp.Or(o.Timeout, guestTimeout+time.Duration(cases)*engineIdle)
		}
	}
	if o.Init == "" {
		o.Init = "/proc/self/exe"
	}
	o.Timeout = cmp.Or(o.Timeout, guestTimeout)
	return o
}
