package main

// ipvlanSmallPrint are bugs in drivers/net/ipvlan/ipvlan_main.c.
func ipvlanSmallPrint() []Mutant {
	return inFile(ipvlanMain, []Mutant{
		{
			ID: "ipvlan-any-flag", Rule: "unknown flags are refused: EINVAL",
			Bug: "they are taken",
			Old: "if (flags & ~(IPVLAN_F_PRIVATE | IPVLAN_F_VEPA))", New: "if (false)",
		},
		{
			ID: "ipvlan-no-parent-errno", Rule: "a parent that is not there is refused: ENODEV",
			Bug: "the errno is EINVAL",
			Old: "\tif (!phy_dev)\n\t\treturn -ENODEV;", New: "\tif (!phy_dev)\n\t\treturn -EINVAL;",
		},
		{
			ID: "ipvlan-groups-not-passed", Rule: "a child's groups are in its parent's filter",
			Bug: "they are not passed on",
			Old: "\tdev_mc_sync(ipvlan->phy_dev, dev);", New: "\t;",
		},
		{
			ID: "ipvlan-groups-stay", Rule: "a child that is down has no groups in its parent's filter",
			Bug: "they stay there",
			Old: "\tdev_mc_unsync(phy_dev, dev);\n", New: "\t;\n",
		},
		{
			ID: "ipvlan-allmulti-not-passed", Rule: "a child that listens to all groups has its parent do so",
			Bug: "it is not passed on",
			Old: "\tif (change & IFF_ALLMULTI)\n\t\tdev_set_allmulti", New: "\tif (false)\n\t\tdev_set_allmulti",
		},
		{
			ID: "ipvlan-allmulti-own-filter", Rule: "a child that listens to all groups gets all",
			Bug: "its own filter stays as it is",
			Old: "if (dev->flags & (IFF_PROMISC | IFF_ALLMULTI)) {", New: "if (false) {",
		},
		{
			ID: "ipvlan-link-net", Rule: "a parent in another namespace is reported as such",
			Bug: "the child's own namespace is named",
			Old: "return dev_net(ipvlan->phy_dev);", New: "return dev_net(dev);",
		},
		{
			ID: "ipvlan-mode-not-set-errno", Rule: "the mode can be changed at run time",
			Bug: "the new mode is not carried to the port",
			Old: "err = ipvlan_set_port_mode(port, nmode, extack);\n\t}\n\n\tif (!err", New: "(void)nmode;\n\t}\n\n\tif (!err",
		},
		{
			ID: "ipvlan-added-while-down", Rule: "an address that is added to a child that is down is not its yet",
			Bug: "it is found at once",
			Old: "\tif (netif_running(ipvlan->dev))\n\t\tipvlan_ht_addr_add(ipvlan, addr);", New: "\tipvlan_ht_addr_add(ipvlan, addr);",
		},
		{
			ID: "ipvlan-moved-parent-loses", Rule: "children survive their parent's move",
			Bug: "they are deleted",
			Old: "\t\tif (dev->reg_state != NETREG_UNREGISTERING)\n\t\t\tbreak;\n", New: "",
		},
		{
			ID: "ipvlan-bytes-of-the-header", Rule: "sent bytes are those of the whole frame",
			Bug: "the Ethernet header is left out",
			Old: "u64_stats_add(&pcptr->tx_bytes, skblen);", New: "u64_stats_add(&pcptr->tx_bytes, skblen - ETH_HLEN);",
		},
		{
			ID: "ipvlan-max-mtu", Rule: "a child's MTU has no limit but Ethernet's",
			Bug: "the limit is 1500",
			Old: "\tdev->max_mtu = ETH_MAX_MTU;", New: "\t;",
		},
	})
}

