package run_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/capture"
	"github.com/lanproof/lanproof/internal/features"
	"github.com/lanproof/lanproof/internal/rtnl"
	"github.com/lanproof/lanproof/reports"
	"github.com/lanproof/lanproof/run"
	"github.com/lanproof/lanproof/topology/lab"
)

const (
	green = lan + "checks: [{reach: {from: c1, to: c2, kind: raw}}]\n"
	red   = lan + "checks: [{reach: {from: host, to: c2, kind: raw}}]\n"
)

func results(t *testing.T, ctx context.Context, o run.Options, yamls ...string) *reports.Results {
	t.Helper()
	needRoot(t)
	cases := load(t, "one", yamls[0])
	for i, y := range yamls[1:] {
		cases = append(cases, load(t, []string{"two", "three", "four"}[i], y)...)
	}
	res, err := run.Run(ctx, cases, o)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func verdicts(res *reports.Results) string {
	var all []string
	for _, c := range res.Cases {
		all = append(all, c.Case+" "+string(c.Verdict))
	}
	return strings.Join(all, ", ")
}

func TestRunOnHost(t *testing.T) {
	e, out := &events{}, t.TempDir()
	res := results(t, t.Context(), run.Options{On: run.Host, Out: out, Seed: 3, Version: "v1", Events: e, Parallel: 2}, green, red)
	if got, want := verdicts(res), "one pass, two fail"; got != want {
		t.Errorf("verdicts %q, want %q", got, want)
	}
	if res.Seed != 3 || res.Summary.Pass != 1 || res.Summary.Fail != 1 || len(res.Environment) != 1 || res.Environment[0].Tool != "v1" {
		t.Errorf("seed %d, summary %+v, environments %+v", res.Seed, res.Summary, res.Environment)
	}
	for _, c := range res.Cases {
		if c.Ground != "host" || c.Kernel == "" || c.Placement != "" || c.Capture != filepath.Join("captures", c.Case+".pcapng") {
			t.Errorf("%s ran on %q, kernel %q, %q; capture %q", c.Case, c.Ground, c.Kernel, c.Placement, c.Capture)
		}
		file, err := os.ReadFile(filepath.Join(out, c.Capture))
		if err != nil {
			t.Error(err)
			continue
		}
		trace, err := capture.ReadNG(bytes.NewReader(file))
		if err != nil {
			t.Errorf("%s: %v", c.Capture, err)
			continue
		}
		for _, ev := range c.Checks[0].Evidence {
			if ev.Packet == 0 || !strings.Contains(strings.Join(trace.Packets[ev.Packet-1].Comments, " "), c.Checks[0].ID) {
				t.Errorf("%s: packet %d does not say that it serves %s", c.Case, ev.Packet, c.Checks[0].ID)
			}
		}
	}
	slices.Sort(e.finished)
	if want := []string{"one pass", "two fail"}; !slices.Equal(e.finished, want) || len(e.started) != 2 {
		t.Errorf("told of %v and %v, want %v", e.started, e.finished, want)
	}
}

// TestSkipSaysWhatWasAsked runs a case here that wants what this kernel lacks.
func TestSkipSaysWhatWasAsked(t *testing.T) {
	needRoot(t)
	kind := ""
	var k features.Kernel
	for _, name := range []string{"ipvlan", "vlan", "dummy"} {
		if err := k.Have(name); errors.Is(err, features.ErrNotSupported) {
			kind = name
		}
	}
	if err := k.Close(); err != nil {
		t.Error(err)
	}
	if kind == "" {
		t.Skip("this kernel has every kind of device")
	}
	link := map[string]string{"ipvlan": "{kind: ipvlan, parent: host/eth0}", "vlan": "{kind: vlan, parent: host/eth0, id: 5}", "dummy": "{kind: dummy}"}[kind]
	wants := "hosts: {host: {parents: {eth0: {}}}}\nendpoints: {a: {links: {x0: " + link + "}}}\nchecks: [{link: {link: a/x0, kind: " + kind + "}}]\n"
	res := results(t, t.Context(), run.Options{On: run.Host}, wants, green)
	if got, want := verdicts(res), "one skip, two pass"; got != want {
		t.Errorf("verdicts %q, want %q", got, want)
	}
	if r := res.Cases[0].Reason; !strings.Contains(r, kind) || !strings.Contains(r, "not supported by this kernel") || !strings.Contains(r, "operation not supported") {
		t.Errorf("reason %q does not say what was asked for and what the kernel said", r)
	}
}

func TestFailFast(t *testing.T) {
	res := results(t, t.Context(), run.Options{On: run.Host, FailFast: true, Parallel: 1}, red, green, green)
	if got, want := verdicts(res), "one fail, two skip, three skip"; got != want {
		t.Errorf("verdicts %q, want %q", got, want)
	}
	if r := res.Cases[1].Reason; !strings.Contains(r, "not run") || !strings.Contains(r, "--fail-fast") {
		t.Errorf("reason %q", r)
	}
	if strings.Contains(verdicts(results(t, t.Context(), run.Options{On: run.Host, Parallel: 1}, red, green)), "skip") {
		t.Error("without fail-fast the rest is skipped, too")
	}
}

// TestCancelled ends a run after its first case. What was not begun is an
// error, and nothing of what was is held.
func TestCancelled(t *testing.T) {
	needRoot(t)
	before := held(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	e := &events{on: func(reports.Case) { cancel(errors.New("interrupt")) }}
	res := results(t, ctx, run.Options{On: run.Host, Parallel: 1, Events: e}, green, green, green)
	if got, want := verdicts(res), "one pass, two error, three error"; got != want {
		t.Errorf("verdicts %q, want %q", got, want)
	}
	if r := res.Cases[2].Reason; r != "not run: interrupt" {
		t.Errorf("reason %q", r)
	}
	if now := held(t); now != before {
		t.Errorf("%d namespaces are held, %d before", now, before)
	}
}

// held counts the descriptors of this process that hold namespaces.
func held(t *testing.T) (n int) {
	t.Helper()
	paths, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range paths {
		if s, err := os.Readlink(p); err == nil && strings.HasPrefix(s, "net:") {
			n++
		}
	}
	return n
}

// TestRepeatedCaptures shows that no capture of a repeated case overwrites another.
func TestRepeatedCaptures(t *testing.T) {
	out := t.TempDir()
	res := results(t, t.Context(), run.Options{On: run.Host, Out: out, Repeat: 2}, green)
	for i, want := range []string{"captures/one@repeat=1.pcapng", "captures/one@repeat=2.pcapng"} {
		c := res.Cases[i]
		if c.Repeat != i+1 || c.Capture != want {
			t.Errorf("repeat %d has capture %q, want %d and %q", c.Repeat, c.Capture, i+1, want)
		}
		if _, err := os.Stat(filepath.Join(out, want)); err != nil {
			t.Error(err)
		}
	}
}

// TestCaptureThatCannotBeKept makes a case an error when its capture is lost.
func TestCaptureThatCannotBeKept(t *testing.T) {
	out := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(out, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	res := results(t, t.Context(), run.Options{On: run.Host, Out: out}, green)
	if c := res.Cases[0]; c.Verdict != reports.Error || !strings.Contains(c.Reason, "keep the capture") || c.Capture != "" {
		t.Errorf("%s, %q, capture %q", c.Verdict, c.Reason, c.Capture)
	}
}

// apart runs a test in a process of its own that has its own network and an
// empty /run, and reports whether this is that process.
func apart(t *testing.T) bool {
	t.Helper()
	needRoot(t)
	const mark = "LANPROOF_TEST_APART"
	if os.Getenv(mark) != "" {
		for _, err := range []error{
			unix.Mount("none", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""),
			unix.Mount("tmpfs", "/run", "tmpfs", 0, ""),
		} {
			if err != nil {
				t.Fatalf("empty /run: %v", err)
			}
		}
		return true
	}
	cmd := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), mark+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS}
	if out, err := cmd.CombinedOutput(); err != nil || !bytes.Contains(out, []byte("--- PASS")) {
		t.Errorf("%v\n%s", err, out)
	}
	return false
}

func TestKeep(t *testing.T) {
	if !apart(t) {
		return
	}
	e := &events{}
	results(t, t.Context(), run.Options{On: run.Host, Keep: true, Events: e}, green)
	want := []string{"lanproof-one-c1", "lanproof-one-c2", "lanproof-one-host", "lanproof-one-pc", "lanproof-one-switch"}
	if len(e.notes) != 1 || !strings.Contains(e.notes[0], want[0]) {
		t.Errorf("notes %q do not name what was kept", e.notes)
	}
	var st unix.Statfs_t
	if err := unix.Statfs("/run/netns/"+want[0], &st); err != nil || st.Type != unix.NSFS_MAGIC {
		t.Errorf("what was kept is no namespace: %v", err)
	}
	names, err := lab.CleanKept()
	slices.Sort(names)
	if err != nil || !slices.Equal(names, want) {
		t.Errorf("CleanKept = %v, %v; want %v", names, err, want)
	}
}

const onPort = `
hosts: {host: {parents: {eth0: {kind: nic, addresses: [192.168.100.1/24]}}}}
networks: {net: {driver: macvlan, parent: eth0, subnets: [{subnet: 192.168.100.0/24}]}}
endpoints: {a: {network: net, ip: 192.168.100.2}, b: {network: net, ip: 192.168.100.3}}
checks: [{reach: {from: a, to: b}}]
`

func TestPortIsAskedFor(t *testing.T) {
	res := results(t, t.Context(), run.Options{On: run.Host}, onPort)
	if c := res.Cases[0]; c.Verdict != reports.Skip || c.Ground != "nic" || !strings.Contains(c.Reason, "--nic eth0=PORT") {
		t.Errorf("%s on %s: %q", c.Verdict, c.Ground, c.Reason)
	}
}

// TestPortIsSharedInTurns runs cases that all want the one port there is, a
// veth in truth, beside one that wants none.
func TestPortIsSharedInTurns(t *testing.T) {
	if !apart(t) {
		return
	}
	c, err := rtnl.OpenHere()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	up := true
	for _, err := range []error{
		c.NewLink(&rtnl.Link{Name: "enp1s0", Kind: "veth", Index: 42, Peer: &rtnl.Link{Name: "cable", Index: 43}}),
		c.SetLink(43, &rtnl.Change{Up: &up}),
		c.SetLink(42, &rtnl.Change{Up: &up}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	res := results(t, t.Context(), run.Options{NICs: map[string]string{"eth0": "enp1s0"}, Parallel: 3}, onPort, green, onPort, onPort)
	if got, want := verdicts(res), "one pass, two pass, three pass, four pass"; got != want {
		t.Errorf("verdicts %q, want %q", got, want)
	}
	for _, r := range res.Cases {
		if r.Verdict != reports.Pass {
			t.Log(r.Reason)
		}
	}
	if len(res.Environment) != 2 {
		t.Errorf("environments %+v, want one of the host and one of its ports", res.Environment)
	}
	if s, err := c.LinkByName("enp1s0"); err != nil || s.Index != 42 || !s.Up() {
		t.Errorf("the port came back as %+v, %v", s, err)
	}
}
