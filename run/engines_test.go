package run_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/engine"
	"github.com/lanproof/lanproof/engine/docker"
	"github.com/lanproof/lanproof/reports"
	"github.com/lanproof/lanproof/run"
)

// dualStack is what an engine builds with an address of each family, which it may leave
// the kernel to look around for.
const dualStack = `
hosts: {host: {parents: {eth0: {addresses: [192.168.1.10/24]}}}}
networks:
  lan:
    driver: macvlan
    parent: eth0
    subnets: [{subnet: 192.168.1.0/24, gateway: 192.168.1.1}, {subnet: "fd00:1::/64", gateway: "fd00:1::1"}]
endpoints:
  web: {network: lan, ip: 192.168.1.20}
  db: {network: lan, mac: "02:00:00:00:00:0b"}
stations: {pc: {addresses: [192.168.1.99/24, "fd00:1::99/64"]}}
checks:
  - reach: {from: web, to: [db, pc], both: true}
  - blocked: {from: host, to: web, both: true}
  - link: {link: db/eth0, mac: "02:00:00:00:00:0b"}
  - route: {node: web, to: default, via: 192.168.1.1, dev: eth0}
  - route: {node: web, to: default6, via: "fd00:1::1", dev: eth0}
`

// bridges come before or with their first endpoint, and may go with their last one. One of
// them has a name that engines have for a network of their own.
const bridges = `
hosts: {host: {parents: {eth0: {}}}}
networks:
  default: {driver: bridge, subnets: [{subnet: 172.20.0.0/16, gateway: 172.20.0.1}]}
  unused: {driver: bridge, subnets: [{subnet: 172.21.0.0/16}]}
endpoints:
  web: {network: default}
  db: {network: default, mac: "02:00:00:00:00:0b", ip: 172.20.0.99}
checks:
  - reach: {from: [web, host], to: db, both: true}
  - link: {link: db/eth0, mac: "02:00:00:00:00:0b"}
  - route: {node: db, to: default, via: 172.20.0.1, dev: eth0}
steps:
  - name: all leave
    do:
      - detach: {endpoint: db, network: default}
      - attach: {endpoint: web, network: unused}
      - detach: {endpoint: web, network: default}
    checks:
      - reach: {from: web, to: host, both: true}
  - name: and come back
    do:
      - attach: {endpoint: db, network: default}
      - detach: {endpoint: web, network: unused}
      - attach: {endpoint: web, network: default}
    checks:
      - reach: {from: [web, host], to: db, both: true}
      - link: {link: host/br-default, kind: bridge, up: true}
  - name: the network goes and comes again
    do:
      - detach: {endpoint: db, network: default}
      - detach: {endpoint: web, network: default}
      - remove_network: default
      - network: {name: default, driver: bridge, subnets: [{subnet: 172.20.0.0/16, gateway: 172.20.0.1}]}
      - attach: {endpoint: db, network: default}
    checks:
      - reach: {from: db, to: host, both: true}
`

// TestNotGiven has Podman give a host no address on an internal network. What would be
// sent to the planned one is another's, and nobody is asked.
func TestNotGiven(t *testing.T) {
	needRoot(t)
	i, err := run.FindEngine(t.Context(), "podman")
	if err != nil {
		t.Fatal(err)
	}
	res := results(t, t.Context(), run.Options{Engine: i}, `
hosts: {host: {parents: {eth0: {}}}}
networks: {inner: {driver: bridge, internal: true, subnets: [{subnet: 172.20.0.0/16}]}}
endpoints: {web: {network: inner}, db: {network: inner}}
checks:
  - {id: reached, reach: {from: db, to: host}}
  - {id: blocked, blocked: {from: db, to: host}}
  - {id: together, reach: {from: db, to: web, both: true}}
`)
	c := res.Cases[0]
	if c.Verdict == reports.Skip {
		t.Skip(c.Reason)
	}
	want := map[string]reports.Verdict{"reached": reports.Fail, "blocked": reports.Pass, "together": reports.Pass}
	for _, check := range c.Checks {
		id, _, _ := strings.Cut(check.ID, "-reach")
		if check.Verdict != want[id] || id != "together" && !strings.Contains(check.Observed, "the engine has given host/br-inner no address in the place of 172.20.0.1") {
			t.Errorf("%s: %s: %s", check.ID, check.Verdict, check.Observed)
		}
	}
	if len(c.Checks) < len(want) {
		t.Errorf("%s %s", c.Verdict, c.Reason)
	}
}

// eachEngine calls test with every engine that this machine has, lanproof's own first.
func eachEngine(t *testing.T, test func(t *testing.T, i engine.Installation)) {
	t.Helper()
	needRoot(t)
	for _, name := range run.Engines() {
		t.Run(name, func(t *testing.T) {
			i, err := run.FindEngine(t.Context(), name)
			if err != nil {
				t.Fatal(err)
			}
			if missing, ok := i.(*engine.Missing); ok {
				t.Skip(missing.Why)
			}
			test(t, i)
		})
	}
}

