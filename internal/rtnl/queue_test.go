package rtnl_test

import (
	"net"
	"os/exec"
	"testing"

	"github.com/lanproof/lanproof/internal/rtnl"
)

// TestQueueDrops sends into a queue that has room for nothing.
func TestQueueDrops(t *testing.T) {
	tc, err := exec.LookPath("tc")
	if err != nil {
		t.Skip(err)
	}
	p := newPlace(t)
	const lo = 1
	up := true
	p.must(p.conn.SetLink(lo, &rtnl.Change{Up: &up}))
	p.must(p.ns.Do(func() error {
		return exec.Command(tc, "qdisc", "add", "dev", "lo", "root", "pfifo", "limit", "0").Run()
	}))
	before, err := p.conn.QueueDrops()
	p.must(err)
	const sent = 3
	p.must(p.ns.Do(func() error {
		c, err := net.Dial("udp", "127.0.0.1:9")
		if err != nil {
			return err
		}
		defer c.Close()
		for range sent {
			if _, err := c.Write([]byte("x")); err != nil {
				return err
			}
		}
		return nil
	}))
	after, err := p.conn.QueueDrops()
	p.must(err)
	if n := after[lo] - before[lo]; n != sent {
		t.Errorf("the queue dropped %d, want %d", n, sent)
	}
}
