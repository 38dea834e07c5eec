package spell

import (
	"strings"
	"testing"
)

func TestClosest(t *testing.T) {
	words := []string{"gateway", "subnet", "ip_range", "mac", "l2", "l3s", "0x8100", "EBUSY"}
	for word, want := range map[string]string{
		"gatway": "gateway", "getaway": "gateway", "gatewya": "gateway", "Subnet": "subnet", "subnets": "subnet",
		"iprange": "ip_range", "mca": "mac", "ma": "", "l4": "", "xyz": "", "": "", "0x9100": "", "ebusy": "EBUSY",
		strings.Repeat("gateway", 1000): "", "wayga": "", "gätway": "",
	} {
		if got := Closest(word, words); got != want {
			t.Errorf("%.20q: %q, want %q", word, got, want)
		}
	}
}
