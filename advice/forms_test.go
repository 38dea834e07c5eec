package advice_test

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lanproof/lanproof/advice"
	"github.com/lanproof/lanproof/answer"
	"github.com/lanproof/lanproof/intent"
	"github.com/lanproof/lanproof/reports"
	"github.com/lanproof/lanproof/run"
	"github.com/lanproof/lanproof/topology"
)

// forms are the languages that examples are written in, with the names of their files; each
// writer says nothing where its language has no words for it.
var forms = []struct {
	name, file string
	write      func(in *intent.Intent) string
}{
	{"compose", "compose.yaml", asCompose},
	{"docker", "docker.sh", func(in *intent.Intent) string { return asCommands(in, intent.Docker) }},
	{"podman", "podman.sh", func(in *intent.Intent) string { return asCommands(in, intent.Podman) }},
	{"cni", "net.conflist", asCNI},
}

// TestForms answers each example as a user would ask for it, in each language that has words
// for it: read, drafted, run, and told. The faulty one is warned of in those languages that
// are listed, and no other; the one without the fault in none. What frames are to show is
// shown, as far as this kernel can.
func TestForms(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("making network namespaces needs root")
	}
	if testing.Short() {
		t.Skip("answering four hundred files takes a while")
	}
	var guard sync.Mutex
	got := map[string][]string{}
	t.Run("each", func(t *testing.T) {
		for i, e := range examples {
			t.Run(fmt.Sprintf("%s-%d", e.id, i), func(t *testing.T) {
				t.Parallel()
				for _, f := range forms {
					if bad := f.write(written(t, e.bad)); bad != "" && warned(t, e.id, f.file, bad, e.around) {
						guard.Lock()
						if !slices.Contains(got[e.id], f.name) {
							got[e.id] = append(got[e.id], f.name)
						}
						guard.Unlock()
					}
					good := f.write(written(t, e.good))
					if good != "" && !slices.Contains(otherwise[e.id], f.name) && drafted(t, e.id, f.file, good, e.goodAround) {
						t.Errorf("false alarm of %s", good)
					}
				}
			})
		}
	})
	var lines []string
	for id, in := range got {
		slices.Sort(in)
		lines = append(lines, id+": "+strings.Join(in, " "))
	}
	slices.Sort(lines)
	for _, id := range advice.Kinds() {
		if len(got[id]) == 0 && !slices.Contains(without, id) {
			t.Errorf("nothing raises %s", id)
		}
	}
	if diff := cmp.Diff(strings.Split(strings.TrimSpace(warnedIn), "\n"), lines); diff != "" {
		t.Error(diff)
	}
}

// otherwise are languages in which the example without the fault has it for reasons of their
// own: Podman makes up a gateway and no VLANs, takes the device of the default route where
// none is named, and knows no priorities; of CNI's configurations two containers are shown.
var otherwise = map[string][]string{
	"gateway-guessed": {"podman"}, "podman-no-vlan": {"podman"}, "two-default-routes": {"podman"},
	"host-unreachable": {"podman", "cni"}, "internal-with-parent": {"podman"},
	"vepa-without-reflection": {"cni"}, "passthru-one-endpoint": {"cni"},
}

// warnedIn are the kinds of warnings with the languages in which they are raised. Each has one
// at least, but for those that nothing raises. What Docker's command refuses is another kind in
// it, and what docker compose itself refuses is no warning.
const warnedIn = `
address-duplicate: compose docker podman
address-excluded: compose docker
address-in-dynamic-range: compose docker podman
address-in-other-range: docker
address-invalid: compose docker podman
address-not-excluded: cni compose docker podman
address-outside-subnet: compose docker podman
address-reserved: compose docker podman
aux-invalid: compose
aux-outside-subnet: compose
aux-taken: compose docker
cloud-one-mac: cni compose docker podman
cni-ipam-missing: cni
cni-mtu-over-master: cni
command-refused: docker podman
driver-unknown: cni compose docker podman
flag-invalid: compose docker
gateway-guessed: compose docker podman
gateway-invalid: cni compose docker podman
gateway-is-endpoint: compose docker podman
gateway-missing: compose docker
gateway-not-router: cni compose docker podman
gateway-outside-subnet: cni compose docker podman
gateway-priority-ignored: compose docker
gateway-taken: compose docker
gateway-wrong-family: cni compose docker podman
host-unreachable: cni compose docker podman
internal-with-parent: compose docker podman
ip-range-empty: cni compose docker podman
ip-range-invalid: cni compose docker podman
ipam-unknown: compose docker
ipv6-off: compose docker
ipv6-unused: cni compose docker podman
ipvlan-dhcp: cni podman
ipvlan-l3-no-return: cni compose docker podman
mac-duplicate: compose docker podman
mac-malformed: compose docker podman
mac-not-unicast: compose docker podman
mac-on-ipvlan: compose docker podman
mode-invalid: cni compose docker podman
mtu-ignored: compose docker
name-refused: cni docker podman
network-undefined: docker podman
network-unused: compose docker podman
networks-overlap: compose docker
no-parent: compose docker
option-unknown: compose docker
parent-enslaved: cni compose docker podman
parent-loopback: cni compose docker podman
parent-missing: cni compose docker podman
parent-mixed-drivers: compose docker podman
parent-name-too-long: cni compose docker podman
parent-shared-passthru: compose docker
parent-shared: compose docker
passthru-one-endpoint: cni compose docker podman
podman-dhcp: podman
podman-no-vlan: podman
podman-option-unsupported: podman
ports-ignored: compose docker podman
private-isolates-siblings-only: cni compose docker podman
subnet-host-bits: cni compose docker
subnet-invalid: cni compose docker podman
subnet-missing: compose docker
subnet-not-parents: cni compose docker podman
too-many-endpoints: compose docker podman
two-default-routes: compose docker podman
vepa-without-reflection: cni compose docker podman
vlan-base-missing: compose docker
vlan-id-out-of-range: compose docker
vlan-not-a-number: compose docker
vlan-two-dots: compose docker
wifi-one-mac: cni compose docker podman
`

