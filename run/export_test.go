package run_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/lanproof/lanproof/run"
	"github.com/lanproof/lanproof/run/repro"
	"github.com/lanproof/lanproof/scenarios"
)

// exported is a scenario with a check of every kind that a shell can make, and for
// each of them one that expects the opposite.
const exported = lan + `
  bystander: {network: net}
checks:
  - {id: reach, reach: {from: c1, to: c2, family: 4}}
  - {id: not-reach, blocked: {from: c1, to: c2, family: 4}}
  - {id: reach6, reach: {from: c1, to: pc, family: 6}}
  - {id: blocked, blocked: {from: host, to: c1, family: 4}}
  - {id: not-blocked, reach: {from: host, to: c1, family: 4}}
  - {id: raw, reach: {from: pc, to: c1, kind: raw}}
  - {id: not-raw, blocked: {from: pc, to: c1, kind: raw}}
  - {id: raw-all, reach: {from: c1, to: c2, kind: raw, cast: broadcast}}
  - {id: raw-host, blocked: {from: host, to: c1, kind: raw}}
  - {id: udp, reach: {from: c1, to: pc, kind: udp, family: 4}}
  - {id: not-udp, blocked: {from: c1, to: pc, kind: udp, family: 6}}
  - {id: arp, reach: {from: c1, to: c2, kind: arp}}
  - {id: not-arp, blocked: {from: c1, to: c2, kind: arp}}
  - {id: nd, reach: {from: pc, to: c2, kind: nd}}
  - {id: static, reach: {from: c1, to: c2, family: 4, static: true}}
  - {id: link, link: {link: c1/eth0, kind: macvlan, mode: bridge, mtu: 1500, up: true, carrier: true, operstate: up, noarp: false, tx_queue_len: 0}}
  - {id: not-link, link: {link: c1/eth0, mode: vepa}}
  - {id: parent, link: {link: c1/eth0, parent: host/eth0, flags: [], allmulticast: 0}}
  - {id: not-parent, link: {link: c1/eth0, parent: pc/eth0}}
  - {id: not-flags, link: {link: c1/eth0, flags: [nodst]}}
  - {id: not-mtu, link: {link: c1/eth0, mtu: 1400}}
  - {id: mac-of, link: {link: c1/eth0, mac_of: c1/eth0}}
  - {id: not-mac-of, link: {link: c1/eth0, mac_of: host/eth0}}
  - {id: gone, link: {link: c1/eth7, exists: false}}
  - {id: not-gone, link: {link: c1/eth0, exists: false}}
  - {id: addresses, addresses: {link: c1/eth0, are: [192.168.100.11/24, "fd00:100::11/64"]}}
  - {id: not-addresses, addresses: {link: c1/eth0, exclude: [192.168.100.11/24]}}
  - {id: route, route: {node: c1, to: default, via: 192.168.100.254, dev: eth0}}
  - {id: not-route, route: {node: c1, to: default, via: 192.168.100.253}}
  - {id: no-route, route: {node: pc, to: default, exists: false}}
  - {id: not-no-route, route: {node: c1, to: 192.168.100.0/24, exists: false}}
  - {id: link-route, route: {node: c1, to: 192.168.100.0/24, via: none, scope: link}}
  - {id: counters, counters: {link: c1/eth0, send: {from: c1, to: c2, family: 4}, times: 3, rise: {tx_packets: 3}}}
  - {id: not-counters, counters: {link: c1/eth0, send: {from: c1, to: c2, family: 4, static: true}, rise: {rx_errors: 1}}}
  - {id: macs, macs: {of: [c1, c2], are: unique}}
  - {id: not-macs, macs: {of: [c1], are: shared}}
  - {id: tag, tag: {from: c1}}
  - {id: not-tag, tag: {from: c1, tags: [{vid: 5}]}}
  - {id: refused, refused: {do: [{add: {node: c1, name: sub, kind: macvlan, parent: eth0}}, {add: {node: c1, name: sub, kind: macvlan, parent: eth0}}], errno: EEXIST}}
  - {id: not-refused, refused: {do: [{set: {link: c1/eth0, mtu: 1400}}], errno: EINVAL}}
steps:
  - name: the mode changes
    do: [{set: {link: c1/eth0, mode: private}}]
    checks:
      - {id: then-blocked, blocked: {from: c1, to: c2, family: 4}}
      - {id: then-reach, reach: {from: c1, to: c2, family: 4}}
`

