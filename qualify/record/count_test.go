package record

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lanproof/lanproof/capture/frames"
	"github.com/lanproof/lanproof/probe/mark"
)

const testRun = 77

// marked is a frame with a mark, of some bytes behind its header and tags.
func marked(run uint64, seq uint32, tags ...byte) []byte {
	head := append([]byte{2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2}, tags...)
	return append(append(head, 0x88, 0xb5), mark.Mark{Run: run, Seq: seq, Role: mark.Probe}.Encode(40)...)
}

// tape records frames as taps would, a microsecond after each other.
type tape struct {
	frames.Recorder
	devices map[string]int
}

func (t *tape) add(device string, kind frames.PacketType, data []byte) {
	if t.devices == nil {
		t.devices = map[string]int{}
	}
	i, ok := t.devices[device]
	if !ok {
		i = t.Interface(device, "")
		t.devices[device] = i
	}
	when := time.Date(2026, 11, 21, 12, 0, 0, t.Len()*1000, time.UTC)
	t.Add(i, frames.Frame{Time: when, Type: kind, Data: data, Length: len(data)})
}

// pass records frames that peer/eth0 sent and that dut/eth0 got.
func (t *tape) pass(first, last uint32, tags ...byte) {
	for n := first; n <= last; n++ {
		t.add("peer/eth0", frames.Outgoing, marked(testRun, n, tags...))
		t.add("dut/eth0", frames.OtherHost, marked(testRun, n, tags...))
	}
}

// read gives what a file of the tape holds.
func (t *tape) read(tb testing.TB) *frames.Trace {
	tb.Helper()
	var file bytes.Buffer
	if _, err := t.WriteTo(&file); err != nil {
		tb.Fatal(err)
	}
	trace, err := frames.ReadNG(&file)
	if err != nil {
		tb.Fatal(err)
	}
	return trace
}

func TestCount(t *testing.T) {
	tag10 := []byte{0x81, 0, 0, 10}
	for name, c := range map[string]struct {
		tape func(*tape)
		set  func(*Trial)
		want Trial // what was counted
	}{
		"nothing":  {want: Trial{}},
		"all came": {tape: func(p *tape) { p.pass(1, 12) }, want: Trial{Seen: 10, CanarySeen: 2}},
		"at the ends of the numbers": {
			tape: func(p *tape) { p.pass(1, 1); p.pass(10, 13) },
			want: Trial{Seen: 2, CanarySeen: 2},
		},
		"twice": {
			tape: func(p *tape) { p.pass(1, 12); p.add("dut/eth0", frames.Host, marked(testRun, 3)) },
			want: Trial{Seen: 10, CanarySeen: 2, Duplicates: 1},
		},
		"behind later ones": {
			tape: func(p *tape) { p.pass(1, 2); p.pass(5, 10); p.pass(3, 4) },
			want: Trial{Seen: 10, Reordered: 2},
		},
		"elsewhere": {
			tape: func(p *tape) { p.pass(1, 9); p.add("dut/eth1", frames.Host, marked(testRun, 10)) },
			want: Trial{Seen: 9},
		},
		"on its way out": {
			tape: func(p *tape) { p.pass(1, 9); p.add("dut/eth0", frames.Outgoing, marked(testRun, 10)) },
			want: Trial{Seen: 9},
		},
		"another run's": {
			tape: func(p *tape) { p.pass(1, 9); p.add("dut/eth0", frames.Host, marked(testRun+1, 10)) },
			want: Trial{Seen: 9},
		},
		"another content": {
			tape: func(p *tape) {
				p.pass(1, 9)
				p.add("peer/eth0", frames.Outgoing, marked(testRun, 10))
				bad := marked(testRun, 10)
				bad[len(bad)-1]++
				p.add("dut/eth0", frames.Host, bad)
			},
			want: Trial{Seen: 10, Altered: 1},
		},
		"cut short": {
			tape: func(p *tape) {
				p.add("peer/eth0", frames.Outgoing, marked(testRun, 10))
				p.add("dut/eth0", frames.Host, marked(testRun, 10)[:50])
			},
			want: Trial{Seen: 1, Altered: 1},
		},
		"padded": {
			tape: func(p *tape) {
				p.add("peer/eth0", frames.Outgoing, marked(testRun, 10))
				p.add("dut/eth0", frames.Host, append(marked(testRun, 10), 0, 0, 0))
			},
			want: Trial{Seen: 1},
		},
		"that nobody sent": {
			tape: func(p *tape) { p.add("dut/eth0", frames.Host, marked(testRun, 10)) },
			want: Trial{Seen: 1, Altered: 1},
		},
		"tags that do not matter": {
			tape: func(p *tape) { p.pass(1, 10, tag10...) },
			want: Trial{Seen: 10},
		},
		"the tag": {
			tape: func(p *tape) { p.pass(1, 10, tag10...) }, set: func(t *Trial) { t.Tagged = "0x8100 VID 10 PCP 0" },
			want: Trial{Seen: 10},
		},
		"a tag too many": {
			tape: func(p *tape) { p.pass(1, 9); p.pass(10, 10, tag10...) }, set: func(t *Trial) { t.Tagged = Untagged },
			want: Trial{Seen: 10, Altered: 1},
		},
	} {
		var p tape
		if c.tape != nil {
			c.tape(&p)
		}
		trial := Trial{From: "peer/eth0", At: "dut/eth0", First: 1, Last: 10, CanaryFirst: 11, CanaryLast: 12, Seen: 99, Altered: 99}
		if c.set != nil {
			c.set(&trial)
		}
		SightsOf(p.read(t), testRun).Count(&trial)
		got := Trial{Seen: trial.Seen, CanarySeen: trial.CanarySeen, Duplicates: trial.Duplicates, Altered: trial.Altered, Reordered: trial.Reordered}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

func TestCountOfAnyRunAndOfAbsurdNumbers(t *testing.T) {
	var p tape
	p.pass(1, 3)
	trial := Trial{From: "peer/eth0", At: "dut/eth0", Last: 1<<32 - 1}
	SightsOf(p.read(t), 0).Count(&trial) // at once, though these are four thousand million
	if trial.Seen != 3 {
		t.Errorf("seen %d, want 3", trial.Seen)
	}
}
