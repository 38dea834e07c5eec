package run

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/internal/netns"
	"github.com/lanproof/lanproof/probe"
	"github.com/lanproof/lanproof/topology"
)

// sabotagedDeadline is how long a sabotaged case waits for a fence. No verdict
// comes from it, but that nothing can be said; what is cut short by it has been
// found to be wrong.
const sabotagedDeadline = time.Second

// taps are those that checks rest on: of who must not be reached, and where
// frames come out on the wire. What arrives at a socket is true without any.
func (sc *scene) taps() []Sabotage {
	var all []Sabotage
	// add takes the tap at a device, where something about another is seen.
	add := func(at, about topology.Ref) {
		i := slices.IndexFunc(all, func(s Sabotage) bool { return s.At.Node == at.Node })
		if i < 0 {
			i = len(all)
			all = append(all, Sabotage{At: at, Touches: []topology.Ref{{Node: at.Node}}})
		}
		all[i].Touches = append(all[i].Touches, about)
	}
	wire := func(r topology.Ref) {
		if d := sc.lan.Device(r); d != nil {
			if at, _, ok := sc.lan.Wire(d); ok {
				add(at, r)
			}
		}
	}
	for _, q := range sc.questions {
		switch q := q.(type) {
		case *flowQuestion:
			if !q.want && q.errno == 0 && !sc.mute[q] && sc.lan.Device(q.to) != nil {
				add(q.to, q.to)
			}
		case *tagQuestion:
			wire(q.from)
		case *macsQuestion:
			for _, r := range q.of {
				wire(r)
			}
		case *oracleQuestion:
			for _, d := range sc.lan.Devices {
				if d.Up { // the other ones see nothing
					add(d.Ref, d.Ref)
				}
			}
		}
	}
	return all
}

// deafen gives the tap of a node a filter that lets nothing through, behind the
// harness's back: the socket is found from outside.
func (s *Sabotage) deafen(b *bench) error {
	n := b.lab.Node(s.At.Node)
	if n == nil {
		return fmt.Errorf("there is no node %s", s.At.Node)
	}
	fd, err := tapIn(n.NS)
	if err != nil {
		return fmt.Errorf("find the tap of %s: %w", n.Name, err)
	}
	nothing := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: 0}
	prog := unix.SockFprog{Len: 1, Filter: &nothing}
	err = unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &prog)
	return errors.Join(err, unix.Close(fd))
}

// tapIn finds this process's socket that sees every frame of a namespace, and
// returns a descriptor of it that is the caller's to close.
func tapIn(ns *netns.NS) (int, error) {
	var want unix.Stat_t
	if err := unix.Fstat(ns.FD(), &want); err != nil {
		return -1, fmt.Errorf("identify the namespace: %w", err)
	}
	paths, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		return -1, err
	}
	for _, p := range paths {
		if to, err := os.Readlink(p); err != nil || !strings.HasPrefix(to, "socket:") {
			continue
		}
		n, err := strconv.Atoi(filepath.Base(p))
		if err != nil {
			continue
		}
		// A descriptor of our own, for others close theirs meanwhile.
		fd, err := unix.FcntlInt(uintptr(n), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			continue
		}
		if isTapOf(fd, want.Ino) {
			return fd, nil
		}
		if err := unix.Close(fd); err != nil {
			return -1, err
		}
	}
	return -1, errors.New("no socket of this process is one")
}

// isTapOf reports whether a socket sees all frames of the namespace with this inode.
func isTapOf(fd int, inode uint64) bool {
	domain, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN)
	if err != nil || domain != unix.AF_PACKET {
		return false
	}
	sa, err := unix.Getsockname(fd)
	if err != nil {
		return false
	}
	all, ok := sa.(*unix.SockaddrLinklayer)
	if !ok || all.Protocol != htons(unix.ETH_P_ALL) {
		return false
	}
	ns, err := unix.IoctlRetInt(fd, unix.SIOCGSKNS)
	if err != nil {
		return false
	}
	defer unix.Close(ns)
	var have unix.Stat_t
	return unix.Fstat(ns, &have) == nil && have.Ino == inode
}

func htons(v uint16) uint16 { return v<<8 | v>>8 }

// match is a byte that a frame has at a place.
type match struct {
	at    int16
	value int32
}

// Offsets in Ethernet frames: the type's (two bytes), the protocol's in IPv4,
// the next header's in IPv6, and the ICMPv6 type's where that is next.
const (
	atType     = 12
	atProtocol = 14 + 9
	atNext     = 14 + 6
	atICMP6    = 14 + 40
)

// diet is what frames of a kind can be told by, as they come in: tags are gone
// from the data by then.
func diet(f food) []match {
	etherType := func(t int32) []match { return []match{{atType, t >> 8}, {atType + 1, t & 0xff}} }
	v4, v6 := etherType(unix.ETH_P_IP), etherType(unix.ETH_P_IPV6)
	const neighbourSolicitation = 135 // RFC 4861 4.3
	switch {
	case f.kind == probe.Raw:
		return etherType(probe.EtherType)
	case f.kind == probe.ARP:
		return etherType(unix.ETH_P_ARP)
	case f.kind == probe.ND:
		return append(v6, match{atNext, unix.IPPROTO_ICMPV6}, match{atICMP6, neighbourSolicitation})
	case f.kind == probe.UDP && f.v6:
		return append(v6, match{atNext, unix.IPPROTO_UDP})
	case f.kind == probe.UDP:
		return append(v4, match{atProtocol, unix.IPPROTO_UDP})
	case f.v6:
		return append(v6, match{atNext, unix.IPPROTO_ICMPV6})
	}
	return append(v4, match{atProtocol, unix.IPPROTO_ICMP})
}

