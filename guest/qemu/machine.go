// Package qemu runs a guest machine in QEMU without hardware virtualization (TCG),
// and keeps and restores snapshots of it.
//
// The machine is QEMU's smallest, as long as it has no cards: microvm without ACPI, one processor, an
// uncompressed kernel entered by its PVH note. It has a serial console, a debug
// console that serves as the bell of package wire's mailbox, and a device that
// ends it. Everything else goes through RAM, whose backing file both sides map.
package qemu

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/lanproof/lanproof/guest/wire"
	"golang.org/x/sys/unix"
)

// Binary is the name of the program.
const Binary = "qemu-system-x86_64"

// Variable is the environment variable that names another QEMU than the one in PATH.
const Variable = "LANPROOF_QEMU"

// ErrNotFound means that there is no QEMU.
var ErrNotFound = errors.New("no " + Binary + " in PATH, and none that " + Variable + " names; install it with: " +
	"apt-get install --no-install-recommends qemu-system-x86")

// Find returns the path of QEMU: what [Variable] names, else what is in PATH. Its error
// is [ErrNotFound].
func Find() (string, error) {
	path, err := exec.LookPath(cmp.Or(os.Getenv(Variable), Binary))
	if err != nil {
		return "", ErrNotFound
	}
	return path, nil
}

// Limits of a machine's memory, in MiB. Above the upper one RAM would be split
// around the hole below 4 GiB.
const (
	MinMemory = 96
	MaxMemory = 2048
)

// initrdRoom is memory above the mailbox where [Machine.Initrd] asks for none.
const initrdRoom = 64

// Machine describes a guest machine. It is inert.
type Machine struct {
	// Path is QEMU's.
	Path string
	// Memory is what the kernel gets, in MiB.
	Memory int
	// Initrd is how large the initial file system may be, in MiB; 64 if zero. QEMU puts it
	// above the mailbox, at the very top, and the kernel gets the room when it is unpacked.
	Initrd int
	// Kernel is the file to boot: a vmlinux with a PVH note or a bzImage.
	Kernel string
	// Console, if set, gets what the guest's serial console says, as it comes.
	Console io.Writer
	// Count makes the processor count: each instruction takes 1 ns of the guest's
	// time, and waiting takes none of the host's (qemu: softmmu/icount.c). All clocks
	// of the guest then tell instructions, whatever else the host does.
	Count bool
	// CPUs are the host's processors that QEMU is kept on; all if empty.
	CPUs []int
	// NICs are its cards, in the order of their PCI slots. With any, the machine is
	// a q35 instead of a microvm, which has no PCI, and takes about a second longer
	// to boot.
	NICs []NIC
}

// blacklisted are initcalls that cost 0.1 to 0.3 s each under TCG and that no
// network device needs: certificates, self tests of ciphers, struct_ops of BPF.
const blacklisted = "load_system_certificate_list,jent_mod_init,bpf_tcp_ca_kfunc_init," +
	"bpf_dummy_struct_ops_init,crypto_algapi_init,init_encrypted,crypto_kdf108_init"

// commandLine is the kernel's command line but for the rate of the TSC. An oops
// is a panic, a panic a restart, and QEMU ends instead of restarting.
func (m Machine) commandLine() string {
	base := int64(m.Memory) << 20
	counting := ""
	if m.Count {
		// A huge page of 2 MiB, cleared or copied by whoever happens to run, would be counted;
		// and kernels would copy by different instructions (112 is X86_FEATURE_REP_GOOD), see args.
		counting = " transparent_hugepage=never clearcpuid=112"
	}
	return strings.Join([]string{
		"console=ttyS0 loglevel=1 8250.nr_uarts=1",
		"oops=panic panic=-1 reboot=t",
		"tsc=reliable nokaslr random.trust_cpu=on audit=0 cryptomgr.notests" + counting,
		"initcall_blacklist=" + blacklisted,
		fmt.Sprintf("memmap=%#x$%#x lanproof.mailbox=%#x", wire.MailboxSize, base, base),
	}, " ")
}

// Identity is everything about the machine, except its kernel's and its initial
// file system's contents, that a snapshot depends on.
func (m Machine) Identity() (string, error) {
	var st unix.Stat_t
	if err := unix.Stat(m.Path, &st); err != nil {
		return "", fmt.Errorf("look at %s: %w", m.Path, err)
	}
	return fmt.Sprintf("%s %d %d %d %d|%d|%s|%s", m.Path, st.Ino, st.Size, st.Mtim.Sec, st.Mtim.Nsec,
		wire.Version, strings.Join(m.args(), " "), m.commandLine()), nil
}

// Descriptors as QEMU sees them.
const (
	fdQMP = 3 + iota
	fdConsole
	fdBell
	fdRAM
	fdInitrd
)

