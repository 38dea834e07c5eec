package answer

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/lanproof/lanproof/advice"
	"github.com/lanproof/lanproof/intent"
)

// A network whose command the engine's program refuses is not there, and nobody is on it;
// one whose name another command asks for is.
func TestCommandRefused(t *testing.T) {
	in := reads(t, "nets.sh", `docker network create -d macvlan -o parent=eth0 --subnet 10.1.0.0/24 --gatewaye 10.1.0.1 one
docker network create -d macvlan -o parent=eth1 --subnet 10.2.0.0/24 --gateway 10.2.0.1 two
docker network create two
docker run --network one --name a nginx
docker run --network two --name b nginx
`)
	d, err := NewDraft(in, advice.Surroundings{})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []bool{false, true} {
		if n := d.Networks[i]; n.Simulated != want {
			t.Errorf("network %s is simulated: %v, want %v", n.Name, n.Simulated, want)
		}
	}
	if len(d.Machines) == 0 || d.Machines[0].Name != "b" {
		t.Errorf("machines %v, want b first", d.Machines)
	}
}

// What Docker alone refuses is no error where another engine is asked, and is left out.
func TestOwnBooks(t *testing.T) {
	for engine, refused := range map[string]bool{"docker": true, "podman": false} {
		in := reads(t, "nets.sh", strings.ReplaceAll(`docker network create -d macvlan -o parent=eth0 --subnet 10.1.0.0/24 --gateway 10.1.0.1 one
docker network create -d macvlan -o parent=eth1 --subnet 10.1.0.0/24 --gateway 10.1.0.1 two
`, "docker", engine))
		d, err := NewDraft(in, advice.Surroundings{})
		if err != nil {
			t.Fatal(err)
		}
		errors := slices.ContainsFunc(advise(in, d, Options{}), func(w advice.Warning) bool { return w.Severity == advice.Error })
		if d.Networks[1].Simulated || errors != refused || (len(d.LeftOut) > 0) == refused {
			t.Errorf("%s: simulated %v, refused %v, left out %v", engine, d.Networks[1].Simulated, errors, d.LeftOut)
		}
	}
}

// Engines of one file keep their own books: what overlaps another's network is no error, and
// is left out.
func TestMixedEngines(t *testing.T) {
	in := reads(t, "nets.sh", `podman network create -d macvlan -o parent=eth0 --subnet 10.1.0.0/24 --gateway 10.1.0.1 one
docker network create -d macvlan -o parent=eth1 --subnet 10.1.0.0/24 --gateway 10.1.0.1 two
`)
	d, err := NewDraft(in, advice.Surroundings{})
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Refused) > 0 || len(d.LeftOut) != 1 || d.LeftOut[0].Name != "two" {
		t.Errorf("refused %v, left out %v", d.Refused, d.LeftOut)
	}
}

// reads is what is made of a file of that name.
func reads(t *testing.T, name, text string) *intent.Intent {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	in, err := Read(t.Context(), []string{file}, ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return in
}

// A container is named by its own name, which is not its service's.
func TestContainerMode(t *testing.T) {
	in := reads(t, "compose.yaml", `name: p
services:
  web: {image: x}
  db: {image: x, container_name: base}
  one: {image: x, network_mode: "container:web"}
  two: {image: x, network_mode: "container:p-web-1"}
  three: {image: x, network_mode: "container:base"}
  four: {image: x, network_mode: "service:web"}
`)
	d, err := NewDraft(in, advice.Surroundings{})
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprint(d.Machines[0].Shared, d.Machines[1].Shared)
	if got != "[two four] [three]" || len(d.LeftOut) != 1 || !strings.HasSuffix(d.LeftOut[0].Why, "is said by service:web") {
		t.Errorf("shared %s, left out %v", got, d.LeftOut)
	}
}

// Of a network that is made elsewhere not even the driver is known.
func TestExternalDriver(t *testing.T) {
	d, err := NewDraft(reads(t, "compose.yaml", "services: {web: {image: x, networks: [lan]}}\nnetworks: {lan: {external: true}}\n"), advice.Surroundings{})
	if err != nil || d.Networks[0].Driver != "" {
		t.Errorf("driver %q: %v", d.Networks[0].Driver, err)
	}
}
