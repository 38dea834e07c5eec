package advice_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/lanproof/lanproof/advice"
	"github.com/lanproof/lanproof/engine"
	"github.com/lanproof/lanproof/engine/cni"
	"github.com/lanproof/lanproof/engine/enginetest"
	"github.com/lanproof/lanproof/engine/podman"
	"github.com/lanproof/lanproof/intent"
	"github.com/lanproof/lanproof/topology"
)

// slim and its like begin inputs to engines: PARENT stands for the option of that name.
const (
	slim  = "network lan macvlan subnet=192.168.7.0/24 PARENT=eth0\n"
	ruled = "network lan macvlan subnet=192.168.7.0/24 gateway=192.168.7.1 PARENT=eth0\n"
)

// asked are inputs to real engines, with what each says no with: the same words are to be
// in the advice, where that uses the engine's. A dash stands for an input that is taken.
var asked = []struct{ text, podman, cni string }{
	{slim + "run web on lan", "-", "-"},
	{"network lan macvlan subnet=192.168.7.0/24 gateway=192.168.9.1 PARENT=eth0\nrun web on lan", "gateway 192.168.9.1 not in subnet 192.168.7.0/24", ""},
	{"network lan macvlan subnet=192.168.7.0/24 gateway=192.168.7.0 PARENT=eth0\nrun web on lan", "-", "-"},
	{"network lan macvlan subnet=192.168.7.0/24 gateway=fd00::1 PARENT=eth0\nrun web on lan", "gateway fd00::1 not in subnet 192.168.7.0/24", "-"},
	{"network lan macvlan subnet=192.168.7.5/24 PARENT=eth0\nrun web on lan", "-", "Network has host bits set. For a subnet mask of length 24 the network address is 192.168.7.0"},
	{"network lan macvlan subnet=192.168.7.0/24 PARENT=eth0 o:mode=brigde\nrun web on lan", `unknown macvlan mode "brigde"`, `unknown macvlan mode: "brigde"`},
	{"network lan macvlan subnet=192.168.7.0/24 PARENT=eth7\nrun web on lan", "parent interface eth7 does not exist", "Link not found"},
	{"network lan macvlan subnet=192.168.7.0/24 PARENT=eth7.x\nrun web on lan", "parent interface eth7.x does not exist", "Link not found"},
	{"network lan macvlan subnet=192.168.7.0/24 PARENT=lo\nrun web on lan", "", ""},
	{slim + "network two macvlan subnet=192.168.7.0/25 PARENT=eth0\nrun web on lan\nrun db on two", "-", "-"},
	{"network lan macvlan subnet=192.168.7.0/24 PARENT=eth0 o:mode=passthru\nrun web on lan\nrun db on lan", "", ""},
	{"network lan macvlan subnet=192.168.7.0/24 PARENT=eth0 o:mode=passthru\nnetwork two macvlan subnet=192.168.8.0/24 PARENT=eth0\nrun web on lan\nrun db on two", "", ""},
	{slim + "run web on lan ip=192.168.7.9\nrun db on lan ip=192.168.7.9", "", ""},
	{slim + "run web on lan ip=10.0.0.9", "requested static ip 10.0.0.9 not in any subnet on network lan", "failed to allocate all requested IPs: 10.0.0.9"},
	{ruled + "run web on lan ip=192.168.7.1", "-", ""},
	{slim + "run web on lan ip=192.168.7.0", "-", ""},
	{slim + "run web on lan ip=192.168.7.255", "-", ""},
	{slim + "run web on lan\nrun db on lan ip=192.168.7.2", "", ""},
	{slim + "run web on lan ip=192.168.7.x", "", ""},
	{"network lan macvlan subnet=192.168.7.0/24 RANGE PARENT=eth0\nrun web on lan ip=192.168.7.99", "-", "failed to allocate all requested IPs: 192.168.7.99"},
	{"network lan macvlan subnet=192.168.7.0/24 OUTSIDE PARENT=eth0\nrun web on lan", "lease range start ip 192.168.8.9 not in subnet 192.168.7.0/24", "RangeStart 192.168.8.8 not in network 192.168.7.0/24"},
	{"network lan macvlan subnet=192.168.7.0/30 PARENT=eth0\nrun web on lan\nrun db on lan", "", ""},
	{slim + "run web on lan mac=02:00:00:00:00:01\nrun db on lan mac=02:00:00:00:00:01", "", ""},
	{slim + "run web on lan mac=01:00:00:00:00:01", "", ""},
	{slim + "run web on lan mac=02:00", "", ""},
	{"network la/n macvlan subnet=192.168.7.0/24 PARENT=eth0\nrun web on la/n", "names must match [a-zA-Z0-9][a-zA-Z0-9_.-]*", "invalid characters found in network name"},
}

