package advice_test

import (
	"testing"

	"github.com/lanproof/lanproof/advice"
	"github.com/lanproof/lanproof/intent/command"
	"github.com/lanproof/lanproof/scenarios"
)

// FuzzOf holds that no file, whatever stands in it, leads to a warning without words or to
// a trial that cannot be loaded.
func FuzzOf(f *testing.F) {
	for _, seed := range []string{
		"docker network create -d macvlan -o parent=eth0 --subnet 192.168.1.0/24 --gateway 192.168.1.1 lan\ndocker run --network lan --ip 192.168.1.1 -p 80:80 --name web nginx",
		"docker network create -d ipvlan -o parent=lo -o ipvlan_mode=l3 --subnet 10.0.0.5/31 --ip-range 10.0.0.4/32 a.b\ndocker run --net a.b --mac-address 01:00:00:00:00:00 --name host x\ndocker run --net a.b --name lan x",
		"docker network create -d macvlan --ipv6 --subnet fd00::/127 --subnet 10.0.0.0/32 --aux-address a=10.0.0.0 gateway\ndocker run --net gateway --name gateway x\ndocker run --net gateway --name switch x",
		"podman network create -d macvlan -o parent=eth0.50.1 -o mtu=x --subnet 0.0.0.0/0 _\npodman run --network _ --ip6 ::1 --name / x",
		"docker network create -d macvlan -o parent=../.. --subnet 255.255.255.255/32 -o macvlan_mode=passthru x\ndocker run --net x --name a x\ndocker network connect --ip 1.1.1.1 x a",
	} {
		f.Add(seed, "29")
	}
	f.Fuzz(func(t *testing.T, text, docker string) {
		in, err := command.Read("fuzz", []byte(text))
		if err != nil {
			return
		}
		seen := map[*advice.Trial]bool{}
		for _, w := range advice.Of(in, advice.Surroundings{Docker: docker}) {
			if w.Text == "" || w.ID == "" || w.Severity == "" {
				t.Errorf("a warning without words: %+v", w)
			}
			if w.Trial == nil || seen[w.Trial] {
				continue
			}
			seen[w.Trial] = true
			text, err := scenarios.Write(w.Trial.Scenario)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := scenarios.Load(w.Trial.Scenario.Name+".yaml", text); err != nil {
				t.Fatalf("%s: %v\n%s", w.ID, err, text)
			}
		}
	})
}
