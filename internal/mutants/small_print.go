package main

// The small print: bugs in attributes, filters and refusals that were found missing
// when the drivers' sources were walked through statement by statement.

func smallPrintMutants() []Mutant {
	all := append(macvlanSmallPrint(), ipvlanSmallPrint()...)
	return append(all, vlanSmallPrint()...)
}

func vlanSmallPrint() []Mutant {
	all := append(vlanDeviceSmallPrint(), vlanNetlinkSmallPrint()...)
	return append(all, vlanCoreSmallPrint()...)
}

// macvlanSmallPrint are bugs in drivers/net/macvlan.c.
func macvlanSmallPrint() []Mutant {
	return inFile(macvlanFile, []Mutant{
		{
			ID: "macvlan-source-del-ignored", Rule: "an address can be taken off the list of sources",
			Bug: "it stays on",
			Old: "\t\tif (entry) {\n\t\t\tmacvlan_hash_del_source(entry);\n\t\t\tvlan->macaddr_count--;\n\t\t}\n", New: "\t\t(void)entry;\n",
		},
		{
			ID: "macvlan-source-del-miscounted", Rule: "a child reports its list of sources",
			Bug: "an address that is taken off is still counted",
			Old: "\t\t\tvlan->macaddr_count--;\n", New: "\t\t\t;\n",
		},
		{
			ID: "macvlan-source-added-twice", Rule: "a source is listed once",
			Bug: "an address that is there is added again",
			Old: "\tif (entry)\n\t\treturn 0;\n", New: "\t;\n",
		},
		{
			ID: "macvlan-source-add-nothing", Rule: "adding no source is refused: EINVAL",
			Bug: "nothing is added silently",
			Old: "\tif (mode == MACVLAN_MACADDR_ADD) {\n\t\tif (!addr)\n\t\t\treturn -EINVAL;\n", New: "\tif (mode == MACVLAN_MACADDR_ADD) {\n\t\tif (!addr)\n\t\t\treturn 0;\n",
		},
		{
			ID: "macvlan-source-group-errno", Rule: "a group is refused as a source: EADDRNOTAVAIL",
			Bug: "the errno is EINVAL",
			Old: "if (!is_valid_ether_addr(nla_data(data[IFLA_MACVLAN_MACADDR])))\n\t\t\treturn -EADDRNOTAVAIL;", New: "if (!is_valid_ether_addr(nla_data(data[IFLA_MACVLAN_MACADDR])))\n\t\t\treturn -EINVAL;",
		},
		{
			ID: "macvlan-sources-group", Rule: "a group is refused in a list of sources: EADDRNOTAVAIL",
			Bug: "it is taken",
			Old: "\t\t\tif (!is_valid_ether_addr(nla_data(nla)))\n\t\t\t\treturn -EADDRNOTAVAIL;", New: "\t\t\t;",
		},
		{
			ID: "macvlan-source-count-set", Rule: "the number of sources cannot be set: EINVAL",
			Bug: "it is ignored",
			Old: "\tif (data[IFLA_MACVLAN_MACADDR_COUNT])\n\t\treturn -EINVAL;\n", New: "",
		},
		{
			ID: "macvlan-source-at-birth", Rule: "a list is refused in other modes when a child is made: EINVAL",
			Bug: "the test is missing",
			Old: "\tif (data && data[IFLA_MACVLAN_MACADDR_MODE]) {\n\t\tif (vlan->mode != MACVLAN_MODE_SOURCE) {\n\t\t\terr = -EINVAL;", New: "\tif (data && data[IFLA_MACVLAN_MACADDR_MODE]) {\n\t\tif (false) {\n\t\t\terr = -EINVAL;",
		},
		{
			ID: "macvlan-source-heard-while-down", Rule: "a child in mode source that is down gets nothing",
			Bug: "it is not looked at whether the child is up",
			Old: "\tif (unlikely(!(dev->flags & IFF_UP)))\n\t\treturn;\n", New: "\t;\n",
		},
		{
			ID: "macvlan-any-flag", Rule: "unknown flags are refused: EINVAL",
			Bug: "they are taken",
			Old: "nla_get_u16(data[IFLA_MACVLAN_FLAGS]) & ~(MACVLAN_FLAG_NOPROMISC |\n\t\t\t\t\t\t      MACVLAN_FLAG_NODST))", New: "false)",
		},
		{
			ID: "macvlan-used-can-be-set", Rule: "the length of the queue in use cannot be set: EINVAL",
			Bug: "it is ignored",
			Old: "[IFLA_MACVLAN_BC_QUEUE_LEN_USED] = { .type = NLA_REJECT },", New: "[IFLA_MACVLAN_BC_QUEUE_LEN_USED] = { .type = NLA_U32 },",
		},
		{
			ID: "macvlan-queue-default", Rule: "a queue has 1000 frames by default",
			Bug: "it has 100",
			Old: "vlan->bc_queue_len_req = MACVLAN_DEFAULT_BC_QUEUE_LEN;", New: "vlan->bc_queue_len_req = 100;",
		},
		{
			ID: "macvlan-queue-not-at-birth", Rule: "bc_queue_len is taken when a child is made",
			Bug: "the length is not taken",
			Old: "if (data && data[IFLA_MACVLAN_BC_QUEUE_LEN])\n\t\tvlan->bc_queue_len_req = nla_get_u32(data[IFLA_MACVLAN_BC_QUEUE_LEN]);\n\n\terr = register", New: "err = register",
		},
		{
			ID: "macvlan-allmulti-not-passed", Rule: "a child that listens to all groups has its parent do so",
			Bug: "it is not passed on",
			Old: "\t\tif (change & IFF_ALLMULTI)\n\t\t\tdev_set_allmulti(lowerdev, dev->flags & IFF_ALLMULTI ? 1 : -1);", New: "\t\t;",
		},
		{
			ID: "macvlan-allmulti-not-at-up", Rule: "a child that listened to all groups does so again when it comes up",
			Bug: "the parent is not told",
			Old: "if (dev->flags & IFF_ALLMULTI) {\n\t\terr = dev_set_allmulti(lowerdev, 1);", New: "if (false) {\n\t\terr = dev_set_allmulti(lowerdev, 1);",
		},
		{
			ID: "macvlan-allmulti-stays", Rule: "a child that is down asks nothing of its parent",
			Bug: "the parent goes on listening to all groups",
			Old: "\tif (dev->flags & IFF_ALLMULTI)\n\t\tdev_set_allmulti(lowerdev, -1);\n\n\tif", New: "\tif",
		},
		{
			ID: "macvlan-promisc-not-at-up", Rule: "a promiscuous child that comes up makes its parent promiscuous",
			Bug: "the parent is not told",
			Old: "if (dev->flags & IFF_PROMISC) {\n\t\terr = dev_set_promiscuity(lowerdev, 1);", New: "if (false) {\n\t\terr = dev_set_promiscuity(lowerdev, 1);",
		},
		{
			ID: "macvlan-promisc-stays", Rule: "a child that is down asks nothing of its parent",
			Bug: "the parent stays promiscuous",
			Old: "\tif (dev->flags & IFF_PROMISC)\n\t\tdev_set_promiscuity(lowerdev, -1);\n\n\tdev_uc_del", New: "\tdev_uc_del",
		},
		{
			ID: "macvlan-groups-not-passed", Rule: "a child's groups are in its parent's filter",
			Bug: "they are not passed on",
			Old: "\tdev_mc_sync(vlan->lowerdev, dev);", New: "\t;",
		},
		{
			ID: "macvlan-groups-stay", Rule: "a child that is down has no groups in its parent's filter",
			Bug: "they stay there",
			Old: "\tdev_mc_unsync(lowerdev, dev);\n", New: "\t;\n",
		},
		{
			ID: "macvlan-passthru-uc-not-passed", Rule: "a passthru child can take frames to further addresses",
			Bug: "the parent's filter lacks them",
			Old: "\tdev_uc_sync(vlan->lowerdev, dev);\n", New: "\t;\n",
		},
		{
			ID: "macvlan-passthru-promisc-stays", Rule: "a passthru child that is down leaves its parent alone",
			Bug: "the parent stays promiscuous",
			Old: "\t\tif (!(vlan->flags & MACVLAN_FLAG_NOPROMISC))\n\t\t\tdev_set_promiscuity(lowerdev, -1);\n", New: "\t\t;\n",
		},
		{
			ID: "macvlan-fdb-any-mode", Rule: "only a passthru child takes further addresses: EOPNOTSUPP",
			Bug: "every child does",
			Old: "return -EOPNOTSUPP;\n\n\tif (flags & NLM_F_REPLACE)", New: "err = -EOPNOTSUPP;\n\n\tif (flags & NLM_F_REPLACE)",
		},
		{
			ID: "macvlan-fdb-replaced", Rule: "an address is taken in once: EEXIST",
			Bug: "it is taken in again",
			Old: "err = dev_mc_add_excl(dev, addr);", New: "err = dev_mc_add(dev, addr);",
		},
		{
			ID: "macvlan-no-parent-errno", Rule: "a parent that is not there is refused: ENODEV",
			Bug: "the errno is EINVAL",
			Old: "\tif (lowerdev == NULL)\n\t\treturn -ENODEV;", New: "\tif (lowerdev == NULL)\n\t\treturn -EINVAL;",
		},
		{
			ID: "macvlan-max-mtu", Rule: "a child's MTU has its parent's limit",
			Bug: "the limit is 1500",
			Old: "dev->max_mtu = lowerdev->max_mtu;", New: "dev->max_mtu = ETH_DATA_LEN;",
		},
		{
			ID: "macvlan-set-same-mac", Rule: "the address that a child has can be set again",
			Bug: "it is found to be taken",
			Old: "\t/* If the addresses are the same, this is a no-op */\n\tif (ether_addr_equal(dev->dev_addr, addr->sa_data))\n\t\treturn 0;\n", New: "",
		},
		{
			ID: "macvlan-link-net", Rule: "a parent in another namespace is reported as such",
			Bug: "the child's own namespace is named",
			Old: "return dev_net(macvlan_dev_real_dev(dev));", New: "return dev_net(dev);",
		},
		{
			ID: "macvlan-moved-parent-loses", Rule: "children survive their parent's move",
			Bug: "they are deleted",
			Old: "\t\tif (dev->reg_state != NETREG_UNREGISTERING)\n\t\t\tbreak;\n\n\t\tlist_for_each_entry_safe(vlan", New: "\t\tlist_for_each_entry_safe(vlan",
		},
	})
}