// size is all of the machine's memory, in MiB.
func (m Machine) size() int { return m.Memory + wire.MailboxSize>>20 + m.initrd() }

func (m Machine) initrd() int { return cmp.Or(m.Initrd, initrdRoom) }

func (m Machine) args() []string {
	size := m.size()
	threads, cpu := "multi", "max"
	if m.Count {
		threads = "single" // one thread counts (qemu: accel/tcg/tcg-all.c)
		// Each round of a rep movsb or rep stosq is counted, where a real processor does a
		// cache line at once, and each kernel has these instructions in other places. Without
		// the features that ask for them, all of them copy and clear by loops of single moves.
		cpu = "max,-erms,-fsrm"
	}
	args := []string{
		"-M", m.board(),
		"-accel", "tcg,thread=" + threads, "-cpu", cpu, "-smp", "1", "-m", fmt.Sprintf("%dM", size),
		"-object", fmt.Sprintf("memory-backend-file,id=ram,size=%dM,mem-path=/dev/fd/%d,share=on", size, fdRAM),
		"-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
		"-chardev", fmt.Sprintf("socket,id=qmp,fd=%d", fdQMP), "-mon", "chardev=qmp,mode=control",
		"-chardev", fmt.Sprintf("socket,id=con,fd=%d", fdConsole), "-serial", "chardev:con",
		"-chardev", fmt.Sprintf("socket,id=bell,fd=%d", fdBell),
		"-device", "isa-debugcon,iobase=0xe9,chardev=bell",
		"-device", "isa-debug-exit,iobase=0x501,iosize=1",
	}
	if m.Count {
		args = append(args, "-icount", "shift=0,sleep=off")
	}
	return append(args, m.nicArgs()...)
}

// tscKHz is the rate of the guest's time stamp counter: the host's, or one tick an
// instruction (qemu: softmmu/cpu-timers.c:cpus_get_elapsed_ticks).
func (m Machine) tscKHz() int {
	if m.Count {
		return 1000000
	}
	return tscKHz()
}

// VM is a machine that runs. [VM.Close] ends it.
type VM struct {
	proc    *process
	ram     *os.File
	box     *wire.Mailbox
	mapped  []byte
	monitor *net.UnixConn
	bell    *net.UnixConn
	serial  *net.UnixConn
	console tail
	copied  chan struct{} // closed when the console has ended
	reader  *wire.Reader
	idle    time.Duration
	tscKHz  int
}

// Boot starts the machine from nothing, with the initial file system in a file.
func (m Machine) Boot(initrd *os.File) (*VM, error) {
	if initrd != nil {
		st, err := initrd.Stat()
		if err != nil {
			return nil, fmt.Errorf("look at the initial file system: %w", err)
		}
		if room := m.initrd(); st.Size() > int64(room)<<20 {
			return nil, fmt.Errorf("the initial file system has %d MiB and there is room for %d: make the binary smaller, by -ldflags=-s for one", st.Size()>>20, room)
		}
	}
	ram, err := m.newRAM()
	if err != nil {
		return nil, err
	}
	khz := m.tscKHz()
	vm, err := m.start(ram, initrd,
		"-kernel", m.Kernel, "-initrd", fmt.Sprintf("/dev/fd/%d", fdInitrd),
		"-append", fmt.Sprintf("%s tsc_early_khz=%d", m.commandLine(), khz))
	if err != nil {
		return nil, err
	}
	vm.tscKHz = khz
	return vm, nil
}

