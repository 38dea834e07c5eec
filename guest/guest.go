// Package guest runs a job on another kernel: it turns a kernel package into a
// guest that is booted in QEMU, with a static binary of the caller's as /init.
//
// The package knows nothing of what it carries. A job is bytes; results are lines,
// which reach the caller as they are sent, and named blobs. A guest's results count
// only together with the nil error of [Run]: a guest that dies, hangs or garbles its
// results gives an error, with the end of its console.
//
// The binary calls [Init] early in main if [IsInit] says so:
//
//	if guest.IsInit() {
//		guest.Init(func(job []byte, out guest.Emitter) error { ... })
//	}
package guest

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/lanproof/lanproof/guest/cards"
	"github.com/lanproof/lanproof/guest/initrd"
	"github.com/lanproof/lanproof/guest/inside"
	"github.com/lanproof/lanproof/guest/kernel"
	"github.com/lanproof/lanproof/guest/qemu"
	"github.com/lanproof/lanproof/guest/wire"
)

// Kernel is a kernel that is ready to be booted.
type Kernel = kernel.Kernel

// NIC is an emulated card. A guest finds its cards by their MAC addresses.
type NIC = qemu.NIC

// Emitter sends results out of a guest.
type Emitter = inside.Emitter

// Errors that callers turn into a skip. Their messages, and those of errors that
// wrap them, end with what would cure them.
var (
	ErrNoQEMU   = qemu.ErrNotFound
	ErrNoKernel = kernel.ErrNotFound
	// ErrBadKernel is wrapped by errors about files that are no kernel package.
	ErrBadKernel = kernel.ErrBadPackage
)

// MaxJob is the size of the largest job, in bytes.
const MaxJob = wire.MaxJob

// IsInit tells whether this process is /init of a guest.
func IsInit() bool { return inside.IsInit() }

// Init is the guest's main. It calls handler with the job and does not return.
func Init(handler func(job []byte, out Emitter) error) { inside.Init(handler) }

// CheckKernel reports whether spec can name a kernel at all, see [kernel.Check].
func CheckKernel(spec string) error { return kernel.Check(spec) }

// Resolve finds the kernel that spec names, see [kernel.Resolve]. modules is a
// directory with further modules, or ""; drivers are names of modules that the guest
// loads beside [kernel.DefaultModules], with all that they need. The cache is
// [kernel.DefaultCache]. Without QEMU a kernel is of no use: nothing is fetched, and
// the error is [ErrNoQEMU].
func Resolve(ctx context.Context, spec, modules string, drivers ...string) (Kernel, error) {
	if _, err := qemu.Find(); err != nil {
		return Kernel{}, err
	}
	o := kernel.Options{Modules: modules, Want: drivers}
	if len(drivers) > 0 {
		o.Stock = cards.Drivers()
	}
	return kernel.Resolve(ctx, spec, o)
}

// Options say how a guest is run. Kernel and Init must be set.
type Options struct {
	Kernel Kernel
	// Init is the path of a static binary whose main calls [Init].
	Init string
	// Programs are paths of this machine's programs, which the guest has at the same
	// places, with their libraries.
	Programs []string
	// Memory is what the guest's kernel gets, in MiB; 256 if zero.
	Memory int
	// Timeout is for the whole run; none if zero.
	Timeout time.Duration
	// Idle is how long a guest at work may send nothing; 60 s if zero.
	Idle time.Duration
	// BootLimit is how long a guest may take until it is ready; 30 s if zero. A
	// guest that takes longer is booted a second time.
	BootLimit time.Duration
	// Snapshot keeps the booted guest for the next run with the same kernel and
	// binary, which then begins within half a second.
	Snapshot bool
	// Count makes all clocks of the guest count its instructions, 1 ns each, see
	// [qemu.Machine].
	Count bool
	// CPUs are the host's processors that the guest is kept on; all if empty.
	CPUs []int
	// NICs are the guest's cards, in the order of their PCI slots. The kernel must
	// have their drivers (see [Resolve]). A guest with cards keeps no snapshot.
	NICs []NIC
	// Cache is the directory for snapshots; [kernel.DefaultCache] if empty.
	Cache string
	// Console, if set, gets what the guest's console says and notes about retries.
	Console io.Writer
}

func (o Options) withDefaults() Options {
	o.Memory = cmp.Or(o.Memory, 256)
	o.Idle = cmp.Or(o.Idle, 60*time.Second)
	o.BootLimit = cmp.Or(o.BootLimit, 30*time.Second)
	o.Cache = cmp.Or(o.Cache, kernel.DefaultCache())
	if o.Console == nil {
		o.Console = io.Discard
	}
	return o
}

// Died is the error for a guest that ended or was ended before its handler
// returned. What it sent until then has been given to the caller.
type Died struct {
	// Reason is one sentence.
	Reason string
	// Console is the end of what the guest's console said.
	Console string
	// Begun tells whether the job had begun. If not, nothing was run at all.
	Begun bool
}

// Error returns the reason. The console is left to the caller to show.
func (d *Died) Error() string { return "guest died: " + d.Reason }

// JobError is the error that the handler in the guest returned.
type JobError struct{ Text string }

func (e *JobError) Error() string { return "guest's job: " + e.Text }

