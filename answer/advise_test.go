package answer

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lanproof/lanproof/advice"
)

// What is refused is told once, with all whom it meets, and stands where its line does.
func TestRefusedOnce(t *testing.T) {
	for _, test := range []struct {
		name, file, text string
		want             []string
	}{
		{"replicas", "compose.yaml", `services:
  w:
    image: x
    deploy: {replicas: 5}
    networks: [lan]
networks:
  lan:
    driver: macvlan
    driver_opts: {parent: eth0}
    ipam: {config: [{subnet: 10.1.1.0/24, gateway: 10.1.1.1, ip_range: 10.1.1.8/30, aux_addresses: {x: 10.1.1.9}}]}
`, []string{`5: too-many-endpoints: Network "lan" has no address left for "w-4" and "w-5".`}},
		{"an empty range", "make.sh", `docker network create -d macvlan -o parent=eth0.4095 --subnet 10.3.0.0/24 one
docker network create -d macvlan -o parent=eth1 --subnet 10.1.0.0/24 --gateway 10.1.0.1 --ip-range 10.1.0.0/31 two
docker run --name web --network two nginx
`, []string{
			`1: vlan-id-out-of-range: Docker refuses network "one": vlan id must be between 1-4094, received: 4095.`,
			`2: ip-range-empty: Range 10.1.0.0/31 of network "two" holds no address that could be handed out: what is in it is reserved, the gateway's, or excluded.`,
		}},
		{"a long name", "make.sh", `docker network create -d macvlan -o parent=eth0.4095 --subnet 10.3.0.0/24 one
docker network create -d macvlan -o parent=averyveryverylongname0 --subnet 10.5.0.0/24 two
`, []string{
			`1: vlan-id-out-of-range: Docker refuses network "one": vlan id must be between 1-4094, received: 4095.`,
			`2: parent-name-too-long: Docker refuses network "two": invalid subinterface vlan name averyveryverylongname0, example formatting is eth0.10; and no device has that name, whose 22 characters are more than the 15 that the kernel allows.`,
		}},
		{"a gateway and a range outside", "make.sh", `docker network create -d macvlan -o parent=eth0 --subnet 10.1.0.0/24 --gateway 10.9.0.1 one
docker network create -d macvlan -o parent=eth1 --subnet 10.2.0.0/24 --ip-range 10.9.0.0/28 two
docker network create -d macvlan -o parent=eth2 --subnet 10.3.0.0/24 --gateway 10.9.0.1 --ip-range 10.9.0.0/28 three
docker network create -d macvlan -o parent=eth3 --subnet 10.4.0.0/24 --gateway 10.4.0 four
docker network create -d macvlan -o parent=eth4 --subnet 10.5.0.0 --gateway 10.5.0.1 five
docker run --network one nginx
`, []string{
			`1: gateway-outside-subnet: Docker refuses network "one": invalid gateway 10.9.0.1: parent subnet 10.1.0.0/24 doesn't contain this address.`,
			`2: ip-range-invalid: Docker refuses network "two": invalid ip-range 10.9.0.0/28: parent subnet 10.2.0.0/24 doesn't contain ip-range.`,
			`3: gateway-outside-subnet: Docker refuses network "three": invalid gateway 10.9.0.1: parent subnet 10.3.0.0/24 doesn't contain this address.`,
			`3: ip-range-invalid: Docker refuses network "three": invalid ip-range 10.9.0.0/28: parent subnet 10.3.0.0/24 doesn't contain ip-range.`,
			`4: gateway-invalid: Docker refuses network "four": invalid gateway 10.4.0: invalid address.`,
			`5: subnet-invalid: Docker refuses network "five": invalid subnet 10.5.0.0: it is written like 172.16.86.0/24.`,
		}},
		{"an address that Podman gives away", "make.sh", `podman network create -d macvlan -o parent=eth0 --subnet 10.1.0.0/24 --gateway 10.1.0.1 one
podman run --name web --network one --ip 10.1.0.1 nginx
`, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			in := reads(t, test.file, test.text)
			d, err := NewDraft(in, advice.Surroundings{})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, w := range advise(in, d, Options{}) {
				if w.Severity == advice.Error {
					got = append(got, fmt.Sprintf("%d: %s: %s", w.Place.Line, w.ID, w.Text))
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
