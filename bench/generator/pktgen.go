package generator

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/capture/frames"
	"github.com/lanproof/lanproof/internal/netns"
)

// pktgen drives the kernel's own generator by its files (net/core/pktgen.c,
// Documentation/networking/pktgen.rst). Each network namespace has its own, with a
// thread for each CPU. It calls the device's driver straight, past its queue.
type pktgen struct {
	ns             *netns.NS
	descriptor     int    // of the directory, in the namespace
	thread, device string // paths
	size           uint64
}

// pktgenDir is of the calling thread's namespace.
const pktgenDir = "/proc/thread-self/net/pktgen"

// pktgenCommand is how long a command may be (pktgen.c:pgctrl_write).
const pktgenCommand = 127

// newPktgen hands the device over to the CPU's thread.
func newPktgen(ns *netns.NS, device string, cpu int, f *Frame) (*pktgen, error) {
	fd, err := unix.Open(pktgenDir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ENOENT) {
		return nil, fmt.Errorf("this kernel's pktgen is not there (module pktgen, CONFIG_NET_PKTGEN): %w", unix.EOPNOTSUPP)
	}
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", pktgenDir, err)
	}
	// By the descriptor it stays this namespace's on any thread.
	dir := fmt.Sprintf("/proc/self/fd/%d", fd)
	p := &pktgen{
		ns: ns, descriptor: fd, size: uint64(f.wire()),
		thread: filepath.Join(dir, fmt.Sprintf("kpktgend_%d", cpu)), device: filepath.Join(dir, device),
	}
	if err := p.idle(dir); err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	if err := write(p.thread, "add_device "+device); err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	commands, err := pktgenFrame(f)
	for _, c := range commands {
		if err == nil {
			err = write(p.device, c)
		}
	}
	if err != nil {
		return nil, errors.Join(err, p.close())
	}
	return p, nil
}

// idle is an error where the namespace's pktgen has a device already: what starts one
// starts all, and what takes one away takes all of a thread.
func (p *pktgen) idle(dir string) error {
	threads, err := filepath.Glob(filepath.Join(dir, "kpktgend_*"))
	if err != nil {
		return fmt.Errorf("look for pktgen's threads: %w", err)
	}
	for _, t := range threads {
		text, err := os.ReadFile(t)
		if err != nil {
			return fmt.Errorf("ask pktgen for a thread's devices: %w", err)
		}
		if all := threadDevices(text); len(all) > 0 {
			return fmt.Errorf("this namespace's pktgen has %s already: %w", strings.Join(all, ", "), unix.EBUSY)
		}
	}
	return nil
}

// threadDevices are the devices of a thread, by what its file says.
func threadDevices(text []byte) []string {
	var all []string
	for line := range strings.Lines(string(text)) {
		for _, head := range []string{"Running:", "Stopped:"} {
			if rest, ok := strings.CutPrefix(line, head); ok {
				all = append(all, strings.Fields(rest)...)
			}
		}
	}
	return all
}

// write gives pktgen a command. It takes one with each call, whose last byte it drops.
func write(file, command string) error {
	if len(command) > pktgenCommand {
		return fmt.Errorf("pktgen command of %d bytes: %w", len(command), unix.EINVAL)
	}
	f, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err == nil {
		_, err = f.WriteString(command + "\n")
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		return fmt.Errorf("tell pktgen %q: %w", command, err)
	}
	return nil
}

// pktgenFrame are the commands that describe a frame.
func pktgenFrame(f *Frame) ([]string, error) {
	if f.Raw {
		return nil, fmt.Errorf("pktgen makes nothing but UDP: %w", unix.EOPNOTSUPP)
	}
	all := []string{
		"clone_skb 0", // no device but dummy takes a frame twice (IFF_TX_SKB_SHARING)
		"flag NO_TIMESTAMP",
		fmt.Sprintf("pkt_size %d", f.wire()), // tags and all (pkt_overhead)
		"src_mac " + f.From.MAC.String(),
		"src_min " + f.From.IP.Unmap().String(),
		"src_max " + f.From.IP.Unmap().String(),
		"dst_mac " + f.To.MAC.String(),
		"dst_min " + f.To.IP.Unmap().String(),
		"dst_max " + f.To.IP.Unmap().String(),
		fmt.Sprintf("udp_src_min %d", f.Port), fmt.Sprintf("udp_src_max %d", f.Port),
		fmt.Sprintf("udp_dst_min %d", f.Port), fmt.Sprintf("udp_dst_max %d", f.Port),
	}
	// Of two, the outermost is pktgen's svlan, which it takes behind the other only.
	names := [][]string{{}, {"vlan"}, {"svlan", "vlan"}}
	if len(f.Tags) > 2 {
		return nil, fmt.Errorf("pktgen puts 2 tags on a frame at most, not %d: %w", len(f.Tags), unix.EOPNOTSUPP)
	}
	for i, t := range slices.Backward(f.Tags) {
		if t.TPID != frames.TPID8021Q {
			return nil, fmt.Errorf("pktgen makes tags of protocol 0x8100 alone, not %#04x: %w", t.TPID, unix.EOPNOTSUPP)
		}
		name, dei := names[len(f.Tags)][i], 0
		if t.DEI {
			dei = 1
		}
		all = append(all, fmt.Sprintf("%s_id %d", name, t.VID), fmt.Sprintf("%s_p %d", name, t.PCP), fmt.Sprintf("%s_cfi %d", name, dei))
	}
	return all, nil
}