// TestRealEngines puts inputs to real engines, and holds against their answers what is
// said of them without one: an error where the engine or the kernel refuses, in the
// engine's words where those are told, and none where it does not.
func TestRealEngines(t *testing.T) {
	for _, of := range []struct {
		engine intent.Engine
		find   func(context.Context) (engine.Installation, error)
		words  *strings.Replacer
	}{
		{intent.Podman, podman.Find, strings.NewReplacer("PARENT", "engine=podman o:parent", "RANGE", "range=192.168.7.8/29", "OUTSIDE", "range=192.168.8.8/29")},
		{intent.CNI, cni.Find, strings.NewReplacer("PARENT", "ipam=host-local engine=cni o:master", "RANGE", "from=192.168.7.8 to=192.168.7.15", "OUTSIDE", "from=192.168.8.8")},
	} {
		t.Run(string(of.engine), func(t *testing.T) {
			i, err := of.find(t.Context())
			enginetest.Started(t, i, err) // or skips
			for _, tt := range asked {
				want := map[intent.Engine]string{intent.Podman: tt.podman, intent.CNI: tt.cni}[of.engine]
				t.Run(tt.text, func(t *testing.T) {
					e, _ := enginetest.Started(t, i, err)
					holdAgainst(t, e, written(t, of.words.Replace(tt.text)), want)
				})
			}
		})
	}
}

// holdAgainst holds what is said of an input against what an engine says of it.
func holdAgainst(t *testing.T, e engine.Engine, in *intent.Intent, want string) {
	t.Helper()
	said := ""
	for _, w := range advice.Of(in, around(t, "complete eth0=192.168.7.250/24")) {
		if w.Severity == advice.Error || w.ID == "gateway-outside-subnet" && want != "-" { // CNI: the kernel may
			said += w.Text + "\n"
		}
	}
	err := put(t, e, in)
	var no *engine.Refusal
	switch {
	case want == "-" && err != nil:
		t.Errorf("it is refused: %v", err)
	case want == "-" && said != "":
		t.Errorf("it is not refused, and said to be: %s", said)
	case want == "-":
	case !errors.As(err, &no) || !strings.Contains(no.Text, want):
		t.Errorf("the engine says %v, want %q", err, want)
	case said == "" || !strings.Contains(said, want):
		t.Errorf("the engine says %v, and it is said to say %q", err, said)
	}
}

// put has an engine make what an input describes, up to its first no.
func put(t *testing.T, e engine.Engine, in *intent.Intent) error {
	t.Helper()
	for i := range in.Networks {
		of := &in.Networks[i]
		n := &topology.Network{Driver: of.Driver.Text, Parent: of.Option("parent").Text + of.Option("master").Text, MacvlanMode: of.Option("mode").Text}
		for _, s := range of.Subnets {
			n.Subnets = append(n.Subnets, topology.Subnet{Subnet: s.Subnet.Text, Gateway: s.Gateway.Text, IPRange: s.IPRange.Text})
			if first := s.RangeStart.Text; first != "" { // as a prefix, which is how scenarios say it
				n.Subnets[0].IPRange = first + "/29"
			}
		}
		if err := e.Network(t.Context(), of.Name, n); err != nil {
			return err
		}
	}
	for _, end := range in.Endpoints {
		a := end.Attach[0]
		ns, err := e.Endpoint(t.Context(), end.Name, &topology.Attachment{Network: a.Network, IP: a.IP.Text, MAC: a.MAC.Text})
		if err != nil {
			return err
		}
		t.Cleanup(func() { ns.Close() }) //nolint:errcheck // of a test
	}
	return nil
}
