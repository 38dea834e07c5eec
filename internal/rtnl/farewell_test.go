package rtnl_test

import (
	"context"
	"errors"
	"testing"

	"github.com/lanproof/lanproof/internal/netns"
	"github.com/lanproof/lanproof/internal/rtnl"
)

func (p *place) farewells() *rtnl.Farewells {
	p.t.Helper()
	var f *rtnl.Farewells
	p.must(p.ns.Do(func() (err error) { f, err = rtnl.WatchFarewellsHere(); return err }))
	p.t.Cleanup(func() { p.must(f.Close()) })
	return f
}

func TestFarewells(t *testing.T) {
	here, events := newPlace(t), (*rtnl.Farewells)(nil)
	events = here.farewells()
	other, err := netns.New()
	here.must(err)
	here.must(here.conn.NameNS(other.FD(), 7))
	here.must(here.conn.NewLink(&rtnl.Link{Name: "v0", Kind: "veth", Index: 20, Peer: &rtnl.Link{Name: "v1", NS: other.FD()}}))
	here.must(other.Close())

	missing := map[rtnl.Farewell]bool{{NSID: 7}: true, {Index: 20}: true}
	for len(missing) > 0 {
		got, err := events.Next(t.Context())
		here.must(err)
		for _, f := range got {
			if !missing[f] {
				t.Errorf("farewell from %+v, who was not there", f)
			}
			delete(missing, f)
		}
	}
}

func TestFarewellsCancelled(t *testing.T) {
	here := newPlace(t)
	events := here.farewells()
	why := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	if got, err := events.Next(ctx); !errors.Is(err, why) {
		t.Errorf("Next = %v, %v", got, err)
	}
	// It can be used on.
	here.must(here.conn.NewLink(&rtnl.Link{Name: "v0", Kind: "veth", Index: 20, Peer: &rtnl.Link{Name: "v1"}}))
	here.must(here.conn.DeleteLink(20))
	if _, err := events.Next(t.Context()); err != nil {
		t.Error(err)
	}
}
