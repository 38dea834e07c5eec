package reports

import (
	"bytes"
	"flag"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lanproof/lanproof/internal/golden"
)

var update = flag.Bool("update", false, "write the golden files anew")

// held compares what a writer gave with the file kept in testdata.
func held(t *testing.T, name string, got []byte) {
	t.Helper()
	golden.Compare(t, filepath.Join("testdata", name), string(got), *update)
}

const (
	hostKernel = "6.18.44"
	oldKernel  = "6.1.0-42-cloud-amd64"
)

// rich is a run with one of everything: passes, failures, errors, skips, a
// refuted claim, IPv6, VLANs, a guest that died, and names that want to break out.
func rich() *Results {
	r := &Results{
		Schema:   Schema,
		Started:  time.Date(2026, 11, 21, 9, 30, 0, 0, time.UTC),
		Duration: 3210 * time.Millisecond,
		Seed:     42,
		Environment: []Environment{
			{Ground: "host", Kernel: hostKernel, Arch: "amd64", Tool: "v0.1.0"},
			{Ground: "guest", Kernel: oldKernel, Arch: "amd64", Tool: "v0.1.0", Detail: map[string]string{
				"qemu": "7.2.22", "accelerator": "tcg", "machine": "microvm", "package": "linux-image-6.1.0-42-cloud-amd64",
			}},
		},
		Claims: []Claim{
			{ID: "macvlan-host-unreachable", Text: "The host cannot talk to its own macvlan children.", Source: "Docker documentation, Macvlan network driver"},
			{ID: "private-isolates", Text: "Private mode cuts a container off from other devices of the physical network.", Source: "A guide to Docker's macvlan"},
			{ID: "vlan-isolated", Text: "Frames of one VLAN never reach another.", Source: "IEEE 802.1Q-2022, 8.8"},
			{ID: "ipvlan-one-mac", Text: "All children of an ipvlan parent share its MAC address.", Source: "Linux, Documentation/networking/ipvlan.rst"},
			{ID: "macvlan-trunk", Text: "A dotted parent creates its VLAN device and removes it with the network.", Source: "Docker documentation, Macvlan network driver"},
		},
		Cases: []Case{bridgeCase(hostKernel, "host"), trunkCase(), privateCase(), deadCase(), skippedCase(), hostileCase()},
	}
	r.Summarize()
	return r
}

func bridgeCase(kernel, ground string) Case {
	c := Case{
		Scenario: "docker-macvlan-bridge", Title: "Two containers on a macvlan network in bridge mode", Case: "docker-macvlan-bridge",
		Ground: ground, Kernel: kernel, Labels: []string{"docker", "macvlan"}, Location: "catalogue/docker-macvlan-bridge.yaml:3",
		Placement: "this kernel has macvlan and veth", Duration: 14_200 * time.Microsecond, Capture: "captures/docker-macvlan-bridge.pcapng",
		Picture: bridgePicture(),
		Checks: []Check{
			{
				ID: "c1-reaches-c2", Title: "c1 reaches c2", Verdict: Pass, Expected: "an answer", Observed: "ICMP echo reply after 41 µs",
				Proof: ProofReply, Location: "catalogue/docker-macvlan-bridge.yaml:24", Duration: 812 * time.Microsecond,
				Evidence: []Evidence{
					{Kind: "frame", At: "c2/eth0", Text: "ICMP echo request 172.16.86.2 > 172.16.86.3, 98 bytes", Packet: 3},
					{Kind: "frame", At: "c1/eth0", Text: "ICMP echo reply 172.16.86.3 > 172.16.86.2, 98 bytes", Packet: 4},
				},
			},
			{
				ID: "host-reaches-c1", Title: "the host does not reach c1", Verdict: Fail, Expected: "the frame does not arrive at c1",
				Observed: "it arrived at c1/eth0 after 63 µs", Proof: ProofReceived, Location: "catalogue/docker-macvlan-bridge.yaml:28",
				Claims: []string{"macvlan-host-unreachable"}, Duration: 1_400 * time.Microsecond,
				Evidence: []Evidence{
					{Kind: "frame", At: "host/eth0", Text: "ARP who-has 172.16.86.2 tell 172.16.86.10", Packet: 12},
					{Kind: "frame", At: "c1/eth0", Text: "ARP who-has 172.16.86.2 tell 172.16.86.10", Packet: 14},
					{Kind: "counter", At: "host/eth0", Text: "tx_packets 7 -> 8"},
				},
			},
			{
				ID: "no-parent-mac", Title: "no frame of theirs carries the parent's MAC", Verdict: Pass, Expected: "2 MACs on the wire, none of them 02:00:00:00:00:01",
				Observed: "02:42:ac:10:56:02, 02:42:ac:10:56:03", Proof: ProofReceived, Location: "catalogue/docker-macvlan-bridge.yaml:33",
			},
		},
	}
	c.Settle()
	return c
}

