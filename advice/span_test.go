package advice_test

import (
	"strings"
	"testing"

	"github.com/lanproof/lanproof/advice"
)

// TestSpans holds that ranges from one address to another, as Podman and CNI have them,
// count in every rule about addresses.
func TestSpans(t *testing.T) {
	const (
		podman = "network lan macvlan o:parent=eth0 engine=podman subnet=192.168.1.0/24 gateway=192.168.1.1"
		cni    = "network lan macvlan o:master=eth0 engine=cni ipam=host-local subnet=192.168.1.0/24"
		routed = cni + " route=0.0.0.0/0"
	)
	for _, test := range []struct{ name, text, around, want, not string }{
		{name: "no free address", text: podman + " from=192.168.1.1 to=192.168.1.1\nrun web on lan", want: `error ip-range-empty 1: Range 192.168.1.1-192.168.1.1 of network "lan" holds no address`, not: "too-many-endpoints"},
		{name: "no free address", text: cni + " from=192.168.1.1 to=192.168.1.1\nrun web on lan", want: "ip-range-empty"},
		{name: "the wrong way round", text: cni + " from=192.168.1.9 to=192.168.1.8\nrun web on lan", want: "ip-range-empty"},
		{name: "one free address", text: podman + " from=192.168.1.1 to=192.168.1.2\nrun web on lan", not: "ip-range-empty"},
		{name: "more endpoints than addresses", text: podman + " from=192.168.1.8 to=192.168.1.9\nrun a on lan\nrun b on lan\nrun c on lan\nrun d on lan", want: `error too-many-endpoints 4: Network "lan" has no address left for "c" and "d".`},
		{name: "more endpoints than addresses", text: routed + " from=192.168.1.8 to=192.168.1.8\nrun a on lan\nrun b on lan", want: `too-many-endpoints 3: Network "lan" has no address left for "b".`},
		{name: "one whose address is taken lacks none", text: podman + " from=192.168.1.8 to=192.168.1.9\nrun a on lan\nrun b on lan\nrun c on lan\nrun d on lan ip=192.168.1.8", want: `has no address left for "c".`},
		{name: "nor with Docker", text: lan + " range=192.168.1.8/31\nrun a1 on lan\nrun b1 on lan\nrun c1 on lan\nrun d1 on lan ip=192.168.1.8", want: `has no address left for "c1".`},
		{name: "as many endpoints as addresses", text: podman + " from=192.168.1.8 to=192.168.1.9\nrun a on lan\nrun b on lan", not: "too-many-endpoints"},
		{name: "the host inside", text: podman + " from=192.168.1.8 to=192.168.1.99\nrun web on lan", around: "eth0=192.168.1.8/24", want: `address-not-excluded 1: "web" gets 192.168.1.8, which is the address of this host`},
		{name: "the host inside, later", text: podman + " from=192.168.1.8 to=192.168.1.99\nrun web on lan", around: "eth0=192.168.1.10/24", want: `192.168.1.10 is the address of this host and lies in what is handed out: container number 2 from here on`},
		{name: "the host outside", text: podman + " from=192.168.1.8 to=192.168.1.99\nrun web on lan", around: "eth0=192.168.1.2/24", not: "address-not-excluded"},
		{name: "the router inside", text: routed + " gateway=192.168.1.254 from=192.168.1.8 to=192.168.1.99\nrun web on lan", around: "eth0=192.168.1.200/24 eth0>192.168.1.8", want: "which is the address of the LAN's router"},
		{name: "the gateway inside is kept free", text: routed + " gateway=192.168.1.8 from=192.168.1.8 to=192.168.1.99\nrun web on lan", around: "eth0=192.168.1.200/24 eth0>192.168.1.8", not: "address-not-excluded"},
		{name: "the first address is kept free", text: cni + "\nrun web on lan", not: "address-not-excluded"},
		{name: "a static address inside", text: podman + " from=192.168.1.8 to=192.168.1.99\nrun web on lan ip=192.168.1.8\nrun a on lan", want: `warning address-in-dynamic-range 2: 192.168.1.8 of "web" lies in what network "lan" hands out: if "a" starts before`},
		{name: "a static address that is gone", text: podman + " from=192.168.1.8 to=192.168.1.99\nrun a on lan\nrun web on lan ip=192.168.1.8", want: `error address-in-dynamic-range 3: "web" cannot have 192.168.1.8 on network "lan": it is handed out to "a" before.`},
		{name: "a static address outside", text: podman + " from=192.168.1.8 to=192.168.1.99\nrun a on lan\nrun web on lan ip=192.168.1.2", not: "address-in-dynamic-range"},
		{name: "outside of the subnet", text: podman + " from=192.168.2.8 to=192.168.2.99\nrun web on lan", want: `error ip-range-invalid 1: Podman refuses network "lan": lease range start ip 192.168.2.8 not in subnet 192.168.1.0/24.`, not: "host-unreachable"},
		{name: "an end outside of the subnet", text: cni + " from=192.168.1.8 to=192.168.2.99\nrun web on lan", want: "RangeEnd 192.168.2.99 not in network"},
		{name: "no address", text: podman + " from=192.168.1.8 to=99\nrun web on lan", want: "invalid range end 99"},
		{name: "Podman's prefix begins with its second address", text: podman + " range=192.168.1.8/29\nrun web on lan", around: "eth0=192.168.1.9/24", want: `"web" gets 192.168.1.9`},
		{name: "Podman cuts host bits off", text: "network lan macvlan o:parent=eth0 engine=podman subnet=192.168.1.77/24\nrun web on lan", want: "takes its first free address, 192.168.1.1", not: "subnet-host-bits"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var b strings.Builder
			for _, w := range advice.Of(written(t, test.text), around(t, test.around)) {
				b.WriteString(string(w.Severity) + " " + w.ID + " " + strings.Split(w.Place.String(), ":")[1] + ": " + w.Text + "\n")
			}
			if got := b.String(); !strings.Contains(got, test.want) || test.not != "" && strings.Contains(got, test.not) {
				t.Errorf("%q, want %q and not %q:\n%s", test.text, test.want, test.not, got)
			}
		})
	}
}