// vlanDeviceSmallPrint are bugs in net/8021q/vlan_dev.c.
func vlanDeviceSmallPrint() []Mutant {
	return inFile(vlanDev, []Mutant{
		{
			ID: "vlan-allmulti-not-passed", Rule: "a device that listens to all groups has its parent do so",
			Bug: "it is not passed on",
			Old: "if (change & IFF_ALLMULTI)", New: "if (false)",
		},
		{
			ID: "vlan-groups-not-passed", Rule: "a device's groups are in its parent's filter",
			Bug: "they are not passed on",
			Old: "\tdev_mc_sync(vlan_dev_priv(vlan_dev)->real_dev, vlan_dev);", New: "\t;",
		},
		{
			ID: "vlan-addresses-not-passed", Rule: "a device's further addresses are in its parent's filter",
			Bug: "they are not passed on",
			Old: "\tdev_uc_sync(vlan_dev_priv(vlan_dev)->real_dev, vlan_dev);", New: "\t;",
		},
		{
			ID: "vlan-groups-stay", Rule: "a device that is down has no groups in its parent's filter",
			Bug: "they stay there",
			Old: "\tdev_mc_unsync(real_dev, dev);\n", New: "\t;\n",
		},
		{
			ID: "vlan-set-mac-keeps-filter", Rule: "a device asks its parent for one address only",
			Bug: "the old address's filter entry is not taken out",
			Old: "\tif (!ether_addr_equal(dev->dev_addr, real_dev->dev_addr))\n\t\tdev_uc_del(real_dev, dev->dev_addr);\n\nout:", New: "out:",
		},
		{
			ID: "vlan-egress-not-uncounted", Rule: "an entry to 0 is none",
			Bug: "an entry that goes is still counted",
			Old: "if (mp->vlan_qos && !vlan_qos)\n\t\t\t\tvlan->nr_egress_mappings--;\n\t\t\telse if", New: "if",
		},
		{
			ID: "vlan-egress-first-of-bucket", Rule: "each priority has an entry of its own",
			Bug: "those that share a bucket are one",
			Old: "if (mp->priority == skb_prio) {\n\t\t\tif (mp->vlan_qos", New: "if (true) {\n\t\t\tif (mp->vlan_qos",
		},
		{
			ID: "vlan-ingress-not-uncounted", Rule: "an entry to 0 is none",
			Bug: "an entry that goes is still counted",
			Old: "\t\tvlan->nr_ingress_mappings--;", New: "\t\t;",
		},
		{
			ID: "vlan-any-flag-later", Rule: "unknown flags are refused at run time: EINVAL",
			Bug: "they are taken",
			Old: "\tif (mask & ~(VLAN_FLAG_REORDER_HDR | VLAN_FLAG_GVRP |\n\t\t     VLAN_FLAG_LOOSE_BINDING | VLAN_FLAG_MVRP |\n\t\t     VLAN_FLAG_BRIDGE_BINDING))\n\t\treturn -EINVAL;", New: "\t;",
		},
		{
			ID: "vlan-flags-others-lost", Rule: "flags that are not named stay",
			Bug: "they are cleared",
			Old: "vlan->flags = (old_flags & ~mask) | (flags & mask);", New: "vlan->flags = flags & mask;",
		},
		{
			ID: "vlan-bound-has-carrier", Rule: "with bridge_binding a device has no carrier by itself",
			Bug: "it takes its parent's",
			Old: "if (netif_carrier_ok(real_dev) &&\n\t    !(vlan->flags & VLAN_FLAG_BRIDGE_BINDING))", New: "if (netif_carrier_ok(real_dev))",
		},
	})
}