// Scripts come to the verdicts that lanproof comes to, in both styles, and leave
// nothing behind.
func TestScriptsAgree(t *testing.T) {
	needRoot(t)
	needTools(t, "ip", "ping", "arping", "tcpdump", "bash", "nstat", "sysctl")
	p := prepared(t, "exported", exported)
	dir := t.TempDir()
	said := make([]scriptEnd, len(p.Checks()))
	var g errgroup.Group
	g.SetLimit(24) // they sleep most of the time, each in namespaces of its own
	for i, c := range p.Checks() {
		g.Go(func() error {
			style, shell := repro.Sh, "sh"
			if i%4 == 0 {
				style, shell = repro.Kselftest, "bash"
			}
			file := filepath.Join(dir, fmt.Sprint(i))
			if err := os.WriteFile(file, []byte(scriptOf(t, p, c.ID, style)), 0o700); err != nil {
				return err
			}
			cmd := exec.CommandContext(t.Context(), shell, file)
			out, err := cmd.CombinedOutput()
			said[i] = scriptEnd{c.ID, cmd.ProcessState.ExitCode(), fmt.Sprintf("%s: %v\n%s", style, err, out)}
			return nil
		})
	}
	result := execute(t, "exported", exported)
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	for i, c := range result.Checks {
		if c.ID != p.Checks()[i].ID {
			t.Fatalf("check %d is %s", i, c.ID)
		}
		agree(t, &c, said[i])
	}
}

func needTools(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		if _, err := exec.LookPath(name); err != nil {
			t.Skipf("%s is not installed", name)
		}
	}
}

// scriptOf is the script of one check.
func scriptOf(t testing.TB, p *run.Prepared, id string, style repro.Style) string {
	t.Helper()
	s, err := p.Script(id)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := s.Write(&b, style); err != nil {
		t.Fatalf("%s: %v", id, err)
	}
	return b.String()
}

// Who has nothing to do with a check is left out of its script.
func TestScriptIsSmall(t *testing.T) {
	p := prepared(t, "exported", exported)
	text := scriptOf(t, p, "reach", repro.Sh)
	if strings.Contains(text, "bystander") || strings.Contains(text, "$ns-pc") {
		t.Errorf("the script has machines that do not matter:\n%s", text)
	}
	if !strings.Contains(scriptOf(t, p, "raw", repro.Sh), "$ns-pc") {
		t.Error("the script lacks a machine that matters")
	}
}

// What no shell can say is said.
func TestUnsayable(t *testing.T) {
	p := prepared(t, "unsayable", strings.Replace(lan, "{parents: {eth0: {addresses: [192.168.100.1/24]}}}",
		"{parents: {eth0: {addresses: [192.168.100.1/24]}}, links: {shim: {kind: macvlan, parent: eth0}}}", 1)+`  c3: {network: net, mac: "02:00:00:00:00:99"}
  c4: {network: net, mac: "02:00:00:00:00:99"}
checks:
  - {id: oracle, oracle: all}
  - {id: doubled, reach: {from: pc, to: c1, kind: raw}}
  - {id: which, blocked: {from: c1, to: host/eth0, kind: raw, cast: broadcast}}
  - {id: priority, tag: {from: c1, priority: 3}}
  - {id: tagged, reach: {from: pc, to: host, kind: raw, tags: [{vid: 5}]}}
  - {id: pool, handed_out: {network: net, count: 4}}
  - {id: docker, refused: {do: [{network: {name: other, driver: macvlan, parent: eth0.ten, subnets: [{subnet: 10.0.0.0/8}]}}], reason: vlan id}}
  - {id: attribute, refused: {do: [{add: {node: host, name: v, kind: macvlan, parent: eth0, attributes: {IFLA_MACVLAN_MODE: u32 99}}}], errno: EINVAL}}
`)
	for _, c := range p.Checks() {
		s, err := p.Script(c.ID)
		var b bytes.Buffer
		if err == nil {
			err = s.Write(&b, repro.Sh)
		}
		var bad *repro.Unsayable
		why := map[string]string{"which": "which of several devices", "doubled": "one MAC address", "tagged": "tags of their own", "docker": "Docker", "attribute": "attributes"}
		if !errors.As(err, &bad) || b.Len() > 0 || !strings.Contains(err.Error(), why[c.ID]) {
			t.Errorf("%s: %v, and %d bytes are written", c.ID, err, b.Len())
		}
	}
	if _, err := p.Script("no-such"); err == nil {
		t.Error("a check that is not there has a script")
	}
}

