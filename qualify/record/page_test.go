package record

import (
	"bytes"
	"fmt"
	"html"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/lanproof/lanproof/internal/browser"
	"github.com/lanproof/lanproof/reports"
)

// showcase is a qualification with one of everything, and its captures.
func showcase() (*Qualification, Contents) {
	q, c := planted()
	q.Tool, q.Duration, q.Profile, q.Seed = "v0.9.0", 41700*time.Millisecond, Full, 7
	q.DUT = Port{
		Name: "enp3s0", Driver: "e1000e", Version: "6.12.57", Firmware: "1.8-0", Bus: "0000:00:03.0", PCI: "8086:10d3:8086:a01f", Model: "e1000e",
		MAC: "52:54:00:12:34:56", PermanentMAC: "52:54:00:12:34:56", MTU: 1500, MaxMTU: 9216, SpeedMbit: 1000, Duplex: "full",
		Features: map[string]string{"rx-checksumming": "on", "rx-vlan-filter": "on [fixed]", "tx-scatter-gather": "on", "l2-fwd-offload": "off [fixed]", "rx-vlan-offload": "on", "tx-vlan-offload": "on", "generic-receive-offload": "on", "tcp-segmentation-offload": "on"},
		Settings: map[string]string{"rx ring": "256 of 4096", "tx ring": "256 of 4096", "combined channels": "1 of 1", "rx-usecs": "3"},
	}
	q.Peer = q.DUT
	q.Peer.Name, q.Peer.MAC, q.Peer.Bus, q.Peer.Features, q.Peer.Settings = "enp4s0", "52:54:00:12:34:57", "0000:00:04.0", nil, nil
	q.Machine = Machine{Kernel: "6.12.57+deb13-amd64", Arch: "x86_64", CPUs: 2, Emulator: "QEMU 10.0.2", Detail: map[string]string{"cable": "a hub in QEMU"}}
	a, b := &q.Results[0], &q.Results[1]
	a.Title, a.Expected, a.Observed = "Frames to its own address arrive", "every frame to the port's own address arrives once, byte for byte", "10 of 10 frames arrived, each once"
	a.Duration = 30 * time.Millisecond
	b.Title, b.Expected, b.Observed = "Frames to nobody do not arrive", "no frame to an address that nobody has comes to the port's stack while it is not promiscuous", "10 of 10 frames arrived with 15 children, though promiscuity is 0"
	b.Reason, b.Source = "The card falls back to promiscuous reception when its filter is full, and does not say so.", "net/core/dev.c:__dev_set_rx_mode, drivers/net/ethernet/intel/e1000e/netdev.c:e1000e_write_uc_addr_list"
	b.Measured = map[string]string{"extra addresses": "14", "class on overflow": "promiscuous, undeclared"}
	b.Reproduce = "ip link add link enp3s0 mv15 type macvlan mode private\nip link set mv15 up\nip -d link show enp3s0 | grep promiscuity"
	b.Features = []Feature{{"rx-vlan-filter", "on [fixed]", "off: frames of VIDs that nobody asked for arrive", false}, {"rx-vlan-offload", "on", "on", true}}
	q.Results[2].Title, q.Results[2].Source = "Virtual functions: trust and spoof checking", "drivers/net/ethernet/intel/igb/igb_main.c:igb_ndo_set_vf_trust"
	q.Results[3].Title, q.Results[3].Expected, q.Results[3].Observed = "Counters agree with what was sent", "rx_packets rises by what came", "it rose by 10"
	q.Results = append(q.Results,
		Result{ID: "vlan-filter", Title: "The VLAN filter is what ethtool says", Profile: Core, Expected: "frames of VIDs without a device do not come", Observed: "3 of 3 came", Facts: []Fact{{"frames of VID 99", "0", "3"}}, Source: "IEEE 802.1Q-2022 8.6.2"},
		Result{ID: "jumbo", Title: "A jumbo frame with two tags passes", Profile: Full, Expected: "9216 bytes pass", Observed: "9212 pass", Facts: []Fact{{"largest", "9216", "9212"}}, Source: "Documentation/networking"},
		Result{ID: "reset", Title: "Children recover from a reset of the device", Profile: Full, Status: Error, Reason: "ethtool --reset was refused: EOPNOTSUPP", Expected: "children receive again within 10 s"},
	)
	q.Cases = []CaseResult{
		{Case: "docker-macvlan-bridge", Verdict: "pass", Pass: 31, Capture: "captures/own-address.pcapng"},
		{Case: "vlan-isolation-family=ipv6", Verdict: "fail", Pass: 11, Fail: 2, Reason: "c1 reaches c3, and it must not"},
		{Case: "ipvlan-l3s", Verdict: "skip", Reason: "this kernel has no netfilter"},
	}
	results := &reports.Results{Started: measured}
	for _, c := range q.Cases {
		one := reports.Case{Scenario: c.Case, Case: c.Case, Ground: "nic", Kernel: "6.12", Verdict: reports.Verdict(c.Verdict), Reason: c.Reason}
		for n := range c.Pass + c.Fail {
			v := reports.Pass
			if n < c.Fail {
				v = reports.Fail
			}
			one.Checks = append(one.Checks, reports.Check{ID: fmt.Sprint(n), Title: fmt.Sprint("check ", n), Verdict: v, Proof: reports.ProofState})
		}
		results.Cases = append(results.Cases, one)
	}
	c.Results = results
	q.Finish([]Waiver{
		{ID: "vlan-filter", Reason: "the driver overwrites RCTL; a fix is queued for 6.19", Who: "jane@example.org", Until: "2027-01-31"},
		{ID: "unknown-unicast", Reason: "known since firmware 1.8", Who: "jane@example.org", Until: "2026-10-31"},
		{ID: "own-address", Reason: "was once broken", Who: "joe@example.org", Until: "2027-06-30"},
	})
	return q, c
}

