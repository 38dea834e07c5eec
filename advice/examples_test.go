package advice_test

// example is a file with a fault and the same without it, in the words of written.
type example struct {
	id        string
	bad, good string
	// around is what is known of the machine; goodAround where it differs for the good one.
	around, goodAround string
	// unshown is why no frame shows it.
	unshown string
}

const lan = "network lan macvlan o:parent=eth0 subnet=192.168.1.0/24 gateway=192.168.1.1"

var examples = []example{
	// Who is reached.
	{id: "host-unreachable", bad: lan + "\nrun web on lan", good: "network lan bridge subnet=192.168.1.0/24\nrun web on lan"},
	{id: "host-unreachable", bad: "network lan macvlan o:parent=eth0 o:macvlan_mode=passthru subnet=192.168.1.0/24\nrun web on lan", good: "network lan macvlan subnet=192.168.1.0/24\nrun web on lan"},
	{id: "host-unreachable", bad: "network lan ipvlan o:parent=eth0 subnet=192.168.1.0/24\nrun web on lan", good: "network lan bridge\nrun web on lan"},
	{id: "wifi-one-mac", bad: lan + "\nrun web on lan", around: "eth0~wifi", goodAround: "eth0", good: lan + "\nrun web on lan"},
	{id: "wifi-one-mac", bad: "network lan macvlan o:parent=wlp3s0 subnet=192.168.1.0/24\nrun web on lan", good: "network lan ipvlan o:parent=wlp3s0 subnet=192.168.1.0/24\nrun web on lan"},
	{id: "cloud-one-mac", bad: lan + "\nrun web on lan", around: "eth0~cloud", goodAround: "eth0~wifi", good: lan + "\nrun web on lan"},
	{id: "no-parent", bad: "network lan macvlan subnet=192.168.1.0/24\nrun web on lan", good: lan + "\nrun web on lan"},
	{id: "internal-with-parent", bad: lan + " internal\nrun web on lan", good: "network lan macvlan subnet=192.168.1.0/24 internal\nrun web on lan"},
	{id: "private-isolates-siblings-only", bad: lan + " o:macvlan_mode=private\nrun a on lan\nrun b on lan", good: lan + "\nrun a on lan\nrun b on lan"},
	{id: "vepa-without-reflection", bad: lan + " o:macvlan_mode=vepa\nrun a on lan\nrun b on lan", good: lan + " o:macvlan_mode=vepa\nrun a on lan"},
	{id: "vepa-without-reflection", bad: "network lan ipvlan o:parent=eth0 o:ipvlan_flag=vepa subnet=192.168.1.0/24\nrun a on lan\nrun b on lan", good: lan + "\nrun a on lan\nrun b on lan"},
	{id: "ipvlan-l3-no-return", bad: "network lan ipvlan o:parent=eth0 o:ipvlan_mode=l3 subnet=192.168.1.0/24\nrun web on lan", good: "network lan ipvlan o:parent=eth0 subnet=192.168.1.0/24\nrun web on lan"},
	{id: "ports-ignored", bad: lan + "\nrun web port=80:80 on lan", good: lan + "\nnetwork front bridge subnet=10.1.0.0/24\nrun web port=80:80 on lan on front"},

	// Addresses.
	{id: "subnet-missing", bad: "network lan macvlan o:parent=eth0\nrun web on lan", good: lan + "\nrun web on lan", unshown: "which subnet Docker takes depends on all its other networks"},
	{id: "subnet-not-parents", bad: lan + "\nrun web on lan", around: "eth0=10.9.0.5/24", goodAround: "eth0=192.168.1.5/24", good: lan + "\nrun web on lan"},
	{id: "subnet-host-bits", bad: "network lan macvlan o:parent=eth0 subnet=192.168.1.5/24\nrun web on lan", good: lan},
	{id: "subnet-invalid", bad: "network lan macvlan o:parent=eth0 subnet=300.168.1.0/24\nrun web on lan", good: lan},
	{id: "networks-overlap", bad: lan + "\nnetwork two macvlan o:parent=eth1 subnet=192.168.0.0/16", good: lan + "\nnetwork two macvlan o:parent=eth1 subnet=192.168.2.0/24"},
	{id: "ip-range-invalid", bad: lan + " range=192.168.2.0/28", good: lan + " range=192.168.1.64/28"},
	{id: "ip-range-empty", bad: "network lan macvlan o:parent=eth0 subnet=192.168.1.0/24 gateway=192.168.1.1 range=192.168.1.0/31\nrun web on lan", good: lan + " range=192.168.1.64/31\nrun web on lan"},
	{id: "address-not-excluded", bad: lan + "\nrun web on lan", around: "eth0=192.168.1.2/24", goodAround: "eth0=192.168.1.2/24", good: lan + " aux=host:192.168.1.2\nrun web on lan"},
	{id: "address-not-excluded", bad: lan + "\nrun web on lan\nrun db on lan", around: "eth0=192.168.1.9/24", goodAround: "eth0=192.168.1.9/24", good: lan + " range=192.168.1.128/25\nrun web on lan"},
	{id: "address-not-excluded", bad: "network lan macvlan o:parent=eth0 subnet=192.168.1.0/24 range=192.168.1.0/28\nrun web on lan", good: "network lan macvlan o:parent=eth0 subnet=192.168.1.0/24 range=192.168.1.16/28\nrun web on lan"},
	{id: "address-in-dynamic-range", bad: lan + "\nrun web on lan ip=192.168.1.3\nrun a on lan\nrun b on lan", good: lan + "\nrun web on lan ip=192.168.1.3\nrun a on lan"},
	{id: "address-in-dynamic-range", bad: lan + "\nrun a on lan\nrun web on lan ip=192.168.1.2", good: lan + " range=192.168.1.128/25\nrun a on lan\nrun web on lan ip=192.168.1.2"},
	{
		id:   "address-in-other-range",
		bad:  "network one macvlan o:parent=eth0 subnet=192.168.1.0/24 range=192.168.1.0/25 gateway=192.168.1.1\nnetwork two macvlan o:parent=eth0 subnet=192.168.1.0/24 range=192.168.1.128/25\nrun web on one ip=192.168.1.128\nrun a on two",
		good: "network one macvlan o:parent=eth0 subnet=192.168.1.0/24 range=192.168.1.0/25 gateway=192.168.1.1\nnetwork two macvlan o:parent=eth0 subnet=192.168.1.0/24 range=192.168.1.128/25\nrun web on one ip=192.168.1.64\nrun a on two",
	},
	{id: "address-outside-subnet", bad: lan + "\nrun web on lan ip=192.168.2.5", good: lan + "\nrun web on lan ip=192.168.1.5"},
	{id: "address-invalid", bad: lan + "\nrun web on lan ip=192.168.1", good: lan + "\nrun web on lan ip=192.168.1.5"},
	{id: "address-duplicate", bad: lan + "\nrun web on lan ip=192.168.1.5\nrun db on lan ip=192.168.1.5", good: lan + "\nrun web on lan ip=192.168.1.5\nrun db on lan ip=192.168.1.6"},
	{id: "address-reserved", bad: lan + "\nrun web on lan ip=192.168.1.255", good: lan + "\nrun web on lan ip=192.168.1.254"},
	{id: "address-excluded", bad: lan + " aux=nas:192.168.1.5\nrun web on lan ip=192.168.1.5", good: lan + " aux=nas:192.168.1.5\nrun web on lan ip=192.168.1.6"},
	{id: "aux-outside-subnet", bad: lan + " aux=nas:192.168.2.5", good: lan + " aux=nas:192.168.1.5"},
	{id: "aux-taken", bad: lan + " aux=router:192.168.1.1", good: lan + " aux=router:192.168.1.2"},
	{id: "aux-invalid", bad: lan + " aux=nas:192.168.1", good: lan + " aux=nas:192.168.1.5"},
	{id: "too-many-endpoints", bad: lan + " range=192.168.1.64/31\nrun a on lan\nrun b on lan\nrun c on lan\nrun d on lan", good: lan + " range=192.168.1.64/30\nrun a on lan\nrun b on lan\nrun c on lan"},
	{id: "ipv6-off", bad: lan + " subnet=fd00::/64\nrun web on lan", good: lan + " subnet=fd00::/64 ipv6\nrun web on lan"},
	{id: "ipv6-unused", bad: lan + "\nrun web on lan", around: "eth0=192.168.1.9/24 eth0=2001:db8::9/64", goodAround: "eth0=192.168.1.9/24", good: lan + "\nrun web on lan"},

	// Gateways and routes.
	{id: "gateway-missing", bad: "network lan macvlan o:parent=eth0 subnet=192.168.1.0/24\nrun web on lan", good: lan + "\nrun web on lan"},
	{id: "gateway-missing", bad: "network lan macvlan o:parent=eth0 subnet=192.168.1.0/24\nrun web on lan", good: "network lan macvlan o:parent=eth0 subnet=192.168.1.0/24\nrun web on lan", goodAround: "docker=28"},
	{id: "gateway-guessed", bad: "network lan macvlan o:parent=eth0 subnet=192.168.1.0/24\nrun web on lan", around: "docker=28", good: "network lan macvlan o:parent=eth0 subnet=192.168.1.0/24\nrun web on lan"},
	{id: "gateway-guessed", bad: "network lan macvlan o:parent=eth0 subnet=192.168.1.0/24 engine=podman\nrun web on lan", good: lan + " engine=podman\nrun web on lan"},
	{id: "gateway-not-router", bad: lan + "\nrun web on lan", around: "eth0=192.168.1.9/24 eth0>192.168.1.254", goodAround: "eth0=192.168.1.9/24 eth0>192.168.1.1", good: lan + "\nrun web on lan"},
	{id: "gateway-taken", bad: "network lan macvlan o:parent=eth0 subnet=192.168.1.0/24 range=192.168.1.0/25 gateway=192.168.1.1\nnetwork two macvlan o:parent=eth0 subnet=192.168.1.0/24 range=192.168.1.128/25 gateway=192.168.1.1", good: lan},
	{id: "gateway-wrong-family", bad: "network lan macvlan o:parent=eth0 subnet=192.168.1.0/24 gateway=fd00::1", good: lan},
	{id: "gateway-outside-subnet", bad: "network lan macvlan o:parent=eth0 subnet=192.168.1.0/24 gateway=192.168.2.1", good: lan},
	{id: "gateway-invalid", bad: "network lan macvlan o:parent=eth0 subnet=192.168.1.0/24 gateway=192.168.1", good: lan},
	{id: "gateway-is-endpoint", bad: lan + "\nrun web on lan ip=192.168.1.1", good: lan + "\nrun web on lan ip=192.168.1.2"},
	{id: "two-default-routes", bad: lan + "\nnetwork back bridge subnet=10.1.0.0/24 gateway=10.1.0.1\nrun web on lan on back", good: lan + "\nnetwork back bridge subnet=10.1.0.0/24 gateway=10.1.0.1\nrun web on lan priority=1 on back"},
	{id: "two-default-routes", bad: lan + "\nnetwork zack bridge subnet=10.1.0.0/24 gateway=10.1.0.1\nrun web on zack on lan", good: lan + " internal\nnetwork zack bridge subnet=10.1.0.0/24 gateway=10.1.0.1\nrun web on zack on lan"},
	{id: "two-default-routes", bad: lan + "\nrun web on lan on bridge", good: lan + "\nrun web on lan priority=1 on bridge"},
	{id: "gateway-priority-ignored", bad: lan + "\nnetwork back bridge subnet=10.1.0.0/24 gateway=10.1.0.1\nrun web on lan priority=1 on back", around: "docker=27", good: lan + "\nnetwork back bridge subnet=10.1.0.0/24 gateway=10.1.0.1\nrun web on lan priority=1 on back", goodAround: "docker=28"},

	// Parents.
	{id: "parent-missing", bad: "network lan macvlan o:parent=eth9 subnet=192.168.1.0/24\nrun web on lan", around: "complete eth0", goodAround: "complete eth9", good: "network lan macvlan o:parent=eth9 subnet=192.168.1.0/24\nrun web on lan"},
	{id: "parent-loopback", bad: "network lan macvlan o:parent=lo subnet=192.168.1.0/24", good: lan},
	{id: "parent-shared", bad: lan + "\nnetwork two macvlan o:parent=eth0 subnet=192.168.2.0/24", around: "docker=26", good: lan + "\nnetwork two macvlan o:parent=eth0 subnet=192.168.2.0/24"},
	{id: "parent-shared", bad: "network lan ipvlan o:parent=eth0 subnet=192.168.1.0/24\nnetwork two ipvlan o:parent=eth0 subnet=192.168.2.0/24", good: "network lan ipvlan o:parent=eth0 subnet=192.168.1.0/24\nnetwork two ipvlan o:parent=eth1 subnet=192.168.2.0/24"},
	{id: "parent-shared-passthru", bad: lan + "\nnetwork two macvlan o:parent=eth0 o:macvlan_mode=passthru subnet=192.168.2.0/24", good: lan + "\nnetwork two macvlan o:parent=eth1 o:macvlan_mode=passthru subnet=192.168.2.0/24"},
	{id: "parent-mixed-drivers", bad: lan + "\nnetwork two ipvlan o:parent=eth0 subnet=192.168.2.0/24\nrun web on lan\nrun db on two", good: lan + "\nnetwork two ipvlan o:parent=eth1 subnet=192.168.2.0/24\nrun web on lan\nrun db on two"},
	{id: "parent-name-too-long", bad: "network lan macvlan o:parent=averyveryverylongname0 subnet=192.168.1.0/24", good: lan},
	{id: "parent-name-too-long", bad: "network lan macvlan o:parent=enp0s31f6xx.4000 subnet=192.168.1.0/24", good: lan},
	{id: "parent-enslaved", bad: lan + "\nrun web on lan", around: "eth0#br0", goodAround: "eth0", good: lan + "\nrun web on lan"},
	{id: "passthru-one-endpoint", bad: lan + " o:macvlan_mode=passthru\nrun a on lan\nrun b on lan", good: lan + " o:macvlan_mode=passthru\nrun a on lan"},
	{id: "vlan-two-dots", bad: "network lan macvlan o:parent=eth0.20.200 subnet=192.168.1.0/24", good: "network lan macvlan o:parent=eth0.20 subnet=192.168.1.0/24"},
	{id: "vlan-not-a-number", bad: "network lan macvlan o:parent=eth0.x subnet=192.168.1.0/24", good: "network lan macvlan o:parent=eth0.20 subnet=192.168.1.0/24"},
	{id: "vlan-base-missing", bad: "network lan macvlan o:parent=eth9.20 subnet=192.168.1.0/24", around: "complete eth0", good: "network lan macvlan o:parent=eth0.20 subnet=192.168.1.0/24", goodAround: "complete eth0"},
	{id: "vlan-id-out-of-range", bad: "network lan macvlan o:parent=eth0.4095 subnet=192.168.1.0/24", good: "network lan macvlan o:parent=eth0.4094 subnet=192.168.1.0/24"},

	// MAC addresses.
	{id: "mac-on-ipvlan", bad: "network lan ipvlan o:parent=eth0 subnet=192.168.1.0/24\nrun web on lan mac=02:00:00:00:00:01", good: lan + "\nrun web on lan mac=02:00:00:00:00:01"},
	{id: "mac-duplicate", bad: lan + "\nrun a on lan mac=02:00:00:00:00:01\nrun b on lan mac=02:00:00:00:00:01", good: lan + "\nnetwork two macvlan o:parent=eth1 subnet=192.168.2.0/24\nrun a on lan mac=02:00:00:00:00:01\nrun b on two mac=02:00:00:00:00:01"},
	{id: "mac-not-unicast", bad: lan + "\nrun a on lan mac=01:00:5e:00:00:01", good: lan + "\nrun a on lan mac=02:00:5e:00:00:01"},
	{id: "mac-malformed", bad: lan + "\nrun a on lan mac=02:00:00:00:01", good: lan + "\nrun a on lan mac=02-00-00-00-00-01"},

	// Options and names.
	{id: "driver-unknown", bad: "network lan mcvlan o:parent=eth0 subnet=192.168.1.0/24\nrun web on lan", good: lan + "\nrun web on lan", unshown: "a network that nobody can make has no frames"},
	{id: "driver-unknown", bad: "network lan MacVLAN o:parent=eth0 subnet=192.168.1.0/24\nrun web on lan", good: "network lan weave\nrun web on lan", unshown: "a network that nobody can make has no frames"},
	{id: "driver-unknown", bad: "network lan ipvaln o:parent=eth0 subnet=192.168.1.0/24 engine=podman\nrun web on lan", good: "network lan overlay\nrun web on lan", unshown: "a network that nobody can make has no frames"},
	{id: "driver-unknown", bad: "network lan macvaln o:master=eth0 engine=cni\nrun web on lan", good: "network lan macvtap o:master=eth0 engine=cni\nrun web on lan", unshown: "a network that nobody can make has no frames"},
	{id: "ipam-unknown", bad: "network lan macvlan o:parent=eth0 ipam=dhcp\nrun web on lan", good: "network lan macvlan o:parent=eth0 ipam=default subnet=192.168.1.0/24\nrun web on lan", unshown: "a network that nobody can make has no frames"},
	{id: "option-unknown", bad: lan + " o:macvlan-mode=private\nrun web on lan", good: lan + " o:macvlan_mode=private\nrun web on lan"},
	{id: "mode-invalid", bad: lan + " o:macvlan_mode=brigde\nrun web on lan", good: lan + " o:macvlan_mode=bridge\nrun web on lan"},
	{id: "mode-invalid", bad: "network lan ipvlan o:parent=eth0 o:ipvlan_mode=l4 subnet=192.168.1.0/24", good: "network lan ipvlan o:parent=eth0 o:ipvlan_mode=l3s subnet=192.168.1.0/24"},
	{id: "flag-invalid", bad: "network lan ipvlan o:parent=eth0 o:ipvlan_flag=none subnet=192.168.1.0/24", good: "network lan ipvlan o:parent=eth0 o:ipvlan_flag=vepa subnet=192.168.1.0/24"},
	{id: "mtu-ignored", bad: lan + " o:com.docker.network.driver.mtu=1400\nrun web on lan", good: "network lan bridge o:com.docker.network.driver.mtu=1400\nrun web on lan"},
	{id: "network-undefined", bad: lan + "\nrun web on lann", good: lan + "\nrun web on lan on bridge"},
	{id: "network-unused", bad: lan + "\nnetwork two macvlan o:parent=eth1 subnet=192.168.2.0/24\nrun web on lan", good: lan + "\nrun web on lan", unshown: "nobody is there to send"},
	{id: "name-refused", bad: lan + "\nrun x on lan", good: lan + "\nrun xy on lan", unshown: "it is the engine that refuses the name"},
	{id: "name-refused", bad: lan + "\nrun _web on lan", good: lan + "\nrun w_b. on lan", unshown: "it is the engine that refuses the name"},
	{id: "name-refused", bad: "network host macvlan o:parent=eth0 subnet=192.168.1.0/24\nrun web on host", good: "network h macvlan o:parent=eth0 subnet=192.168.1.0/24\nrun web on h", unshown: "it is the engine that refuses the name"},
	{id: "name-refused", bad: "network l&n macvlan o:parent=eth0 subnet=192.168.1.0/24 engine=podman\nrun x on l&n", good: "network l macvlan o:parent=eth0 subnet=192.168.1.0/24 engine=podman\nrun x on l", unshown: "it is the engine that refuses the name"},
	{id: "name-refused", bad: "network l&n macvlan o:master=eth0 ipam=host-local subnet=192.168.1.0/24 engine=cni\nrun x on l&n", good: "network l macvlan o:master=eth0 ipam=host-local subnet=192.168.1.0/24 engine=cni\nrun x on l", unshown: "it is the engine that refuses the name"},

	{id: "command-refused", bad: lan + "\nrefused lan unknown flag: --gatewaye", good: lan, unshown: "it is the engine's program that refuses"},
	{id: "gateway-missing", bad: "network lan macvlan o:parent=eth0 subnet=192.168.1.0/24\nrun web on lan", good: "network lan macvlan o:parent=eth0 subnet=192.168.1.0/24\nunread lan gateway\nrun web on lan"},

	// Podman's and CNI's own.
	{id: "podman-option-unsupported", bad: lan + " engine=podman o:macvlan_mode=private\nrun web on lan", good: lan + " engine=podman o:mode=private\nrun web on lan", unshown: "it is Podman that refuses, whose rules are not simulated"},
	{id: "podman-dhcp", bad: "network lan macvlan o:parent=eth0 engine=podman\nrun web on lan", good: lan + " engine=podman\nrun web on lan", unshown: "there is no DHCP server in a simulated LAN"},
	{id: "podman-no-vlan", bad: "network lan macvlan o:parent=eth0.50 subnet=192.168.1.0/24 engine=podman\nrun web on lan", good: "network lan macvlan o:parent=eth0.50 subnet=192.168.1.0/24\nrun web on lan", unshown: "whether the device is there is the machine's affair"},
	{id: "ipvlan-dhcp", bad: "network lan ipvlan o:parent=eth0 engine=podman\nrun web on lan", good: "network lan ipvlan o:parent=eth0 subnet=192.168.1.0/24 engine=podman\nrun web on lan", unshown: "there is no DHCP server in a simulated LAN"},
	{id: "ipvlan-dhcp", bad: "network lan ipvlan o:master=eth0 ipam=dhcp engine=cni\nrun web on lan", good: "network lan macvlan o:master=eth0 ipam=dhcp engine=cni\nrun web on lan", unshown: "there is no DHCP server in a simulated LAN"},
	{id: "cni-mtu-over-master", bad: "network lan macvlan o:master=eth0 o:mtu=9000 ipam=host-local subnet=192.168.1.0/24 engine=cni\nrun web on lan", around: "eth0!1400", goodAround: "eth0!1400", good: "network lan macvlan o:master=eth0 o:mtu=1400 ipam=host-local subnet=192.168.1.0/24 engine=cni\nrun web on lan"},
	{id: "cni-ipam-missing", bad: "network lan macvlan o:master=eth0 engine=cni\nrun web on lan", good: "network lan macvlan o:master=eth0 ipam=host-local subnet=192.168.1.0/24 engine=cni\nrun web on lan", unshown: "a device without an address is what the file asks for"},
}
