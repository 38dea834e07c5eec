package main

const macvlanFile = "drivers/net/macvlan.c"

// macvlanMutants are bugs in macvlan.
func macvlanMutants() []Mutant {
	return inFile(macvlanFile, []Mutant{
		// What a child sends.
		{
			ID: "macvlan-bridge-reaches-all", Rule: "a bridge child's unicast to a vepa or private sibling leaves by the wire",
			Bug: "the target's mode is not tested before a frame is switched",
			Old: "if (dest && dest->mode == MACVLAN_MODE_BRIDGE) {", New: "if (dest) {",
		},
		{
			ID: "macvlan-vepa-switches", Rule: "a vepa child's frames all leave by the wire",
			Bug: "the sender's mode test lets vepa switch as well",
			Old: "if (vlan->mode == MACVLAN_MODE_BRIDGE) {", New: "if (vlan->mode & (MACVLAN_MODE_BRIDGE | MACVLAN_MODE_VEPA)) {",
		},
		{
			ID: "macvlan-private-switches", Rule: "a private child's frames all leave by the wire",
			Bug: "the sender's mode test lets private switch as well",
			Old: "if (vlan->mode == MACVLAN_MODE_BRIDGE) {", New: "if (vlan->mode & (MACVLAN_MODE_BRIDGE | MACVLAN_MODE_PRIVATE)) {",
		},
		{
			ID: "macvlan-bridge-to-the-wire", Rule: "a bridge child's unicast to a bridge sibling stays inside",
			Bug: "no frame is switched between siblings",
			Old: "if (dest && dest->mode == MACVLAN_MODE_BRIDGE) {", New: "if (dest && dest->mode == MACVLAN_MODE_PASSTHRU) {",
		},
		{
			ID: "macvlan-broadcast-not-out", Rule: "a bridge child's broadcast reaches siblings and the wire",
			Bug: "broadcasts end with the siblings",
			Old: "goto xmit_world;", New: "kfree_skb(skb);\n\t\t\treturn NET_XMIT_SUCCESS;",
		},
		{
			ID: "macvlan-broadcast-not-flooded", Rule: "a bridge child's broadcast reaches siblings and the wire",
			Bug: "broadcasts are not flooded to siblings",
			Old: "macvlan_broadcast(skb, port, dev, MACVLAN_MODE_BRIDGE);", New: ";",
		},
		{
			ID: "macvlan-broadcast-back", Rule: "a child does not get its own broadcast",
			Bug: "the sender is not left out of a flood",
			Old: "if (vlan->dev == src || !(vlan->mode & mode))", New: "if (!(vlan->mode & mode))",
		},
		{
			ID: "macvlan-broadcast-any-mode", Rule: "a bridge child's broadcast is not flooded to vepa and private siblings",
			Bug: "the modes that a flood is for are not looked at",
			Old: "if (vlan->dev == src || !(vlan->mode & mode))", New: "if (vlan->dev == src)",
		},
		// What comes in for many.
		{
			ID: "macvlan-unsubscribed", Rule: "multicast reaches the children that joined the group only",
			Bug: "the child's multicast filter is not asked",
			Old: "if (!test_bit(hash, vlan->mc_filter))", New: "if (false)",
		},
		{
			ID: "macvlan-filter-no-broadcast", Rule: "broadcast reaches every child",
			Bug: "the broadcast address is forgotten in the child's filter",
			Old: "__set_bit(mc_hash(vlan, dev->broadcast), filter);", New: ";",
		},
		{
			ID: "macvlan-filter-no-groups", Rule: "multicast reaches the children that joined the group",
			Bug: "joined groups are forgotten in the child's filter",
			Old: "__set_bit(mc_hash(vlan, ha->addr), filter);", New: ";",
		},
		{
			ID: "macvlan-filter-of-the-last", Rule: "multicast reaches every child that joined the group",
			Bug: "the port's filter is computed from one child instead of the parent",
			Old: "macvlan_compute_filter(vlan->port->mc_filter, vlan->lowerdev, NULL);",
			New: "macvlan_compute_filter(vlan->port->mc_filter, dev, NULL);",
		},
		{
			ID: "macvlan-external-not-private", Rule: "an external broadcast reaches children of every mode",
			Bug: "private children are left out of an external broadcast",
			Old: "MACVLAN_MODE_PRIVATE |\n", New: "0 |\n",
		},
		{
			ID: "macvlan-external-not-vepa", Rule: "an external broadcast reaches children of every mode",
			Bug: "vepa children are left out of an external broadcast",
			Old: "MACVLAN_MODE_VEPA    |\n", New: "0 |\n",
		},
		{
			ID: "macvlan-external-not-passthru", Rule: "an external broadcast reaches a passthru child",
			Bug: "a passthru child is left out of an external broadcast",
			Old: "MACVLAN_MODE_PASSTHRU|\n", New: "0 |\n",
		},
		{
			ID: "macvlan-reflected-vepa-not-to-bridge", Rule: "a vepa child's reflected broadcast reaches bridge siblings, too",
			Bug: "the reflected broadcast of a vepa child is flooded to vepa siblings only",
			Old: "MACVLAN_MODE_VEPA |\n\t\t\t\t\t  MACVLAN_MODE_BRIDGE);\n\t\telse\n", New: "MACVLAN_MODE_VEPA);\n\t\telse\n",
		},
		{
			ID: "macvlan-reflected-twice", Rule: "a bridge child's reflected broadcast does not reach bridge siblings again",
			Bug: "the reflected broadcast of a bridge child is flooded to bridge siblings again",
			Old: "macvlan_broadcast(skb, port, src->dev,\n\t\t\t\t\t  MACVLAN_MODE_VEPA);",
			New: "macvlan_broadcast(skb, port, src->dev,\n\t\t\t\t\t  MACVLAN_MODE_VEPA | MACVLAN_MODE_BRIDGE);",
		},
		{
			ID: "macvlan-reflected-to-its-sender", Rule: "a vepa child does not get its own reflected broadcast",
			Bug: "the sender is not left out of a vepa child's reflected broadcast",
			Old: "macvlan_broadcast(skb, port, src->dev,\n\t\t\t\t\t  MACVLAN_MODE_VEPA |",
			New: "macvlan_broadcast(skb, port, NULL,\n\t\t\t\t\t  MACVLAN_MODE_VEPA |",
		},
		{
			ID: "macvlan-reflected-bridge-consumed", Rule: "a bridge child's reflected broadcast reaches the host",
			Bug: "the mode test takes bridge for a mode whose reflections are consumed",
			Old: "if (src && src->mode != MACVLAN_MODE_VEPA &&\n\t\t    src->mode != MACVLAN_MODE_BRIDGE) {",
			New: "if (src && src->mode != MACVLAN_MODE_VEPA) {",
		},
		{
			ID: "macvlan-reflected-private-flooded", Rule: "a private child's reflected broadcast comes back to itself only",
			Bug: "the mode test takes private for a mode whose reflections are flooded",
			Old: "src->mode != MACVLAN_MODE_BRIDGE) {", New: "src->mode != MACVLAN_MODE_BRIDGE &&\n\t\t    src->mode != MACVLAN_MODE_PRIVATE) {",
		},
		{
			ID: "macvlan-fragments-not-joined", Rule: "fragments of IPv4 multicast are put together before they are flooded",
			Bug: "fragments are flooded as they come",
			Old: "skb = ip_check_defrag(dev_net(skb->dev), skb, IP_DEFRAG_MACVLAN);", New: ";",
		},
		// The queue of broadcasts.
		{
			ID: "macvlan-queue-one-too-many", Rule: "with bc_queue_len 0 no external broadcast reaches a child",
			Bug: "the queue takes one frame more than its length",
			Old: "if (skb_queue_len(&port->bc_queue) < bc_queue_len_used) {", New: "if (skb_queue_len(&port->bc_queue) <= bc_queue_len_used) {",
		},
		{
			ID: "macvlan-queue-of-the-last", Rule: "the queue's length is the longest that a child asks for",
			Bug: "the last child's length is taken",
			Old: "if (vlan->bc_queue_len_req > max_bc_queue_len_req)", New: "if (true)",
		},
		{
			ID: "macvlan-queue-of-the-gone", Rule: "a deleted child's queue length counts no more",
			Bug: "the queue's length is not worked out anew when a child is deleted",
			Old: "update_port_bc_queue_len(vlan->port);\n\tunregister_netdevice_queue(dev, head);", New: "unregister_netdevice_queue(dev, head);",
		},
		{
			ID: "macvlan-queue-change-ignored", Rule: "bc_queue_len can be changed",
			Bug: "a changed length is not carried to the port",
			Old: "update_port_bc_queue_len(vlan->port);\n\t}\n\n\tif (set_mode)", New: "}\n\n\tif (set_mode)",
		},
		{
			ID: "macvlan-queue-drop-uncounted", Rule: "a broadcast for which there is no room counts as dropped on the parent",
			Bug: "the drop is not counted",
			Old: "dev_core_stats_rx_dropped_inc(skb->dev);", New: ";",
		},
		// Mode source.
		{
			ID: "macvlan-source-unicast-only", Rule: "a source child hears its sources' broadcasts, too",
			Bug: "sources are not looked up for multicast and broadcast frames",
			Old: "eth = eth_hdr(skb);\n\t\tif (macvlan_forward_source(skb, port, eth->h_source)) {", New: "eth = eth_hdr(skb);\n\t\tif (false) {",
		},
		{
			ID: "macvlan-source-hears-all", Rule: "a source child hears nobody who is not listed",
			Bug: "a source child is looked up by its own address as well",
			Old: "if (!vlan || vlan->mode == MACVLAN_MODE_SOURCE)", New: "if (!vlan)",
		},
		{
			ID: "macvlan-source-first-only", Rule: "every child that lists a source gets a copy",
			Bug: "the look-up ends with the first child that lists the source",
			Old: "macvlan_forward_source_one(skb, vlan);\n", New: "macvlan_forward_source_one(skb, vlan);\n\t\t\tbreak;\n",
		},
		{
			ID: "macvlan-source-foreign-as-own", Rule: "what a source child hears is for itself only if it is sent to its address",
			Bug: "the packet type of a copy is HOST whoever it is for",
			Old: "if (ether_addr_equal_64bits(eth_hdr(skb)->h_dest, dev->dev_addr))", New: "if (true)",
		},
		{
			ID: "macvlan-source-nodst-ignored", Rule: "with nodst the host gets no copy",
			Bug: "the flag is not looked at",
			Old: "if (vlan->flags & MACVLAN_FLAG_NODST)", New: "if (false)",
		},
		{
			ID: "macvlan-source-set-adds", Rule: "setting the source list replaces it",
			Bug: "the old entries are not flushed",
			Old: "} else if (mode == MACVLAN_MACADDR_SET) {\n\t\tmacvlan_flush_sources(vlan->port, vlan);", New: "} else if (mode == MACVLAN_MACADDR_SET) {",
		},
		{
			ID: "macvlan-source-flush-all", Rule: "every child has a source list of its own",
			Bug: "flushing one child's list empties all others",
			Old: "if (rcu_access_pointer(entry->vlan) == vlan)\n\t\t\tmacvlan_hash_del_source(entry);", New: "macvlan_hash_del_source(entry);",
		},
		{
			ID: "macvlan-source-kept", Rule: "a change to another mode flushes the source list",
			Bug: "the list survives the change of mode",
			Old: "if (vlan->mode == MACVLAN_MODE_SOURCE &&\n\t\t    vlan->mode != mode)", New: "if (false)",
		},
		{
			ID: "macvlan-source-any-mode", Rule: "a source list is refused in other modes: EINVAL",
			Bug: "the errno is missing",
			Old: "if (vlan->mode != MACVLAN_MODE_SOURCE)\n\t\t\treturn -EINVAL;\n\t\tmacmode", New: "if (vlan->mode != MACVLAN_MODE_SOURCE)\n\t\t\treturn 0;\n\t\tmacmode",
		},
		{
			ID: "macvlan-source-foreign-entries", Rule: "a child reports its own source list",
			Bug: "entries of other children are reported, too",
			Old: "if (rcu_access_pointer(entry->vlan) != vlan)\n\t\t\tcontinue;", New: "",
		},
	})
}