func TestEngines(t *testing.T) {
	for name, text := range map[string]string{"dual stack": dualStack, "bridges": bridges} {
		t.Run(name, func(t *testing.T) { buildsAll(t, text) })
	}
}

// buildsAll has each engine build a scenario of which all is as expected.
func buildsAll(t *testing.T, text string) {
	eachEngine(t, func(t *testing.T, i engine.Installation) {
		res := results(t, t.Context(), run.Options{Engine: i}, text)
		for _, c := range res.Cases {
			if c.Verdict == reports.Skip {
				t.Skip(c.Reason)
			}
			for _, check := range c.Checks {
				if check.Verdict != reports.Pass {
					t.Errorf("%s: %s: expected %s, observed %s", check.Verdict, check.Title, check.Expected, check.Observed)
				}
			}
			if len(c.Checks) < 10 {
				t.Errorf("%s %s", c.Verdict, c.Reason)
			}
			if i == nil {
				continue
			}
			if want := fmt.Sprintf("%s %s", i.Name(), i.Version()); c.Engine != want || len(c.Built) != 3 {
				t.Errorf("%s has built %d nodes, want %s", c.Engine, len(c.Built), want)
			}
		}
	})
}

// layer3 is what engines build in guests where this kernel may have no ipvlan.
const layer3 = `
hosts: {host: {parents: {eth0: {addresses: [192.168.1.10/24]}}}}
networks:
  l3: {driver: ipvlan, parent: eth0, ipvlan_mode: l3, subnets: [{subnet: 192.168.2.0/24}]}
endpoints:
  web: {network: l3}
  db: {network: l3}
stations: {pc: {addresses: [192.168.1.99/24], routes: [{to: 192.168.2.0/24, via: 192.168.1.10}]}}
checks:
  - reach: {from: web, to: [db, pc], both: true, kind: icmp}
  - link: {link: web/eth0, kind: ipvlan}
`

// TestEnginesInGuest has engines work on another kernel, those that can.
func TestEnginesInGuest(t *testing.T) {
	needRoot(t)
	if testing.Short() {
		t.Skip("booting a guest takes some seconds")
	}
	needStatic(t)
	for _, name := range run.Engines()[1:] {
		if run.EngineInGuests(name) {
			t.Run(name, func(t *testing.T) { engineInGuest(t, name) })
		}
	}
}

func engineInGuest(t *testing.T, name string) {
	i, err := run.FindEngine(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	if missing, ok := i.(*engine.Missing); ok {
		t.Skip(missing.Why)
	}
	res := results(t, t.Context(), run.Options{Engine: i, On: run.Guest, Kernels: []string{"debian:6.12"}, NoSnapshot: true}, layer3)
	c := res.Cases[0]
	if c.Verdict == reports.Skip {
		t.Skip(c.Reason)
	}
	if c.Verdict != reports.Pass || c.Ground != string(run.Guest) || c.Engine != name+" "+i.Version() || len(c.Checks) < 3 {
		t.Errorf("%s on %s by %s: %s %v", c.Verdict, c.Ground, c.Engine, c.Reason, c.Checks)
	}
	if detail := res.Environment[0].Detail["engine"]; detail != c.Engine {
		t.Errorf("the environment has %q", detail)
	}
}

// stopAsDockerd plays a dockerd that tells its version, and stops before it has started.
func stopAsDockerd() {
	if slices.Contains(os.Args, "--version") {
		fmt.Println("Docker version 28.0.0, build none")
		os.Exit(0)
	}
	fmt.Println("dockerd stops")
	_ = unix.Kill(os.Getpid(), unix.SIGSTOP)
	os.Exit(1)
}

// TestEngineHangs has every dockerd hang, in a guest, where limits are soon over: each
// case is told so, and the next begins.
func TestEngineHangs(t *testing.T) {
	needRoot(t)
	if testing.Short() {
		t.Skip("booting a guest takes some seconds")
	}
	needStatic(t)
	dir := t.TempDir()
	for name, program := range map[string]string{"dockerd": "/proc/self/exe", "containerd": "/bin/true", "containerd-shim-runc-v2": "/bin/true", "runc": "/bin/true"} {
		text, err := os.ReadFile(program)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), text, 0o755)
		}
		if err != nil {
			t.Skip(err)
		}
	}
	t.Setenv(docker.Variable, filepath.Join(dir, "dockerd"))
	i, err := run.FindEngine(t.Context(), "docker")
	if err != nil {
		t.Fatal(err)
	}
	res := results(t, t.Context(), run.Options{Engine: i, On: run.Guest, Kernels: []string{"debian:6.12"}, NoSnapshot: true}, layer3, layer3)
	for _, c := range res.Cases {
		if c.Verdict == reports.Skip {
			t.Skip(c.Reason)
		}
		for _, want := range []string{"wait for the engine to start: dockerd has not started in 30s (", "dockerd: T in do_signal_stop", "its log ends with:\ndockerd stops"} {
			if c.Verdict != reports.Error || !strings.Contains(c.Reason, want) || !strings.HasPrefix(c.Kernel, "6.12") {
				t.Errorf("%s on %s: %s %s: want an error with %q", c.Case, c.Kernel, c.Verdict, c.Reason, want)
			}
		}
	}
}

