// Package capture sees and records frames: taps (AF_PACKET sockets), frames
// put back together as they are on the wire, and pcapng files.
//
// A [Tap] opens in a network namespace and stays there; the caller drains it
// with [Tap.Read] and blocks in [Waiter.Wait]. Nothing runs in the background,
// so what has been read at any moment depends on the caller alone.
//
// # What a tap can say
//
// A tap for every protocol sees an incoming frame before VLAN devices, before
// macvlan, ipvlan and bridges, and before the stack
// (net/core/dev.c:__netif_receive_skb_core): it says "arrived at the device",
// never "the host got it". It sees outgoing frames too
// (net/core/dev.c:dev_queue_xmit_nit). A tap for one EtherType sees no outgoing
// frame, and an incoming one only after the device's rx_handler let it pass;
// bound to no device, it says "the stack of this namespace accepted it".
//
// The kernel never gives a socket its own frames back on their way out
// (net/core/dev.c:skb_loop_sk). To see on the sender's device what was sent,
// send by one tap, which may be [Config.SendOnly], and read another.
//
// A frame that the stack of the same kernel sent may come with an unfinished
// checksum, and larger than the MTU, where the devices on its way offload that
// work; a real wire would show it finished and cut up.
//
// # Taps in use
//
// A Tap, a Waiter and a Recorder serve one goroutine at a time, any goroutine
// on any thread. Only [CloseAll] works in parallel, over taps it was given.
package capture
