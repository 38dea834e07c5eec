package generator

import (
	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/capture/frames"
	"github.com/lanproof/lanproof/probe/mark"
)

// The totals in the value that program and reader share, by offset.
const (
	sumFrames   = 0
	sumBytes    = 8
	sumDistinct = 16
	sumBeyond   = 24
	sumsSize    = 32
)

// Fields of struct __sk_buff (include/uapi/linux/bpf.h).
const (
	skbLen    = 0
	skbTagged = 20 // vlan_present: the outermost tag stands beside the frame
)

// The registers that the program keeps. Loads of packet bytes take the frame from R6,
// leave what they found in R0, and end the program with 0 behind the frame's end.
const (
	skb, offset, number, sums = asm.R6, asm.R7, asm.R8, asm.R9
)

// program counts frames and keeps none but fences.
func (c *Counter) program() asm.Instructions {
	in := asm.Instructions{
		asm.Mov.Reg(skb, asm.R1),
		asm.Mov.Imm(offset, 0),
		asm.LoadAbs(macsLen, asm.Half),
	}
	for _, next := range []string{"second", "payload"} {
		in = append(in,
			asm.JEq.Imm(asm.R0, int32(frames.TPID8021Q), "tag before "+next),
			asm.JEq.Imm(asm.R0, int32(frames.TPID8021AD), "tag before "+next),
			asm.Ja.Label("type"),
			asm.Add.Imm(offset, tagLen).WithSymbol("tag before "+next),
			asm.LoadInd(asm.R0, offset, macsLen, asm.Half),
		)
	}
	in = append(in,
		asm.JEq.Imm(asm.R0, mark.EtherType, "mark").WithSymbol("type"),
		asm.JNE.Imm(asm.R0, unix.ETH_P_IP, "none"),
		asm.Add.Imm(offset, ipLen+udpLen),
		asm.LoadInd(asm.R0, offset, etherLen, asm.Word).WithSymbol("mark"),
		asm.LoadImm(asm.R1, fenceMagic, asm.DWord),
		asm.JEq.Reg(asm.R0, asm.R1, "fence"),
		asm.LoadImm(asm.R1, dataMagic, asm.DWord),
		asm.JNE.Reg(asm.R0, asm.R1, "none"),
		asm.LoadInd(asm.R0, offset, etherLen+4, asm.Word),
		asm.Mov.Reg(number, asm.R0),
		asm.LoadMapValue(sums, c.sums.FD(), 0),
		asm.Mov.Imm(asm.R1, 1),
		asm.AddAtomic.Mem(sums, asm.R1, asm.DWord, sumFrames),
		// The size, with the tag that stands beside the frame.
		asm.LoadMem(asm.R1, skb, skbLen, asm.Word),
		asm.LoadMem(asm.R2, skb, skbTagged, asm.Word),
		asm.JEq.Imm(asm.R2, 0, "size"),
		asm.Add.Imm(asm.R1, tagLen),
		asm.AddAtomic.Mem(sums, asm.R1, asm.DWord, sumBytes).WithSymbol("size"),
	)
	if c.seen != nil {
		in = append(in, c.countNumbers()...)
	}
	return append(in,
		asm.Mov.Imm(asm.R0, 0).WithSymbol("none"),
		asm.Return(),
		asm.Mov.Imm(asm.R0, keepFence).WithSymbol("fence"),
		asm.Return(),
	)
}

// keepFence is how many bytes of a fence are kept.
const keepFence = 128

// countNumbers sets the bit of a frame's number and counts it if it was not set.
func (c *Counter) countNumbers() asm.Instructions {
	const bit, old, word = asm.R3, asm.R4, asm.R5
	return asm.Instructions{
		asm.Mov.Imm(asm.R1, 1),
		asm.JLE.Imm(number, int32(c.number), "look"),
		asm.AddAtomic.Mem(sums, asm.R1, asm.DWord, sumBeyond),
		asm.Ja.Label("none"),
		asm.Mov.Imm(bit, 1).WithSymbol("look"),
		asm.Mov.Reg(asm.R2, number),
		asm.And.Imm(asm.R2, 63),
		asm.LSh.Reg(bit, asm.R2),
		asm.RSh.Imm(number, 6),
		asm.LSh.Imm(number, 3),
		asm.LoadMapValue(word, c.seen.FD(), 0),
		asm.Add.Reg(word, number),
		asm.Mov.Reg(old, bit),
		fetchOr(word, old),
		asm.And.Reg(old, bit),
		asm.JNE.Imm(old, 0, "none"),
		asm.AddAtomic.Mem(sums, asm.R1, asm.DWord, sumDistinct),
	}
}

// fetchOr is *dst |= src, with what was there before in src. cilium/ebpf 0.22.0 leaves
// out which atomic operation it is, unless it stands where the kernel looks for it.
func fetchOr(dst, src asm.Register) asm.Instruction {
	in := asm.FetchOr.Mem(dst, src, asm.DWord, 0)
	in.Constant = int64(asm.FetchOr >> 8)
	return in
}
