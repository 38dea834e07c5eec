package run_test

import (
	"bytes"
	"context"
	"debug/elf"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lanproof/lanproof/capture"
	"github.com/lanproof/lanproof/engine/cell"
	"github.com/lanproof/lanproof/guest"
	"github.com/lanproof/lanproof/internal/features"
	"github.com/lanproof/lanproof/reports"
	"github.com/lanproof/lanproof/run"
	"github.com/lanproof/lanproof/scenarios"
)

// TestMain makes this test's binary /init of the guests that it boots.
func TestMain(m *testing.M) {
	cell.Main()
	if filepath.Base(os.Args[0]) == "dockerd" {
		stopAsDockerd()
	}
	if guest.IsInit() {
		guest.Init(func(job []byte, out guest.Emitter) error {
			if bytes.HasPrefix(job, []byte("\x1f\x8b")) { // a compressed archive
				return runScripts(job, out)
			}
			return run.InGuest(job, mortal{out, job})
		})
	}
	dir, err := os.MkdirTemp("", "run-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Setenv("LANPROOF_STATE", dir) // where the journals of ports are
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// mortal ends the guest with each case that is begun and whose name begins with dies.
type mortal struct {
	guest.Emitter
	job []byte
}

func (m mortal) Line(text []byte) error {
	var order struct{ Cases []struct{ Case string } }
	var said struct{ Started *int }
	err := m.Emitter.Line(text)
	if json.Unmarshal(m.job, &order) == nil && json.Unmarshal(text, &said) == nil && said.Started != nil &&
		strings.HasPrefix(order.Cases[*said.Started].Case, "dies") {
		os.Exit(1) // the end of init is a panic
	}
	return err
}

// vlans wants 8021q, which many kernels lack, and a bridge that tells VLANs apart.
const vlans = `
hosts: {host: {parents: {eth0: {}}}}
stations:
  pc10: {addresses: [192.168.10.9/24]}
  pc20: {addresses: [192.168.20.9/24]}
networks:
  v10: {driver: macvlan, parent: eth0.10, subnets: [{subnet: 192.168.10.0/24}]}
  v20: {driver: macvlan, parent: eth0.20, subnets: [{subnet: 192.168.20.0/24}]}
endpoints: {a: {network: v10, ip: 192.168.10.1}, b: {network: v20, ip: 192.168.20.1}}
switch:
  ports: {host/eth0: {trunk: [10, 20]}, pc10/eth0: {access: 10}, pc20/eth0: {access: 20}}
checks:
  - {id: own, reach: {from: a, to: pc10}}
  - {id: other, blocked: {from: a, to: pc20, kind: raw, cast: broadcast}}
  - {id: tag, tag: {from: a, tags: [{vid: 10}]}}
steps:
  - name: another VLAN
    do: [{switch: {port: pc20/eth0, access: 10}}, {switch: {port: pc10/eth0, access: 20}}]
    checks:
      - {id: moved, reach: {from: a, to: pc20, kind: raw, cast: broadcast}}
      - {id: gone, blocked: {from: a, to: pc10, kind: raw, cast: broadcast}}
  - name: the trunk loses one
    do: [{switch: {port: host/eth0, trunk: [20]}}]
    checks:
      - {id: cut, blocked: {from: a, to: pc20, kind: raw, cast: broadcast}}
      - {id: kept, reach: {from: b, to: pc10, kind: raw, cast: broadcast}}
`

// needStatic skips where this binary needs a loader, which a guest has not got,
// as it does under -race.
func needStatic(t *testing.T) {
	t.Helper()
	f, err := elf.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if slices.ContainsFunc(f.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP }) {
		t.Skip("this test's binary is /init of the guest and has to be static: build it with CGO_ENABLED=0 and without -race")
	}
}

// TestGuest sends a case to a booted kernel because this one cannot carry it.
func TestGuest(t *testing.T) {
	needRoot(t)
	if testing.Short() {
		t.Skip("booting a guest takes some seconds")
	}
	needStatic(t)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	var k features.Kernel
	lacks, err := k.Missing([]string{"vlan"})
	if err := k.Close(); err != nil {
		t.Error(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	e, out := &events{}, t.TempDir()
	o := run.Options{Out: out, Events: e, NoSnapshot: true}
	if len(lacks) == 0 {
		o.On = run.Guest // this kernel could
	}
	res := results(t, ctx, o, vlans, green)
	guests := res.Cases[:1]
	if o.On == run.Guest {
		guests = res.Cases
	} else if r := res.Cases[1]; r.Ground != "host" || r.Verdict != reports.Pass {
		t.Errorf("what this kernel can carry ran on %s: %s %s", r.Ground, r.Verdict, r.Reason)
	}
	for _, c := range guests {
		if c.Verdict == reports.Skip && strings.HasPrefix(c.Reason, "needs a guest") {
			t.Skip(c.Reason)
		}
		if c.Verdict != reports.Pass || c.Ground != "guest" || !strings.HasPrefix(c.Kernel, "6.") {
			t.Errorf("%s on %s, kernel %s: %s %s\n%s", c.Case, c.Ground, c.Kernel, c.Verdict, c.Reason, c.Console)
		}
		for _, check := range c.Checks {
			if check.Verdict != reports.Pass {
				t.Errorf("%s: %s: %s", check.ID, check.Verdict, check.Observed)
			}
		}
		file, err := os.ReadFile(filepath.Join(out, c.Capture))
		if err != nil {
			t.Error(err)
			continue
		}
		trace, err := capture.ReadNG(bytes.NewReader(file))
		if err != nil || len(trace.Packets) == 0 {
			t.Errorf("%s: %v", c.Capture, err)
		}
	}
	if o.On != run.Guest && !strings.Contains(guests[0].Placement, "has no") {
		t.Errorf("placement %q does not say why", guests[0].Placement)
	}
}

// TestGuestDies has two guests die of cases of theirs: that is told of those alone.
func TestGuestDies(t *testing.T) {
	needRoot(t)
	if testing.Short() {
		t.Skip("booting guests takes some seconds")
	}
	needStatic(t)
	var all []*scenarios.Case
	for _, name := range []string{"lives", "dies", "dies-too", "goes-on"} {
		s, err := scenarios.Load(name+".yaml", []byte("name: "+name+"\ntitle: A test\n"+green))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, s.Cases()...)
	}
	e := &events{}
	res, err := run.Run(t.Context(), all, run.Options{On: run.Guest, Events: e})
	if err != nil {
		t.Fatal(err)
	}
	for n, want := range []reports.Verdict{reports.Pass, reports.Error, reports.Error, reports.Pass} {
		c := res.Cases[n]
		if c.Verdict == reports.Skip && strings.HasPrefix(c.Reason, "needs a guest") {
			t.Skip(c.Reason)
		}
		if c.Verdict != want || want == reports.Error && !strings.Contains(c.Reason, "Attempted to kill init") {
			t.Errorf("%s: %s %s\n%s", c.Case, c.Verdict, c.Reason, c.Console)
		}
	}
	if len(res.Environment) != 1 {
		t.Errorf("there are %d environments", len(res.Environment))
	}
}

// TestNoGuestSaysTheCure hides qemu.
func TestNoGuestSaysTheCure(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	res := results(t, t.Context(), run.Options{On: run.Guest, Kernels: []string{"debian:6.1"}}, green)
	if c := res.Cases[0]; c.Verdict != reports.Skip || !strings.Contains(c.Reason, "needs a guest") || !strings.Contains(c.Reason, "apt") {
		t.Errorf("%s: %q; want a skip with the command that cures it", c.Verdict, c.Reason)
	}
}

// TestThisKernelAmongOthers names this kernel beside a guest's: every case runs on both,
// each with a capture of its own. A second kernel that calls itself like the first could
// not be told apart from it.
func TestThisKernelAmongOthers(t *testing.T) {
	if testing.Short() {
		t.Skip("booting a guest takes some seconds")
	}
	needStatic(t)
	out := t.TempDir()
	res := results(t, t.Context(), run.Options{Out: out, Kernels: []string{run.ThisKernel, "debian:6.1", "debian:6.1-cloud-amd64"}}, green)
	if c := res.Cases[1]; c.Verdict == reports.Skip && strings.HasPrefix(c.Reason, "needs a guest") {
		t.Skip(c.Reason)
	}
	if got, want := verdicts(res), "one pass, one pass, one error"; got != want {
		t.Fatalf("verdicts %q, want %q: %+v", got, want, res.Cases)
	}
	if c := res.Cases[2]; !strings.Contains(c.Reason, "calls itself") {
		t.Errorf("the reason is %q", c.Reason)
	}
	for i, ground := range []string{"host", "guest"} {
		c := res.Cases[i]
		if c.Ground != ground {
			t.Errorf("case %d ran on %s, want %s", i, c.Ground, ground)
		}
		if _, err := os.Stat(filepath.Join(out, c.Capture)); err != nil {
			t.Error(err)
		}
	}
	if res.Cases[0].Capture == res.Cases[1].Capture {
		t.Errorf("both captures are %s", res.Cases[0].Capture)
	}
}
