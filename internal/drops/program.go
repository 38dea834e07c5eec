package drops

import (
	"errors"
	"fmt"
	"slices"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"
)

// maps are what the program and we share.
type maps struct {
	watched *ebpf.Map // namespaces, by inode number
	records *ebpf.Map // a ring buffer
	lost    *ebpf.Map // one number: records that found no room
	format  *ebpf.Map // the format by which the kernel names a function
}

const (
	ringSize = 1 << 20
	// mostWatched bounds the namespaces; memory is taken for those alone that are there.
	mostWatched = 1 << 16
)

func (m *maps) open() (err error) {
	for _, spec := range []struct {
		to   **ebpf.Map
		spec ebpf.MapSpec
	}{
		{&m.watched, ebpf.MapSpec{Type: ebpf.Hash, KeySize: 4, ValueSize: 4, MaxEntries: mostWatched, Flags: unix.BPF_F_NO_PREALLOC}},
		{&m.records, ebpf.MapSpec{Type: ebpf.RingBuf, MaxEntries: ringSize}},
		{&m.lost, ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 1}},
		{&m.format, ebpf.MapSpec{
			Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 1, Flags: unix.BPF_F_RDONLY_PROG,
			Contents: []ebpf.MapKV{{Key: uint32(0), Value: []byte("%ps\x00\x00\x00\x00\x00")}},
		}},
	} {
		if *spec.to, err = ebpf.NewMap(&spec.spec); err != nil {
			return fmt.Errorf("make a map: %w", err)
		}
	}
	// The kernel takes a format only from where it cannot change
	// (kernel/bpf/verifier.c:check_bpf_snprintf_call).
	if err := m.format.Freeze(); err != nil {
		return fmt.Errorf("freeze a map: %w", err)
	}
	return nil
}

func (m *maps) close() error {
	var errs []error
	for _, one := range []*ebpf.Map{m.watched, m.records, m.lost, m.format} {
		errs = append(errs, one.Close()) // of none does nothing
	}
	return errors.Join(errs...)
}

// The record that the program writes for each drop, by offset.
const (
	atTime     = 0  // 64 bits, ns
	atHead     = 8  // 64 bits: the address of the buffer
	atData     = 16 // 64 bits: the address at which the kernel was in it
	atLength   = 24 // 32 bits: bytes from there
	atReason   = 28 // 32 bits
	atNetns    = 32 // 32 bits
	atIndex    = 36 // 32 bits
	atProtocol = 40 // 16 bits, network order
	atMAC      = 42 // 16 bits: where in the buffer the frame begins
	atTPID     = 44 // 16 bits, network order
	atTCI      = 46 // 16 bits
	atTagged   = 48 // 8 bits, of kernels before 6.2
	atFunction = 56
	atFrame    = atFunction + functionSize
	recordSize = atFrame + frameSize

	// Names of functions are longer in Rust alone; what is longer is cut.
	functionSize = 64
	// frameSize is more than a probe's headers take. A buffer always goes on for as
	// long behind its end (include/linux/skbuff.h:struct skb_shared_info).
	frameSize = 192
)

// The registers that the program keeps, and its variables by their place on the stack.
const (
	skb, ifindex, out, args = asm.R6, asm.R7, asm.R8, asm.R9

	onStackNetns, onStackPlace = -8, -16
)

// programSpec writes the program. Its arguments are the tracepoint's: the frame, the
// place where it was dropped, and the reason.
func programSpec(at *offsets, m *maps) *ebpf.ProgramSpec {
	in := slices.Concat(
		watched(at, m), reserve(m), circumstances(), fields(at), function(m), frame(),
		asm.Instructions{
			asm.Mov.Reg(asm.R1, out),
			asm.Mov.Imm(asm.R2, noWakeup),
			asm.FnRingbufSubmit.Call(),
			asm.Ja.Label("exit"),

			asm.LoadMapValue(asm.R1, m.lost.FD(), 0).WithSymbol("lost"),
			asm.Mov.Imm(asm.R2, 1),
			asm.StoreXAdd(asm.R1, asm.R2, asm.DWord),
			asm.Mov.Imm(asm.R0, 0).WithSymbol("exit"),
			asm.Return(),
		})
	return &ebpf.ProgramSpec{
		Name: "lanproof_drops", Type: ebpf.Tracing, AttachType: ebpf.AttachTraceRawTp, AttachTo: "kfree_skb",
		Instructions: in, License: "GPL",
	}
}