// readForm reads a file; nil where it is refused as it stands.
func readForm(t *testing.T, name, text string) *intent.Intent {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	in, err := answer.Read(t.Context(), []string{file}, answer.ReadOptions{})
	if err != nil {
		t.Logf("refused as it stands: %v", err)
		return nil
	}
	return in
}

// drafted reports whether a file is warned of; only what is warned of is worth a run.
func drafted(t *testing.T, id, name, text, surroundings string) bool {
	t.Helper()
	in := readForm(t, name, text)
	return in != nil && find(advice.Of(in, around(t, surroundings)), id) != nil
}

// warned reports whether a file's answer has a warning of a kind.
func warned(t *testing.T, id, name, text, surroundings string) bool {
	t.Helper()
	in := readForm(t, name, text)
	if in == nil {
		return false // it says so
	}
	a, err := answer.Ask(t.Context(), in, answer.Options{Around: around(t, surroundings), Run: run.Options{On: run.Host}})
	if err != nil {
		t.Errorf("%s: %v of %s", id, err, text)
		return false
	}
	for _, w := range a.Warnings {
		for _, s := range w.Evidence {
			if s.Verdict == reports.Fail {
				t.Errorf("%s: frames do not show %s: %s\n%s", id, w.ID, s.Observed, text)
			}
		}
	}
	return slices.ContainsFunc(a.Warnings, func(w answer.Warning) bool { return w.ID == id })
}

// asCompose writes a Compose file.
func asCompose(in *intent.Intent) string {
	if len(in.Refused)+len(in.Unread) > 0 || slices.ContainsFunc(in.Networks, func(n intent.Network) bool { return n.Engine != intent.Docker }) {
		return ""
	}
	type object = map[string]any
	services, networks := object{}, object{}
	for _, e := range in.Endpoints {
		on := object{}
		for _, a := range e.Attach {
			if a.Network == "bridge" {
				return "" // no service is on it beside others
			}
			at := object{}
			for key, v := range map[string]intent.Value{"ipv4_address": a.IP, "ipv6_address": a.IP6, "mac_address": a.MAC} {
				if v.Set() {
					at[key] = v.Text
				}
			}
			if a.GatewayPriority.Set() {
				at["gw_priority"] = json.Number(a.GatewayPriority.Text)
			}
			on[a.Network] = at
		}
		s := object{"image": "nginx", "networks": on}
		if len(e.Ports) > 0 {
			s["ports"] = []string{e.Ports[0].Text}
		}
		services[e.Name] = s
	}
	for _, n := range in.Networks {
		options, config := object{}, []object{}
		for _, o := range n.Options {
			options[o.Key] = o.Value.Text
		}
		for _, s := range n.Subnets {
			pool := object{}
			for key, v := range map[string]intent.Value{"subnet": s.Subnet, "gateway": s.Gateway, "ip_range": s.IPRange} {
				if v.Set() {
					pool[key] = v.Text
				}
			}
			for _, a := range s.Aux {
				pool["aux_addresses"] = object{a.Key: a.Value.Text}
			}
			config = append(config, pool)
		}
		ipam := object{"config": config}
		if n.IPAM.Set() {
			ipam["driver"] = n.IPAM.Text
		}
		networks[n.Name] = object{
			"driver": n.Driver.Text, "driver_opts": options, "internal": n.Internal.Is, "enable_ipv6": n.IPv6.Is,
			"ipam": ipam,
		}
	}
	text, err := json.MarshalIndent(object{"services": services, "networks": networks}, "", " ")
	if err != nil {
		return ""
	}
	return string(text)
}

