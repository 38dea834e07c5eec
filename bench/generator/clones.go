package generator

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"
)

// clones has a program of BPF send clones of a frame. The kernel runs it as often as it
// is told to, on a frame that it was given once (net/bpf/test_run.c:
// bpf_prog_test_run_skb); each time the program writes the next number and hands a clone
// to the device as any sender does (net/core/filter.c:bpf_clone_redirect, dev_queue_xmit).
type clones struct {
	prog  *ebpf.Program
	state *ebpf.Map // one value: see below
	frame []byte
	index int
}

// What the program and we share, by offset; each takes 64 bits.
const (
	stateDone    = 0  // the number of the last frame
	stateLimit   = 8  // that of the last one to send
	stateRefused = 16 // frames that were not taken
	stateSize    = 24
)

// mostClones is how many frames a call makes at most. Starting the program takes some
// thousand instructions.
const mostClones = 1024

// mostCloned is how large a frame may be: it has to fit a page with what stands around it.
const mostCloned = 3500

func newClones(index int, f *Frame) (*clones, error) {
	if f.wire() > mostCloned {
		return nil, fmt.Errorf("clones have %d bytes at most, not %d: %w", mostCloned, f.wire(), unix.EOPNOTSUPP)
	}
	c := &clones{index: index, frame: f.build(nil, f.wire()-f.header())}
	setMark(c.frame[f.header():], dataMagic, 0)
	var err error
	if c.state, err = newValue(stateSize); err != nil {
		return nil, err
	}
	spec := &ebpf.ProgramSpec{Name: "lanproof_send", Type: ebpf.SchedCLS, License: "GPL", Instructions: c.program(index, f.header()+4)}
	if c.prog, err = ebpf.NewProgram(spec); err != nil {
		return nil, errors.Join(fmt.Errorf("load the program that sends: %w", err), c.close())
	}
	return c, nil
}

// Fields of struct __sk_buff (include/uapi/linux/bpf.h).
const (
	skbData    = 76
	skbDataEnd = 80
)

// program sends one clone whose number stands at a place.
func (c *clones) program(index, at int) asm.Instructions {
	const skb, state, number = asm.R6, asm.R7, asm.R8
	return asm.Instructions{
		asm.Mov.Reg(skb, asm.R1),
		asm.LoadMapValue(state, c.state.FD(), 0),
		asm.LoadMem(number, state, stateDone, asm.DWord),
		asm.LoadMem(asm.R1, state, stateLimit, asm.DWord),
		asm.JGE.Reg(number, asm.R1, "done"),
		asm.Add.Imm(number, 1),
		asm.StoreMem(state, stateDone, number, asm.DWord),

		asm.LoadMem(asm.R1, skb, skbData, asm.Word),
		asm.LoadMem(asm.R2, skb, skbDataEnd, asm.Word),
		asm.Mov.Reg(asm.R3, asm.R1),
		asm.Add.Imm(asm.R3, int32(at+4)),
		asm.JGT.Reg(asm.R3, asm.R2, "done"), // cannot be, but the verifier wants to see it
		asm.HostTo(asm.BE, number, asm.Word),
		asm.StoreMem(asm.R1, int16(at), number, asm.Word),

		// It came as if to somebody else (eth_type_trans), which senders' frames do not.
		asm.Mov.Reg(asm.R1, skb),
		asm.Mov.Imm(asm.R2, unix.PACKET_HOST),
		asm.FnSkbChangeType.Call(),
		asm.Mov.Reg(asm.R1, skb),
		asm.Mov.Imm(asm.R2, int32(index)),
		asm.Mov.Imm(asm.R3, 0),
		asm.FnCloneRedirect.Call(),
		asm.JEq.Imm(asm.R0, 0, "done"),
		asm.LoadMem(asm.R1, state, stateRefused, asm.DWord),
		asm.Add.Imm(asm.R1, 1),
		asm.StoreMem(state, stateRefused, asm.R1, asm.DWord),
		asm.Mov.Imm(asm.R0, 0).WithSymbol("done"),
		asm.Return(),
	}
}

// burst has the program send n clones. That it stops by itself keeps a run that a signal
// ended, and that is begun anew, from sending more.
func (c *clones) burst(first uint64, n int) (taken, refused int, err error) {
	n = min(n, mostClones)
	first &= 1<<32 - 1
	state := make([]byte, stateSize)
	binary.NativeEndian.PutUint64(state[stateDone:], first)
	binary.NativeEndian.PutUint64(state[stateLimit:], first+uint64(n))
	if err := c.state.Put(uint32(0), state); err != nil {
		return 0, 0, fmt.Errorf("tell the program what to send: %w", err)
	}
	_, runErr := c.prog.Run(&ebpf.RunOptions{Data: c.frame, Repeat: uint32(n)})
	if err := c.state.Lookup(uint32(0), state); err != nil {
		return 0, 0, fmt.Errorf("ask the program what it sent: %w", err)
	}
	done := int(binary.NativeEndian.Uint64(state[stateDone:]) - first)
	refused = int(binary.NativeEndian.Uint64(state[stateRefused:]))
	if runErr != nil {
		return done - refused, refused, fmt.Errorf("run the program that sends: %w", runErr)
	}
	if refused == done && refused > 0 {
		err = c.usable()
	}
	return done - refused, refused, err
}

// usable is an error where the device takes nothing any more. What the program is told
// is a full queue's answer as well: that of a device that is down (sch_generic.c:
// noop_enqueue).
func (c *clones) usable() error {
	device, err := net.InterfaceByIndex(c.index)
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", unix.ENXIO, err)
	case device.Flags&net.FlagUp == 0:
		return unix.ENETDOWN
	}
	return nil
}

func (c *clones) close() error { return errors.Join(c.prog.Close(), c.state.Close()) }
