package run

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestProtocolCounters(t *testing.T) {
	got := protocolCounters([]byte("Ip: Forwarding InDiscards\nIp: 1 2\nIp6InDiscards   \t3\nTcp: MaxConn\nTcp: -1\nUdp: A B\nUdp: 1\nrubbish\n\n"))
	if d := cmp.Diff(map[string]uint64{"Ip.Forwarding": 1, "Ip.InDiscards": 2, "Ip6InDiscards": 3}, got); d != "" {
		t.Error(d)
	}
}

func FuzzProtocolCounters(f *testing.F) {
	f.Add([]byte("Ip: Forwarding InDiscards\nIp: 1 2\n"))
	f.Add([]byte("Ip6InDiscards 3\n: :\n: :\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		for name := range protocolCounters(text) {
			if strings.ContainsAny(name, " \n") {
				t.Errorf("%q is no name", name)
			}
		}
	})
}