func bridgePicture() *Picture {
	return &Picture{
		Switch: []string{"hairpin on: frames go back out of the port they came in by", "learns at most 2 MAC addresses"},
		Nodes: []PictureNode{
			{Name: "host", Role: "host", Links: []PictureLink{
				{Name: "eth0", Kind: "veth", MAC: "02:00:00:00:00:01", Addresses: []string{"172.16.86.10/24"}, Parent: "switch"},
			}},
			{Name: "c1", Role: "endpoint", Links: []PictureLink{
				{Name: "eth0", Kind: "macvlan", Detail: "bridge", MAC: "02:42:ac:10:56:02", Addresses: []string{"172.16.86.2/24"}, Parent: "host/eth0"},
			}},
			{Name: "c2", Role: "endpoint", Links: []PictureLink{
				{Name: "eth0", Kind: "macvlan", Detail: "bridge", MAC: "02:42:ac:10:56:03", Addresses: []string{"172.16.86.3/24"}, Parent: "host/eth0"},
			}},
			{Name: "gateway", Role: "router", Links: []PictureLink{
				{Name: "eth0", Kind: "veth", MAC: "02:00:00:00:00:fe", Addresses: []string{"172.16.86.1/24"}, Parent: "switch"},
			}},
			{Name: "printer", Role: "station", Links: []PictureLink{
				{Name: "eth0", Kind: "veth", MAC: "02:00:00:00:00:20", Addresses: []string{"172.16.86.20/24"}, Parent: "switch"},
			}},
		},
	}
}

func trunkCase() Case {
	c := Case{
		Scenario: "vlan-isolation", Title: "Networks on two VLANs of one parent stay apart", Case: "vlan-isolation/family=ipv6",
		Ground: "guest", Kernel: oldKernel, Labels: []string{"ipv6", "macvlan", "vlan"}, Location: "catalogue/vlan-isolation.yaml:1",
		Placement: "this kernel has no 8021q: operation not supported", Duration: 187 * time.Millisecond,
		Capture: "captures/vlan-isolation family=ipv6.pcapng", Picture: trunkPicture(),
		Checks: []Check{
			{
				ID: "same-vlan", Title: "a10 reaches b10 in VLAN 10", Verdict: Pass, Expected: "an answer", Observed: "ICMPv6 echo reply after 0.4 ms",
				Proof: ProofReply, Location: "catalogue/vlan-isolation.yaml:31", Duration: 3 * time.Millisecond,
				Evidence: []Evidence{{Kind: "frame", At: "host/eth0", Text: "802.1Q VID 10 PCP 0, IPv6 2001:db8:10::2 > 2001:db8:10::3", Packet: 5}},
			},
			{
				ID: "other-vlan", Title: "a10 does not reach a20", Step: "after the parent went down and up", Verdict: Pass,
				Expected: "nothing arrives at a20", Observed: "nothing arrived; the fence came 0.2 ms later", Proof: ProofFence,
				Claims: []string{"vlan-isolated"}, Location: "catalogue/vlan-isolation.yaml:36", Duration: 2 * time.Millisecond,
				Evidence: []Evidence{
					{Kind: "canary", At: "a20/eth0", Text: "frame in VLAN 20 arrived", Packet: 9},
					{Kind: "fence", At: "a20/eth0", Text: "came after the probe on the same queue", Packet: 11},
				},
			},
			{
				ID: "one-mac", Title: "all children carry the parent's MAC", Verdict: Skip, Expected: "one MAC on the wire",
				Observed: "ipvlan is missing: link add: operation not supported", Claims: []string{"ipvlan-one-mac"}, Location: "catalogue/vlan-isolation.yaml:40",
			},
		},
	}
	c.Settle()
	return c
}

