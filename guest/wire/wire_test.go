package wire

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestFrames(t *testing.T) {
	frames := []Frame{
		{Ready, []byte("6.1.0")},
		{Begun, []byte{}},
		{Line, []byte("a line\n\x00")},
		{Line, bytes.Repeat([]byte("x"), 5000)},
		{Done, []byte{}},
	}
	var stream bytes.Buffer
	for _, f := range frames {
		if err := WriteFrame(&stream, f.Kind, f.Body[:len(f.Body)/2], f.Body[len(f.Body)/2:]); err != nil {
			t.Fatal(err)
		}
	}
	if err := WriteBlob(&stream, "name", []byte("data")); err != nil {
		t.Fatal(err)
	}
	for _, want := range frames {
		got, err := ReadFrame(&stream)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Fatal(err, diff)
		}
	}
	f, err := ReadFrame(&stream)
	if err != nil || f.Kind != Blob {
		t.Fatal(f, err)
	}
	if name, data, err := SplitBlob(f.Body); name != "name" || string(data) != "data" || err != nil {
		t.Errorf("blob %q %q %v", name, data, err)
	}
	if _, err := ReadFrame(&stream); !errors.Is(err, io.EOF) {
		t.Errorf("end: %v", err)
	}
}

func TestFrameErrors(t *testing.T) {
	var good bytes.Buffer
	if err := WriteFrame(&good, Line, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	for i := range good.Bytes() {
		bad := bytes.Clone(good.Bytes())
		bad[i] ^= 0x40
		if f, err := ReadFrame(bytes.NewReader(bad)); !errors.Is(err, ErrCorrupt) && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("byte %d flipped: %v, %v", i, f, err)
		}
		if _, err := ReadFrame(bytes.NewReader(good.Bytes()[:i])); i > 0 && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("cut at %d: %v", i, err)
		}
	}
	for _, name := range []string{"", string(make([]byte, 256))} {
		if err := WriteBlob(io.Discard, name, nil); err == nil {
			t.Errorf("name of %d bytes is taken", len(name))
		}
	}
}

func FuzzReadFrame(f *testing.F) {
	var seed bytes.Buffer
	if err := WriteBlob(&seed, "n", []byte("data")); err != nil {
		f.Fatal(err)
	}
	f.Add(seed.Bytes())
	f.Add([]byte("L\xff\xff\xff\x3f\x00\x00\x00\x00"))
	f.Fuzz(func(_ *testing.T, data []byte) {
		r := bytes.NewReader(data)
		for {
			frame, err := ReadFrame(r)
			if err != nil {
				return
			}
			if _, _, err := SplitBlob(frame.Body); err != nil {
				continue
			}
		}
	})
}

func newBox(tb testing.TB) *Mailbox {
	tb.Helper()
	box, err := NewMailbox(make([]byte, MailboxSize))
	if err != nil {
		tb.Fatal(err)
	}
	return box
}

func TestJob(t *testing.T) {
	box := newBox(t)
	want := Job{Time: time.Unix(1_700_000_000, 5), Data: bytes.Repeat([]byte("job"), 5000)}
	want.Seed[3] = 7
	if err := box.PutJob(want); err != nil {
		t.Fatal(err)
	}
	got, err := box.Job()
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Fatal(err, diff)
	}
	box.mem[headerPage+5] ^= 1
	if _, err := box.Job(); !errors.Is(err, ErrCorrupt) {
		t.Errorf("damaged job: %v", err)
	}
	box.mem[offJob+5] = 1
	if _, err := box.Job(); !errors.Is(err, ErrCorrupt) {
		t.Errorf("job of a wild length: %v", err)
	}
	largest := bytes.Repeat([]byte("j"), MaxJob)
	if err := box.PutJob(Job{Data: largest}); err != nil {
		t.Error(err)
	}
	if got, err := box.Job(); err != nil || !bytes.Equal(got.Data, largest) {
		t.Errorf("largest job: %v", err)
	}
	if err := box.PutJob(Job{Data: make([]byte, MaxJob+1)}); err == nil {
		t.Error("a job that is too large is taken")
	}
	if _, err := NewMailbox(make([]byte, 5)); err == nil {
		t.Error("a mailbox that is too small is taken")
	}
}

// ends joins a writer and a reader as the machine does: a bell and a serial line.
func ends(box *Mailbox) (*Writer, *Reader, func()) {
	bell, serial := make(chan struct{}, 1000), make(chan struct{}, 1000)
	w := &Writer{
		Box:  box,
		Ring: func() error { bell <- struct{}{}; return nil },
		Wait: func() error { <-serial; return nil },
	}
	r := &Reader{
		Box: box,
		Bell: func() error {
			if _, ok := <-bell; !ok {
				return io.EOF
			}
			return nil
		},
		Ack: func() { serial <- struct{}{} },
	}
	return w, r, func() { close(bell) }
}

// TestStream sends several rings full in pieces of all sizes; every byte arrives.
func TestStream(t *testing.T) {
	w, r, end := ends(newBox(t))
	sent := make(chan [32]byte, 1)
	go func() {
		defer end()
		random := rand.New(rand.NewPCG(1, 2))
		sum := sha256.New()
		piece := make([]byte, 3*ringSize/2)
		for i := range piece {
			piece[i] = byte(random.Uint32())
		}
		for range 40 {
			p := piece[:random.IntN(len(piece))]
			sum.Write(p)
			if n, err := w.Write(p); n != len(p) || err != nil {
				t.Error(n, err)
			}
		}
		sent <- [32]byte(sum.Sum(nil))
	}()
	got := sha256.New()
	if _, err := io.Copy(got, r); err != nil {
		t.Fatal(err)
	}
	if want := <-sent; [32]byte(got.Sum(nil)) != want {
		t.Error("what arrived is not what was sent")
	}
}

func TestStreamEnds(t *testing.T) {
	w, r, end := ends(newBox(t))
	if _, err := w.Write([]byte("last words")); err != nil {
		t.Fatal(err)
	}
	end()
	if text, err := io.ReadAll(r); string(text) != "last words" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
	r.Box.word(offHead).Add(ringSize + 1)
	if _, err := r.Read(make([]byte, 1)); !errors.Is(err, ErrCorrupt) {
		t.Errorf("wild head: %v", err)
	}
}