// asCommands writes commands of Docker or Podman; Docker's words for a mode are Podman's mode.
func asCommands(in *intent.Intent, engine intent.Engine) string {
	var b strings.Builder
	for _, n := range in.Networks {
		if n.Engine == intent.CNI || n.Engine == intent.Podman && engine == intent.Docker {
			return ""
		}
		fmt.Fprintf(&b, "%s network create -d %s", engine, n.Driver.Text)
		for _, o := range n.Options {
			key := o.Key
			if engine == intent.Podman && n.Engine == intent.Docker {
				key = map[string]string{"macvlan_mode": "mode", "ipvlan_mode": "mode"}[key] + map[bool]string{true: key}[!strings.HasSuffix(key, "vlan_mode")]
			}
			fmt.Fprintf(&b, " -o %s=%s", key, o.Value.Text)
		}
		for _, s := range n.Subnets {
			for flag, v := range map[string]intent.Value{"subnet": s.Subnet, "gateway": s.Gateway, "ip-range": s.IPRange} {
				if v.Set() {
					fmt.Fprintf(&b, " --%s %s", flag, v.Text)
				}
			}
			for _, a := range s.Aux {
				if engine == intent.Podman {
					return "" // it has no word for it
				}
				fmt.Fprintf(&b, " --aux-address %s=%s", a.Key, a.Value.Text)
			}
		}
		if n.IPAM.Set() {
			fmt.Fprintf(&b, " --ipam-driver %s", n.IPAM.Text)
		}
		for flag, f := range map[string]intent.Flag{"internal": n.Internal, "ipv6": n.IPv6} {
			if f.Is {
				fmt.Fprintf(&b, " --%s", flag)
			}
		}
		fmt.Fprintf(&b, " '%s'\n", n.Name)
	}
	for _, r := range in.Refused {
		fmt.Fprintf(&b, "%s network create --%s %s\n", engine, strings.Fields(r.Why)[0], r.Of)
	}
	for _, e := range in.Endpoints {
		fmt.Fprintf(&b, "%s run -d --name '%s'", engine, e.Name)
		for _, p := range e.Ports {
			fmt.Fprintf(&b, " -p %s", p.Text)
		}
		for _, a := range e.Attach {
			b.WriteString(" --network " + attachment(&a, engine))
		}
		b.WriteString(" nginx\n")
	}
	if len(in.Unread) > 0 {
		return ""
	}
	return b.String()
}

// attachment is a value of --network.
func attachment(a *intent.Attachment, engine intent.Engine) string {
	fields := []string{}
	add := func(key string, v intent.Value) {
		if v.Set() {
			fields = append(fields, key+"="+v.Text)
		}
	}
	add("ip", a.IP)
	add("ip6", a.IP6)
	if engine == intent.Docker {
		add("mac-address", a.MAC)
		add("gw-priority", a.GatewayPriority)
		return "'" + strings.Join(append([]string{"name=" + a.Network}, fields...), ",") + "'"
	}
	if add("mac", a.MAC); len(fields) == 0 {
		return "'" + a.Network + "'"
	}
	return "'" + a.Network + ":" + strings.Join(fields, ",") + "'"
}

// asCNI writes the configuration of the only network, whose containers are nobody's in
// particular.
func asCNI(in *intent.Intent) string {
	special := func(e intent.Endpoint) bool {
		return len(e.Ports) > 0 || len(e.Attach) != 1 || e.Attach[0].IP.Set() || e.Attach[0].MAC.Set() || e.Attach[0].Network != in.Networks[0].Name
	}
	if len(in.Networks) != 1 || in.Networks[0].Engine == intent.Podman || len(in.Refused)+len(in.Unread) > 0 || slices.ContainsFunc(in.Endpoints, special) {
		return ""
	}
	type object = map[string]any
	n := in.Networks[0]
	plugin := object{"type": n.Driver.Text}
	for _, o := range n.Options {
		key := o.Key
		if as, is := map[string]string{"parent": "master", "macvlan_mode": "mode", "ipvlan_mode": "mode"}[key]; is {
			key = as
		}
		if plugin[key] = o.Value.Text; key == "mtu" {
			plugin[key] = json.Number(o.Value.Text)
		}
	}
	var ranges [][]object
	for _, s := range n.Subnets {
		r := object{"subnet": s.Subnet.Text}
		if s.Gateway.Set() {
			r["gateway"] = s.Gateway.Text
		}
		if part, err := netip.ParsePrefix(s.IPRange.Text); err == nil {
			r["rangeStart"], r["rangeEnd"] = part.Addr().String(), topology.LastOf(part).String()
		}
		if len(s.Aux) > 0 {
			return ""
		}
		ranges = append(ranges, []object{r})
	}
	if kind := n.IPAM.Text; kind == "dhcp" {
		plugin["ipam"] = object{"type": kind}
	} else if len(ranges) > 0 {
		plugin["ipam"] = object{"type": "host-local", "ranges": ranges, "routes": []object{{"dst": "0.0.0.0/0"}}}
	}
	text, err := json.Marshal(object{"cniVersion": "1.0.0", "name": n.Name, "plugins": []object{plugin}})
	if err != nil {
		return ""
	}
	return string(text)
}
