package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/lanproof/lanproof/qualify/record"
)

func TestPage(t *testing.T) {
	q := &record.Qualification{
		Started: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Profile: record.Full, Restored: true,
		DUT: record.Port{Driver: "e1000e", Model: "e1000e"}, Machine: record.Machine{Kernel: "6.12.1", Emulator: "QEMU 7.2"},
		Results: []record.Result{{ID: "own-address", Profile: record.Core, Facts: []record.Fact{{Name: "a", Want: "b", Got: "b"}}}},
	}
	q.Finish(nil)
	other := *q
	other.DUT.Model, other.Machine.Emulator = "igb", "QEMU 10.0"
	var b bytes.Buffer
	if err := writePage(&b, []*record.Qualification{q, &other}, []string{"ne2k_pci"}, []string{"vlan-4094"}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"profile full`", "Linux 6.12.1 under QEMU 7.2 (igb: QEMU 10.0) on 2026-01-02", "has them not: ne2k_pci.", "emulation: vlan-4094.", "| **own-address** | pass | pass |"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
	if err := writePage(&b, nil, nil, nil); err == nil {
		t.Error("a table of nothing")
	}
}
