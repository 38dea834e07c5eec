package answer

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A NetworkAttachmentDefinition of Kubernetes is the CNI configuration in it, in any of the
// ways in which YAML has a word, with its lines.
func TestDefinitions(t *testing.T) {
	const text = `apiVersion: "k8s.cni.cncf.io/v1"
kind: NetworkAttachmentDefinition
metadata: {name: quoted}
spec:
  config: '{
    "cniVersion": "0.3.1", "type": "macvlan",
    "master": "eth0",
    "ipam": {"type": "host-local", "subnet": "10.1.0.0/24"}
  }'
---
kind: Pod
metadata: {name: web}
---
kind: NetworkAttachmentDefinition
metadata: {name: block}
spec:
  config: |
    {"cniVersion": "0.3.1", "name": "own", "type": "ipvlan",
     "master": "eth1", "ipam": {"type": "host-local", "subnet": "10.2.0.0/24"}}
---
kind: NetworkAttachmentDefinition
metadata: {name: escaped}
spec:
  config: "{\"cniVersion\": \"0.3.1\", \"type\": \"macvlan\", \"master\": \"eth2\"}"
`
	in := reads(t, "nad.yaml", text)
	var got []string
	for _, n := range in.Networks {
		m := n.Option("master")
		got = append(got, fmt.Sprintf("%s %s %s at line %d", n.Name, n.Driver, m.Text, m.Place.Line))
	}
	want := []string{"quoted macvlan eth0 at line 7", "own ipvlan eth1 at line 19", "escaped macvlan eth2 at line 24"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got := definitions([]byte(strings.ReplaceAll(text, definitionKind, "Service"))); got != nil {
		t.Errorf("of other objects: %q", got)
	}
}

// Whatever a manifest says, what is found in it is no larger than it could be, and no crash.
func FuzzDefinitions(f *testing.F) {
	for _, text := range []string{
		"kind: NetworkAttachmentDefinition\nspec:\n  config: '{}'\n",
		"kind: NetworkAttachmentDefinition\nspec: {config: \"{\\\"a\\\": 1}\"}\n---\nkind: NetworkAttachmentDefinition\nspec: {config: |}",
		"kind: NetworkAttachmentDefinition\r\nmetadata: {name: \"\\n\"}\r\nspec: {config: '{'}",
		"kind: NetworkAttachmentDefinition\nspec: &a {config: *a}",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, config := range definitions(text) {
			if len(config) > 8*len(text)+8 {
				t.Errorf("%q of %q", config, text)
			}
		}
	})
}
