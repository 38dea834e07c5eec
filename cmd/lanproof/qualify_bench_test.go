package main

import (
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/lanproof/lanproof/internal/rtnl"
	"github.com/lanproof/lanproof/qualify/record"
)

// BenchmarkQualify measures the core profile with its cases, once for each: on two of
// QEMU's cards, whose guest's boot is in the whole and not in what was measured, and on
// a veth in place of a card.
func BenchmarkQualify(b *testing.B) {
	for _, model := range []string{"e1000e", "virtio-net-pci"} {
		b.Run(model, func(b *testing.B) {
			if _, err := exec.LookPath("qemu-system-x86_64"); err != nil {
				b.Skipf("there is no emulator: %v", err)
			}
			benchQualify(b, func(run func() error) error { return run() }, "--emulate", model)
		})
	}
	b.Run("veth", func(b *testing.B) {
		b.Setenv("LANPROOF_STATE", b.TempDir())
		benchQualify(b, machine(b, oneCable).Do, "--dut", "eth1", "--peer", "eth2")
	})
}

func benchQualify(b *testing.B, in func(func() error) error, args ...string) {
	dir := b.TempDir()
	var took time.Duration
	for b.Loop() {
		if took != 0 {
			continue
		}
		cmd := exec.Command(filepath.Join(bin, "lanproof"), append([]string{"qualify", "--out", dir}, args...)...)
		start := time.Now()
		var said []byte
		err := in(func() (err error) { said, err = cmd.CombinedOutput(); return err })
		took = time.Since(start)
		// A card that does not conform is measured like another.
		if err != nil && cmd.ProcessState.ExitCode() != exitFail {
			b.Fatalf("%v\n%s", err, said)
		}
	}
	bundle, err := record.OpenBundle(dir)
	if err != nil {
		b.Fatal(err)
	}
	defer bundle.Close()
	q, err := bundle.Qualification()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(took.Seconds(), "whole-s")
	b.ReportMetric(q.Duration.Seconds(), "measured-s")
	b.ReportMetric(float64(len(q.Results)), "requirements")
}

// oneCable makes two ports and a cable.
func oneCable() error {
	c, err := rtnl.OpenHere()
	if err != nil {
		return err
	}
	defer c.Close()
	return c.NewLink(&rtnl.Link{Name: "eth1", Kind: "veth", Peer: &rtnl.Link{Name: "eth2"}})
}
