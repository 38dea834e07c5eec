package answer

import (
	"testing"

	"github.com/lanproof/lanproof/advice"
)

// Nothing is said of addresses that are not known. A network of whose subnet nothing is known is left out; nobody on it is blamed for an
// address that lies in no other one.
func TestUnknownAddresses(t *testing.T) {
	text := "docker network create -d macvlan -o parent=eth0 --subnet $SUBNET lan\ndocker run --network lan --ip 10.9.0.1 nginx\n" +
		"docker network create -d macvlan -o parent=eth1 --subnet 10.8.0.0/24 dmz\ndocker run --name a --network dmz --ip $IP nginx\n"
	in := reads(t, "nets.sh", text)
	d, err := NewDraft(in, advice.Surroundings{})
	if err != nil {
		t.Fatal(err)
	}
	if len(d.LeftOut) == 0 || d.LeftOut[0].Name != "lan" || d.LeftOut[0].Why != "its subnet is not known here" || len(d.Refused) > 0 {
		t.Errorf("left out: %v, refused: %v", d.LeftOut, d.Refused)
	}
	for _, e := range d.Endpoints {
		if e.IPv4 != "" {
			t.Errorf("%s has %s, of which nothing is known", e.Name, e.IPv4)
		}
	}
	for _, w := range advice.Of(in, advice.Surroundings{}) {
		if w.ID == "address-outside-subnet" || w.ID == "address-not-excluded" {
			t.Errorf("%s: %s", w.ID, w.Text)
		}
	}
}
