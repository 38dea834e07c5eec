// Package inside is the guest's side of lanproof: what the binary does when the
// kernel of a guest has started it as /init.
//
// It brings the system up as far as the modules and the loopback device, says
// that it is ready, waits for its job, runs it and ends the machine. Between
// "ready" and the job the host may take a snapshot, so nothing before that point
// may depend on the job, and what copies of a guest must not share (the clock,
// the random numbers) is set after it.
package inside

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"sync"

	"github.com/lanproof/lanproof/guest/wire"
)

// Marker is the file whose presence in the root directory marks a guest.
const Marker = "lanproof-guest"

// ModuleDir holds the kernel modules of the initramfs, and OrderFile in it their
// names, one a line, in the order in which they are to be loaded.
const (
	ModuleDir = "modules"
	OrderFile = "order"
)

// Emitter sends results to the host. It is safe for concurrent use.
type Emitter interface {
	// Line sends a result line: any bytes.
	Line(line []byte) error
	// Blob sends named data. The name has 1 to 255 bytes, the data up to 1 GiB.
	Blob(name string, data []byte) error
}

// Handler does a job. What it emits reaches the host at once; an error that it
// returns ends the guest and is reported.
type Handler func(job []byte, out Emitter) error

// IsInit tells whether this process is /init of a guest of lanproof.
func IsInit() bool {
	if os.Getpid() != 1 {
		return false
	}
	_, err := os.Stat("/" + Marker)
	return err == nil
}

// Init runs the guest from the start to the end of the machine and does not
// return. It must only be called where [IsInit] is true.
func Init(handler Handler) {
	debug.SetTraceback("all")
	m, err := boot()
	if err == nil {
		err = m.serve(handler)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "lanproof guest:", err)
	}
	// Status 0x10 becomes QEMU's exit status 33; it means nothing, the last frame
	// does.
	if err := writePort(exitPort, 0x10); err != nil {
		fmt.Fprintln(os.Stderr, "lanproof guest:", err)
	}
	// Only without the exit device does it get here. The end of init is a panic of
	// the kernel, which ends the machine too.
	os.Exit(1)
}

// machine is a guest that is up.
type machine struct {
	box     *wire.Mailbox
	serial  *os.File
	release string
}

// serve waits for the job and runs it.
func (m *machine) serve(handler Handler) error {
	out := newEmitter(m.box, func() error { return m.await(wire.Ack) })
	if err := out.send(wire.Ready, []byte(m.release)); err != nil {
		return err
	}
	job, err := m.receive()
	if err != nil {
		return errors.Join(err, out.send(wire.Broken, []byte(err.Error())))
	}
	if err := out.send(wire.Begun, nil); err != nil {
		return err
	}
	return out.finish(call(handler, job, out))
}

// await blocks until the host has sent the byte.
func (m *machine) await(want byte) error {
	var b [1]byte
	for b[0] != want {
		if _, err := m.serial.Read(b[:]); err != nil {
			return fmt.Errorf("wait for the host's %q: %w", want, err)
		}
	}
	return nil
}

// receive waits for the job and sets what comes with it.
func (m *machine) receive() ([]byte, error) {
	if err := m.await(wire.Go); err != nil {
		return nil, err
	}
	job, err := m.box.Job()
	if err != nil {
		return nil, err
	}
	if err := setClock(job.Time); err != nil {
		return nil, err
	}
	if err := reseed(job.Seed[:]); err != nil {
		return nil, err
	}
	return job.Data, nil
}

// panicked is a handler's panic, as an error.
type panicked struct{ value any }

func (p panicked) Error() string { return fmt.Sprintf("panic in the guest: %v", p.value) }

// call runs the handler and turns its panic into an error, with the stack on the
// console.
func call(handler Handler, job []byte, out Emitter) (err error) {
	defer func() {
		if v := recover(); v != nil {
			fmt.Fprintf(os.Stderr, "panic: %v\n%s", v, debug.Stack())
			err = panicked{v}
		}
	}()
	return handler(job, out)
}

// emitter writes frames, one at a time.
type emitter struct {
	mu  sync.Mutex
	buf *bufio.Writer
}

func newEmitter(box *wire.Mailbox, wait func() error) *emitter {
	ring := func() error { return writePort(bellPort, 0) }
	return &emitter{buf: bufio.NewWriterSize(&wire.Writer{Box: box, Ring: ring, Wait: wait}, 1<<16)}
}

func (e *emitter) Line(line []byte) error { return e.send(wire.Line, line) }

func (e *emitter) Blob(name string, data []byte) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := wire.WriteBlob(e.buf, name, data); err != nil {
		return err
	}
	return e.flush()
}

func (e *emitter) send(k wire.Kind, body []byte) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := wire.WriteFrame(e.buf, k, body); err != nil {
		return err
	}
	return e.flush()
}

func (e *emitter) flush() error {
	if err := e.buf.Flush(); err != nil {
		return fmt.Errorf("send to the host: %w", err)
	}
	return nil
}

// finish sends the last frame, which tells how the handler ended.
func (e *emitter) finish(err error) error {
	var p panicked
	switch {
	case err == nil:
		return e.send(wire.Done, nil)
	case errors.As(err, &p):
		return e.send(wire.Broken, []byte(p.Error()))
	default:
		return e.send(wire.Failed, []byte(err.Error()))
	}
}
