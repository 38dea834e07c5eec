package answer

import (
	"testing"

	"github.com/lanproof/lanproof/advice"
	"github.com/lanproof/lanproof/intent/command"
)

// Whatever is read is drafted: what cannot be is left out or refused, and nobody shares an
// address.
func FuzzDraft(f *testing.F) {
	for _, text := range []string{
		"docker network create -d macvlan -o parent=eth0 --subnet 10.0.0.0/24 --gateway 10.0.0.1 n\ndocker run --network n --ip 10.0.0.9 x",
		"docker network create -d ipvlan -o parent=eth0.50 -o ipvlan_mode=l3 --subnet 10.0.0.0/30 --subnet fd00::/126 --ipv6 n\ndocker run --network n x\ndocker run --network n x\ndocker run --network n x",
		"docker network create -d macvlan -o parent='a b' n\ndocker run --name switch --network n x",
		"docker network create -d macvlan -o parent=%d.5 --subnet 10.0.0.0/8 n\ndocker run --name host --network n --mac-address 01:00:00:00:00:01 x",
		"docker network create -d macvlan -o parent=averyveryverylongname.1 --subnet 0.0.0.0/0 n\ndocker run --network n x",
		"docker network create -d macvlan -o parent=. --subnet 10.0.0.0/32 n\ndocker run --network n --network-alias y x",
		"docker network create -d macvlan -o parent=lo --subnet ::/0 --ipv6 n\ndocker run --network n --ip6 ::1 x",
		"docker network create -d macvlan -o parent=eth0.1.2 --subnet 10.0.0.0/31 --aux-address a=10.0.0.1 n\ndocker run --network n x",
		"podman network create -d macvlan -o parent=eth0 --subnet 10.0.0.0/24 --ip-range 10.0.0.9-10.0.0.3 n\npodman run --network n x",
		"docker network create n\ndocker run --network n --name ÄÖ x\ndocker run --network container:ÄÖ x\ndocker run --network none x",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		in, err := command.Read("fuzz.sh", []byte(text))
		if err != nil || len(in.Networks)+len(in.Endpoints) > 40 {
			return
		}
		for _, around := range []advice.Surroundings{{}, {Docker: "20.10", Complete: true}} {
			d, err := NewDraft(in, around)
			if err != nil {
				t.Fatal(err)
			}
			unique(t, d)
			d.pairs()
		}
	})
}