func pageOf(t testing.TB, q *Qualification) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := q.WriteHTML(&b, &reports.Results{}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestPageSays(t *testing.T) {
	q, _ := showcase()
	page := html.UnescapeString(string(pageOf(t, q)))
	for _, want := range []string{
		"Not conformant: 1 core requirement fails, 1 is waived, 1 case of the catalogue fails on e1000e enp3s0", "8086:10d3:8086:a01f", "firmware 1.8-0", "1000 Mbit/s, full duplex", "1500, at most 9216",
		"6.12.57+deb13-amd64", "QEMU 10.0.2", "Waived until 2027-01-31 by jane@example.org", "has expired on 2026-10-31", "there is no failure: the status is pass",
		`href="captures/unknown-unicast.pcapng"`, "ip link add link enp3s0 mv15", "peer/eth0 → dut/eth0", "off: frames of VIDs that nobody asked for arrive", `href="catalogue.html"`,
		"All of it came back as it was.", "lanproof verify BUNDLE",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	q.Restored, q.Differences = false, []string{"mtu was 1500 and is 9000"}
	if page := string(pageOf(t, q)); !strings.Contains(page, "mtu was 1500 and is 9000") || strings.Contains(page, "came back as it was.") {
		t.Error("the page does not tell what did not come back")
	}
}

// A bundle with one of everything agrees with itself.
func TestShowcaseVerifies(t *testing.T) {
	dir := t.TempDir()
	if kept := os.Getenv("LANPROOF_BUNDLE"); kept != "" { // for people to look at
		dir = kept
	}
	q, c := showcase()
	if err := WriteBundle(dir, q, c); err != nil {
		t.Fatal(err)
	}
	v := mustVerify(t, dir)
	for _, p := range v.Problems {
		t.Errorf("%s: %s", p.Where, p.Text)
	}
	if v.Qualification.Summary.Waived != 1 || len(v.Steps) != 9 {
		t.Errorf("%+v", v)
	}
}

const breakout = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>\u202e|`"

// hostile is a record that wants to be more than text.
func hostile() *Qualification {
	return &Qualification{
		Tool: breakout, Profile: breakout, Started: measured,
		DUT:     Port{Name: breakout, Driver: breakout, Model: breakout, MAC: breakout, Features: map[string]string{breakout: breakout}, Settings: map[string]string{breakout: breakout}},
		Machine: Machine{Kernel: breakout, Detail: map[string]string{breakout: breakout}},
		Results: []Result{{
			ID: breakout, Title: breakout, Profile: Core, Status: breakout, Expected: breakout, Observed: breakout, Reason: breakout, Source: breakout, Reproduce: breakout,
			Capture: "javascript:alert(1)", Trials: []Trial{{Name: breakout, From: breakout, At: breakout, Want: breakout, Tagged: breakout, Proof: breakout}}, Facts: []Fact{{breakout, breakout, "x"}},
			Measured: map[string]string{breakout: breakout}, Features: []Feature{{breakout, breakout, breakout, false}}, Waiver: &Waiver{breakout, breakout, breakout, breakout},
		}},
		Cases:       []CaseResult{{Case: breakout, Verdict: breakout, Reason: breakout, Capture: "javascript:alert(1)"}},
		Differences: []string{breakout}, Waivers: []WaiverUse{{Waiver: Waiver{breakout, breakout, breakout, breakout}, State: breakout, Note: breakout}},
	}
}

func TestPageInBrowser(t *testing.T) {
	b := browser.New(t)
	q, _ := showcase()
	content := pageOf(t, q)
	b.Open(content, "")
	b.Shoot("qualification")
	light := b.Eval(`getComputedStyle(document.body).backgroundColor`)
	b.Want("true", `document.documentElement.scrollWidth <= innerWidth`)
	b.Want("true", `document.querySelector("#requirement-unknown-unicast").open`)
	b.Want("false", `document.querySelector("#requirement-own-address").open`)
	b.Want("0", `document.scripts.length`)
	for _, at := range []string{"port", "requirement-unknown-unicast", "features", "catalogue", "restored"} {
		b.Want("true", `document.getElementById(%q) !== null`, at)
		b.Eval(`document.getElementById(%q).scrollIntoView(); 0`, at)
		b.Shoot("qualification-" + at)
	}
	b.Dark(true)
	if dark := b.Eval(`getComputedStyle(document.body).backgroundColor`); dark == light {
		t.Errorf("the page is %s in the dark, too", dark)
	}
	b.Eval(`scrollTo(0, 0); 0`)
	b.Shoot("qualification-dark")
	b.Dark(false)
	b.Do(chromedp.EmulateViewport(390, 844))
	b.Want("true", `document.documentElement.scrollWidth <= innerWidth`)
	b.Shoot("qualification-narrow")
	b.Eval(`document.getElementById("requirement-unknown-unicast").scrollIntoView(); 0`)
	b.Shoot("qualification-narrow-requirement")
	b.Print("qualification")
	b.Quiet()
}

func TestHostilePage(t *testing.T) {
	b := browser.New(t)
	b.Open(pageOf(t, hostile()), "")
	b.Want("0", `document.images.length + document.scripts.length`)
	b.Want("0", `document.querySelectorAll("a[href^=javascript]").length`)
	b.Want("true", `document.body.textContent.includes("<script>alert(1)")`)
	b.Want("false", `document.body.textContent.includes("\u202e")`)
	b.Quiet()
	q := hostile()
	for _, write := range []func(io.Writer) error{q.WriteText, q.WriteMarkdown, Compare(q, q).WriteMarkdown} {
		var out bytes.Buffer
		if err := write(&out); err != nil {
			t.Fatal(err)
		}
		if s := out.String(); strings.Contains(s, "\u202e") || strings.HasPrefix(s, "|") && strings.Contains(s, "<script") {
			t.Errorf("hidden characters, or HTML, in:\n%s", s)
		}
	}
}
