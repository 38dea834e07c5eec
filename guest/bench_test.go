package guest_test

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lanproof/lanproof/guest"
	"github.com/lanproof/lanproof/guest/initrd"
)

// BenchmarkFirstLine measures, in turns, the time to the first line of a plain QEMU
// with the smallest init that loads the same modules (the peer), of a guest booted
// from nothing, and of one restored from its snapshot. The medians and their ratios
// to the peer's are reported.
func BenchmarkFirstLine(b *testing.B) {
	for _, spec := range []string{"debian:6.12", "debian:6.1"} {
		b.Run(spec, func(b *testing.B) {
			cold := options(b, spec)
			warm := cold
			warm.Snapshot = true
			peer := newPeer(b, cold.Kernel)
			firstLine(b, warm) // makes the snapshot
			var times [3][]time.Duration
			for b.Loop() {
				times[0] = append(times[0], peer.firstLine(b))
				times[1] = append(times[1], firstLine(b, cold))
				times[2] = append(times[2], firstLine(b, warm))
			}
			var median [3]float64
			for i, t := range times {
				slices.Sort(t)
				median[i] = t[len(t)/2].Seconds()
			}
			b.ReportMetric(median[0], "peer-s")
			b.ReportMetric(median[1], "cold-s")
			b.ReportMetric(median[2], "restored-s")
			b.ReportMetric(median[1]/median[0], "cold/peer")
			b.ReportMetric(median[2]/median[0], "restored/peer")
		})
	}
}

// BenchmarkThroughput measures a job of 500 KB and a blob of 5 MB in a restored
// guest, beside one that does nothing.
func BenchmarkThroughput(b *testing.B) {
	o := options(b, "debian:6.12")
	o.Snapshot = true
	for name, job := range map[string]string{
		"nothing":    "echo x",
		"job-500KB":  "echo " + strings.Repeat("x", 500_000),
		"blob-5MB":   "blob 5000000",
		"lines-5000": "lines 5000",
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if got := run(b.Context(), job, o); got.err != nil {
					b.Fatal(got.err)
				}
			}
		})
	}
}

func firstLine(b *testing.B, o guest.Options) time.Duration {
	b.Helper()
	var first time.Duration
	start := time.Now()
	err := guest.Run(b.Context(), []byte("echo x"), o, func([]byte) { first = time.Since(start) }, nil)
	if err != nil {
		b.Fatal(err)
	}
	return first
}

// peer is a plain QEMU.
type peer struct{ kernel, initrd string }

func newPeer(b *testing.B, k guest.Kernel) peer {
	b.Helper()
	init, err := os.ReadFile(build(b, "peer", ""))
	if err != nil {
		b.Fatal(err)
	}
	files := []initrd.File{{Path: "init", Mode: 0o755, Data: init}}
	var order strings.Builder
	for _, m := range k.Modules {
		fmt.Fprintln(&order, m.Name)
		files = append(files, initrd.File{Path: "modules/" + m.Name + ".ko", Data: m.Data})
	}
	files = append(files, initrd.File{Path: "modules/order", Data: []byte(order.String())})
	p := peer{kernel: k.Image, initrd: filepath.Join(b.TempDir(), "initrd")}
	f, err := os.Create(p.initrd)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	if err := initrd.Write(f, files); err != nil {
		b.Fatal(err)
	}
	return p
}

// firstLine is the recipe for a fast cold boot, as a shell user would type it.
func (p peer) firstLine(b *testing.B) time.Duration {
	b.Helper()
	start := time.Now()
	cmd := exec.CommandContext(b.Context(), "qemu-system-x86_64", "-M", "microvm,acpi=off", "-accel", "tcg,thread=multi",
		"-cpu", "max", "-m", "256", "-smp", "1", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
		"-kernel", p.kernel, "-initrd", p.initrd, "-append", "quiet loglevel=0 tsc=reliable tsc_early_khz="+cpuKHz(b)+
			" nokaslr random.trust_cpu=on audit=0 cryptomgr.notests initcall_blacklist="+
			"load_system_certificate_list,jent_mod_init,bpf_tcp_ca_kfunc_init,bpf_dummy_struct_ops_init,"+
			"crypto_algapi_init,init_encrypted,crypto_kdf108_init",
		"-chardev", "stdio,id=o,signal=off", "-device", "isa-debugcon,iobase=0xe9,chardev=o",
		"-device", "isa-debug-exit,iobase=0x501,iosize=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	line := make([]byte, len("PASS\n"))
	if _, err := io.ReadFull(out, line); err != nil || string(line) != "PASS\n" {
		b.Fatalf("peer said %q: %v", line, err)
	}
	first := time.Since(start)
	_ = cmd.Wait() // its status is 1
	return first
}

func cpuKHz(b *testing.B) string {
	b.Helper()
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "cpu MHz")
	var mhz float64
	if _, err := fmt.Sscanf(strings.TrimLeft(rest, "\t :"), "%f", &mhz); err != nil {
		b.Fatal(err)
	}
	return fmt.Sprint(int(mhz * 1000))
}
