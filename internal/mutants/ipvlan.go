package main

const (
	ipvlanCore = "drivers/net/ipvlan/ipvlan_core.c"
	ipvlanMain = "drivers/net/ipvlan/ipvlan_main.c"
	ipvlanL3S  = "drivers/net/ipvlan/ipvlan_l3s.c"
)

// ipvlanPathMutants are bugs in what ipvlan does with frames.
func ipvlanPathMutants() []Mutant {
	core := inFile(ipvlanCore, []Mutant{
		// What a slave sends.
		{
			ID: "ipvlan-l2-vepa-switches", Rule: "with vepa an L2 slave's frames all leave by the wire",
			Bug: "the flag is not looked at in L2",
			Old: "if (!ipvlan_is_vepa(ipvlan->port) &&\n", New: "if (true &&\n",
		},
		{
			ID: "ipvlan-l3-vepa-switches", Rule: "with vepa an L3 slave's packets to a sibling are routed by the host",
			Bug: "the flag is not looked at in L3",
			Old: "if (!ipvlan_is_vepa(ipvlan->port)) {", New: "if (true) {",
		},
		{
			ID: "ipvlan-l2-private-leaks", Rule: "with private an L2 slave's unicast to a sibling is dropped",
			Bug: "the flag is not looked at in L2",
			Old: "\n\t\t\t\tif (ipvlan_is_private(ipvlan->port)) {", New: "\n\t\t\t\tif (false) {",
		},
		{
			ID: "ipvlan-l3-private-leaks", Rule: "with private an L3 slave's packets to a sibling are dropped",
			Bug: "the flag is not looked at in L3",
			Old: "\n\t\t\tif (ipvlan_is_private(ipvlan->port)) {", New: "\n\t\t\tif (false) {",
		},
		{
			ID: "ipvlan-l2-private-success", Rule: "what private drops is told to the sender (ENOBUFS) and counted",
			Bug: "the drop counts as sent",
			Old: "consume_skb(skb);\n\t\t\t\t\treturn NET_XMIT_DROP;", New: "consume_skb(skb);\n\t\t\t\t\treturn NET_XMIT_SUCCESS;",
		},
		{
			ID: "ipvlan-host-not-reached", Rule: "an L2 slave's frame to the parent's MAC that is for no slave reaches the host",
			Bug: "it is dropped",
			Old: "dev_forward_skb(ipvlan->phy_dev, skb);\n\t\treturn NET_XMIT_SUCCESS;", New: "kfree_skb(skb);\n\t\treturn NET_XMIT_SUCCESS;",
		},
		{
			ID: "ipvlan-broadcast-not-out", Rule: "an L2 slave's broadcast reaches siblings and the wire",
			Bug: "broadcasts end with the siblings",
			Old: "dev_queue_xmit(skb);\n\t\t} else {", New: "consume_skb(skb);\n\t\t} else {",
		},
		{
			ID: "ipvlan-broadcast-back", Rule: "a slave does not get its own broadcast",
			Bug: "the sender is not left out of a flood",
			Old: "if (tx_pkt && (ipvlan->dev == skb->dev))", New: "if (false)",
		},
		{
			ID: "ipvlan-l3-sends-broadcast", Rule: "an L3 slave sends no broadcast and no multicast",
			Bug: "the test is missing",
			Old: "if (is_multicast_ether_addr(ethh->h_dest)) {", New: "if (false) {",
		},
		{
			ID: "ipvlan-l3-host-not-reached", Rule: "an L3 slave reaches the host's addresses",
			Bug: "local routes are not taken",
			Old: "if (rt->rt_type != RTN_UNICAST && rt->rt_type != RTN_LOCAL) {", New: "if (rt->rt_type != RTN_UNICAST) {",
		},
		// What comes in.
		{
			ID: "ipvlan-unsubscribed", Rule: "multicast reaches the slaves that joined the group only",
			Bug: "the slave's multicast filter is not asked",
			Old: "if (!test_bit(mac_hash, ipvlan->mac_filters))", New: "if (false)",
		},
		{
			ID: "ipvlan-reflected-flooded", Rule: "a slave's reflected broadcast reaches the host only",
			Bug: "frames of the port's own slaves are not recognised",
			Old: "if (addr)\n\t\t\treturn false;", New: "if (addr)\n\t\t\treturn true;",
		},
		{
			ID: "ipvlan-reflected-v6", Rule: "a slave's reflected multicast is recognised by its IPv6 source",
			Bug: "the target address is looked up instead of the source",
			Old: "i6addr = use_dest ? &ip6h->daddr : &ip6h->saddr;", New: "i6addr = &ip6h->daddr;",
		},
		{
			ID: "ipvlan-reflected-v4", Rule: "a slave's reflected broadcast is recognised by its IPv4 source",
			Bug: "the target address is looked up instead of the source",
			Old: "i4addr = use_dest ? &ip4h->daddr : &ip4h->saddr;", New: "i4addr = &ip4h->daddr;",
		},
		{
			ID: "ipvlan-reflected-arp", Rule: "a slave's reflected ARP request is recognised by its sender",
			Bug: "the target address is looked up instead of the sender",
			Old: "else\n\t\t\tarp_ptr += port->dev->addr_len;", New: "else\n\t\t\tarp_ptr += (2 * port->dev->addr_len) + 4;",
		},
		{
			ID: "ipvlan-arp-by-sender", Rule: "unicast ARP reaches the slave that has the target address",
			Bug: "the sender's address is looked up instead of the target",
			Old: "arp_ptr += (2 * port->dev->addr_len) + 4;", New: "arp_ptr += port->dev->addr_len;",
		},
		{
			ID: "ipvlan-dad-ignored", Rule: "a neighbour solicitation for DAD is looked up by its target",
			Bug: "neighbour solicitations from :: are not looked up",
			Old: "if (ndmh->icmph.icmp6_type == NDISC_NEIGHBOUR_SOLICITATION) {", New: "if (false) {",
		},
		{
			ID: "ipvlan-l3s-as-l3", Rule: "in L3S ARP and frames reach the host, and slaves get packets behind its hooks",
			Bug: "L3S receives as L3 does",
			Old: "case IPVLAN_MODE_L3S:\n\t\treturn RX_HANDLER_PASS;", New: "case IPVLAN_MODE_L3S:\n\t\treturn ipvlan_handle_mode_l3(pskb, port);",
		},
		{
			ID: "ipvlan-l2-receives-as-l3", Rule: "an external broadcast reaches every L2 slave",
			Bug: "broadcasts are looked up by address instead of flooded",
			Old: "if (is_multicast_ether_addr(eth->h_dest)) {\n\t\tif (ipvlan_external_frame", New: "if (false) {\n\t\tif (ipvlan_external_frame",
		},
		// Addresses.
		{
			ID: "ipvlan-address-prefix-only", Rule: "slaves may have addresses of one subnet",
			Bug: "IPv6 addresses are compared by their first 64 bits",
			Old: "return ipv6_addr_equal(&addr->ip6addr, i6addr);", New: "return ipv6_prefix_equal(&addr->ip6addr, i6addr, 64);",
		},
		{
			ID: "ipvlan-address-of-a-down-sibling", Rule: "an address of a slave that is down is taken, too",
			Bug: "slaves that are down are not asked",
			Old: "if (ipvlan_find_addr(ipvlan, iaddr, is_v6)) {", New: "if (netif_running(ipvlan->dev) && ipvlan_find_addr(ipvlan, iaddr, is_v6)) {",
		},
		// Counters.
		{
			ID: "ipvlan-rx-packets", Rule: "a slave counts what it receives",
			Bug: "received unicast is not counted",
			Old: "ipvlan_count_rx(ipvlan, len, success, false);", New: "",
		},
		{
			ID: "ipvlan-rx-multicast", Rule: "received broadcasts and multicasts count as such",
			Bug: "they count as unicast",
			Old: "ipvlan_count_rx(ipvlan, len, ret == NET_RX_SUCCESS, true);", New: "ipvlan_count_rx(ipvlan, len, ret == NET_RX_SUCCESS, false);",
		},
		{
			ID: "ipvlan-rx-bytes", Rule: "received bytes count with the Ethernet header",
			Bug: "the header is left out",
			Old: "len = skb->len + ETH_HLEN;\n\t/* Only packets", New: "len = skb->len;\n\t/* Only packets",
		},
		{
			ID: "ipvlan-l3-tx-errors", Rule: "an L3 slave's packet without a route counts as an error",
			Bug: "errors of IPv6 routing are not counted",
			Old: "if (unlikely(err)) {\n\t\tDEV_STATS_INC(dev, tx_errors);", New: "if (unlikely(err)) {",
		},
	})
	l3s := inFile(ipvlanL3S, []Mutant{
		{
			ID: "ipvlan-l3s-uncounted", Rule: "an L3S slave counts what it receives",
			Bug: "nothing is counted",
			Old: "ipvlan_count_rx(addr->master, len, true, false);", New: "(void)len;",
		},
		{
			ID: "ipvlan-l3s-no-v6", Rule: "an L3S slave receives IPv6",
			Bug: "the hook stands at IPv4 twice",
			Old: ".pf       = NFPROTO_IPV6,", New: ".pf       = NFPROTO_IPV4,",
		},
		{
			ID: "ipvlan-l3s-device-kept", Rule: "an L3S slave's packet is the slave's behind the host's hooks",
			Bug: "the packet stays the parent's",
			Old: "skb->dev = addr->master->dev;\n", New: "",
		},
		{
			ID: "ipvlan-l3s-iif-kept", Rule: "an L3S slave's packet came in by the slave",
			Bug: "the packet says that it came in by the parent",
			Old: "skb->skb_iif = skb->dev->ifindex;", New: ";",
		},
		{
			ID: "ipvlan-l3s-no-v6-route", Rule: "an L3S slave receives IPv6",
			Bug: "IPv6 packets are not routed to the slave",
			Old: "case AF_INET6:\n", New: "case AF_UNSPEC:\n",
		},
	})
	return append(core, l3s...)
}
