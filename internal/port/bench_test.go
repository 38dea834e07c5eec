package port_test

import (
	"testing"

	"github.com/lanproof/lanproof/internal/netns"
	"github.com/lanproof/lanproof/internal/port"
	"github.com/lanproof/lanproof/internal/rtnl"
)

// BenchmarkLoan lends a port out and takes it back.
func BenchmarkLoan(b *testing.B) {
	all, err := netns.NewEach(2, func(int, *netns.NS) error { return nil })
	if err != nil {
		b.Skip(err)
	}
	defer func() { _, _ = all[0].Close(), all[1].Close() }()
	dir := b.TempDir()
	err = all[0].Do(func() error {
		c, err := rtnl.OpenHere()
		if err != nil {
			return err
		}
		defer c.Close()
		if err := c.NewLink(&rtnl.Link{Name: "enp1s0", Kind: "veth", Peer: &rtnl.Link{Name: "cable"}}); err != nil {
			return err
		}
		for b.Loop() {
			l, err := port.Borrow("enp1s0", all[1], port.Options{Dir: dir})
			if err != nil {
				return err
			}
			if d, err := l.Return(); err != nil || len(d) > 0 {
				b.Error(d, err)
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
}