// dockersRules are refused by Docker in its words, by others in theirs, or not at all.
const dockersRules = `
hosts: {host: {parents: {eth0: {}}}}
networks:
  lan: {driver: macvlan, parent: eth0, subnets: [{subnet: 192.168.1.0/24}]}
endpoints:
  web: {network: lan, ip: 192.168.1.20}
  db: {attach: []}
checks:
  - id: taken
    refused:
      do: [{attach: {endpoint: db, network: lan, ip: 192.168.1.20}}]
      reason: Address already in use
  - id: alone
    refused:
      do: [{network: {name: other, driver: macvlan, parent: eth0, macvlan_mode: passthru, subnets: [{subnet: 192.168.2.0/24}]}}]
      reason: cannot use mode passthru, macvlan network
`

// TestDockersRules has engines refuse in words of their own, and do what Docker refuses.
func TestDockersRules(t *testing.T) {
	eachEngine(t, func(t *testing.T, i engine.Installation) {
		c := results(t, t.Context(), run.Options{Engine: i}, dockersRules).Cases[0]
		if c.Verdict == reports.Skip && len(c.Checks) == 0 {
			t.Skip(c.Reason)
		}
		want := map[string]reports.Verdict{"taken": reports.Pass, "alone": reports.Pass}
		switch {
		case i != nil && i.Docker() == "":
			want["alone"] = reports.Skip
		case i != nil && i.Docker() != "29":
			delete(want, "alone") // in the words of its own version
		}
		if i != nil && i.Name() == "podman" {
			want["taken"] = reports.Skip // it puts no container on a network that was run without any
		}
		for _, check := range c.Checks {
			if v, ok := want[check.ID]; ok && check.Verdict != v {
				t.Errorf("%s: %s, want %s: %s", check.ID, check.Verdict, v, check.Observed)
			}
			delete(want, check.ID)
		}
		if len(want) > 0 {
			t.Errorf("%s: there are no checks %v", c.Reason, want)
		}
	})
}

// TestHandedOut asks what comes next of engines that can be asked without changing it.
func TestHandedOut(t *testing.T) {
	const text = `
hosts: {host: {parents: {eth0: {}, eth1: {}}}}
networks:
  lan: {driver: macvlan, parent: eth0, subnets: [{subnet: 192.168.1.0/24, ip_range: 192.168.1.8/30, gateway: 192.168.1.9}]}
  wide: {driver: macvlan, parent: eth1, subnets: [{subnet: 192.168.2.0/24, gateway: 192.168.2.1}, {subnet: "fd00:2::/64", gateway: "fd00:2::1"}]}
endpoints:
  web: {network: lan}
  db: {attach: []}
checks:
  - {id: right, handed_out: {network: lan, addresses: [192.168.1.10, 192.168.1.11], never: [192.168.1.9, 192.168.1.8], count: 3}}
  - {id: order, handed_out: {network: lan, addresses: [192.168.1.11]}}
  - {id: never, handed_out: {network: lan, never: [192.168.1.11]}}
  - {id: count, handed_out: {network: lan, count: 4}}
  - {id: wide, handed_out: {network: wide, never: [192.168.2.1]}}
  - {id: both, handed_out: {network: wide, addresses: [192.168.2.2, 192.168.2.3]}}
steps:
  - name: db comes
    do: [{attach: {endpoint: db, network: lan}}]
    checks: [{id: unchanged, addresses: {link: db/eth0, are: [192.168.1.10/24]}}]
`
	eachEngine(t, func(t *testing.T, i engine.Installation) {
		want := map[string]string{"right": "pass", "order": "fail", "never": "fail", "count": "fail", "wide": "pass", "both": "pass", "s1.unchanged": "pass"}
		c := results(t, t.Context(), run.Options{Engine: i}, text).Cases[0]
		switch {
		case c.Reason != "":
			t.Skip(c.Reason)
		case i != nil && i.Docker() == "":
			for _, check := range c.Checks {
				if strings.HasPrefix(check.Title, "what network") && (check.Verdict != reports.Skip || !strings.Contains(check.Observed, "goes on after")) {
					t.Errorf("%s: %s: %s", check.ID, check.Verdict, check.Observed)
				}
			}
			return
		case i != nil: // of 253 addresses it is not known that one is never handed out
			want["wide"] = "skip"
		}
		for _, check := range c.Checks {
			if v, ok := want[check.ID]; ok && v != string(check.Verdict) {
				t.Errorf("%s: %s, want %s: %s", check.ID, check.Verdict, v, check.Observed)
			}
			delete(want, check.ID)
		}
		if len(want) > 0 {
			t.Errorf("%s %s; not asked: %v", c.Verdict, c.Reason, want)
		}
	})
}
