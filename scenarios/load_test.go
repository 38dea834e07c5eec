package scenarios

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lanproof/lanproof/internal/golden"
	"github.com/lanproof/lanproof/topology"
)

// Each broken file has its errors, all of them, in the .err file beside it.
func TestBrokenFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("no files", err)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".yaml"), func(t *testing.T) {
			src, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			f, err := Load(filepath.Base(name), src)
			if err == nil {
				t.Fatalf("accepted, with %d cases", len(f.Cases()))
			}
			var all Errors
			if !errors.As(err, &all) {
				t.Fatalf("error is a %T: %v", err, err)
			}
			golden.Compare(t, strings.TrimSuffix(name, ".yaml")+".err", all.Error()+"\n", *update)
		})
	}
}

const small = `name: small
hosts: {h: {parents: {eth0: {}}}}
stations: {pc: {}}
`

func TestLargeFileIsNotRead(t *testing.T) {
	name := filepath.Join(t.TempDir(), "large.yaml")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(100 << 20); err != nil { // sparse
		t.Fatal(err)
	}
	_, err = LoadFile(name)
	want := name + ":1:1: the file has 104857600 bytes; a scenario file has at most 1048576"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	// A pipe has no size: it is read up to the limit.
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	written := make(chan int)
	go func() {
		n := 0
		for block := make([]byte, 1<<16); ; {
			m, err := w.Write(block)
			if n += m; err != nil || n > 8*MaxBytes {
				break
			}
		}
		w.Close()
		written <- n
	}()
	_, err = readFile("/dev/fd/" + strconv.Itoa(int(r.Fd())))
	r.Close()
	if n := <-written; n > 2*MaxBytes {
		t.Errorf("%d bytes of an endless pipe were taken", n)
	}
	if err != nil {
		t.Error(err)
	}
	if _, err := Load("large.yaml", make([]byte, MaxBytes+1)); err == nil || !strings.HasPrefix(err.Error(), "large.yaml:1:1: the file is larger than") {
		t.Error(err)
	}
}

func TestFileThatIsNotThere(t *testing.T) {
	_, err := LoadFile("testdata/none.yaml")
	if want := "testdata/none.yaml: cannot open the scenario file: no such file or directory"; err == nil || err.Error() != want {
		t.Error(err)
	}
}

