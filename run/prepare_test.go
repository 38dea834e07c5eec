package run_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lanproof/lanproof/run"
	"github.com/lanproof/lanproof/scenarios"
)

func ids(p *run.Prepared) []string {
	var all []string
	for _, c := range p.Checks() {
		all = append(all, c.ID)
	}
	return all
}

func TestPrepareExpands(t *testing.T) {
	for _, c := range []struct {
		name, yaml string
		want       []string
	}{
		{"families", "checks: [{reach: {from: c1, to: c2}}]", []string{"reach-c1-c2-icmp4", "reach-c1-c2-icmp6"}},
		{"one-family", `checks: [{reach: {from: c1, to: c2, family: "6"}}]`, []string{"reach-c1-c2-icmp6"}},
		{"family-of-both", "checks: [{reach: {from: host, to: c2}}]", []string{"reach-host-c2-icmp4"}},
		{
			"pairs", "checks: [{blocked: {from: [c1, c2], to: [c1, c2, pc], kind: raw, both: true}}]",
			[]string{"blocked-c1-c2-raw", "blocked-c2-c1-raw", "blocked-c1-pc-raw", "blocked-pc-c1-raw", "blocked-c2-pc-raw", "blocked-pc-c2-raw"},
		},
		{
			"kinds-and-casts", "checks: [{reach: {from: c1, to: c2, kind: [raw, udp], cast: [unicast, broadcast], family: 4}}]",
			[]string{"reach-c1-c2-raw", "reach-c1-c2-raw-broadcast", "reach-c1-c2-udp4", "reach-c1-c2-udp4-broadcast"},
		},
		{"resolution", "checks: [{reach: {from: c1, to: c2, kind: [arp, nd]}}]", []string{"reach-c1-c2-arp", "reach-c1-c2-nd"}},
		{"own-id", "checks: [{id: mine, reach: {from: c1, to: c2, kind: raw}}]", []string{"mine"}},
		{"own-id-of-several", "checks: [{id: mine, reach: {from: c1, to: [c2, pc], kind: raw}}]", []string{"mine-reach-c1-c2-raw", "mine-reach-c1-pc-raw"}},
		{"twice", "checks: [{reach: {from: c1, to: c2, kind: raw}}, {reach: {from: c1, to: c2, kind: raw}}]", []string{"reach-c1-c2-raw", "reach-c1-c2-raw-2"}},
		{"devices", "checks: [{reach: {from: c1/eth0, to: c2/eth0, kind: raw}}]", []string{"reach-c1.eth0-c2.eth0-raw"}},
		{"steps", "steps: [{do: [{delete: c2/eth0}], checks: [{link: {link: c2/eth0, exists: false}}]}]", []string{"s1.link-c2.eth0-gone"}},
	} {
		p := prepared(t, c.name, lan+c.yaml+"\n")
		if diff := cmp.Diff(c.want, ids(p)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
		if again := prepared(t, c.name, lan+c.yaml+"\n"); !slices.Equal(ids(again), ids(p)) {
			t.Errorf("%s: prepared again it has %v", c.name, ids(again))
		}
	}
}

func TestPrepareTitlesAndClaims(t *testing.T) {
	p := prepared(t, "titles", "claims: [docker-macvlan-bridge-siblings]\n"+strings.TrimLeft(lan, "\n")+`checks:
  - title: Siblings talk
    reach: {from: c1, to: c2, kind: raw}
  - title: Others
    refutes: [docker-macvlan-host-unreachable]
    reach: {from: pc, to: [c1, c2], kind: raw}
  - reach: {from: c1, to: c2, family: 4}
`)
	all := p.Checks()
	for i, want := range []string{"Siblings talk", "Others: pc reaches c1 by raw frame", "Others: pc reaches c2 by raw frame", "c1 reaches c2 by ICMP echo over IPv4"} {
		if all[i].Title != want {
			t.Errorf("title %d is %q, want %q", i, all[i].Title, want)
		}
	}
	if diff := cmp.Diff([]string{"docker-macvlan-bridge-siblings", "docker-macvlan-host-unreachable"}, all[1].Claims); diff != "" {
		t.Errorf("claims (-want +got):\n%s", diff)
	}
	if len(all[1].Refutes) != 1 || len(all[0].Refutes) != 0 {
		t.Errorf("refutes %v and %v", all[0].Refutes, all[1].Refutes)
	}
}

func TestPrepareNeeds(t *testing.T) {
	for _, c := range []struct {
		name, yaml string
		want       []string
	}{
		{"plain", lan + "checks: [{reach: {from: c1, to: c2}}]\n", []string{"bridge", "macvlan", "veth"}},
		{"in-a-step", lan + "steps: [{do: [{add: {node: host, name: v5, kind: vlan, parent: eth0, id: 5}}], checks: [{link: {link: host/v5, id: 5}}]}]\n", []string{"bridge", "macvlan", "veth", "vlan"}},
		{"in-a-refusal", lan + "checks: [{refused: {errno: EBUSY, do: [{add: {node: host, name: i, kind: ipvlan, parent: eth0}}]}}]\n", []string{"bridge", "ipvlan", "macvlan", "veth"}},
	} {
		if diff := cmp.Diff(c.want, prepared(t, c.name, c.yaml).Needs); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

func TestPrepareSaysWhatIsWrong(t *testing.T) {
	for _, c := range []struct{ name, yaml, says string }{
		{"nobody", "checks:\n  - reach: {from: c1, to: c1}\n", "no target but itself"},
		{"no-family", "checks:\n  - reach: {from: host, to: c1, family: \"6\"}\n", "no addresses of one family"},
		{"many-flows", "checks:\n  - counters: {link: c1/eth0, send: {from: c1, to: [c2, pc], kind: raw}, rise: {tx_packets: 1}}\n", "one flow"},
		{"any-refusal", "checks:\n  - refused: {do: [{set: {link: c1/eth0, mtu: 9000}}]}\n", "at least one is needed of errno, reason"},
	} {
		var found scenarios.Errors
		f, err := scenarios.Load(c.name+".yaml", []byte("name: "+c.name+"\ntitle: x\n"+strings.TrimLeft(lan, "\n")+c.yaml))
		if err == nil {
			_, err = run.Prepare(f.Cases()[0], 1)
		}
		if !errors.As(err, &found) {
			t.Errorf("%s: %v, want scenarios.Errors", c.name, err)
			continue
		}
		e := found[0]
		if len(found) != 1 || !strings.Contains(e.Text, c.says) || e.File != c.name+".yaml" || e.Line != 18 || e.Column < 1 {
			t.Errorf("%s: %v, want one about %q in line 18", c.name, found, c.says)
		}
	}
}
