package advice_test

import (
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/lanproof/lanproof/advice"
	"github.com/lanproof/lanproof/engine/cell"
	"github.com/lanproof/lanproof/guest"
	"github.com/lanproof/lanproof/intent"
	"github.com/lanproof/lanproof/reports"
	"github.com/lanproof/lanproof/run"
	"github.com/lanproof/lanproof/scenarios"
)

// TestMain makes this very binary /init of a guest.
func TestMain(m *testing.M) {
	cell.Main()
	if guest.IsInit() {
		guest.Init(run.InGuest)
	}
	os.Exit(m.Run())
}

func find(all []advice.Warning, id string) *advice.Warning {
	i := slices.IndexFunc(all, func(w advice.Warning) bool { return w.ID == id })
	if i < 0 {
		return nil
	}
	return &all[i]
}

func ids(all []advice.Warning) string {
	var list []string
	for _, w := range all {
		list = append(list, w.ID)
	}
	return strings.Join(list, " ")
}

// TestExamples holds that each fault is found, with its place and what shows it, and that
// the same file without it raises no such alarm.
func TestExamples(t *testing.T) {
	for _, e := range examples {
		t.Run(e.id, func(t *testing.T) {
			all := advice.Of(written(t, e.bad), around(t, e.around))
			w := find(all, e.id)
			if w == nil {
				t.Fatalf("of %q only: %s", e.bad, ids(all))
			}
			t.Log(w.Place, w.Severity, w.Text)
			if w.Place.Line == 0 || w.Text == "" || !strings.HasSuffix(w.Text, ".") || len(w.Networks)+len(w.Endpoints) == 0 {
				t.Errorf("incomplete: %+v", w)
			}
			if (w.Trial == nil) != (e.unshown != "") {
				t.Errorf("trial %v, though it is unshown because %q", w.Trial, e.unshown)
			}
			if w.Trial != nil && len(w.Shown) == 0 {
				t.Error("no check shows it")
			}
			if all := advice.Of(written(t, e.good), around(t, e.goodAround)); find(all, e.id) != nil {
				t.Errorf("false alarm of %q: %s", e.good, find(all, e.id).Text)
			}
		})
	}
}

// trials are the trials of the examples by a name of their own, those for this kernel and
// those for a guest.
func trials(t *testing.T) (here, guest []*scenarios.Case) {
	for i, e := range examples {
		done := map[*advice.Trial]bool{}
		for _, w := range advice.Of(written(t, e.bad), around(t, e.around)) {
			if w.Trial == nil || done[w.Trial] {
				continue
			}
			done[w.Trial] = true
			s := *w.Trial.Scenario
			rare := strings.Contains(s.Name, "guest")
			s.Name = fmt.Sprintf("%s-%d-%s", e.id, i, s.Name)
			c := load(t, &s)
			if rare {
				guest = append(guest, c)
			} else {
				here = append(here, c)
			}
		}
	}
	return here, guest
}

func load(t *testing.T, s *scenarios.Scenario) *scenarios.Case {
	t.Helper()
	text, err := scenarios.Write(s)
	if err != nil {
		t.Fatal(err)
	}
	f, err := scenarios.Load(s.Name+".yaml", text)
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return f.Cases()[0]
}

// TestTrialsHere runs every trial that takes nothing special: each check passes.
func TestTrialsHere(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("making network namespaces needs root")
	}
	here, _ := trials(t)
	passes(t, here, run.Options{On: run.Host, Parallel: 2})
}

// TestTrialsInGuest runs the others, in one guest.
func TestTrialsInGuest(t *testing.T) {
	if testing.Short() {
		t.Skip("booting a guest takes a while")
	}
	needGuest(t)
	_, rare := trials(t)
	passes(t, rare, run.Options{On: run.Guest, Kernels: []string{"debian:6.12"}})
}

