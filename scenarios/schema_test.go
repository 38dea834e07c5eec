package scenarios

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("scenario.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("scenario.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// value is what an editor's YAML reader makes of a node.
func value(n *node) any {
	switch n.kind {
	case list:
		all := []any{}
		for _, item := range n.items {
			all = append(all, value(item))
		}
		return all
	case mapping:
		all := map[string]any{}
		for i := 0; i < len(n.items); i += 2 {
			all[n.items[i].value] = value(n.items[i+1])
		}
		return all
	}
	switch n.tag {
	case "!!int":
		if i, err := strconv.ParseInt(n.value, 0, 64); err == nil {
			return i
		}
	case "!!float":
		if f, err := strconv.ParseFloat(n.value, 64); err == nil {
			return f
		}
	case "!!bool":
		return n.value == "true"
	case "!!null":
		return nil
	}
	return n.value
}

func instance(t *testing.T, src []byte) any {
	t.Helper()
	var f faults
	root := parse(src, &f)
	if root == nil {
		t.Fatal(f.list)
	}
	return value(root)
}

func TestSchemaAcceptsCatalogue(t *testing.T) {
	s := compiled(t)
	names, err := fs.Glob(Catalogue(), "*.yaml")
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		src, err := fs.ReadFile(Catalogue(), name)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Validate(instance(t, src)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := s.Validate(instance(t, []byte(matrixFile))); err != nil {
		t.Error(err)
	}
}

// The schema refuses the broken files called structure-*, and cannot see what
// is wrong with those called sense-*.
func TestSchemaAgreesOnBrokenFiles(t *testing.T) {
	s := compiled(t)
	for prefix, refused := range map[string]bool{"structure-": true, "sense-": false} {
		files, err := filepath.Glob("testdata/bad/" + prefix + "*.yaml")
		if err != nil || len(files) == 0 {
			t.Fatal(files, err)
		}
		for _, name := range files {
			src, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Validate(instance(t, src)); (err != nil) != refused {
				t.Errorf("%s: refused is %v: %v", name, !refused, err)
			}
		}
	}
}

// One wrong thing at a time: loader and schema refuse the same.
func TestSchemaAgreesOnMutations(t *testing.T) {
	s := compiled(t)
	good := string(mustRead(t, "catalogue/docker-macvlan-bridge.yaml"))
	for _, m := range []struct {
		was, is string
		ok      bool
	}{
		{"kind: macvlan, mode", "kind: veth, mode", true},
		{"kind: macvlan, mode", "kind: vxlan, mode", false},
		{"up: true", "up: yes", false},
		{"up: true", "up: true, mtu: 1500", true},
		{"up: true", "up: true, mtu: '1500'", false},
		{"are: unique", "are: shared", true},
		{"are: unique", "are: many", false},
		{"are: unique", "are: unique, colour: red", false},
		{"kind: [icmp, udp, arp]", "kind: raw, tags: [{vid: 7, tpid: 0x88a8}]", true},
		{"kind: [icmp, udp, arp]", "kind: raw, tags: [{vid: 4096}]", false},
		{"kind: [icmp, udp, arp]", "family: 6", true},
		{"kind: [icmp, udp, arp]", "family: 5", false},
		{"labels: [macvlan, docker]", "labels: [macvlan, docker]\ndocker: 27", true},
		{"labels: [macvlan, docker]", "labels: [macvlan, docker]\ndocker: 3", false},
		{"labels: [macvlan, docker]", "labels: [macvlan, docker]\ndocker: 20.10", true},
		{"labels: [macvlan, docker]", "labels: [macvlan, docker]\ndocker: '20.10'", true},
		{"labels: [macvlan, docker]", "labels: ['a|b']", false},
		{"labels: [macvlan, docker]", "labels: macvlan", false},
		{"checks:\n", "checks:\n  - refused: {do: [{network: {name: n, driver: macvlan, macvlan_mode: nonsense}}], reason: not valid}\n", true},
		{"checks:\n", "checks:\n  - refused: {do: [{network: {name: n, drivre: macvlan}}], reason: not valid}\n", false},
		{"checks:\n", "checks:\n  - refused: {do: [{delete: c1/eth0, detach: {endpoint: c1, network: pub_net}}], reason: none}\n", false},
	} {
		src := strings.Replace(good, m.was, m.is, 1)
		if src == good {
			t.Fatalf("no %q in the file", m.was)
		}
		_, loadErr := Load("docker-macvlan-bridge.yaml", []byte(src))
		schemaErr := s.Validate(instance(t, []byte(src)))
		if (loadErr == nil) != m.ok || (schemaErr == nil) != m.ok {
			t.Errorf("%q: ok should be %v\nloader: %v\nschema: %v", m.is, m.ok, loadErr, schemaErr)
		}
	}
}

func mustRead(t *testing.T, name string) []byte {
	t.Helper()
	src, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return src
}
