package main

const (
	vlanCore    = "net/8021q/vlan.c"
	vlanDev     = "net/8021q/vlan_dev.c"
	vlanNetlink = "net/8021q/vlan_netlink.c"
)

// vlanTagMutants are bugs in what 8021q does with frames.
func vlanTagMutants() []Mutant {
	return inFile(vlanDev, []Mutant{
		{
			ID: "vlan-always-8021q", Rule: "an 802.1ad device's tags are 802.1ad",
			Bug: "tags are 802.1Q whatever the device is",
			Old: "__vlan_hwaccel_put_tag(skb, vlan->vlan_proto, vlan_tci);\n\t} else if", New: "__vlan_hwaccel_put_tag(skb, htons(ETH_P_8021Q), vlan_tci);\n\t} else if",
		},
		{
			ID: "vlan-tagged-not-again", Rule: "a frame that is tagged already gets the device's tag, too",
			Bug: "the flag reorder_hdr is not looked at: such frames leave with the sender's VID",
			Old: "if (vlan->flags & VLAN_FLAG_REORDER_HDR ||\n\t    veth->h_vlan_proto", New: "if (veth->h_vlan_proto",
		},
		{
			ID: "vlan-tagged-not-at-all", Rule: "with reorder_hdr off, untagged raw frames get the device's tag",
			Bug: "with reorder_hdr off no tag is put in",
			Old: "if (vlan->flags & VLAN_FLAG_REORDER_HDR ||\n\t    veth->h_vlan_proto != vlan->vlan_proto) {", New: "if (vlan->flags & VLAN_FLAG_REORDER_HDR) {",
		},
		{
			ID: "vlan-no-egress-map", Rule: "the egress map gives the tag's priority",
			Bug: "the map is not asked",
			Old: "vlan_tci |= vlan_dev_get_egress_qos_mask(dev, skb->priority);\n\t\t__vlan_hwaccel_put_tag", New: "__vlan_hwaccel_put_tag",
		},
		{
			ID: "vlan-no-egress-map-in-header", Rule: "the egress map gives the tag's priority, with reorder_hdr off, too",
			Bug: "the map is not asked where the header is written",
			Old: "vlan_tci |= vlan_dev_get_egress_qos_mask(dev, skb->priority);\n\t\tvhdr->h_vlan_TCI", New: "vhdr->h_vlan_TCI",
		},
		{
			ID: "vlan-header-wrong-vid", Rule: "with reorder_hdr off the device's VID stands in the header",
			Bug: "the header has VID 0",
			Old: "vlan_tci = vlan->vlan_id;\n\t\tvlan_tci |= vlan_dev_get_egress_qos_mask(dev, skb->priority);\n\t\tvhdr", New: "vlan_tci = vlan_dev_get_egress_qos_mask(dev, skb->priority);\n\t\tvhdr",
		},
		{
			ID: "vlan-egress-two-bits", Rule: "the egress map has priorities of three bits",
			Bug: "the highest bit is lost",
			Old: "u32 vlan_qos = (vlan_prio << VLAN_PRIO_SHIFT) & VLAN_PRIO_MASK;", New: "u32 vlan_qos = (vlan_prio << VLAN_PRIO_SHIFT) & (VLAN_PRIO_MASK >> 1);",
		},
		{
			ID: "vlan-egress-not-changed", Rule: "an entry of the egress map can be changed",
			Bug: "the old priority is kept",
			Old: "mp->vlan_qos = vlan_qos;\n\t\t\treturn 0;", New: "return 0;",
		},
		{
			ID: "vlan-ingress-two-bits", Rule: "the ingress map has eight entries",
			Bug: "entries 4 to 7 land on 0 to 3",
			Old: "vlan->ingress_priority_map[vlan_prio & 0x7] = skb_prio;", New: "vlan->ingress_priority_map[vlan_prio & 0x3] = skb_prio;",
		},
		{
			ID: "vlan-ingress-not-counted", Rule: "a device reports its ingress map",
			Bug: "entries of the ingress map are not counted, so none is reported",
			Old: "vlan->nr_ingress_mappings++;", New: ";",
		},
		{
			ID: "vlan-tx-packets", Rule: "a VLAN device counts what it sends",
			Bug: "sent packets are not counted",
			Old: "u64_stats_inc(&stats->tx_packets);", New: "",
		},
		{
			ID: "vlan-tx-bytes", Rule: "a VLAN device counts the bytes that it sends",
			Bug: "sent bytes are not counted",
			Old: "u64_stats_add(&stats->tx_bytes, len);", New: "(void)len;",
		},
		{
			ID: "vlan-rx-bytes", Rule: "a VLAN device counts the bytes that it receives",
			Bug: "received bytes are not reported",
			Old: "stats->rx_bytes\t\t+= rxbytes;", New: "",
		},
		{
			ID: "vlan-rx-multicast", Rule: "a VLAN device counts received multicasts",
			Bug: "multicasts are not reported",
			Old: "stats->multicast\t+= rxmulticast;", New: "",
		},
	})
}

