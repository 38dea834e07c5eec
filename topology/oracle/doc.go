// Package oracle says what becomes of a frame: at which device of a LAN it must be
// seen, and as what, whose stack takes it, and which rule stops it everywhere else.
//
// It is a pure function of a topology and a frame, written down as tables: one for
// what macvlan sends and one for what it receives, the same for ipvlan, one for VLAN
// devices and one for bridges, of which the switch is one. A table is read from its
// top, and the first row that fits decides. Each row is a [Rule] with the place in
// the kernel's source, or the clause of a standard, that it was read from.
//
// What ties the tables together is the order in which a kernel asks: taps, VLAN
// devices, the device's handler, its stack (net/core/dev.c:
// __netif_receive_skb_core, __dev_queue_xmit).
package oracle