// watched goes on where the frame's device is in a namespace that is watched.
func watched(at *offsets, m *maps) asm.Instructions {
	return asm.Instructions{
		asm.Mov.Reg(args, asm.R1),
		asm.LoadMem(skb, args, 0, asm.DWord),
		asm.LoadMem(asm.R1, skb, at.dev, asm.DWord),
		asm.JEq.Imm(asm.R1, 0, "exit"),
		asm.LoadMem(ifindex, asm.R1, at.ifindex, asm.Word),
		asm.LoadMem(asm.R2, asm.R1, at.net, asm.DWord),
		asm.JEq.Imm(asm.R2, 0, "exit"),
		asm.LoadMem(asm.R3, asm.R2, at.inum, asm.Word),
		asm.StoreMem(asm.RFP, onStackNetns, asm.R3, asm.Word),
		asm.LoadMapPtr(asm.R1, m.watched.FD()),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, onStackNetns),
		asm.FnMapLookupElem.Call(),
		asm.JEq.Imm(asm.R0, 0, "exit"),
	}
}

// reserve takes room for a record.
func reserve(m *maps) asm.Instructions {
	return asm.Instructions{
		asm.LoadMapPtr(asm.R1, m.records.FD()),
		asm.Mov.Imm(asm.R2, recordSize),
		asm.Mov.Imm(asm.R3, 0),
		asm.FnRingbufReserve.Call(),
		asm.JEq.Imm(asm.R0, 0, "lost"),
		asm.Mov.Reg(out, asm.R0),
	}
}

// circumstances writes when, why, and at which device.
func circumstances() asm.Instructions {
	return asm.Instructions{
		asm.FnKtimeGetNs.Call(),
		asm.StoreMem(out, atTime, asm.R0, asm.DWord),
		asm.LoadMem(asm.R1, args, 16, asm.DWord),
		asm.StoreMem(out, atReason, asm.R1, asm.Word),
		asm.LoadMem(asm.R1, asm.RFP, onStackNetns, asm.Word),
		asm.StoreMem(out, atNetns, asm.R1, asm.Word),
		asm.StoreMem(out, atIndex, ifindex, asm.Word),
	}
}

// fields copies fields of the frame's buffer.
func fields(at *offsets) (in asm.Instructions) {
	for _, f := range []struct {
		field int16
		size  asm.Size
		to    int16
	}{
		{at.head, asm.DWord, atHead},
		{at.data, asm.DWord, atData},
		{at.length, asm.Word, atLength},
		{at.protocol, asm.Half, atProtocol},
		{at.mac, asm.Half, atMAC},
		{at.tpid, asm.Half, atTPID},
		{at.tci, asm.Half, atTCI},
	} {
		in = append(in, asm.LoadMem(asm.R1, skb, f.field, f.size), asm.StoreMem(out, f.to, asm.R1, f.size))
	}
	return append(append(in, asm.StoreImm(out, atTagged, 1, asm.Byte)), at.tagged()...)
}

// function writes the name of the function: the place is behind its call, which may be
// its last instruction.
func function(m *maps) asm.Instructions {
	return asm.Instructions{
		asm.StoreImm(out, atFunction, 0, asm.Byte),
		asm.LoadMem(asm.R1, args, 8, asm.DWord),
		asm.Add.Imm(asm.R1, -1),
		asm.StoreMem(asm.RFP, onStackPlace, asm.R1, asm.DWord),
		asm.Mov.Reg(asm.R1, out),
		asm.Add.Imm(asm.R1, atFunction),
		asm.Mov.Imm(asm.R2, functionSize),
		asm.LoadMapValue(asm.R3, m.format.FD(), 0),
		asm.Mov.Reg(asm.R4, asm.RFP),
		asm.Add.Imm(asm.R4, onStackPlace),
		asm.Mov.Imm(asm.R5, 8),
		asm.FnSnprintf.Call(),
	}
}