// needGuest skips where no guest can be booted with this very binary, which needs a loader
// under -race.
func needGuest(t *testing.T) {
	t.Helper()
	if _, err := guest.Resolve(t.Context(), "debian:6.12", ""); errors.Is(err, guest.ErrNoQEMU) || errors.Is(err, guest.ErrNoKernel) {
		t.Skip(err)
	}
	f, err := elf.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if slices.ContainsFunc(f.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP }) {
		t.Skip("this test's binary is /init of the guest and has to be static: build it with CGO_ENABLED=0 and without -race")
	}
}

func passes(t *testing.T, cases []*scenarios.Case, o run.Options) {
	t.Helper()
	res, err := run.Run(t.Context(), cases, o)
	if err != nil {
		t.Fatal(err)
	}
	if len(res.Cases) != len(cases) {
		t.Errorf("%d of %d cases ran", len(res.Cases), len(cases))
	}
	for _, c := range res.Cases {
		if c.Verdict == reports.Pass {
			continue
		}
		t.Errorf("%s: %s %s", c.Case, c.Verdict, c.Reason)
		for _, k := range c.Checks {
			if k.Verdict != reports.Pass {
				t.Errorf("  %s: %s: expected %s, observed %s", k.ID, k.Verdict, k.Expected, k.Observed)
			}
		}
	}
}

// TestMoments holds that earlier moments are heeded, and that what stays is said once.
func TestMoments(t *testing.T) {
	in := written(t, lan+"\nrun web on lan")
	in.Earlier = []intent.Intent{*written(t, lan+"\nrun web port=80:80 on lan"), *written(t, lan+"\nrun web on lan")}
	if got, want := ids(advice.Of(in, advice.Surroundings{})), "host-unreachable ports-ignored"; got != want {
		t.Errorf("warnings %q, want %q", got, want)
	}
}

// TestOrder holds that errors come first, and then what stands first.
func TestOrder(t *testing.T) {
	in := written(t, "network idle macvlan o:parent=eth1 subnet=10.0.0.0/24\n"+lan+"\nrun web port=80:80 on lan\nrun db on lan ip=10.9.9.9")
	if got, want := ids(advice.Of(in, advice.Surroundings{})), "address-outside-subnet host-unreachable gateway-missing host-unreachable ports-ignored network-unused"; got != want {
		t.Errorf("warnings %q, want %q", got, want)
	}
}

// TestEngines holds that each engine keeps its own books: the same subnet twice is no
// overlap, and a network of one is none of the other's.
func TestEngines(t *testing.T) {
	in := written(t, lan+"\n"+strings.Replace(lan, "lan", "pod", 1)+" engine=podman\nrun web on lan\nrun db on pod")
	in.Endpoints[1].Engine = intent.Podman
	if got, want := ids(advice.Of(in, advice.Surroundings{})), "host-unreachable host-unreachable"; got != want {
		t.Errorf("warnings %q, want %q", got, want)
	}
	in.Endpoints[1].Engine = ""
	if got := ids(advice.Of(in, advice.Surroundings{})); !strings.Contains(got, "network-undefined") {
		t.Errorf("of what another engine has: only %q", got)
	}
}

// TestNames holds that names which scenarios do not take are no fault of the file's, unless
// Docker does not take them either.
func TestNames(t *testing.T) {
	in := written(t, strings.Replace(lan, "lan", "Büro/Netz", 1)+"\nrun host on Büro/Netz\nrun lan on Büro/Netz\nrun ? on Büro/Netz ip=192.168.1.3")
	all := advice.Of(in, advice.Surroundings{})
	if got, want := ids(all), "name-refused address-in-dynamic-range host-unreachable"; got != want {
		t.Fatalf("warnings %q, want %q", got, want)
	}
	for _, w := range all[1:] {
		if w.Trial == nil || !slices.Equal(w.Networks, []string{"Büro/Netz"}) {
			t.Errorf("%s of %q, trial %v", w.ID, w.Networks, w.Trial)
			continue
		}
		load(t, w.Trial.Scenario)
	}
}

