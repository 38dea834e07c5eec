package advice_test

import (
	"strings"
	"testing"

	"github.com/lanproof/lanproof/advice"
)

// TestUnmade holds that of a network which is not made nothing is told but what is wrong
// with the file, once for each fault.
func TestUnmade(t *testing.T) {
	const plain = "network lan macvlan o:parent=eth0 subnet=192.168.1.0/24"
	for name, test := range map[string]struct{ text, want string }{
		"nothing of who reaches whom":         {lan + " o:macvlan_mode=brigde\nrun web on lan", "mode-invalid"},
		"nor of addresses that nobody gets":   {plain + " gateway=10.0.0.1\nrun web on lan\nrun db on lan ip=192.168.1.2", "gateway-outside-subnet"},
		"nor of addresses out of the range":   {lan + " range=192.168.2.0/24\nrun web on lan\nrun db on lan ip=192.168.1.2", "ip-range-invalid"},
		"nor of default routes":               {lan + " o:macvlan_mode=brigde\nnetwork back bridge subnet=10.1.0.0/24 gateway=10.1.0.1\nrun web on lan on back", "mode-invalid"},
		"each fault of the network":           {plain + " gateway=10.0.0.1 range=192.168.2.0/24 o:macvlan_mode=brigde\nrun web on lan", "gateway-outside-subnet ip-range-invalid mode-invalid"},
		"what stays wrong when it is mended":  {plain + " o:macvlan_mode=brigde o:mode=x\nrun web port=80:80 on lan ip=10.9.9.9", "mode-invalid address-outside-subnet gateway-missing option-unknown ports-ignored"},
		"a gateway that is missing":           {plain + " o:macvlan_mode=brigde\nrun web on lan", "mode-invalid gateway-missing"},
		"one that is refused by the program":  {lan + "\nrefused lan unknown flag: --gatewaye\nrun web on lan", "command-refused"},
		"a name that is taken is another's":   {lan + "\nnetwork two macvlan o:parent=eth1 subnet=10.0.0.0/24\nrefused lan network with name lan already exists\nrun web on lan", "command-refused host-unreachable host-unreachable gateway-missing network-unused"},
		"one without a plugin":                {"network lan macvlan o:parent=eth0 ipam=dhcp\nrun web on lan ip=192.168.1.10", "ipam-unknown"},
		"one by Podman":                       {lan + " engine=podman o:macvlan_mode=private\nrun web on lan", "podman-option-unsupported"},
		"others are told of":                  {lan + " o:macvlan_mode=brigde\nnetwork two macvlan o:parent=eth1 subnet=10.0.0.0/24 gateway=10.0.0.1\nrun web on lan\nrun db on two", "mode-invalid host-unreachable"},
		"what no plugin looks at is no fault": {"network lan macvlan o:master=eth0 ipam=host-local subnet=192.168.1.0/24 gateway=10.0.0.1 engine=cni\nrun web on lan", "host-unreachable address-not-excluded gateway-outside-subnet"},
	} {
		t.Run(name, func(t *testing.T) {
			in := written(t, test.text)
			if !strings.Contains(test.text, "already exists") {
				for i := range in.Refused {
					in.Refused[i].Command = in.Networks[0].Place
				}
			}
			if got := ids(advice.Of(in, advice.Surroundings{})); got != test.want {
				t.Errorf("warnings %q, want %q", got, test.want)
			}
		})
	}
}