func (f food) String() string {
	if f.v6 && f.kind != probe.ND {
		return string(f.kind) + " over IPv6"
	}
	return string(f.kind)
}

// foods are all kinds of frame, in a fixed order.
func foods() []food {
	return []food{
		{probe.Raw, false},
		{probe.ARP, false},
		{probe.ND, true},
		{probe.ICMP, false},
		{probe.ICMP, true},
		{probe.UDP, false},
		{probe.UDP, true},
	}
}

// eaters are each device that something arrives at, and each kind that does.
func (sc *scene) eaters() []Sabotage {
	var all []Sabotage
	for _, d := range sc.lan.Devices {
		if d.Kind == topology.KindNIC || d.Node == topology.SwitchNode {
			continue
		}
		for _, f := range foods() {
			if slices.ContainsFunc(sc.flows, func(q *flowQuestion) bool { return q.feeds(d.Ref, f) }) {
				all = append(all, one(d, "", f.String()))
			}
		}
	}
	return all
}

// eat puts a program at a device that drops one kind of frame before any tap,
// rx handler or stack sees it (net/core/dev.c:__netif_receive_skb_core, generic
// XDP). Every kernel has it; an ordinary user may not load any.
func (s *Sabotage) eat(b *bench) error {
	port, err := b.port(s.At)
	if err != nil {
		return err
	}
	for _, f := range foods() {
		if f.String() != s.To {
			continue
		}
		fd, err := loadDropper(diet(f))
		if err != nil {
			return err
		}
		return errors.Join(b.lab.Node(s.At.Node).NS.Do(func() error {
			link := &netlink.GenericLink{LinkAttrs: netlink.LinkAttrs{Index: port.Index}}
			if err := netlink.LinkSetXdpFdWithFlags(link, fd, unix.XDP_FLAGS_SKB_MODE); err != nil {
				return fmt.Errorf("put a program at %s: %w", s.At, err)
			}
			return nil
		}), unix.Close(fd))
	}
	return fmt.Errorf("there is no kind of frame called %q", s.To)
}

// instruction is one of eBPF's (Documentation/bpf/standardization/instruction-set.rst).
type instruction struct {
	op   uint8
	regs uint8 // destination, and source in the upper half
	off  int16
	imm  int32
}

// Operations, and what XDP programs return.
const (
	loadWord  = unix.BPF_LDX | unix.BPF_MEM | unix.BPF_W
	loadByte  = unix.BPF_LDX | unix.BPF_MEM | unix.BPF_B
	moveReg   = unix.BPF_ALU64 | unix.BPF_MOV | unix.BPF_X
	moveImm   = unix.BPF_ALU64 | unix.BPF_MOV | unix.BPF_K
	addImm    = unix.BPF_ALU64 | unix.BPF_ADD | unix.BPF_K
	jumpAbove = unix.BPF_JMP | unix.BPF_JGT | unix.BPF_X
	jumpNot   = unix.BPF_JMP | unix.BPF_JNE | unix.BPF_K
	leave     = unix.BPF_JMP | unix.BPF_EXIT
	xdpDrop   = 1
	xdpPass   = 2
)

// dropper is a program that drops what has all matches, and passes the rest on.
func dropper(all []match) []instruction {
	const data, end, limit, value = 2, 3, 4, 5
	need := int32(0)
	for _, m := range all {
		need = max(need, int32(m.at)+1)
	}
	prog := []instruction{
		{loadWord, data | 1<<4, 0, 0}, // struct xdp_md: data
		{loadWord, end | 1<<4, 4, 0},  // data_end
		{moveReg, limit | data<<4, 0, 0},
		{addImm, limit, 0, need},
		{jumpAbove, limit | end<<4, 0, 0},
	}
	for _, m := range all {
		prog = append(prog, instruction{loadByte, value | data<<4, m.at, 0}, instruction{jumpNot, value, 0, m.value})
	}
	prog = append(prog, instruction{moveImm, 0, 0, xdpDrop}, instruction{op: leave})
	pass := len(prog)
	for i := range prog {
		if prog[i].op == jumpAbove || prog[i].op == jumpNot {
			prog[i].off = int16(pass - i - 1)
		}
	}
	return append(prog, instruction{moveImm, 0, 0, xdpPass}, instruction{op: leave})
}

// loadDropper loads the program and returns its descriptor.
func loadDropper(all []match) (int, error) {
	prog, license := dropper(all), []byte("GPL\x00")
	var pins runtime.Pinner // the kernel is told where they are
	defer pins.Unpin()
	pins.Pin(&prog[0])
	pins.Pin(&license[0])
	// union bpf_attr as far as it is used (include/uapi/linux/bpf.h).
	attr := struct {
		kind, count    uint32
		code, license  uint64
		level, size    uint32
		log            uint64
		version, flags uint32
	}{
		kind: unix.BPF_PROG_TYPE_XDP, count: uint32(len(prog)),
		code: uint64(uintptr(unsafe.Pointer(&prog[0]))), license: uint64(uintptr(unsafe.Pointer(&license[0]))),
	}
	fd, _, errno := unix.Syscall(unix.SYS_BPF, unix.BPF_PROG_LOAD, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr))
	if errno != 0 {
		return -1, fmt.Errorf("load a program that drops frames: %w", errno)
	}
	return int(fd), nil
}
