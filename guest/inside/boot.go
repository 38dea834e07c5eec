package inside

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"github.com/lanproof/lanproof/guest/wire"
	"golang.org/x/sys/unix"
)

// MailboxParam is the parameter of the kernel's command line that holds the
// physical address of the mailbox.
const MailboxParam = "lanproof.mailbox="

// boot brings the guest up to the point where it can take a job.
func boot() (*machine, error) {
	if err := mountAll(); err != nil {
		return nil, err
	}
	// Missing modules show as missing features; the console tells why.
	if err := loadModules("/" + ModuleDir); err != nil {
		fmt.Fprintln(os.Stderr, "lanproof guest:", err)
	}
	if err := errors.Join(loopbackUp(), limitMemory()); err != nil {
		return nil, err
	}
	box, err := openMailbox()
	if err != nil {
		return nil, err
	}
	serial, err := openSerial("/dev/ttyS0")
	if err != nil {
		return nil, err
	}
	var uts unix.Utsname
	if err := unix.Uname(&uts); err != nil {
		return nil, fmt.Errorf("ask for the kernel's release: %w", err)
	}
	return &machine{box: box, serial: serial, release: unix.ByteSliceToString(uts.Release[:])}, nil
}

// mountAll mounts what programs expect. devtmpfs is mounted by the kernel itself
// on some kernels, so that one may be busy.
func mountAll() error {
	mounts := []struct{ dir, kind string }{
		{"/proc", "proc"},
		{"/sys", "sysfs"},
		{"/dev", "devtmpfs"},
		{"/run", "tmpfs"},
		{"/tmp", "tmpfs"},
	}
	for _, m := range mounts {
		if _, err := os.Stat(m.dir); err == nil && m.kind == "tmpfs" {
			continue // there are programs of the host's in it, and it is in memory as it is
		}
		if err := os.MkdirAll(m.dir, 0o755); err != nil {
			return fmt.Errorf("make a mount point: %w", err)
		}
		err := unix.Mount(m.kind, m.dir, m.kind, 0, "")
		if err != nil && !errors.Is(err, unix.EBUSY) {
			return fmt.Errorf("mount %s: %w", m.dir, err)
		}
	}
	return mountOptional()
}

// mountOptional mounts what container engines expect, where the kernel has it.
func mountOptional() error {
	mounts := []struct{ dir, kind string }{
		{"/sys/fs/cgroup", "cgroup2"},
		{"/dev/pts", "devpts"},
		{"/dev/shm", "tmpfs"},
		{"/dev/mqueue", "mqueue"},
	}
	for _, m := range mounts {
		if err := os.MkdirAll(m.dir, 0o755); err != nil {
			continue // /sys has a place for what it has only
		}
		err := unix.Mount(m.kind, m.dir, m.kind, 0, "")
		if err != nil && !errors.Is(err, unix.ENODEV) && !errors.Is(err, unix.EBUSY) {
			return fmt.Errorf("mount %s: %w", m.dir, err)
		}
	}
	return nil
}

// loadModules loads the modules that the order file names. It goes on after an
// error and returns all of them.
func loadModules(dir string) error {
	order, err := os.ReadFile(filepath.Join(dir, OrderFile))
	if err != nil {
		return fmt.Errorf("read the module order: %w", err)
	}
	var errs []error
	for name := range strings.FieldsSeq(string(order)) {
		errs = append(errs, loadModule(filepath.Join(dir, name+".ko")))
	}
	return errors.Join(errs...)
}

func loadModule(file string) error {
	f, err := os.Open(file)
	if err != nil {
		return fmt.Errorf("load module: %w", err)
	}
	defer f.Close()
	err = unix.FinitModule(int(f.Fd()), "", 0)
	if err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("load module %s: %w", file, err)
	}
	return nil
}