// NewInitrd makes the file for [Machine.Boot] by calling write.
func NewInitrd(write func(io.Writer) error) (*os.File, error) {
	f, err := memfd("initrd", 0)
	if err != nil {
		return nil, err
	}
	if err := write(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func (m Machine) newRAM() (*os.File, error) {
	if m.Memory < MinMemory || m.Memory > MaxMemory {
		return nil, fmt.Errorf("guest with %d MiB: want %d to %d", m.Memory, MinMemory, MaxMemory)
	}
	return memfd("ram", int64(m.size())<<20)
}

// start starts QEMU on the RAM, which the VM owns from here on.
func (m Machine) start(ram, initrd *os.File, extra ...string) (*VM, error) {
	vm := &VM{ram: ram, copied: make(chan struct{})}
	var far [3]*os.File
	var err error
	for i, conn := range []**net.UnixConn{&vm.monitor, &vm.serial, &vm.bell} {
		if *conn, far[i], err = socket(); err != nil {
			break
		}
	}
	defer closeAll(far[:])
	if err == nil {
		err = vm.mapMailbox(int64(m.Memory) << 20)
	}
	if err == nil {
		files := append(far[:], ram)
		if initrd != nil {
			files = append(files, initrd)
		}
		vm.proc, err = start(m.Path, append(m.args(), extra...), files, m.CPUs)
	}
	if err != nil {
		close(vm.copied)
		return nil, errors.Join(err, vm.Close())
	}
	go vm.copyConsole(m.Console)
	return vm, nil
}

func (vm *VM) mapMailbox(offset int64) error {
	var err error
	vm.mapped, err = unix.Mmap(int(vm.ram.Fd()), offset, wire.MailboxSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return fmt.Errorf("map the guest's mailbox: %w", err)
	}
	if vm.box, err = wire.NewMailbox(vm.mapped); err != nil {
		return err
	}
	vm.reader = &wire.Reader{Box: vm.box, Bell: vm.waitBell, Ack: func() { _ = vm.send(wire.Ack) }}
	return nil
}

func (vm *VM) copyConsole(w io.Writer) {
	defer close(vm.copied)
	var out io.Writer = &vm.console
	if w != nil {
		out = io.MultiWriter(&vm.console, w)
	}
	if _, err := io.Copy(out, vm.serial); err != nil {
		// The writer failed: keep reading, or the guest would stand still.
		_, _ = io.Copy(&vm.console, vm.serial)
	}
}

// waitBell returns when the guest has rung, however often. What QEMU waited for a
// processor that others had is not the guest's silence.
func (vm *VM) waitBell() error {
	begun, before := time.Now(), vm.proc.starved()
	for waited := before; ; {
		deadline := time.Time{}
		if vm.idle > 0 {
			deadline = begun.Add(vm.idle + waited - before)
		}
		if err := vm.bell.SetReadDeadline(deadline); err != nil {
			return fmt.Errorf("wait for the guest: %w", err)
		}
		var b [256]byte
		_, err := vm.bell.Read(b[:])
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		if waited = vm.proc.starved(); time.Since(begun) >= vm.idle+waited-before {
			return err
		}
	}
}

func (vm *VM) send(b byte) error {
	_, err := vm.serial.Write([]byte{b})
	return err
}

// Next waits for the guest's next frame. Its errors are those of
// [wire.ReadFrame]: io.EOF when QEMU has ended, and os.ErrDeadlineExceeded when the
// guest sent nothing at all for the time of idle, if that is not zero; time in which
// QEMU had no processor is not counted.
func (vm *VM) Next(idle time.Duration) (wire.Frame, error) {
	vm.idle = idle
	f, err := wire.ReadFrame(vm.reader)
	if errors.Is(err, unix.ECONNRESET) {
		err = io.EOF
	}
	return f, err
}

// Kill ends the machine at once. [VM.Next] then returns io.EOF. It may be called
// at any time before Close.
func (vm *VM) Kill() { vm.proc.kill() }

// Go gives a guest that is ready its job.
func (vm *VM) Go(job wire.Job) error {
	if err := vm.box.PutJob(job); err != nil {
		return err
	}
	if err := vm.send(wire.Go); err != nil {
		return fmt.Errorf("tell the guest to go: %w", err)
	}
	return nil
}

// Wait waits until QEMU has ended by itself, or kills it after the grace.
func (vm *VM) Wait(grace time.Duration) {
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-vm.proc.exited:
	case <-timer.C:
		vm.proc.kill()
	}
}

// Autopsy ends the machine and tells how QEMU ended and what the console said
// last.
func (vm *VM) Autopsy() (state, console string) {
	select {
	case <-vm.proc.exited:
		state = vm.proc.state()
	default:
		state = "qemu still ran"
		vm.proc.kill()
	}
	<-vm.copied
	return state, vm.console.String()
}

// Close ends the machine and lets go of everything that belongs to it. It may be
// called more than once, but not while another method runs.
func (vm *VM) Close() error {
	if vm.proc != nil {
		vm.proc.kill()
	}
	<-vm.copied
	var errs []error
	for _, c := range []*net.UnixConn{vm.monitor, vm.serial, vm.bell} {
		if c != nil {
			_ = c.Close()
		}
	}
	if vm.mapped != nil {
		errs = append(errs, unix.Munmap(vm.mapped))
		vm.mapped, vm.box, vm.reader = nil, nil, nil
	}
	_ = vm.ram.Close()
	return errors.Join(errs...)
}

// Version asks QEMU for its version.
func Version(ctx context.Context) (string, error) {
	path, err := Find()
	if err != nil {
		return "", err
	}
	out, err := exec.CommandContext(ctx, path, "--version").Output()
	if err != nil {
		return "", fmt.Errorf("ask %s for its version: %w", path, err)
	}
	first, _, _ := strings.Cut(string(out), "\n")
	return strings.TrimPrefix(first, "QEMU emulator version "), nil
}