// vlanNetlinkSmallPrint are bugs in net/8021q/vlan_netlink.c.
func vlanNetlinkSmallPrint() []Mutant {
	return inFile(vlanNetlink, []Mutant{
		{
			ID: "vlan-protocol-any", Rule: "other protocols are refused: EPROTONOSUPPORT",
			Bug: "they are taken",
			Old: "NL_SET_ERR_MSG_MOD(extack, \"Invalid VLAN protocol\");\n\t\t\treturn -EPROTONOSUPPORT;", New: "break;",
		},
		{
			ID: "vlan-protocol-no-reason", Rule: "a refusal of a protocol says why",
			Bug: "the sentence is missing",
			Old: "NL_SET_ERR_MSG_MOD(extack, \"Invalid VLAN protocol\");\n", New: ";\n",
		},
		{
			ID: "vlan-any-flag", Rule: "unknown flags are refused: EINVAL",
			Bug: "the errno is missing",
			Old: "NL_SET_ERR_MSG_MOD(extack, \"Invalid VLAN flags\");\n\t\t\treturn -EINVAL;", New: ";",
		},
		{
			ID: "vlan-no-parent-errno", Rule: "a parent that is not there is refused: ENODEV",
			Bug: "the errno is EINVAL",
			Old: "NL_SET_ERR_MSG_MOD(extack, \"link does not exist\");\n\t\treturn -ENODEV;", New: "NL_SET_ERR_MSG_MOD(extack, \"link does not exist\");\n\t\treturn -EINVAL;",
		},
		{
			ID: "vlan-create-group-errno", Rule: "a group's address is refused: EADDRNOTAVAIL",
			Bug: "the errno is EINVAL",
			Old: "return -EADDRNOTAVAIL;", New: "return -EINVAL;",
		},
		{
			ID: "vlan-ingress-swapped", Rule: "the ingress map goes from a tag's priority to a packet's",
			Bug: "it is turned round",
			Old: "vlan_dev_set_ingress_priority(dev, m->to, m->from);", New: "vlan_dev_set_ingress_priority(dev, m->from, m->to);",
		},
		{
			ID: "vlan-egress-swapped", Rule: "the egress map goes from a packet's priority to a tag's",
			Bug: "it is turned round",
			Old: "err = vlan_dev_set_egress_priority(dev, m->from, m->to);", New: "err = vlan_dev_set_egress_priority(dev, m->to, m->from);",
		},
		{
			ID: "vlan-ingress-first-only", Rule: "all entries of a map are set",
			Bug: "only the first is",
			Old: "vlan_dev_set_ingress_priority(dev, m->to, m->from);\n", New: "vlan_dev_set_ingress_priority(dev, m->to, m->from);\n\t\t\tbreak;\n",
		},
		{
			ID: "vlan-ingress-report", Rule: "a device reports its ingress map",
			Bug: "every entry is said to be of its own number",
			Old: "m.to   = vlan->ingress_priority_map[i];", New: "m.to   = i;",
		},
		{
			ID: "vlan-flags-not-reported", Rule: "a device reports its flags",
			Bug: "reorder_hdr only",
			Old: "f.flags = vlan->flags;", New: "f.flags = vlan->flags & VLAN_FLAG_REORDER_HDR;",
		},
		{
			ID: "vlan-link-net", Rule: "a parent in another namespace is reported as such",
			Bug: "the device's own namespace is named",
			Old: "return dev_net(real_dev);", New: "return dev_net(dev);",
		},
	})
}

// vlanCoreSmallPrint are bugs in net/8021q/vlan.c.
func vlanCoreSmallPrint() []Mutant {
	return inFile(vlanCore, []Mutant{
		{
			ID: "vlan-parent-takes-its-mac", Rule: "a parent that takes a device's address needs no filter for it",
			Bug: "the entry stays",
			Old: "\t    ether_addr_equal(vlandev->dev_addr, dev->dev_addr))\n\t\tdev_uc_del(dev, vlandev->dev_addr);", New: "\t    ether_addr_equal(vlandev->dev_addr, dev->dev_addr))\n\t\t;",
		},
		{
			ID: "vlan-parent-gives-its-mac-up", Rule: "a device whose parent takes another address asks for its own",
			Bug: "the entry is forgotten",
			Old: "\t    !ether_addr_equal(vlandev->dev_addr, dev->dev_addr))\n\t\tdev_uc_add(dev, vlandev->dev_addr);", New: "\t    !ether_addr_equal(vlandev->dev_addr, dev->dev_addr))\n\t\t;",
		},
		{
			ID: "vlan-moved-parent-loses", Rule: "VLAN devices survive their parent's move",
			Bug: "they are deleted",
			Old: "\t\tif (dev->reg_state != NETREG_UNREGISTERING)\n\t\t\tbreak;\n", New: "",
		},
		{
			ID: "vlan-vid-not-free", Rule: "a VID that was given up is free",
			Bug: "the device stays in the parent's table",
			Old: "\tvlan_group_set_device(grp, vlan->vlan_proto, vlan_id, NULL);\n", New: "\t;\n",
		},
	})
}