func trunkPicture() *Picture {
	child := func(node, vid, n string) PictureNode {
		return PictureNode{Name: node, Role: "endpoint", Links: []PictureLink{{
			Name: "eth0", Kind: "macvlan", Detail: "bridge", MAC: "02:42:0a:00:" + vid + ":0" + n,
			Addresses: []string{"10.0." + vid + "." + n + "/24", "2001:db8:" + vid + "::" + n + "/64"}, Parent: "host/eth0." + vid,
		}}}
	}
	both := child("both", "10", "4")
	both.Links = append(both.Links, PictureLink{Name: "eth1", Kind: "veth", Addresses: []string{"172.18.0.2/16"}, Parent: "host/br0"})
	return &Picture{Nodes: []PictureNode{
		{Name: "host", Role: "host", Links: []PictureLink{
			{Name: "eth0", Kind: "veth", MAC: "02:00:00:00:00:01", Parent: "switch"},
			{Name: "eth0.10", Kind: "vlan", Detail: "VID 10", Parent: "host/eth0"},
			{Name: "eth0.20", Kind: "vlan", Detail: "VID 20", Parent: "host/eth0"},
			{Name: "shim", Kind: "macvlan", Detail: "bridge", Addresses: []string{"10.0.10.9/32"}, Parent: "host/eth0.10"},
			{Name: "br0", Kind: "bridge", Addresses: []string{"172.18.0.1/16"}},
		}},
		child("a10", "10", "2"), child("b10", "10", "3"), child("a20", "20", "2"), both,
		{Name: "gateway", Role: "router", Links: []PictureLink{
			{Name: "eth0", Kind: "veth", MAC: "02:00:00:00:00:fe", Parent: "switch"},
			{Name: "eth0.10", Kind: "vlan", Detail: "VID 10", Addresses: []string{"2001:db8:10::1/64"}, Parent: "gateway/eth0"},
		}},
	}}
}

func privateCase() Case {
	c := Case{
		Scenario: "claim-private-isolates", Title: "What private mode cuts off, and what it does not", Case: "claim-private-isolates",
		Ground: "host", Kernel: hostKernel, Labels: []string{"macvlan"}, Location: "catalogue/claim-private-isolates.yaml:2", Duration: 9 * time.Millisecond,
		Picture: &Picture{Nodes: []PictureNode{
			{Name: "host", Role: "host", Links: []PictureLink{{Name: "dummy0", Kind: "dummy", MAC: "02:00:00:00:00:07"}}},
			{Name: "a", Role: "endpoint", Links: []PictureLink{{Name: "eth0", Kind: "ipvlan", Detail: "l3s private", Addresses: []string{"10.7.0.2/24"}, Parent: "host/dummy0"}}},
		}},
		Checks: []Check{
			{
				ID: "siblings", Title: "siblings do not reach each other", Verdict: Pass, Expected: "nothing arrives", Observed: "nothing arrived within 50 ms",
				Proof: ProofQuiet, Location: "catalogue/claim-private-isolates.yaml:20", Duration: 50 * time.Millisecond,
			},
			{
				ID: "lan", Title: "a station on the LAN is reached all the same", Verdict: Pass, Expected: "an answer", Observed: "ARP reply after 0.1 ms",
				Proof: ProofReply, Claims: []string{"private-isolates"}, Refutes: []string{"private-isolates"}, Location: "catalogue/claim-private-isolates.yaml:24",
			},
			{
				ID: "second-passthru", Title: "a second passthru child is refused", Verdict: Error, Expected: "EINVAL",
				Observed: "the harness got EPERM: operation not permitted", Proof: ProofErrno, Location: "catalogue/claim-private-isolates.yaml:31",
				Evidence: []Evidence{{Kind: "errno", At: "host/dummy0", Text: "RTM_NEWLINK: operation not permitted"}},
			},
		},
	}
	c.Settle()
	return c
}

