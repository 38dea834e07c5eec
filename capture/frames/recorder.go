package frames

import (
	"fmt"
	"io"
	"slices"
)

// Recorder collects in memory what the taps of one case saw. What came of a
// frame is often known later than the frame: comments can be added to it until
// the file is written. The zero value is an empty recorder.
type Recorder struct {
	Section // said about the whole file
	// Discard keeps no frames: Add's handles are -1.
	Discard bool

	interfaces []Interface
	packets    []Packet // by handle
	order      []int    // handles in the order of the file; nil when not sorted
	number     []int    // numbers in the file, by handle; nil when not sorted
	err        error    // the first misuse
}

// Interface adds a device, by its name "node/link" and in words, and returns
// the number that Add knows it by.
func (r *Recorder) Interface(name, description string) int {
	r.interfaces = append(r.interfaces, Interface{Name: name, Description: description})
	return len(r.interfaces) - 1
}

// Statistics says what the tap on a device counted in the end.
func (r *Recorder) Statistics(iface int, s Stats) {
	if iface < 0 || iface >= len(r.interfaces) {
		r.misuse("statistics", iface)
		return
	}
	r.interfaces[iface].Stats = &s
}

// Add records a frame, which is the recorder's from then on, and returns a
// handle for it. A frame of an interface that was never added is left out: the
// handle is -1, and WriteTo says so. It is -1 with Discard, too.
func (r *Recorder) Add(iface int, f Frame) int {
	if iface < 0 || iface >= len(r.interfaces) {
		r.misuse("a frame", iface)
		return -1
	}
	if r.Discard {
		return -1
	}
	r.packets = append(r.packets, Packet{Interface: iface, Frame: f})
	r.order, r.number = nil, nil
	return len(r.packets) - 1
}

// Comment adds a line for readers to a frame; it may have several.
func (r *Recorder) Comment(handle int, text string) {
	if r.has(handle) {
		r.packets[handle].Comments = append(r.packets[handle].Comments, text)
	}
}

// Identify gives a frame an id other than 0. The same probe seen on several
// devices should have the same, so that Wireshark's frame.packet_id follows it.
func (r *Recorder) Identify(handle int, id uint64) {
	if r.has(handle) {
		r.packets[handle].ID = id
	}
}

// Number is the number that a frame has in the file, from 1 as Wireshark
// counts, and 0 for what is no handle. It needs no file, but every frame: one
// added later with an earlier time stamp moves the numbers.
func (r *Recorder) Number(handle int) int {
	if !r.has(handle) {
		return 0
	}
	r.sort()
	return r.number[handle]
}

// Len is how many frames were recorded.
func (r *Recorder) Len() int { return len(r.packets) }

// Trace is what was recorded, in the order of the file: by time, and as they
// were added where the time stamps are equal. It shares the frames' bytes.
func (r *Recorder) Trace() *Trace {
	r.sort()
	t := &Trace{
		Section:    r.Section,
		Interfaces: slices.Clone(r.interfaces),
		Packets:    make([]Packet, len(r.packets)),
	}
	for i, handle := range r.order {
		t.Packets[i] = r.packets[handle]
	}
	return t
}

// WriteTo writes the file, see Trace.WriteTo. What was recorded stays.
func (r *Recorder) WriteTo(w io.Writer) (int64, error) {
	if r.err != nil {
		return 0, r.err
	}
	return r.Trace().WriteTo(w)
}

var _ io.WriterTo = (*Recorder)(nil)

func (r *Recorder) has(handle int) bool { return handle >= 0 && handle < len(r.packets) }

func (r *Recorder) misuse(what string, iface int) {
	if r.err == nil {
		r.err = fmt.Errorf("record %s: no interface %d among %d", what, iface, len(r.interfaces))
	}
}

func (r *Recorder) sort() {
	if r.number != nil {
		return
	}
	r.order = make([]int, len(r.packets))
	r.number = make([]int, len(r.packets))
	for i := range r.order {
		r.order[i] = i
	}
	slices.SortStableFunc(r.order, func(a, b int) int {
		return r.packets[a].Frame.Time.Compare(r.packets[b].Frame.Time)
	})
	for i, handle := range r.order {
		r.number[handle] = i + 1
	}
}
