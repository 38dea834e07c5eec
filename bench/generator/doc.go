// Package generator makes frames by the thousand and counts them.
//
// A [Generator] sends copies of one [Frame] from a device, to one target or to several
// in turn; a [Counter] counts those that arrive at a device, and nothing else. Each
// frame carries a number, from 1 in each [Generator.Send]:
//
//	c, err := generator.Count(receiver.NS, child, generator.CountOptions{})
//	g, err := generator.Open(sender.NS, parent, frame, generator.Options{CPU: 0})
//	sent, err := g.Send(ctx, generator.Load{For: time.Second})
//	err = g.Settle(ctx, c) // nothing is under way any more
//	got, err := c.Counted()
//	lost := sent.Frames - got.Frames
//
// # What is a frame's size
//
// Sizes are those of an Ethernet frame without its FCS, which no device of Linux shows:
// the 64 bytes of RFC 2544 are 60 here, and 1518 are 1514. VLAN tags come on top.
//
// # Ways to make frames
//
// [Segments] gives the kernel one large UDP datagram in a frame, which it cuts into up
// to 64 before the device sees them (tx-udp-segmentation is turned off on the device
// while the generator is open, so that no device gets it whole). It is the fastest that
// works on any device, and takes Linux 6.2. [Packet] gives each frame to the kernel by
// itself, up to 64 with one system call; it sends any frame, on any kernel. [Pktgen] is
// the kernel's own generator, a module.
//
// Considered, and measured on a veth of Linux 6.18 with frames of 60 bytes, where a plain
// sendto(2) makes 0.52 million frames a second, [Packet] 0.80 and [Segments] 2.0: a
// ring shared with the kernel (PACKET_TX_RING) makes 0.78; PACKET_QDISC_BYPASS makes 0.85,
// but passes by the queues that users' frames wait in; BPF_PROG_RUN on live frames makes
// 2.7, but only as if a device had received them, so that nothing that sends is measured,
// and a veth's counters do not move.
package generator
