package qemu

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestSnapshotFormat(t *testing.T) {
	ram := make([]byte, 64*pageSize)
	f, err := memfd("test", int64(len(ram)))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, page := range []int64{3, 4, 9, 63} {
		copy(ram[page*pageSize+5:], "in use")
	}
	if _, err := f.WriteAt(ram[:10*pageSize], 0); err != nil { // with zero pages in it
		t.Fatal(err)
	}
	if _, err := f.WriteAt(ram[63*pageSize:], 63*pageSize); err != nil {
		t.Fatal(err)
	}
	used, err := usedExtents(f, ram)
	want := []extent{{3 * pageSize, 2 * pageSize}, {9 * pageSize, pageSize}, {63 * pageSize, pageSize}}
	if diff := cmp.Diff(want, used); diff != "" || err != nil {
		t.Fatal(err, diff)
	}
	head := snapshotHead{TSC: 5, RAM: int64(len(ram)), State: 6, Extents: used}
	var file bytes.Buffer
	if err := encodeSnapshot(&file, head, strings.NewReader("device"), ram); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(ram))
	gotHead, state, err := decodeSnapshot(bytes.NewReader(file.Bytes()), got)
	if diff := cmp.Diff(head, gotHead); diff != "" || err != nil || string(state) != "device" || !bytes.Equal(got, ram) {
		t.Fatal(err, diff, string(state))
	}
	for at := 0; at < file.Len(); at += 97 {
		bad := bytes.Clone(file.Bytes())
		bad[at] ^= 1
		if _, _, err := decodeSnapshot(bytes.NewReader(bad), got); err == nil {
			t.Errorf("byte %d flipped: no error", at)
		}
		if _, _, err := decodeSnapshot(bytes.NewReader(bad[:at]), got); err == nil {
			t.Errorf("cut at %d: no error", at)
		}
	}
}

func FuzzDecodeSnapshot(f *testing.F) {
	ram := make([]byte, 4*pageSize)
	var file bytes.Buffer
	head := snapshotHead{TSC: 5, RAM: int64(len(ram)), State: 3, Extents: []extent{{pageSize, pageSize}}}
	if err := encodeSnapshot(&file, head, strings.NewReader("abc"), ram); err != nil {
		f.Fatal(err)
	}
	f.Add(file.Bytes())
	f.Add([]byte(snapshotMagic + "\x40\x00\x00\x00" + `{"ram":16384,"state":-1,"extents":[{"Off":-5,"Len":9}]}`))
	f.Fuzz(func(_ *testing.T, data []byte) {
		_, _, _ = decodeSnapshot(bytes.NewReader(data), make([]byte, 4*pageSize))
	})
}

func TestTSC(t *testing.T) {
	a, b := tscKHz(), tscKHz()
	if a < 100_000 || a > 20_000_000 || max(a, b)-min(a, b) > a/200 {
		t.Errorf("the counter runs at %d or %d kHz", a, b)
	}
}

// script plays QEMU's part of a conversation: what it says after each command.
func script(t *testing.T, greeting string, answers ...string) (*qmp, error) {
	t.Helper()
	conn, far, err := socket()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	go func() {
		defer far.Close()
		dec := json.NewDecoder(far)
		_, _ = io.WriteString(far, greeting)
		for _, a := range append([]string{`{"return":{}}`}, answers...) {
			var cmd struct{ Execute string }
			if dec.Decode(&cmd) != nil {
				return
			}
			_, _ = io.WriteString(far, a)
		}
	}()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return greet(ctx, conn)
}

const hello = `{"QMP": {"version": {}, "capabilities": []}}`

func TestQMP(t *testing.T) {
	done := `{"return":{}}` + "\n"
	running := `{"event":"MIGRATION","data":{"status":"active"}}`
	q, err := script(t, hello, done, done, running+done+`{"event":"MIGRATION","data":{"status":"completed"}}`, done)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(q.save(t.Context(), os.Stdin), q.resume(t.Context())); err != nil {
		t.Error(err)
	}
	q, err = script(t, hello, done, done, done+`{"event":"MIGRATION","data":{"status":"failed"}}`)
	if err != nil {
		t.Fatal(err)
	}
	if err := q.load(t.Context(), os.Stdin); err == nil || !strings.Contains(err.Error(), "could not move") {
		t.Errorf("failed migration: %v", err)
	}
	for _, answer := range []string{`{"error":{"class":"GenericError","desc":"no way"}}`, "rubbish", ""} {
		q, err := script(t, hello, answer)
		if err != nil {
			t.Fatal(err)
		}
		if err := q.resume(t.Context()); err == nil {
			t.Errorf("answer %q: no error", answer)
		}
	}
	if _, err := script(t, `{"event":"SHUTDOWN"}`); err == nil {
		t.Error("a greeting that is none is taken")
	}
}

func TestQMPContext(t *testing.T) {
	conn, far, err := socket()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	defer far.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := greet(ctx, conn); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("error %v", err)
	}
}

func TestTail(t *testing.T) {
	var c tail
	for range 5 * tailSize / 10 {
		if _, err := c.Write([]byte("0123456789")); err != nil {
			t.Fatal(err)
		}
	}
	if s := c.String(); len(s) != tailSize+3 || !strings.HasSuffix(s, "89") || !strings.HasPrefix(s, "...") {
		t.Errorf("%d bytes, ends in %q", len(s), s[len(s)-5:])
	}
}

func TestFind(t *testing.T) {
	dir := t.TempDir()
	usual, other := filepath.Join(dir, Binary), filepath.Join(dir, "newer")
	for _, path := range []string{usual, other} {
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir)
	for named, want := range map[string]string{"": usual, other: other, filepath.Join(dir, "gone"): ""} {
		t.Setenv(Variable, named)
		got, err := Find()
		if got != want || (want == "") != errors.Is(err, ErrNotFound) {
			t.Errorf("%s=%s: %q, want %q: %v", Variable, named, got, want, err)
		}
	}
}

func TestMemoryLimits(t *testing.T) {
	for _, mib := range []int{0, MinMemory - 1, MaxMemory + 1} {
		if vm, err := (Machine{Path: "/bin/false", Memory: mib}).Boot(nil); err == nil {
			t.Error(mib, "MiB is taken", vm.Close())
		}
	}
}

// TestStartFails takes a program that is none for QEMU.
func TestStartFails(t *testing.T) {
	if _, err := (Machine{Path: "/nonexistent", Memory: MinMemory}).Boot(nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v", err)
	}
	vm, err := Machine{Path: "/bin/false", Memory: MinMemory}.Boot(nil)
	if err != nil {
		t.Fatal(err)
	}
	if f, err := vm.Next(time.Minute); !errors.Is(err, io.EOF) {
		t.Errorf("frame %v, %v", f, err)
	}
	vm.Wait(time.Minute)
	if state, _ := vm.Autopsy(); !strings.Contains(state, "exit status 1") {
		t.Errorf("state %q", state)
	}
	if err := errors.Join(vm.Close(), vm.Close()); err != nil {
		t.Error(err)
	}
}
