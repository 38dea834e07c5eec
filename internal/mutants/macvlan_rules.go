package main

// macvlanRuleMutants are bugs in what macvlan refuses, keeps and counts.
func macvlanRuleMutants() []Mutant {
	return inFile(macvlanFile, []Mutant{
		// Mode passthru.
		{
			ID: "macvlan-passthru-own-mac-only", Rule: "a passthru child gets every unicast frame",
			Bug: "unicast is looked up by address in mode passthru, too",
			Old: "if (macvlan_passthru(port))\n\t\tvlan = list_first_or_null_rcu(&port->vlans,\n\t\t\t\t\t      struct macvlan_dev, list);\n\telse\n", New: "",
		},
		{
			ID: "macvlan-passthru-down-leaks", Rule: "the host gets nothing that is for a passthru child, even while that is down",
			Bug: "frames for a child that is down are passed on to the host",
			Old: "kfree_skb(skb);\n\t\treturn RX_HANDLER_CONSUMED;\n\t}\n\tlen = skb->len", New: "return RX_HANDLER_PASS;\n\t}\n\tlen = skb->len",
		},
		{
			ID: "macvlan-passthru-not-the-first", Rule: "passthru is refused beside other children: EINVAL",
			Bug: "the test for other children is missing",
			Old: "if (port->count) {\n\t\t\terr = -EINVAL;", New: "if (false) {\n\t\t\terr = -EINVAL;",
		},
		{
			ID: "macvlan-passthru-not-alone", Rule: "another child beside a passthru child is refused: EINVAL",
			Bug: "the test for a passthru child is missing",
			Old: "if (macvlan_passthru(port)) {\n\t\t/* The macvlan port", New: "if (false) {\n\t\t/* The macvlan port",
		},
		{
			ID: "macvlan-passthru-not-alone-errno", Rule: "another child beside a passthru child is refused: EINVAL",
			Bug: "the errno is EBUSY",
			Old: "still goto destroy_macvlan_port for readability.\n\t\t */\n\t\terr = -EINVAL;", New: "still goto destroy_macvlan_port for readability.\n\t\t */\n\t\terr = -EBUSY;",
		},
		{
			ID: "macvlan-passthru-mac-not-inherited", Rule: "a passthru child has the parent's MAC address",
			Bug: "the address is not inherited",
			Old: "eth_hw_addr_inherit(dev, lowerdev);", New: "if (is_zero_ether_addr(dev->dev_addr))\n\t\t\teth_hw_addr_inherit(dev, lowerdev);",
		},
		{
			ID: "macvlan-passthru-mac-not-passed", Rule: "a passthru child's new MAC address is the parent's, too",
			Bug: "the parent's address is left alone",
			Old: "if (vlan->mode == MACVLAN_MODE_PASSTHRU) {\n\t\tmacvlan_set_addr_change", New: "if (false) {\n\t\tmacvlan_set_addr_change",
		},
		{
			ID: "macvlan-passthru-mac-not-followed", Rule: "a passthru child follows the parent's MAC address",
			Bug: "a change of the parent's address is not heeded",
			Old: "if (!macvlan_passthru(port))\n\t\t\treturn NOTIFY_DONE;", New: "if (true)\n\t\t\treturn NOTIFY_DONE;",
		},
		{
			ID: "macvlan-passthru-mac-not-restored", Rule: "the parent gets its MAC address back when a passthru child goes",
			Bug: "the address is not put back",
			Old: "if (macvlan_passthru(port) &&\n\t    !ether_addr_equal(port->dev->dev_addr, port->perm_addr)) {", New: "if (false) {",
		},
		{
			ID: "macvlan-nopromisc-ignored", Rule: "with nopromisc the parent is not made promiscuous",
			Bug: "the flag is not looked at when the child comes up",
			Old: "if (!(vlan->flags & MACVLAN_FLAG_NOPROMISC)) {", New: "if (true) {",
		},
		{
			ID: "macvlan-nopromisc-not-changed", Rule: "nopromisc takes effect when it is changed",
			Bug: "a change of the flag does nothing to the parent",
			Old: "if (macvlan_passthru(vlan->port) && promisc) {", New: "if (false) {",
		},
		{
			ID: "macvlan-passthru-promisc-passed", Rule: "promiscuity of a passthru child is not the parent's",
			Bug: "promiscuous mode is passed on in mode passthru, too",
			Old: "if (!macvlan_passthru(vlan->port) && change & IFF_PROMISC)", New: "if (change & IFF_PROMISC)",
		},
		{
			ID: "macvlan-promisc-not-passed", Rule: "a promiscuous child makes its parent promiscuous",
			Bug: "promiscuous mode is not passed on",
			Old: "if (!macvlan_passthru(vlan->port) && change & IFF_PROMISC)", New: "if (false)",
		},
		{
			ID: "macvlan-down-keeps-filter", Rule: "a child that is down asks nothing of its parent",
			Bug: "the parent's filter entry is not taken out",
			Old: "dev_uc_del(lowerdev, dev->dev_addr);\n\nhash_del:", New: ";\nhash_del:",
		},
		{
			ID: "macvlan-new-mac-keeps-filter", Rule: "a child asks its parent for one address only",
			Bug: "the old address's filter entry is not taken out",
			Old: "dev_uc_del(lowerdev, dev->dev_addr);\n\t\t}\n", New: "}\n",
		},
		// Addresses.
		{
			ID: "macvlan-parents-mac", Rule: "a child may not have the parent's MAC address: EADDRINUSE",
			Bug: "the parent's address is not looked at",
			Old: "if (!macvlan_passthru(port) && !macvlan_addr_change(port) &&\n\t    ether_addr_equal_64bits(port->dev->dev_addr, addr))", New: "if (false)",
		},
		{
			ID: "macvlan-siblings-mac", Rule: "a child may not have a sibling's MAC address: EADDRINUSE",
			Bug: "siblings' addresses are not looked at",
			Old: "if (macvlan_hash_lookup(port, addr))\n\t\treturn true;", New: "",
		},
		{
			ID: "macvlan-up-busy-errno", Rule: "a taken MAC address is refused at UP: EADDRINUSE",
			Bug: "the errno is EBUSY",
			Old: "err = -EADDRINUSE;", New: "err = -EBUSY;",
		},
		{
			ID: "macvlan-set-busy-errno", Rule: "a taken MAC address cannot be set: EADDRINUSE",
			Bug: "the errno is EBUSY",
			Old: "if (macvlan_addr_busy(vlan->port, addr->sa_data))\n\t\treturn -EADDRINUSE;", New: "if (macvlan_addr_busy(vlan->port, addr->sa_data))\n\t\treturn -EBUSY;",
		},
		{
			ID: "macvlan-set-busy-while-down", Rule: "a taken MAC address cannot be set while down either",
			Bug: "the address is looked at while the child is up only",
			Old: "if (macvlan_addr_busy(vlan->port, addr->sa_data))", New: "if (dev->flags & IFF_UP && macvlan_addr_busy(vlan->port, addr->sa_data))",
		},
		{
			ID: "macvlan-set-not-rehashed", Rule: "a child with a new MAC address is reached by that",
			Bug: "the child is hashed before it has the new address",
			Old: "eth_hw_addr_set(vlan->dev, addr);\n\tmacvlan_hash_add(vlan);", New: "macvlan_hash_add(vlan);\n\teth_hw_addr_set(vlan->dev, addr);",
		},
		{
			ID: "macvlan-set-multicast-mac", Rule: "a multicast address is refused: EADDRNOTAVAIL",
			Bug: "the errno is EINVAL",
			Old: "if (!is_valid_ether_addr(addr->sa_data))\n\t\treturn -EADDRNOTAVAIL;", New: "if (!is_valid_ether_addr(addr->sa_data))\n\t\treturn -EINVAL;",
		},
		{
			ID: "macvlan-create-multicast-mac", Rule: "a multicast address is refused at creation: EADDRNOTAVAIL",
			Bug: "the errno is EINVAL",
			Old: "if (!is_valid_ether_addr(nla_data(tb[IFLA_ADDRESS])))\n\t\t\treturn -EADDRNOTAVAIL;", New: "if (!is_valid_ether_addr(nla_data(tb[IFLA_ADDRESS])))\n\t\t\treturn -EINVAL;",
		},
		// Modes and flags.
		{
			ID: "macvlan-default-mode", Rule: "without a mode a child is in mode vepa",
			Bug: "the default is bridge",
			Old: "vlan->mode     = MACVLAN_MODE_VEPA;", New: "vlan->mode     = MACVLAN_MODE_BRIDGE;",
		},
		{
			ID: "macvlan-into-passthru", Rule: "the mode cannot be changed to or from passthru: EINVAL",
			Bug: "the test is missing",
			Old: "if ((mode == MACVLAN_MODE_PASSTHRU) !=\n\t\t    (vlan->mode == MACVLAN_MODE_PASSTHRU))", New: "if (false)",
		},
		{
			ID: "macvlan-mode-not-while-up", Rule: "the mode can be changed at run time",
			Bug: "a new mode is not taken while the child is up",
			Old: "if (set_mode)\n\t\tvlan->mode = mode;", New: "if (set_mode && !netif_running(dev))\n\t\tvlan->mode = mode;",
		},
		{
			ID: "macvlan-flags-lost", Rule: "a child reports its flags",
			Bug: "no flag is reported",
			Old: "if (nla_put_u16(skb, IFLA_MACVLAN_FLAGS, vlan->flags))", New: "if (nla_put_u16(skb, IFLA_MACVLAN_FLAGS, 0))",
		},
		{
			ID: "macvlan-flags-not-at-creation", Rule: "flags can be given at creation",
			Bug: "flags are not taken at creation",
			Old: "if (data && data[IFLA_MACVLAN_FLAGS])\n\t\tvlan->flags = nla_get_u16(data[IFLA_MACVLAN_FLAGS]);", New: "",
		},
		{
			ID: "macvlan-any-mode-number", Rule: "an unknown mode is refused: EINVAL",
			Bug: "modes are not tested",
			Old: "case MACVLAN_MODE_SOURCE:\n\t\t\tbreak;\n\t\tdefault:\n\t\t\treturn -EINVAL;", New: "case MACVLAN_MODE_SOURCE:\n\t\t\tbreak;\n\t\tdefault:\n\t\t\tbreak;",
		},
		// MTU.
		{
			ID: "macvlan-mtu-at-creation", Rule: "an MTU above the parent's is refused at creation: EINVAL",
			Bug: "the test is missing",
			Old: "else if (dev->mtu > lowerdev->mtu)\n\t\treturn -EINVAL;", New: "",
		},
		{
			ID: "macvlan-mtu-not-inherited", Rule: "without an MTU a child has the parent's",
			Bug: "the parent's MTU is not taken over",
			Old: "if (!tb[IFLA_MTU])\n\t\tdev->mtu = lowerdev->mtu;\n\telse if", New: "if",
		},
		{
			ID: "macvlan-mtu-set", Rule: "an MTU above the parent's cannot be set: EINVAL",
			Bug: "the test is missing",
			Old: "if (vlan->lowerdev->mtu < new_mtu)\n\t\treturn -EINVAL;", New: "",
		},
		{
			ID: "macvlan-mtu-set-errno", Rule: "an MTU above the parent's cannot be set: EINVAL",
			Bug: "the errno is ERANGE",
			Old: "if (vlan->lowerdev->mtu < new_mtu)\n\t\treturn -EINVAL;", New: "if (vlan->lowerdev->mtu < new_mtu)\n\t\treturn -ERANGE;",
		},
		{
			ID: "macvlan-mtu-too-small", Rule: "an MTU below 68 is refused: EINVAL",
			Bug: "there is no smallest MTU",
			Old: "dev->min_mtu = ETH_MIN_MTU;", New: "dev->min_mtu = 0;",
		},
		{
			ID: "macvlan-mtu-not-cut", Rule: "a child's MTU is cut when the parent's is lowered",
			Bug: "children keep their MTU",
			Old: "if (vlan->dev->mtu <= dev->mtu)", New: "if (true)",
		},
		{
			ID: "macvlan-mtu-raised", Rule: "a child's MTU is not raised with the parent's",
			Bug: "children follow the parent's MTU both ways",
			Old: "if (vlan->dev->mtu <= dev->mtu)", New: "if (vlan->dev->mtu == dev->mtu)",
		},
		// Parents.
		{
			ID: "macvlan-on-loopback-errno", Rule: "a macvlan on lo is refused: EINVAL",
			Bug: "the errno is EOPNOTSUPP",
			Old: "dev->flags & IFF_LOOPBACK)\n\t\treturn -EINVAL;", New: "dev->flags & IFF_LOOPBACK)\n\t\treturn -EOPNOTSUPP;",
		},
		{
			ID: "macvlan-taken-parent-errno", Rule: "a macvlan on a bridge's port is refused: EBUSY",
			Bug: "the errno is EINVAL",
			Old: "if (netdev_is_rx_handler_busy(dev))\n\t\treturn -EBUSY;", New: "if (netdev_is_rx_handler_busy(dev))\n\t\treturn -EINVAL;",
		},
		{
			ID: "macvlan-on-macvlan", Rule: "a macvlan on a macvlan lands on the real parent",
			Bug: "the real parent is not looked up",
			Old: "if (netif_is_macvlan(lowerdev))\n\t\tlowerdev = macvlan_dev_real_dev(lowerdev);", New: "",
		},
		{
			ID: "macvlan-carrier-not-followed", Rule: "a child loses its carrier with the parent",
			Bug: "changes of the parent's carrier are not heeded",
			Old: "case NETDEV_DOWN:\n\tcase NETDEV_CHANGE:\n", New: "case NETDEV_DOWN:\n",
		},
		// Counters.
		{
			ID: "macvlan-tx-packets", Rule: "a child counts what it sends",
			Bug: "sent packets are not counted",
			Old: "u64_stats_inc(&pcpu_stats->tx_packets);", New: "",
		},
		{
			ID: "macvlan-tx-bytes", Rule: "a child counts the bytes that it sends",
			Bug: "sent bytes are not counted",
			Old: "u64_stats_add(&pcpu_stats->tx_bytes, len);", New: "",
		},
		{
			ID: "macvlan-rx-packets", Rule: "a child counts what it receives",
			Bug: "received unicast is not counted",
			Old: "macvlan_count_rx(vlan, len, ret == NET_RX_SUCCESS, false);\n\treturn handle_res;", New: "return handle_res;",
		},
		{
			ID: "macvlan-rx-bytes", Rule: "received bytes count with the Ethernet header",
			Bug: "the header is left out",
			Old: "len = skb->len + ETH_HLEN;\n\tskb = skb_share_check", New: "len = skb->len;\n\tskb = skb_share_check",
		},
		{
			ID: "macvlan-rx-multicast", Rule: "received broadcasts and multicasts count as such",
			Bug: "they count as unicast",
			Old: "err == NET_RX_SUCCESS, true);", New: "err == NET_RX_SUCCESS, false);",
		},
		{
			ID: "macvlan-source-uncounted", Rule: "a source child counts what it hears",
			Bug: "copies from sources are not counted",
			Old: "ret = __netif_rx(nskb);\n\tmacvlan_count_rx(vlan, len, ret == NET_RX_SUCCESS, false);", New: "ret = __netif_rx(nskb);",
		},
	})
}
