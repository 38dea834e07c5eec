package advice_test

import (
	"bytes"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/lanproof/lanproof/advice"
	"github.com/lanproof/lanproof/internal/golden"
	"github.com/lanproof/lanproof/scenarios"
)

var update = flag.Bool("update", false, "write the golden files anew")

// without are kinds that no example can raise: what they say is a last resort.
var without = []string{"address-taken", "parent-invalid", "refused"}

// TestExplanations holds that every kind of warning is explained, has an example, and a
// trial or a reason for having none.
func TestExplanations(t *testing.T) {
	all := advice.All()
	if len(all) == 0 {
		var into []advice.Explanation
		t.Fatal(scenarios.Bind("explanations.yaml", read(t, "explanations.yaml"), &into))
	}
	files, err := scenarios.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	have := map[string]bool{}
	for _, e := range all {
		if have[e.ID] {
			t.Errorf("%s is explained twice", e.ID)
		}
		have[e.ID] = true
		shown := slices.ContainsFunc(examples, func(x example) bool { return x.id == e.ID && x.unshown == "" })
		unshown := slices.ContainsFunc(examples, func(x example) bool { return x.id == e.ID && x.unshown != "" })
		if !shown && !unshown && !slices.Contains(without, e.ID) {
			t.Errorf("%s has no example", e.ID)
		}
		if (e.Proof == "") != unshown {
			t.Errorf("%s: proof %q, though it has examples without a trial: %v", e.ID, e.Proof, unshown)
		}
		if !strings.Contains(e.Remedy, "\n    ") {
			t.Errorf("%s gives nothing to type: %q", e.ID, e.Remedy)
		}
		for _, s := range e.Scenarios {
			if !slices.ContainsFunc(files, func(f *scenarios.File) bool { return f.Name == s }) {
				t.Errorf("%s names scenario %q, which is not in the catalogue", e.ID, s)
			}
		}
		if got, ok := advice.Explain(e.ID); !ok || got.Title != e.Title {
			t.Errorf("asked for %s: %v", e.ID, got)
		}
	}
	for _, id := range advice.Kinds() {
		if !have[id] {
			t.Errorf("%s is not explained", id)
		}
		delete(have, id)
	}
	for id := range have {
		t.Errorf("%s is explained, and no rule warns of it", id)
	}
	if _, ok := advice.Explain("no-such-thing"); ok {
		t.Error("something is explained that there is not")
	}
}

// TestIssue holds the warnings that lanproof was asked for against those that there are.
func TestIssue(t *testing.T) {
	kinds := advice.Kinds()
	for asked, ids := range map[string]string{
		"host cannot reach containers": "host-unreachable", "missing gateway": "gateway-missing gateway-guessed",
		"wrong gateway": "gateway-outside-subnet gateway-wrong-family gateway-not-router gateway-invalid",
		"gateway inside ip_range and not excluded": "address-not-excluded", "ip_range that holds no free address": "ip-range-empty",
		"host bits set in a subnet": "subnet-host-bits", "subnet not that of the parent": "subnet-not-parents",
		"overlapping networks": "networks-overlap", "static address outside the subnet": "address-outside-subnet",
		"inside another's range": "address-in-other-range address-in-dynamic-range", "more endpoints than addresses": "too-many-endpoints",
		"MAC set on ipvlan": "mac-on-ipvlan", "duplicate MAC or IP": "mac-duplicate address-duplicate", "parent missing": "parent-missing",
		"Wi-Fi": "wifi-one-mac", "in the cloud": "cloud-one-mac", "unknown or misspelt driver option": "option-unknown podman-option-unsupported",
		"two networks on one parent by Docker version": "parent-shared parent-shared-passthru",
		"dotted parents and VID rules":                 "vlan-two-dots vlan-not-a-number vlan-base-missing vlan-id-out-of-range parent-name-too-long",
		"internal with a parent":                       "internal-with-parent", "no parent at all": "no-parent", "IPv6 left off": "ipv6-off ipv6-unused",
		"port mappings that do nothing": "ports-ignored", "two default routes": "two-default-routes",
	} {
		for _, id := range strings.Fields(ids) {
			if !slices.Contains(kinds, id) {
				t.Errorf("%s: there is no %s", asked, id)
			}
		}
	}
}

// TestPage holds the handbook against the table.
func TestPage(t *testing.T) {
	const page = "../docs/warnings.md"
	var b bytes.Buffer
	if err := advice.WriteMarkdown(&b); err != nil {
		t.Fatal(err)
	}
	golden.Compare(t, page, b.String(), *update)
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
