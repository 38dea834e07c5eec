package qemu

import (
	"errors"
	"os"
	"testing"
	"time"
)

// TestStarved has a process that is kept from the processor by another one, and waits for
// it as for a guest: the time in which it had none is not its silence.
func TestStarved(t *testing.T) {
	burn := func() *process {
		p, err := start("/bin/sh", []string{"-c", "while :; do :; done"}, nil, []int{0})
		if err != nil {
			t.Skip(err)
		}
		t.Cleanup(p.kill)
		return p
	}
	bell, far, err := socket()
	if err != nil {
		t.Fatal(err)
	}
	defer bell.Close()
	defer far.Close()
	vm := &VM{proc: burn(), bell: bell, idle: 500 * time.Millisecond}
	burn()
	begun, before := time.Now(), vm.proc.starved()
	if err := vm.waitBell(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("a bell that nobody rings: %v", err)
	}
	starved := vm.proc.starved() - before
	if starved == 0 {
		t.Skip("this kernel tells of no waiting for processors")
	}
	// Waiting that goes on is told when it is over: a quarter for that.
	if had := time.Since(begun) - starved; had < vm.idle*3/4 {
		t.Errorf("it was given up after %v, %v of which it had no processor", time.Since(begun), starved)
	}
	if _, err := far.Write([]byte{0}); err != nil {
		t.Fatal(err)
	}
	if err := vm.waitBell(); err != nil {
		t.Errorf("a bell that was rung: %v", err)
	}
}