// Run boots a guest, gives it the job, and returns when the job is done: nil if
// the handler returned nil and everything it sent has arrived. Lines and blobs are
// handed over in the order in which they were sent, by one goroutine; the slices
// are the callee's. An error of blob ends the guest and is returned.
//
// A guest that dies or hangs before the job has begun is booted once more. Once it
// has begun nothing is run twice: the error is [*Died], or [*JobError] if the
// handler returned an error. When ctx ends the guest is killed and the error wraps
// the context's.
func Run(ctx context.Context, job []byte, o Options, line func([]byte), blob func(name string, data []byte) error) error {
	o = o.withDefaults()
	if len(job) > MaxJob {
		return fmt.Errorf("run a guest: job of %d bytes: at most %d", len(job), MaxJob)
	}
	if o.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, o.Timeout, fmt.Errorf("guest took longer than %v: %w", o.Timeout, context.DeadlineExceeded))
		defer cancel()
	}
	r, err := newRunner(o)
	if err != nil {
		return fmt.Errorf("run a guest: %w", err)
	}
	r.line, r.blob = line, blob
	err = r.run(ctx, job)
	if cause := context.Cause(ctx); cause != nil && err != nil {
		return fmt.Errorf("run a guest: %w (%w)", cause, err)
	}
	return err
}

// runner carries one run.
type runner struct {
	Options
	machine qemu.Machine
	store   *store // nil without snapshots
	init    []byte
	files   []initrd.File // of Programs
	line    func([]byte)
	blob    func(name string, data []byte) error
}

// run tries the snapshot, then two boots.
func (r *runner) run(ctx context.Context, job []byte) error {
	if vm := r.restore(ctx); vm != nil {
		err := r.serve(ctx, vm, job)
		if !r.again(ctx, err) {
			return err
		}
		r.note("restored guest failed (%v); dropping the snapshot", err)
		r.store.drop()
	}
	err := r.bootAndServe(ctx, job)
	if r.again(ctx, err) {
		r.note("%v; booting it once more", err)
		err = r.bootAndServe(ctx, job)
	}
	return err
}

// again tells whether another boot makes sense: the guest died and nothing of the
// job was run.
func (r *runner) again(ctx context.Context, err error) bool {
	var died *Died
	return errors.As(err, &died) && !died.Begun && ctx.Err() == nil
}

func (r *runner) note(format string, args ...any) {
	fmt.Fprintf(r.Console, "lanproof: "+format+"\n", args...)
}

// bootAndServe boots the guest from nothing, keeps it as a snapshot if that is
// wanted, and has it do the job.
func (r *runner) bootAndServe(ctx context.Context, job []byte) error {
	files, err := qemu.NewInitrd(r.writeInitrd)
	if err != nil {
		return err
	}
	defer files.Close()
	vm, err := r.machine.Boot(files)
	if err != nil {
		return err
	}
	if err := r.awaitReady(ctx, vm); err != nil {
		return errors.Join(err, vm.Close())
	}
	if r.store != nil {
		if err := r.store.save(ctx, vm); err != nil {
			r.note("no snapshot: %v", err)
			if errors.Is(err, errBroken) {
				r.store = nil
				return errors.Join(&Died{Reason: err.Error()}, vm.Close())
			}
		}
	}
	return r.serve(ctx, vm, job)
}

// awaitReady waits until the guest has booted.
func (r *runner) awaitReady(ctx context.Context, vm *qemu.VM) error {
	defer context.AfterFunc(ctx, vm.Kill)()
	f, err := vm.Next(r.BootLimit)
	switch {
	case err != nil:
		return died(vm, false, "while booting", err)
	case f.Kind != wire.Ready:
		return died(vm, false, "while booting", fmt.Errorf("frame %q instead of ready", f.Kind))
	}
	return nil
}

// serve gives a ready guest the job and hands its results over. It ends the guest.
func (r *runner) serve(ctx context.Context, vm *qemu.VM, job []byte) (err error) {
	stop := context.AfterFunc(ctx, vm.Kill)
	defer func() {
		stop()
		err = errors.Join(err, vm.Close())
	}()
	envelope := wire.Job{Time: time.Now(), Data: job}
	if _, err := rand.Read(envelope.Seed[:]); err != nil {
		return fmt.Errorf("make a seed: %w", err)
	}
	if err := vm.Go(envelope); err != nil {
		return died(vm, false, "before the job", err)
	}
	f, err := vm.Next(r.BootLimit)
	if err != nil {
		return died(vm, false, "before the job", err)
	}
	if f.Kind != wire.Begun {
		return died(vm, false, "before the job", fmt.Errorf("frame %q: %s", f.Kind, f.Body))
	}
	return r.results(vm)
}

// grace is how long a guest that is done has to end by itself.
const grace = 2 * time.Second

// results hands over what the guest sends until its last word.
func (r *runner) results(vm *qemu.VM) error {
	for {
		f, err := vm.Next(r.Idle)
		if err != nil {
			return died(vm, true, "at work", err)
		}
		switch f.Kind {
		case wire.Line:
			r.line(f.Body)
		case wire.Blob:
			err = r.takeBlob(f.Body)
		case wire.Done:
			vm.Wait(grace)
			return nil
		case wire.Failed:
			vm.Wait(grace)
			return &JobError{string(f.Body)}
		case wire.Broken:
			vm.Wait(grace)
			_, console := vm.Autopsy()
			return &Died{Reason: string(f.Body), Console: console, Begun: true}
		case wire.Ready, wire.Begun:
			return died(vm, true, "at work", fmt.Errorf("frame %q for the second time", f.Kind))
		}
		if err != nil {
			return err
		}
	}
}

func (r *runner) takeBlob(body []byte) error {
	name, data, err := wire.SplitBlob(body)
	if err != nil {
		return fmt.Errorf("guest sent a blob: %w", err)
	}
	if err := r.blob(name, data); err != nil {
		return fmt.Errorf("take blob %q from the guest: %w", name, err)
	}
	return nil
}