// vlanRuleMutants are bugs in what 8021q refuses, keeps and follows.
func vlanRuleMutants() []Mutant {
	all := vlanNetlinkMutants()
	all = append(all, vlanDeviceMutants()...)
	return append(all, vlanParentMutants()...)
}

func vlanNetlinkMutants() []Mutant {
	return inFile(vlanNetlink, []Mutant{
		{
			ID: "vlan-vid-4095", Rule: "VID 4095 is refused: ERANGE",
			Bug: "the limit is one too high",
			Old: "if (id >= VLAN_VID_MASK) {", New: "if (id > VLAN_VID_MASK) {",
		},
		{
			ID: "vlan-vid-errno", Rule: "a VID above 4094 is refused: ERANGE",
			Bug: "the errno is EINVAL",
			Old: "\"Invalid VLAN id\");\n\t\t\treturn -ERANGE;", New: "\"Invalid VLAN id\");\n\t\t\treturn -EINVAL;",
		},
		{
			ID: "vlan-protocol-errno", Rule: "other protocols are refused: EPROTONOSUPPORT",
			Bug: "the errno is EINVAL",
			Old: "return -EPROTONOSUPPORT;", New: "return -EINVAL;",
		},
		{
			ID: "vlan-protocol-ignored", Rule: "a VLAN device can be an 802.1ad one",
			Bug: "the protocol that is asked for is not taken",
			Old: "proto = nla_get_be16(data[IFLA_VLAN_PROTOCOL]);", New: "proto = htons(ETH_P_8021Q);",
		},
		{
			ID: "vlan-reorder-default", Rule: "reorder_hdr is on by default",
			Bug: "it is off",
			Old: "vlan->flags\t = VLAN_FLAG_REORDER_HDR;", New: "vlan->flags\t = 0;",
		},
		{
			ID: "vlan-mtu-at-creation", Rule: "an MTU above the parent's is refused at creation: EINVAL",
			Bug: "the errno is missing: the MTU is cut silently",
			Old: "else if (dev->mtu > max_mtu)\n\t\treturn -EINVAL;", New: "else if (dev->mtu > max_mtu)\n\t\tdev->mtu = max_mtu;",
		},
		{
			ID: "vlan-mtu-not-inherited", Rule: "without an MTU a VLAN device has the parent's",
			Bug: "the parent's MTU is not taken over",
			Old: "if (!tb[IFLA_MTU])\n\t\tdev->mtu = max_mtu;\n\telse if", New: "if",
		},
		{
			ID: "vlan-egress-report", Rule: "a device reports its egress map",
			Bug: "the highest bit of a priority is not reported",
			Old: "m.to   = (pm->vlan_qos >> 13) & 0x7;", New: "m.to   = (pm->vlan_qos >> 13) & 0x3;",
		},
		{
			ID: "vlan-no-vid-errno", Rule: "a missing VID is refused: EINVAL",
			Bug: "the errno is ENOENT",
			Old: "\"VLAN id not specified\");\n\t\treturn -EINVAL;", New: "\"VLAN id not specified\");\n\t\treturn -ENOENT;",
		},
	})
}