// send sends a load. pktgen's own clock tells how long it took.
func (p *pktgen) send(ctx context.Context, l Load) (Sent, error) {
	pace := "delay 0"
	if l.Rate > 0 {
		pace = fmt.Sprintf("ratep %.0f", max(1, l.Rate))
	}
	for _, c := range []string{fmt.Sprintf("count %d", l.Frames), pace} {
		if err := write(p.device, c); err != nil {
			return Sent{}, err
		}
	}
	if err := p.run(ctx, l.For); err != nil {
		return Sent{}, err
	}
	r, err := p.read()
	s := Sent{Frames: r.sent, Refused: r.errors, Bytes: r.sent * p.size, Took: r.took}
	done := l.Frames > 0 && s.Frames >= l.Frames || l.For > 0 && s.Took >= l.For || ctx.Err() != nil
	if err == nil && !done {
		err = fmt.Errorf("pktgen stopped by itself after %d frames (%s), as it does where the device goes down: %w", s.Frames, r.result, unix.ENETDOWN)
	}
	return s, err
}

// How long is waited for pktgen to begin, and until it is told once more to stop: its
// threads wake up ten times a second, and one that has not begun yet forgets it.
const (
	pktgenBegin = 10 * time.Millisecond
	pktgenStop  = 50 * time.Millisecond
)

// run has pktgen send until it has sent what it was told to, a time is over, or the
// context ends.
func (p *pktgen) run(ctx context.Context, limit time.Duration) error {
	ended := make(chan error, 1)
	go func() { ended <- p.start() }()
	var due <-chan time.Time
	if limit > 0 {
		due = time.After(limit)
	}
	cancelled := ctx.Done()
	for {
		select {
		case err := <-ended:
			return err
		case <-cancelled:
			cancelled, limit = nil, 0
			due = time.After(0)
		case <-due:
			if left := p.left(limit); left > 0 {
				due = time.After(left)
				continue
			}
			if err := p.control("stop"); err != nil {
				return err
			}
			due = time.After(pktgenStop)
		}
	}
}

// start has pktgen send, and returns when it has ended. The command to start does so, too,
// but waits only for threads that have begun within 125 ms
// (pktgen.c:pktgen_run_all_threads); of one that is later nothing tells but looking.
func (p *pktgen) start() error {
	before, err := p.read()
	if err == nil {
		err = p.control("start")
	}
	for err == nil {
		var now progress
		if now, err = p.read(); now.result != sending && now.result != before.result {
			return err
		}
		<-time.After(pktgenBegin)
	}
	return err
}

// sending is the result of a device that sends.
const sending = "Starting"

// control starts or stops what the namespace of the calling thread has, whatever the path
// (pktgen.c:pgctrl_write). A signal would stop what was started
// (pktgen.c:pktgen_wait_all_threads_run), and Go's runtime sends them to threads that it
// wants to stop.
func (p *pktgen) control(command string) error {
	return p.ns.Do(func() error {
		var all unix.Sigset_t
		for i := range all.Val {
			all.Val[i] = ^all.Val[i]
		}
		// The thread ends with this, and needs to hear none of them again.
		if err := unix.PthreadSigmask(unix.SIG_BLOCK, &all, nil); err != nil {
			return fmt.Errorf("keep signals from pktgen: %w", err)
		}
		return write(pktgenDir+"/pgctrl", command)
	})
}

// left is for how long pktgen has to go on until a time is over.
func (p *pktgen) left(limit time.Duration) time.Duration {
	if limit <= 0 {
		return 0
	}
	r, err := p.read()
	switch {
	case err != nil:
		return 0 // then it ends, or has
	case r.result != sending:
		return pktgenBegin
	}
	return limit - r.took
}

// progress is what a device's file says of its sending.
type progress struct {
	sent, errors uint64
	took         time.Duration
	result       string
}

// read reads the device's file.
func (p *pktgen) read() (progress, error) {
	text, err := os.ReadFile(p.device)
	if errors.Is(err, os.ErrNotExist) {
		return progress{}, fmt.Errorf("pktgen's device has gone: %w", unix.ENXIO)
	}
	if err != nil {
		return progress{}, fmt.Errorf("ask pktgen what it has sent: %w", err)
	}
	return parseProgress(text)
}

// parseProgress reads a device's file (pktgen.c:pktgen_if_show).
func parseProgress(text []byte) (progress, error) {
	_, rest, ok := strings.Cut(string(text), "\nCurrent:")
	if !ok {
		return progress{}, errors.New("pktgen does not say how far it is")
	}
	numbers, result, _ := strings.Cut(rest, "\nResult:")
	result, _, _ = strings.Cut(strings.TrimSpace(result), "\n")
	words := strings.Fields(numbers)
	value := func(name string) (n uint64) {
		i := slices.Index(words, name)
		if i < 0 || i+1 == len(words) {
			ok = false
			return 0
		}
		n, err := strconv.ParseUint(strings.TrimSuffix(words[i+1], "us"), 10, 64)
		ok = ok && err == nil
		return n
	}
	p := progress{sent: value("pkts-sofar:"), errors: value("errors:"), result: result}
	begun, stopped := value("started:"), value("stopped:")
	if !ok || stopped < begun || stopped > maxMicroseconds {
		return progress{}, fmt.Errorf("pktgen says %q", numbers)
	}
	p.took = time.Duration(stopped-begun) * time.Microsecond
	return p, nil
}

// maxMicroseconds is what a duration can hold.
const maxMicroseconds = uint64(1<<63-1) / 1000

// close takes the device away from pktgen, which forgets all that was set.
func (p *pktgen) close() error {
	return errors.Join(write(p.thread, "rem_device_all"), os.NewSyscallError("close", unix.Close(p.descriptor)))
}
