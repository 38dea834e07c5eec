// Package generator makes frames by the thousand and counts them.
//
// A [Generator] sends copies of one [Frame] from a device; a [Counter] counts those that
// arrive at a device, and nothing else. Each frame carries a number, from 1 in each
// [Generator.Send]:
//
//	c, err := generator.Count(receiver.NS, child, generator.CountOptions{})
//	g, err := generator.Open(sender.NS, parent, frame, generator.Options{CPU: 0})
//	sent, err := g.Send(ctx, generator.Load{For: time.Second})
//	err = g.Settle(ctx, c) // nothing is under way any more
//	got, err := c.Counted()
//	lost := sent.Frames - got.Frames
//
// [Search] looks for the rate that a path carries, [Trips] makes round trips and returns
// the time stamps of each.
//
// # What is a frame's size
//
// Sizes are those of an Ethernet frame without its FCS, which no device of Linux shows:
// the 64 bytes of RFC 2544 are 60 here, and 1518 are 1514. VLAN tags come on top.
//
// # Ways to make frames
//
// [Packet] gives each frame to the kernel by itself, up to 64 with one system call. It
// sends any frame, on any kernel.
//
// [Clones] has a program of BPF hand clones of a frame to the device, each with a number
// of its own, as often as one system call says (BPF_PROG_RUN). It sends any frame, takes
// CAP_BPF and CAP_NET_ADMIN on the machine, and goes the whole way that a user's frame
// goes from dev_queue_xmit on. Of what runs on every kernel it is the fastest, so that it
// is right for comparing kernels.
//
// [Segments] gives the kernel one large UDP datagram in a frame, which it cuts into up
// to 64 before the device sees them (tx-udp-segmentation is turned off on the device
// while the generator is open, so that no device gets it whole). It is the fastest, and
// takes Linux 6.2; what stands before the device's driver is done once for 64 frames.
//
// [Pktgen] is the kernel's own generator, a module, which calls the device's driver past
// its queue. Where it is loaded, each new network namespace gets a thread for each CPU,
// which benchmarks of namespaces notice.
//
// How fast they are on a veth, with the smallest frames and all of them counted at its
// other end, is what BenchmarkSend tells, in a guest beside pktgen.
//
// Considered, and measured: a ring shared with the kernel (PACKET_TX_RING) is no faster
// than [Packet]; PACKET_QDISC_BYPASS is by 7 %, but passes by the queues that users'
// frames wait in; BPF_PROG_RUN on XDP's live frames is faster than all of them, but only
// as if a device had received them, so that nothing that sends is measured.
package generator