// Every script of the catalogue is good shell, for the kernels that this one is not, too.
func TestScriptsOfTheCatalogue(t *testing.T) {
	files, err := scenarios.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	var names []string
	said := 0
	for _, f := range files {
		p, err := run.Prepare(f.Cases()[0], 0)
		if err != nil {
			t.Fatal(err)
		}
		checks := p.Checks()
		for i := 0; i < len(checks); i += max(len(checks)/3, 1) {
			s, err := p.Script(checks[i].ID)
			if err != nil {
				continue
			}
			for _, style := range []repro.Style{repro.Sh, repro.Kselftest} {
				var b bytes.Buffer
				if s.Write(&b, style) != nil {
					continue
				}
				said++
				name := filepath.Join(dir, fmt.Sprintf("%d.sh", said))
				if err := os.WriteFile(name, b.Bytes(), 0o700); err != nil {
					t.Fatal(err)
				}
				names = append(names, name)
			}
		}
	}
	if said < 100 {
		t.Errorf("%d scripts only", said)
	}
	if _, err := exec.LookPath("shellcheck"); err != nil {
		t.Skip("shellcheck is not installed")
	}
	some := names[:min(len(names), 60)]
	if out, err := exec.CommandContext(t.Context(), "shellcheck", append([]string{"-S", "warning"}, some...)...).CombinedOutput(); err != nil {
		t.Errorf("shellcheck: %v\n%.4000s", err, out)
	}
}

// FuzzScript puts rubbish into all that a scenario and a run may say, and looks
// whether a shell would run any of it.
func FuzzScript(f *testing.F) {
	p := prepared(f, "exported", exported)
	f.Add("'; touch evil; '", "reach")
	f.Add("x\ntouch evil\r# $(touch evil) `touch evil`", "not-link")
	f.Add("\u2028\x00\\", "refused")
	f.Fuzz(func(t *testing.T, text, id string) {
		s, err := p.Script(id)
		if err != nil {
			return
		}
		var plain, b bytes.Buffer
		if err := s.Write(&plain, repro.Sh); err != nil {
			t.Fatal(err)
		}
		s.Title, s.Asks, s.Expected, s.Observed, s.Where, s.Tool = text, text, text, text, text, text
		if err := s.Write(&b, repro.Sh); err != nil {
			t.Fatal(err)
		}
		// Beside comments, only the one line that says what is expected may differ.
		want, got := code(plain.String()), code(b.String())
		if len(got) != len(want) {
			t.Fatalf("%d lines of code became %d", len(want), len(got))
		}
		for i := range got {
			if !strings.HasPrefix(want[i], "echo expected: ") && got[i] != want[i] {
				t.Errorf("%q became %q", want[i], got[i])
			}
			if rest, ok := strings.CutPrefix(got[i], "echo expected: "); ok {
				if inside := strings.ReplaceAll(rest, `'\''`, ""); strings.Count(inside, "'") != 2 || !strings.HasPrefix(inside, "'") || !strings.HasSuffix(inside, "'") {
					t.Errorf("not one word: %q", rest)
				}
			}
		}
	})
}

// code are the lines of a script that are no comments.
func code(script string) []string {
	var out []string
	for line := range strings.Lines(script) {
		if !strings.HasPrefix(line, "#") {
			out = append(out, strings.TrimSuffix(line, "\n"))
		}
	}
	return out
}