func deadCase() Case {
	return Case{
		Scenario: "docker-macvlan-bridge", Title: "Two containers on a macvlan network in bridge mode", Case: "docker-macvlan-bridge",
		Ground: "guest", Kernel: oldKernel, Labels: []string{"docker", "macvlan"}, Location: "catalogue/docker-macvlan-bridge.yaml:3",
		Placement: "asked for with --on guest", Duration: 12 * time.Second, Picture: bridgePicture(),
		Verdict: Error, Reason: "the guest died: its console ends in a panic",
		Console: "[    1.204411] eth0: entered promiscuous mode\n[    1.204902] BUG: kernel NULL pointer dereference, address: 0000000000000038\n" +
			"[    1.204950] RIP: 0010:macvlan_handle_frame+0x4c/0x3a0 [macvlan]\n[    1.205100] Kernel panic - not syncing: Fatal exception in interrupt\n",
	}
}

func skippedCase() Case {
	return Case{
		Scenario: "docker-ipvlan-l2", Title: "One MAC for all", Case: "docker-ipvlan-l2", Ground: "host", Kernel: hostKernel, Repeat: 2,
		Labels: []string{"docker", "ipvlan"}, Location: "catalogue/docker-ipvlan-l2.yaml:1", Verdict: Skip,
		Reason: "ipvlan is missing: link add: operation not supported",
	}
}

// breakout is text that tries to leave whatever it is put into.
const breakout = "</script><script>alert(1)</script>\"'>|`*_[x](javascript:alert(1)) ]]> # SKIP \x1b[31m\x00\xff\u202eevil\u2066 \ufffe {{.}} @admin"

func hostileCase() Case {
	c := Case{
		Scenario: "hostile " + breakout, Title: "Names that want to break out " + breakout, Case: "hostile", Ground: "host", Kernel: hostKernel,
		Labels: []string{"refusal", breakout}, Location: "files/" + breakout + ".yaml:7", Duration: time.Millisecond,
		Capture: "javascript:alert(1)", Console: "a console line\n" + breakout,
		Picture: &Picture{
			Switch: []string{breakout, strings.Repeat("long ", 60)},
			Nodes:  []PictureNode{{Name: breakout, Role: breakout, Links: []PictureLink{{Name: breakout, Kind: breakout, Detail: breakout, MAC: breakout, Addresses: []string{breakout}, Parent: breakout}}}},
		},
		Checks: []Check{
			{
				ID: breakout, Title: breakout, Step: breakout, Verdict: Fail, Expected: breakout, Observed: "line one\nline two\r\n" + breakout,
				Proof: ProofState, Location: breakout, Claims: []string{breakout}, Evidence: []Evidence{{Kind: breakout, At: breakout, Text: breakout, Packet: 1}},
			},
			{ID: "long", Title: strings.Repeat("long name ", 1000), Verdict: Pass, Expected: strings.Repeat("x", 10_000), Observed: strings.Repeat("日本", 500), Location: "a.yaml:1"},
			{ID: "long", Title: "an id that comes twice", Verdict: Pass, Location: "a.yaml:2"},
		},
	}
	c.Settle()
	return c
}

// many is a run of n checks, four to a case, a few of them bad.
func many(n int) *Results {
	r := &Results{Schema: Schema, Duration: time.Minute, Environment: rich().Environment, Claims: rich().Claims}
	for i := 0; len(r.Cases)*4 < n; i++ {
		c := trunkCase()
		c.Scenario = fmt.Sprintf("scenario-%03d", i/8)
		c.Case = fmt.Sprintf("scenario-%03d/variant=%d", i/8, i%8)
		c.Checks = append(c.Checks, bridgeCase(hostKernel, "host").Checks[0])
		if i%100 == 7 {
			c.Checks[3].Verdict = Fail
		}
		c.Settle()
		r.Cases = append(r.Cases, c)
	}
	r.Summarize()
	return r
}

// render is what a writer makes of the results.
func render(t testing.TB, write func(*bytes.Buffer) error) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