func vlanDeviceMutants() []Mutant {
	return inFile(vlanDev, []Mutant{
		{
			ID: "vlan-mtu-set", Rule: "an MTU above the parent's cannot be set: ERANGE",
			Bug: "the test is missing",
			Old: "if (max_mtu < new_mtu)\n\t\treturn -ERANGE;", New: "",
		},
		{
			ID: "vlan-mtu-set-errno", Rule: "an MTU above the parent's cannot be set: ERANGE",
			Bug: "the errno is EINVAL",
			Old: "if (max_mtu < new_mtu)\n\t\treturn -ERANGE;", New: "if (max_mtu < new_mtu)\n\t\treturn -EINVAL;",
		},
		{
			ID: "vlan-flags-stay", Rule: "flags can be cleared",
			Bug: "flags that are set stay set",
			Old: "vlan->flags = (old_flags & ~mask) | (flags & mask);", New: "vlan->flags = old_flags | (flags & mask);",
		},
		{
			ID: "vlan-up-over-down", Rule: "a VLAN device cannot be up while its parent is down: ENETDOWN",
			Bug: "the test is missing",
			Old: "if (!(real_dev->flags & IFF_UP) &&\n\t    !(vlan->flags & VLAN_FLAG_LOOSE_BINDING))\n\t\treturn -ENETDOWN;", New: "",
		},
		{
			ID: "vlan-up-over-down-errno", Rule: "a VLAN device cannot be up while its parent is down: ENETDOWN",
			Bug: "the errno is EINVAL",
			Old: "return -ENETDOWN;", New: "return -EINVAL;",
		},
		{
			ID: "vlan-loose-not-up", Rule: "with loose_binding a VLAN device can be up while its parent is down",
			Bug: "the flag is not looked at when the device comes up",
			Old: "if (!(real_dev->flags & IFF_UP) &&\n\t    !(vlan->flags & VLAN_FLAG_LOOSE_BINDING))", New: "if (!(real_dev->flags & IFF_UP))",
		},
		{
			ID: "vlan-own-mac-lost", Rule: "a VLAN device keeps a MAC address of its own",
			Bug: "every device takes the parent's address",
			Old: "if (dev->addr_assign_type != NET_ADDR_STOLEN)\n\t\treturn false;", New: "",
		},
		{
			ID: "vlan-mac-not-at-up", Rule: "a device that was down takes the parent's new address when it comes up",
			Bug: "it keeps the old one",
			Old: "if (!ether_addr_equal(dev->dev_addr, real_dev->dev_addr) &&\n\t    !vlan_dev_inherit_address(dev, real_dev)) {", New: "if (!ether_addr_equal(dev->dev_addr, real_dev->dev_addr)) {",
		},
		{
			ID: "vlan-own-mac-not-in-filter", Rule: "a VLAN device with a MAC address of its own is in its parent's filter",
			Bug: "the entry is forgotten when the device comes up",
			Old: "err = dev_uc_add(real_dev, dev->dev_addr);", New: "err = 0;",
		},
		{
			ID: "vlan-own-mac-stays-in-filter", Rule: "a VLAN device that is down asks nothing of its parent",
			Bug: "the entry is not taken out when the device goes down",
			Old: "if (!ether_addr_equal(dev->dev_addr, real_dev->dev_addr))\n\t\tdev_uc_del(real_dev, dev->dev_addr);\n\n\tif (!(vlan->flags", New: "if (!(vlan->flags",
		},
		{
			ID: "vlan-set-mac-not-in-filter", Rule: "a new MAC address is in the parent's filter",
			Bug: "the entry is forgotten when the address is set",
			Old: "err = dev_uc_add(real_dev, addr->sa_data);", New: "err = 0;",
		},
		{
			ID: "vlan-multicast-mac-errno", Rule: "a multicast address is refused: EADDRNOTAVAIL",
			Bug: "the errno is EINVAL",
			Old: "return -EADDRNOTAVAIL;", New: "return -EINVAL;",
		},
		{
			ID: "vlan-promisc-not-passed", Rule: "a promiscuous VLAN device makes its parent promiscuous",
			Bug: "promiscuous mode is not passed on",
			Old: "if (change & IFF_PROMISC)", New: "if (false)",
		},
		{
			ID: "vlan-flags-not-inherited", Rule: "on a dummy a VLAN device inherits NOARP",
			Bug: "the flag is not inherited",
			Old: "real_dev->flags & ~(IFF_UP | IFF_PROMISC |", New: "real_dev->flags & ~(IFF_NOARP | IFF_UP | IFF_PROMISC |",
		},
	})
}

