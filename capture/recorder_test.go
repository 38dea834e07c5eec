package capture_test

import (
	"bytes"
	"io"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lanproof/lanproof/capture"
)

func at(ns int) time.Time { return time.Unix(1_700_000_000, int64(ns)).UTC() }

func TestRecorderNumbersByTime(t *testing.T) {
	var r capture.Recorder
	iface := r.Interface("host/eth0", "")
	var handles []int
	for i, ns := range []int{30, 10, 20, 10, 30} {
		handles = append(handles, r.Add(iface, capture.Frame{Time: at(ns), Data: []byte{byte(i)}}))
	}
	check := func(when string, want ...int) {
		t.Helper()
		var got []int
		for _, h := range handles {
			got = append(got, r.Number(h))
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", when, d)
		}
	}
	check("before the file", 4, 1, 3, 2, 5)
	for i, p := range read(t, write(t, &r)).Packets {
		if n := r.Number(handles[p.Frame.Data[0]]); n != i+1 {
			t.Errorf("packet %d of the file has number %d", i+1, n)
		}
	}
	check("after the file", 4, 1, 3, 2, 5)
	handles = append(handles, r.Add(iface, capture.Frame{Time: at(0)}))
	check("one more, the first", 5, 2, 4, 3, 6, 1)
	if r.Number(-1) != 0 || r.Number(r.Len()) != 0 {
		t.Error("number for what is no handle")
	}
}

func TestRecorderKeepsEqualTimesInOrder(t *testing.T) {
	var r capture.Recorder
	iface := r.Interface("host/eth0", "")
	for i := range 100 {
		r.Add(iface, capture.Frame{Time: at(i % 2)})
	}
	for h := range r.Len() {
		if want := h/2 + 1 + h%2*50; r.Number(h) != want {
			t.Errorf("frame %d has number %d, want %d", h, r.Number(h), want)
		}
	}
}

func TestRecorderMisuse(t *testing.T) {
	var r capture.Recorder
	if n, err := r.WriteTo(io.Discard); n == 0 || err != nil {
		t.Errorf("empty recorder: %d bytes, %v", n, err)
	}
	h := r.Add(0, capture.Frame{})
	r.Comment(h, "lost")
	r.Identify(h, 1)
	if h != -1 || r.Len() != 0 || r.Number(h) != 0 {
		t.Errorf("handle %d, %d frames", h, r.Len())
	}
	if n, err := r.WriteTo(io.Discard); n != 0 || err == nil {
		t.Errorf("a frame of no interface: %d bytes, %v", n, err)
	}
	r = capture.Recorder{}
	r.Statistics(0, capture.Stats{})
	if _, err := r.WriteTo(io.Discard); err == nil {
		t.Error("statistics of no interface are accepted")
	}
}

func TestCommentsAfterAFirstFile(t *testing.T) {
	var r capture.Recorder
	h := r.Add(r.Interface("a", ""), capture.Frame{})
	first := write(t, &r)
	r.Comment(h, "one")
	r.Comment(h, "two")
	r.Identify(h, 7)
	p := read(t, write(t, &r)).Packets[0]
	if d := cmp.Diff([]string{"one", "two"}, p.Comments); d != "" || p.ID != 7 {
		t.Errorf("id %d, comments (-want +got):\n%s", p.ID, d)
	}
	if read(t, first).Packets[0].Comments != nil {
		t.Error("comments before they were made")
	}
}

func TestStatistics(t *testing.T) {
	var r capture.Recorder
	r.Interface("a", "")
	b := r.Interface("b", "with a tap")
	r.Statistics(b, capture.Stats{Received: 1 << 33, Dropped: 1})
	want := []capture.Interface{{Name: "a"}, {Name: "b", Description: "with a tap", Stats: &capture.Stats{Received: 1 << 33, Dropped: 1}}}
	if d := cmp.Diff(want, read(t, write(t, &r)).Interfaces); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// write is a file as bytes.
func write(tb testing.TB, w io.WriterTo) []byte {
	tb.Helper()
	var buf bytes.Buffer
	n, err := w.WriteTo(&buf)
	check(tb, err)
	if n != int64(buf.Len()) {
		tb.Errorf("%d bytes written, %d said", buf.Len(), n)
	}
	return buf.Bytes()
}

func read(tb testing.TB, data []byte) *capture.Trace {
	tb.Helper()
	trace, err := capture.ReadNG(bytes.NewReader(data))
	check(tb, err)
	return trace
}

func TestRecorderDiscards(t *testing.T) {
	r := capture.Recorder{Discard: true}
	iface := r.Interface("a/eth0", "")
	handle := r.Add(iface, capture.Frame{Data: make([]byte, 14)})
	r.Comment(handle, "nobody reads this")
	if handle != -1 || r.Len() != 0 || r.Number(handle) != 0 {
		t.Errorf("a recorder that discards gives handle %d, number %d, and has %d frames", handle, r.Number(handle), r.Len())
	}
	if r.Add(iface+1, capture.Frame{}); r.Len() != 0 {
		t.Error("it kept a frame of an interface that is none")
	}
	if _, err := r.WriteTo(io.Discard); err == nil {
		t.Error("it does not say that a frame was of no interface")
	}
}
