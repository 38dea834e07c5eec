package rtnl_test

import (
	"errors"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/internal/rtnl"
)

func TestRequest(t *testing.T) {
	p := newPlace(t)
	count := func() int {
		n, err := p.conn.PrepareList().Count()
		p.must(err)
		return n
	}
	none := count()
	in := func(group uint32, l *rtnl.Link) *rtnl.Link {
		l.Instead = []rtnl.Attr{rtnl.U32(unix.IFLA_GROUP, group)}
		return l
	}
	for i, name := range []string{"b1", "b2", "b3"} {
		p.must(p.conn.PrepareNew(in(uint32(1+i/2), &rtnl.Link{Name: name, Kind: "bridge", Index: 10 + i})).Do())
	}
	if n := count(); n != none+3 {
		t.Errorf("%d devices, %d were there and 3 were made", n, none)
	}
	up := true
	p.must(p.conn.PrepareSet(10, &rtnl.Change{Up: &up}).Do())
	if !p.state("b1").Up() {
		t.Error("b1 is not up")
	}
	p.must(p.conn.PrepareDeleteGroup(1).Do())
	p.must(p.conn.PrepareDelete(12).Do())
	if n := count(); n != none {
		t.Errorf("%d devices are left of %d", n, none)
	}
	// The library's own way takes turns with it.
	p.must(p.conn.NewLink(&rtnl.Link{Name: "b4", Kind: "bridge"}))
}

func TestRequestRefused(t *testing.T) {
	p := newPlace(t)
	err := p.conn.PrepareNew(&rtnl.Link{Name: "x", Kind: "no-such-kind"}).Do()
	if !errors.Is(err, unix.EOPNOTSUPP) || !strings.Contains(err.Error(), "Unknown device type") {
		t.Errorf("a kind that is not there: %v", err)
	}
	if err := p.conn.PrepareDelete(4711).Do(); !errors.Is(err, unix.ENODEV) {
		t.Errorf("a device that is not there: %v", err)
	}
}

// TestRequestLong lists more than fits into one answer.
func TestRequestLong(t *testing.T) {
	p := newPlace(t)
	const n = 200
	for range n {
		p.must(p.conn.PrepareNew(&rtnl.Link{Kind: "bridge", Name: "br%d"}).Do())
	}
	all, err := p.conn.Links()
	p.must(err)
	if got, err := p.conn.PrepareList().Count(); err != nil || got != len(all) || got <= n {
		t.Errorf("counted %d, %v; there are %d", got, err, len(all))
	}
}