// What is written arrives in the types, in the order of the file.
func TestEverythingArrives(t *testing.T) {
	src := `name: everything
docker: 28
labels: [a, b]
hosts:
  zeta: {parents: {eth1: {kind: veth}, eth0: {kind: dummy, mtu: 0x5dc}, v: {kind: vlan, parent: eth1, id: 7, egress_qos: {0: 1, 6: 5}}}}
  alpha: {forwarding: true, parents: {eth0: {}}}
stations:
  pc: {addresses: [10.0.0.2/24]}
switch: {ports: {pc/eth0: {learning: false, trunk: [5, 6]}}}
checks:
  - reach: {from: pc, to: [zeta/eth1, alpha], kind: raw, tags: [{vid: 5, tpid: 0x8100}]}
    claims: [docker-macvlan-gateway]
steps:
  - name: down
    do:
      - set: {link: zeta/eth1, up: false}
      - switch: {port: pc/eth0, hairpin: true}
    checks:
      - link: {link: zeta/eth1, up: false, flags: []}
`
	f, err := Load("dir/everything.yml", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	yes, no, seven := true, false, 7
	want := &Scenario{
		Name: "everything", Labels: []string{"a", "b"},
		Spec: topology.Spec{
			Docker: "28",
			Hosts: topology.Named[topology.Host]{
				{Name: "zeta", Value: topology.Host{Parents: topology.Named[topology.Link]{
					{Name: "eth1", Value: topology.Link{Kind: "veth"}},
					{Name: "eth0", Value: topology.Link{Kind: "dummy", MTU: 1500}},
					{Name: "v", Value: topology.Link{Kind: "vlan", Parent: "eth1", ID: &seven, EgressQoS: map[int]int{0: 1, 6: 5}}},
				}}},
				{Name: "alpha", Value: topology.Host{Forwarding: true, Parents: topology.Named[topology.Link]{{Name: "eth0"}}}},
			},
			Stations: topology.Named[topology.Station]{{Name: "pc", Value: topology.Station{Addresses: []string{"10.0.0.2/24"}}}},
			Switch:   topology.Switch{Ports: topology.Named[topology.SwitchPort]{{Name: "pc/eth0", Value: topology.SwitchPort{Learning: &no, Trunk: []int{5, 6}}}}},
		},
		Checks: []Check{{
			At: Position{11, 5}, Claims: []string{"docker-macvlan-gateway"},
			Reach: &Flow{From: Values{"pc"}, To: Values{"zeta/eth1", "alpha"}, Kind: Values{"raw"}, Tags: []VLANTag{{VID: 5, TPID: "0x8100"}}},
		}},
		Steps: []Step{{
			At: Position{14, 5}, Name: "down",
			Do: []topology.Change{
				{Set: &topology.SetLink{Link: "zeta/eth1", Up: &no}},
				{Switch: &topology.SetSwitch{Port: "pc/eth0", SwitchPort: topology.SwitchPort{Hairpin: &yes}}},
			},
			Checks: []Check{{At: Position{19, 9}, Link: &LinkState{Link: "zeta/eth1", Up: &no, Flags: &[]string{}}}},
		}},
	}
	if len(f.Cases()) != 1 || f.Name != "everything" || f.Cases()[0].Name != "everything" {
		t.Errorf("%+v", f)
	}
	if diff := cmp.Diff(want, f.Cases()[0].Scenario); diff != "" {
		t.Error(diff)
	}
}

// Anchors save writing; the values are the same as if written out.
func TestAliases(t *testing.T) {
	src := `name: aliases
hosts:
  a: &host {parents: {eth0: &link {addresses: [10.0.0.1/24]}}}
  b: {parents: {eth0: {addresses: [10.0.0.3/24]}, eth1: *link}}
stations: {pc: {addresses: [10.0.0.2/24]}}
checks: [{reach: {from: pc, to: [a, b/eth1]}}]
`
	f, err := Load("aliases.yaml", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	b, _ := f.Cases()[0].Scenario.Hosts.Get("b")
	l, _ := b.Parents.Get("eth1")
	if diff := cmp.Diff(topology.Link{Addresses: []string{"10.0.0.1/24"}}, l); diff != "" {
		t.Error(diff)
	}
}

// One misspelt key is one error, though what it says is needed elsewhere.
func TestOneSlipIsOneError(t *testing.T) {
	whole, err := os.ReadFile("catalogue/docker-macvlan-bridge.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for was, slip := range map[string]string{
		"\nhosts:":         "\nhots:",
		"\nnetworks:":      "\nnetwork:",
		"parents:":         "parent:",
		"driver: macvlan":  "driver: macvaln",
		"    parent: eth0": "    prent: eth0",
		"subnets:":         "subnet:",
		"c1: {network:":    "c1: {netwrok:",
		"\nchecks:":        "\nchecsk:",
		"reach: {from":     "raech: {from",
		"mode: bridge":     "mode: Bridge",
	} {
		src := strings.Replace(string(whole), was, slip, 1)
		if src == string(whole) {
			t.Fatalf("no %q in the file", was)
		}
		var all Errors
		if _, err := Load("docker-macvlan-bridge.yaml", []byte(src)); !errors.As(err, &all) || len(all) != 1 || !strings.Contains(all[0].Text, "did you mean") {
			t.Errorf("%q: %v", slip, err)
		}
	}
}

func TestErrorsAreErrors(t *testing.T) {
	_, err := Load("x.yaml", []byte("name: x\nchekcs: []\nstations: {pc: {}}\n"))
	var one *Error
	if !errors.As(err, &one) || one.Line != 2 || one.Column != 1 || one.File != "x.yaml" {
		t.Errorf("%#v", one)
	}
}

// A name with a line break in it does not break the error's line.
func TestErrorIsOneLine(t *testing.T) {
	_, err := Load("x.yaml", []byte("name: x\nstations: {pc: {routes: [{to: default, dev: \"a\\nb\"}]}}\nchecks: [{link: {link: pc/eth0}}]\n"))
	if err == nil || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), `a\nb`) {
		t.Errorf("%v", err)
	}
}
