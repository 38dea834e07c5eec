package guest_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lanproof/lanproof/guest"
)

func snapshots(t *testing.T, o guest.Options) []string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(o.Cache, "snapshots", "*"))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// restored runs without a kernel to boot: only a snapshot can answer.
func restored(t *testing.T, o guest.Options) error {
	t.Helper()
	o.Kernel.Image = filepath.Join(t.TempDir(), "none")
	got := run(t.Context(), "echo x", o)
	if got.err == nil && !slices.Equal(got.lines, []string{"x"}) {
		t.Errorf("lines %q", got.lines)
	}
	return got.err
}

func TestSnapshot(t *testing.T) {
	kernels(t, func(t *testing.T, o guest.Options) {
		o.Snapshot = true
		if err := restored(t, o); err == nil {
			t.Fatal("there is no snapshot yet")
		}
		if got := run(t.Context(), "echo x", o); got.err != nil {
			t.Fatal(got.err)
		}
		for range 3 {
			if err := restored(t, o); err != nil {
				t.Fatal(err)
			}
		}
		over, cancel := context.WithCancel(t.Context())
		cancel()
		if got := run(over, "echo x", o); !errors.Is(got.err, context.Canceled) || len(snapshots(t, o)) != 1 {
			t.Errorf("a cancelled run: %v, snapshots %v", got.err, snapshots(t, o))
		}
		other, bigger := o, o
		other.Init = build(t, "init", "other")
		bigger.Memory = 300
		for _, changed := range []guest.Options{other, bigger} {
			if err := restored(t, changed); err == nil {
				t.Error("a snapshot of something else was taken")
			}
			if got := run(t.Context(), "echo x", changed); got.err != nil {
				t.Error(got.err)
			}
		}
		if n := len(snapshots(t, o)); n != 3 {
			t.Errorf("%d snapshots", n)
		}
		bigger.Memory = 200
		if got := run(t.Context(), "echo x", bigger); got.err != nil || len(snapshots(t, o)) != 3 {
			t.Errorf("%v, snapshots %v", got.err, snapshots(t, o))
		}
	})
}

// TestBadSnapshot damages a snapshot in several ways. Each time the guest is booted
// and a new snapshot made, which works.
func TestBadSnapshot(t *testing.T) {
	o := options(t, "debian:6.12")
	noGuestLeft(t)
	o.Snapshot, o.BootLimit = true, 10*time.Second
	if got := run(t.Context(), "echo x", o); got.err != nil {
		t.Fatal(got.err)
	}
	for _, tt := range []struct {
		name   string
		damage func(snap []byte) []byte
		note   string
	}{
		{"flipped byte", func(s []byte) []byte { s[len(s)/2] ^= 1; return s }, "checksum is wrong"},
		{"truncated", func(s []byte) []byte { return s[:len(s)/2] }, "cut short"},
		{"empty", func([]byte) []byte { return nil }, "cut short"},
		{"rubbish", func(s []byte) []byte { return bytes.Repeat([]byte("x"), len(s)) }, "not a snapshot"},
		{"bad device state", func(s []byte) []byte {
			state := s[12+binary.LittleEndian.Uint32(s[8:]):]
			clear(state[:5000])
			return seal(s)
		}, "snapshot is of no use"},
		{"bad memory", func(s []byte) []byte { clear(s[len(s)/10 : len(s)-4]); return seal(s) }, "dropping the snapshot"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			file := snapshots(t, o)[0]
			snap, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, tt.damage(snap), 0o600); err != nil {
				t.Fatal(err)
			}
			var console bytes.Buffer
			o := o
			o.Console = &console
			if got := run(t.Context(), "echo x", o); got.err != nil || !slices.Equal(got.lines, []string{"x"}) {
				t.Fatal(got)
			}
			if !strings.Contains(console.String(), tt.note) {
				t.Errorf("console: %s", console.String())
			}
			if err := restored(t, o); err != nil {
				t.Errorf("new snapshot: %v", err)
			}
		})
	}
}

// seal makes the checksum of a snapshot right.
func seal(s []byte) []byte {
	n := len(s) - 4
	binary.LittleEndian.PutUint32(s[n:], crc32.Checksum(s[:n], crc32.MakeTable(crc32.Castagnoli)))
	return s
}

// TestTogether runs several guests at once on an empty snapshot cache.
func TestTogether(t *testing.T) {
	o := options(t, "debian:6.12")
	noGuestLeft(t)
	o.Snapshot = true
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			word := fmt.Sprint(i)
			if got := run(t.Context(), "echo "+word, o); got.err != nil || !slices.Equal(got.lines, []string{word}) {
				t.Error(got)
			}
		})
	}
	wg.Wait()
	if all := snapshots(t, o); len(all) != 1 {
		t.Errorf("snapshots %v", all)
	}
}