// loopbackUp brings lo up, as every system has it.
func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("bring lo up: %w", err)
	}
	defer unix.Close(fd)
	req, err := unix.NewIfreq("lo")
	if err != nil {
		return fmt.Errorf("bring lo up: %w", err)
	}
	req.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, req); err != nil {
		return fmt.Errorf("bring lo up: %w", err)
	}
	return nil
}

// limitMemory makes the garbage collector work harder before the kernel has to
// kill init, and lifts the limit on open files.
func limitMemory() error {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return fmt.Errorf("ask for the memory: %w", err)
	}
	debug.SetMemoryLimit(int64(info.Totalram) * int64(info.Unit) / 2)
	const files = 1 << 20
	limit := unix.Rlimit{Cur: files, Max: files}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("raise the limit of open files: %w", err)
	}
	return nil
}

// openMailbox maps the mailbox, which the kernel was told to leave alone.
func openMailbox() (*wire.Mailbox, error) {
	cmdline, err := os.ReadFile("/proc/cmdline")
	if err != nil {
		return nil, fmt.Errorf("look for the mailbox: %w", err)
	}
	_, rest, ok := bytes.Cut(cmdline, []byte(MailboxParam))
	fields := strings.Fields(string(rest))
	if !ok || len(fields) == 0 {
		return nil, fmt.Errorf("look for the mailbox: no %s on the kernel's command line", MailboxParam)
	}
	base, err := strconv.ParseInt(fields[0], 0, 64)
	if err != nil {
		return nil, fmt.Errorf("look for the mailbox: %w", err)
	}
	mem, err := os.OpenFile("/dev/mem", os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("open the mailbox (the kernel needs CONFIG_DEVMEM): %w", err)
	}
	defer mem.Close()
	data, err := unix.Mmap(int(mem.Fd()), base, wire.MailboxSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map the mailbox: %w", err)
	}
	return wire.NewMailbox(data)
}

// openSerial opens the serial line raw: no echo, no line discipline, a read
// returns with the first byte. The descriptor blocks, so that a read that waits
// for the host keeps the processor idle.
func openSerial(name string) (*os.File, error) {
	fd, err := unix.Open(name, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", name, err)
	}
	t, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return nil, fmt.Errorf("make %s raw: %w", name, err)
	}
	t.Iflag = unix.IGNBRK
	t.Oflag = unix.OPOST | unix.ONLCR // the console's own lines still end in CR LF
	t.Lflag = 0
	t.Cflag |= unix.CS8 | unix.CREAD | unix.CLOCAL
	t.Cc[unix.VMIN], t.Cc[unix.VTIME] = 1, 0
	if err := unix.IoctlSetTermios(fd, unix.TCSETS, t); err != nil {
		return nil, fmt.Errorf("make %s raw: %w", name, err)
	}
	return os.NewFile(uintptr(fd), name), nil
}

// setClock sets the wall clock, so that captures carry the right time.
func setClock(now time.Time) error {
	ts := unix.NsecToTimespec(now.UnixNano())
	if err := unix.ClockSettime(unix.CLOCK_REALTIME, &ts); err != nil {
		return fmt.Errorf("set the clock: %w", err)
	}
	return nil
}

// reseed gives the kernel random bytes of this run's own and has it use them at
// once (kernel: drivers/char/random.c:random_ioctl), so that copies of one
// snapshot do not choose the same MAC addresses.
func reseed(seed []byte) error {
	f, err := os.OpenFile("/dev/urandom", os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("seed the random numbers: %w", err)
	}
	defer f.Close()
	var pool struct { // struct rand_pool_info
		bits, size int32
		buf        [wire.SeedSize]byte
	}
	pool.bits, pool.size = int32(len(pool.buf)*8), int32(copy(pool.buf[:], seed))
	for _, req := range []uintptr{unix.RNDADDENTROPY, unix.RNDRESEEDCRNG} {
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), req, uintptr(unsafe.Pointer(&pool))); errno != 0 {
			return fmt.Errorf("seed the random numbers: %w", errno)
		}
	}
	return nil
}