// TestCNIGateway holds that what no plugin looks at is no refusal.
func TestCNIGateway(t *testing.T) {
	in := written(t, "network lan macvlan o:master=eth0 ipam=static subnet=192.168.1.0/24 gateway=10.0.0.1 engine=cni")
	w := find(advice.Of(in, advice.Surroundings{}), "gateway-outside-subnet")
	if w == nil || w.Severity != advice.Caution || strings.Contains(w.Text, "refuses") {
		t.Errorf("%+v", w)
	}
}

// TestAlone holds that nothing is said of other machines where there can be none.
func TestAlone(t *testing.T) {
	for _, test := range []struct{ text, around, want string }{
		{"network lan macvlan o:parent=eth0 subnet=10.0.0.0/30 gateway=10.0.0.1\nrun web on lan", "", "do not reach each other over eth0; 10.0.0.0/30 has no address left for another machine."},
		{"network lan ipvlan o:parent=eth0 o:ipvlan_mode=l3 subnet=10.0.0.0/30 gateway=10.0.0.1\nrun web on lan", "", "does not reach the containers of network \"lan\" over eth0."},
		{"network lan macvlan o:parent=eth0 ipam=null\nrun web on lan", "", "do not reach each other over eth0."},
		{"network lan macvlan o:parent=eth0 subnet=10.0.0.0/29 gateway=10.0.0.1 aux=a:10.0.0.4 aux=b:10.0.0.5\nrun web on lan", "eth0=10.0.0.3/29", "though other machines on the LAN reach both."},
	} {
		w := find(advice.Of(written(t, test.text), around(t, test.around)), "host-unreachable")
		if w == nil || !strings.HasSuffix(w.Text, test.want) {
			t.Errorf("%q: %+v, want %q", test.text, w, test.want)
		}
	}
}

// TestEngineWords holds that engines other than Docker refuse in words of their own, and
// take a dotted name for that of any device.
func TestEngineWords(t *testing.T) {
	const podman, cni = " subnet=192.168.1.0/24 engine=podman", " ipam=host-local subnet=192.168.1.0/24 engine=cni"
	for _, test := range []struct{ text, around, want string }{
		{"network lan macvlan o:parent=eth9" + podman, "complete eth0", `Podman refuses network "lan": parent interface eth9 does not exist.`},
		{"network lan macvlan o:parent=eth0.5000" + podman, "complete eth0", `Podman refuses network "lan": parent interface eth0.5000 does not exist.`},
		{"network lan macvlan o:parent=eth0.5000" + podman, "", ""},
		{"network lan macvlan o:parent=eth0.2.3" + podman, "complete eth0.2.3", ""},
		{"network lan macvlan o:parent=eth0 o:mode=brigde" + podman, "", `Podman refuses network "lan": unknown macvlan mode "brigde".`},
		{"network lan macvlan o:master=eth9" + cni, "complete eth0", `The CNI plugin refuses network "lan": failed to lookup master "eth9": Link not found.`},
		{"network lan macvlan o:master=eth0.2.3" + cni, "", ""},
		{"network lan ipvlan o:master=eth0 o:mode=l4" + cni, "", `The CNI plugin refuses network "lan": unknown ipvlan mode: "l4".`},
	} {
		var texts []string
		for _, w := range advice.Of(written(t, test.text), around(t, test.around)) {
			if w.Severity == advice.Error {
				texts = append(texts, w.Text)
			}
		}
		if got := strings.Join(texts, " "); got != test.want {
			t.Errorf("%q: %q, want %q", test.text, got, test.want)
		}
	}
}

// TestConnectedTwice holds that what is refused is told with the file's own names.
func TestConnectedTwice(t *testing.T) {
	w := find(advice.Of(written(t, lan+"\nrun lan on lan on lan"), advice.Surroundings{}), "refused")
	if w == nil || !strings.Contains(w.Text, `endpoint with name lan already exists in network lan`) {
		t.Errorf("%+v", w)
	}
}