// frame reads the frame, from its own header where it has one, else from where the
// kernel is in it.
func frame() asm.Instructions {
	return asm.Instructions{
		asm.LoadMem(asm.R1, out, atMAC, asm.Half),
		asm.LoadMem(asm.R3, out, atHead, asm.DWord),
		asm.Add.Reg(asm.R3, asm.R1),
		asm.JNE.Imm(asm.R1, noMAC, "read"),
		asm.LoadMem(asm.R3, out, atData, asm.DWord),
		asm.Mov.Reg(asm.R1, out).WithSymbol("read"),
		asm.Add.Imm(asm.R1, atFrame),
		asm.Mov.Imm(asm.R2, frameSize),
		asm.FnProbeReadKernel.Call(),
	}
}

const (
	// noMAC is where the frame begins of one that has no header yet
	// (include/linux/skbuff.h:skb_mac_header_was_set).
	noMAC = 0xffff
	// noWakeup submits a record without waking who reads (BPF_RB_NO_WAKEUP): it is
	// asked for when all has been sent.
	noWakeup = 1
)

// offsets are where fields are in the kernel's structures, in bytes.
type offsets struct {
	dev, head, data, length, protocol, mac, tpid, tci int16 // struct sk_buff
	ifindex, net                                      int16 // struct net_device
	inum                                              int16 // struct net
	// present is the bit that says whether a frame has a tag beside its bytes, of
	// kernels before 6.2; later ones say so by tpid and tci.
	present    int16
	presentBit uint8
}

// tagged writes 0 where a kernel says by a bit that the frame has no tag.
func (o *offsets) tagged() asm.Instructions {
	if o.present < 0 {
		return nil
	}
	return asm.Instructions{
		asm.LoadMem(asm.R1, skb, o.present, asm.Byte),
		asm.RSh.Imm(asm.R1, int32(o.presentBit)),
		asm.And.Imm(asm.R1, 1),
		asm.StoreMem(out, atTagged, asm.R1, asm.Byte),
	}
}

// findOffsets reads them from the kernel's types.
func findOffsets(kernel *btf.Spec) (*offsets, error) {
	o := &offsets{present: -1}
	for _, f := range []struct {
		to   *int16
		typ  string
		path []string
	}{
		{&o.dev, "sk_buff", []string{"dev"}},
		{&o.head, "sk_buff", []string{"head"}},
		{&o.data, "sk_buff", []string{"data"}},
		{&o.length, "sk_buff", []string{"len"}},
		{&o.protocol, "sk_buff", []string{"protocol"}},
		{&o.mac, "sk_buff", []string{"mac_header"}},
		{&o.tpid, "sk_buff", []string{"vlan_proto"}},
		{&o.tci, "sk_buff", []string{"vlan_tci"}},
		{&o.ifindex, "net_device", []string{"ifindex"}},
		{&o.net, "net_device", []string{"nd_net", "net"}},
		{&o.inum, "net", []string{"ns", "inum"}},
	} {
		at, err := offsetOf(kernel, f.typ, f.path...)
		if err != nil {
			return nil, err
		}
		*f.to = int16(at / 8)
	}
	if at, err := offsetOf(kernel, "sk_buff", "vlan_present"); err == nil {
		o.present, o.presentBit = int16(at/8), uint8(at%8)
	}
	return o, nil
}

// offsetOf is where a field is in a structure, in bits.
func offsetOf(kernel *btf.Spec, name string, path ...string) (btf.Bits, error) {
	var s *btf.Struct
	if err := kernel.TypeByName(name, &s); err != nil {
		return 0, fmt.Errorf("look struct %s up in the kernel's types: %w", name, err)
	}
	var sum btf.Bits
	var in btf.Type = s
	for _, field := range path {
		at, t, ok := member(in, field)
		if !ok {
			return 0, fmt.Errorf("struct %s has no field %s: %w", name, field, ebpf.ErrNotSupported)
		}
		sum, in = sum+at, t
	}
	return sum, nil
}

// member finds a field, in what has no name too.
func member(in btf.Type, name string) (btf.Bits, btf.Type, bool) {
	var all []btf.Member
	switch t := btf.UnderlyingType(in).(type) {
	case *btf.Struct:
		all = t.Members
	case *btf.Union:
		all = t.Members
	}
	if i := slices.IndexFunc(all, func(m btf.Member) bool { return m.Name == name }); i >= 0 {
		return all[i].Offset, all[i].Type, true
	}
	for _, m := range all {
		if m.Name != "" {
			continue
		}
		if at, t, ok := member(m.Type, name); ok {
			return m.Offset + at, t, true
		}
	}
	return 0, nil, false
}