func vlanParentMutants() []Mutant {
	return inFile(vlanCore, []Mutant{
		{
			ID: "vlan-duplicate-errno", Rule: "a VID that is there already is refused: EEXIST",
			Bug: "the errno is EBUSY",
			Old: "return -EEXIST;", New: "return -EBUSY;",
		},
		{
			ID: "vlan-duplicate-no-reason", Rule: "the refusal says that the VLAN device already exists",
			Bug: "the sentence is missing",
			Old: "NL_SET_ERR_MSG_MOD(extack, \"VLAN device already exists\");", New: "",
		},
		{
			ID: "vlan-duplicate-any-protocol", Rule: "one VID in 802.1Q and in 802.1ad are two devices",
			Bug: "the protocol is not looked at",
			Old: "if (vlan_find_dev(real_dev, protocol, vlan_id) != NULL) {",
			New: "if (vlan_find_dev(real_dev, htons(ETH_P_8021Q), vlan_id) ||\n\t    vlan_find_dev(real_dev, htons(ETH_P_8021AD), vlan_id)) {",
		},
		{
			ID: "vlan-on-anything", Rule: "a VLAN device on an ipvlan is refused: EOPNOTSUPP",
			Bug: "the parent's refusal is not heeded",
			Old: "if (real_dev->features & NETIF_F_VLAN_CHALLENGED ||\n\t    real_dev->type", New: "if (real_dev->type",
		},
		{
			ID: "vlan-mac-not-followed", Rule: "a VLAN device that is up follows its parent's MAC address",
			Bug: "it keeps the old one",
			Old: "vlan_sync_address(dev, vlandev);", New: ";",
		},
		{
			ID: "vlan-mac-followed-while-down", Rule: "a VLAN device that is down keeps the old MAC address",
			Bug: "it follows as well",
			Old: "if (!(flgs & IFF_UP))\n\t\t\t\tcontinue;\n\n\t\t\tvlan_sync_address", New: "vlan_sync_address",
		},
		{
			ID: "vlan-mtu-not-cut", Rule: "a VLAN device's MTU is cut when the parent's is lowered",
			Bug: "devices keep their MTU",
			Old: "if (vlandev->mtu <= dev->mtu)", New: "if (true)",
		},
		{
			ID: "vlan-mtu-raised", Rule: "a VLAN device's MTU is not raised with the parent's",
			Bug: "devices follow the parent's MTU both ways",
			Old: "if (vlandev->mtu <= dev->mtu)", New: "if (vlandev->mtu == dev->mtu)",
		},
		{
			ID: "vlan-down-not-followed", Rule: "VLAN devices are closed when their parent goes down",
			Bug: "they stay up",
			Old: "dev_close_many(&close_list, false);", New: ";",
		},
		{
			ID: "vlan-loose-closed", Rule: "with loose_binding a VLAN device stays up when its parent goes down",
			Bug: "the flag is not looked at",
			Old: "if (!(vlan->flags & VLAN_FLAG_LOOSE_BINDING))\n\t\t\t\tlist_add", New: "list_add",
		},
		{
			ID: "vlan-up-not-followed", Rule: "all VLAN devices are opened when their parent comes up",
			Bug: "they stay down",
			Old: "dev_change_flags(vlandev, flgs | IFF_UP,", New: "dev_change_flags(vlandev, flgs,",
		},
		{
			ID: "vlan-loose-opened", Rule: "with loose_binding a VLAN device that is down stays so when its parent comes up",
			Bug: "the flag is not looked at",
			Old: "if (!(vlan->flags & VLAN_FLAG_LOOSE_BINDING))\n\t\t\t\tdev_change_flags", New: "dev_change_flags",
		},
		{
			ID: "vlan-carrier-not-followed", Rule: "a VLAN device loses its carrier with the parent",
			Bug: "changes of the parent's carrier are not heeded",
			Old: "vlan_stacked_transfer_operstate(dev, vlandev,\n\t\t\t\t\t\t\tvlan_dev_priv(vlandev));\n\t\tbreak;", New: ";\n\t\tbreak;",
		},
	})
}
