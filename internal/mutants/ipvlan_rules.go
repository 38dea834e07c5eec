package main

// ipvlanRuleMutants are bugs in what ipvlan refuses, keeps and counts.
func ipvlanRuleMutants() []Mutant {
	return inFile(ipvlanMain, []Mutant{
		// One mode and one flag a parent.
		{
			ID: "ipvlan-default-mode", Rule: "without a mode a slave is in mode l3, and so are all others",
			Bug: "the default is l2",
			Old: "u16 mode = IPVLAN_MODE_L3;", New: "u16 mode = IPVLAN_MODE_L2;",
		},
		{
			ID: "ipvlan-no-noarp-at-change", Rule: "all slaves get NOARP when the mode becomes l3",
			Bug: "the flag is not set at a change of mode",
			Old: "flags | IFF_NOARP,\n\t\t\t\t\t\t       extack);", New: "flags,\n\t\t\t\t\t\t       extack);",
		},
		{
			ID: "ipvlan-noarp-stays", Rule: "all slaves lose NOARP when the mode becomes l2",
			Bug: "the flag is not cleared at a change of mode",
			Old: "flags & ~IFF_NOARP,\n\t\t\t\t\t\t       extack);", New: "flags,\n\t\t\t\t\t\t       extack);",
		},
		{
			ID: "ipvlan-no-noarp-at-up", Rule: "an l3 slave has NOARP",
			Bug: "the flag is not set when the slave comes up",
			Old: "dev->flags |= IFF_NOARP;", New: ";",
		},
		{
			ID: "ipvlan-noarp-not-l3s", Rule: "an l3s slave has NOARP",
			Bug: "the mode test forgets l3s when the slave comes up",
			Old: "if (ipvlan->port->mode == IPVLAN_MODE_L3 ||\n\t    ipvlan->port->mode == IPVLAN_MODE_L3S)", New: "if (ipvlan->port->mode == IPVLAN_MODE_L3)",
		},
		{
			ID: "ipvlan-mode-of-the-first", Rule: "a new slave's mode becomes all others'",
			Bug: "the port keeps the first slave's mode",
			Old: "err = ipvlan_set_port_mode(port, mode, extack);", New: "err = list_empty(&port->ipvlans) ? ipvlan_set_port_mode(port, mode, extack) : 0;",
		},
		{
			ID: "ipvlan-flags-pile-up", Rule: "a new slave's flags replace the port's",
			Bug: "they are added to the port's",
			Old: "port->flags = nla_get_u16(data[IFLA_IPVLAN_FLAGS]);", New: "port->flags |= nla_get_u16(data[IFLA_IPVLAN_FLAGS]);",
		},
		{
			ID: "ipvlan-private-stays", Rule: "the flag private can be cleared",
			Bug: "it stays",
			Old: "ipvlan_clear_private(port);", New: ";",
		},
		{
			ID: "ipvlan-vepa-not-set", Rule: "the flag vepa can be set at run time",
			Bug: "it is not set",
			Old: "ipvlan_mark_vepa(port);", New: ";",
		},
		{
			ID: "ipvlan-flags-not-reported", Rule: "a slave reports the port's flags",
			Bug: "no flag is reported",
			Old: "if (nla_put_u16(skb, IFLA_IPVLAN_FLAGS, port->flags))", New: "if (nla_put_u16(skb, IFLA_IPVLAN_FLAGS, 0))",
		},
		{
			ID: "ipvlan-both-flags", Rule: "private and vepa together are refused: EINVAL",
			Bug: "the test is missing",
			Old: "if ((flags & (IPVLAN_F_PRIVATE | IPVLAN_F_VEPA)) ==\n\t\t    (IPVLAN_F_PRIVATE | IPVLAN_F_VEPA))\n\t\t\treturn -EINVAL;", New: "",
		},
		{
			ID: "ipvlan-mode-4", Rule: "modes that there are not are refused: EINVAL",
			Bug: "the limit is one too high",
			Old: "if (mode >= IPVLAN_MODE_MAX)", New: "if (mode > IPVLAN_MODE_MAX)",
		},
		// Filters.
		{
			ID: "ipvlan-filter-no-broadcast", Rule: "broadcast reaches every slave",
			Bug: "the broadcast address is forgotten in the slave's filter",
			Old: "__set_bit(ipvlan_mac_hash(dev->broadcast), mc_filters);", New: ";",
		},
		{
			ID: "ipvlan-filter-no-groups", Rule: "multicast reaches the slaves that joined the group",
			Bug: "joined groups are forgotten in the slave's filter",
			Old: "__set_bit(ipvlan_mac_hash(ha->addr), mc_filters);", New: ";",
		},
		// MTU and MAC.
		{
			ID: "ipvlan-mtu-not-raised", Rule: "a slave's MTU follows the parent's up and down",
			Bug: "it follows down only",
			Old: "ipvlan_adjust_mtu(ipvlan, dev);\n\t\tbreak;", New: "if (ipvlan->dev->mtu > dev->mtu)\n\t\t\t\tipvlan_adjust_mtu(ipvlan, dev);\n\t\tbreak;",
		},
		{
			ID: "ipvlan-mtu-not-lowered", Rule: "a slave's MTU follows the parent's up and down",
			Bug: "it follows up only",
			Old: "ipvlan_adjust_mtu(ipvlan, dev);\n\t\tbreak;", New: "if (ipvlan->dev->mtu < dev->mtu)\n\t\t\t\tipvlan_adjust_mtu(ipvlan, dev);\n\t\tbreak;",
		},
		{
			ID: "ipvlan-mtu-not-inherited", Rule: "without an MTU a slave has the parent's",
			Bug: "the parent's MTU is not taken over",
			Old: "if (!tb[IFLA_MTU])\n\t\tipvlan_adjust_mtu(ipvlan, phy_dev);", New: "",
		},
		{
			ID: "ipvlan-mac-not-followed", Rule: "slaves follow the parent's MAC address",
			Bug: "they keep the old one",
			Old: "eth_hw_addr_set(ipvlan->dev, dev->dev_addr);", New: "",
		},
		{
			ID: "ipvlan-own-mac", Rule: "a MAC address given at creation is overwritten by the parent's",
			Bug: "it is kept",
			Old: "eth_hw_addr_set(dev, phy_dev->dev_addr);", New: "if (!tb[IFLA_ADDRESS])\n\t\teth_hw_addr_set(dev, phy_dev->dev_addr);",
		},
		{
			ID: "ipvlan-mac-can-be-set", Rule: "a slave's MAC address cannot be set: EOPNOTSUPP",
			Bug: "it can",
			Old: ".ndo_set_rx_mode\t= ipvlan_set_multicast_mac_filter,", New: ".ndo_set_rx_mode\t= ipvlan_set_multicast_mac_filter,\n\t.ndo_set_mac_address\t= eth_mac_addr,",
		},
		// Addresses.
		{
			ID: "ipvlan-v4-not-refused", Rule: "a sibling's IPv4 address is refused: EADDRINUSE",
			Bug: "the test is missing",
			Old: "if (ipvlan_addr_busy(ipvlan->port, &ivi->ivi_addr, false)) {", New: "if (false) {",
		},
		{
			ID: "ipvlan-v6-not-refused", Rule: "a sibling's IPv6 address is refused: EADDRINUSE",
			Bug: "the test is missing",
			Old: "if (ipvlan_addr_busy(ipvlan->port, &i6vi->i6vi_addr, true)) {", New: "if (false) {",
		},
		{
			ID: "ipvlan-v6-errno", Rule: "a sibling's IPv6 address is refused: EADDRINUSE",
			Bug: "the errno is EEXIST",
			Old: "NL_SET_ERR_MSG(i6vi->extack,\n\t\t\t\t       \"Address already assigned to an ipvlan device\");\n\t\t\tret = notifier_from_errno(-EADDRINUSE);",
			New: "NL_SET_ERR_MSG(i6vi->extack,\n\t\t\t\t       \"Address already assigned to an ipvlan device\");\n\t\t\tret = notifier_from_errno(-EEXIST);",
		},
		{
			ID: "ipvlan-v4-no-reason", Rule: "the refusal says that the address is already assigned to an ipvlan device",
			Bug: "the sentence is missing",
			Old: "NL_SET_ERR_MSG(ivi->extack,\n\t\t\t\t       \"Address already assigned to an ipvlan device\");", New: "",
		},
		{
			ID: "ipvlan-v4-not-let-go", Rule: "an address that a slave gives up is free",
			Bug: "a removed IPv4 address stays the slave's",
			Old: "ipvlan_del_addr4(ipvlan, &ip4_addr);", New: "",
		},
		{
			ID: "ipvlan-v6-not-let-go", Rule: "an address that a slave gives up is free",
			Bug: "a removed IPv6 address stays the slave's",
			Old: "ipvlan_del_addr6(ipvlan, &if6->addr);", New: "",
		},
		{
			ID: "ipvlan-down-still-found", Rule: "frames for a slave that is down are the host's",
			Bug: "a slave that goes down stays in the table of addresses",
			Old: "list_for_each_entry(addr, &ipvlan->addrs, anode)\n\t\tipvlan_ht_addr_del(addr);", New: "(void)addr;",
		},
		{
			ID: "ipvlan-not-found-after-up", Rule: "a slave that was down is found again when it is up",
			Bug: "its addresses do not come back into the table",
			Old: "list_for_each_entry(addr, &ipvlan->addrs, anode)\n\t\tipvlan_ht_addr_add(ipvlan, addr);", New: "(void)addr;",
		},
		{
			ID: "ipvlan-one-dev-id", Rule: "slaves derive different IPv6 addresses from their one MAC address",
			Bug: "all slaves have one device id",
			Old: "dev->dev_id = err;\n", New: "dev->dev_id = 1;\n",
		},
		// Parents.
		{
			ID: "ipvlan-on-loopback-errno", Rule: "an ipvlan on lo is refused: EINVAL",
			Bug: "the errno is EOPNOTSUPP",
			Old: "return -EINVAL;\n\t\t}\n\n\t\tif (netdev_is_rx_handler_busy", New: "return -EOPNOTSUPP;\n\t\t}\n\n\t\tif (netdev_is_rx_handler_busy",
		},
		{
			ID: "ipvlan-taken-parent-errno", Rule: "an ipvlan on a bridge's port is refused: EBUSY",
			Bug: "the errno is EINVAL",
			Old: "\"Device is already in use.\\n\");\n\t\t\treturn -EBUSY;", New: "\"Device is already in use.\\n\");\n\t\t\treturn -EINVAL;",
		},
		{
			ID: "ipvlan-vlan-above", Rule: "a VLAN device on a slave is refused: EOPNOTSUPP",
			Bug: "the feature that refuses it is missing",
			Old: "NETIF_F_LLTX | NETIF_F_VLAN_CHALLENGED)", New: "NETIF_F_LLTX)",
		},
		{
			ID: "ipvlan-macvlan-above", Rule: "a macvlan on a slave is refused: EINVAL",
			Bug: "the flag that refuses it is missing",
			Old: "dev->priv_flags |= IFF_NO_RX_HANDLER;", New: "",
		},
		{
			ID: "ipvlan-on-ipvlan", Rule: "an ipvlan on an ipvlan lands on the real parent",
			Bug: "the real parent is not looked up",
			Old: "phy_dev = tmp->phy_dev;\n\t\tif (!ns_capable(dev_net(phy_dev)->user_ns", New: "if (!ns_capable(dev_net(tmp->phy_dev)->user_ns",
		},
		{
			ID: "ipvlan-carrier-not-followed", Rule: "a slave loses its carrier with the parent",
			Bug: "changes of the parent's carrier are not heeded",
			Old: "case NETDEV_UP:\n\tcase NETDEV_CHANGE:\n", New: "case NETDEV_UP:\n",
		},
		// Counters.
		{
			ID: "ipvlan-tx-packets", Rule: "a slave counts what it sends",
			Bug: "sent packets are not counted",
			Old: "u64_stats_inc(&pcptr->tx_pkts);", New: "",
		},
		{
			ID: "ipvlan-tx-bytes", Rule: "a slave counts the bytes that it sends",
			Bug: "sent bytes are not counted",
			Old: "u64_stats_add(&pcptr->tx_bytes, skblen);", New: "(void)skblen;",
		},
		{
			ID: "ipvlan-tx-dropped", Rule: "what private drops is counted",
			Bug: "it is not",
			Old: "this_cpu_inc(ipvlan->pcpu_stats->tx_drps);", New: ";",
		},
	})
}
