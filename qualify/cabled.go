package qualify

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/lanproof/lanproof/capture"
	"github.com/lanproof/lanproof/internal/netns"
	"github.com/lanproof/lanproof/internal/rtnl"
	"github.com/lanproof/lanproof/probe/mark"
)

// cabled makes sure that the ports see each other's frames. Where they do not, it says
// who sees whose, among the ports and all other devices of the machine.
func (g *Rig) cabled(ctx context.Context, home *netns.NS) error {
	g.tape = newTape(g.run, "who sees whose frames")
	var missing []string
	for _, way := range [][2]*Side{{g.DUT, g.Peer}, {g.Peer, g.DUT}} {
		seen, err := g.sees(ctx, way[1].Device, way[0].Device)
		if err != nil {
			return err
		}
		if !seen {
			missing = append(missing, fmt.Sprintf("%s sees no frame of %s", way[1].Name, way[0].Name))
		}
	}
	if len(missing) == 0 {
		return nil
	}
	others, err := g.elsewhere(ctx, home)
	if err != nil {
		others = fmt.Sprintf("whether another device sees them could not be found out: %v", err)
	}
	return fmt.Errorf("the ports are not joined by a cable or a plain switch: %s; %s", strings.Join(missing, " and "), others)
}

// sees reports whether a port gets anything of another one: what is sent to all, or at
// least what is sent to itself.
func (g *Rig) sees(ctx context.Context, at, from *Device) (bool, error) {
	w := &window{Rig: g}
	for _, dest := range []net.HardwareAddr{broadcast, at.MAC} {
		f := &fence{Shot: Shot{From: from, Dest: dest}, at: at}
		if err := w.pass(ctx, f, leadLimit); err != nil || !f.lost {
			return err == nil, err
		}
	}
	return false, nil
}

// elsewhereTime is how long other devices are listened to.
const elsewhereTime = time.Second

// elsewhere sends frames from both ports and says which other devices of the machine
// see them. It only listens there.
func (g *Rig) elsewhere(ctx context.Context, home *netns.NS) (text string, err error) {
	links, err := linksOf(home)
	if err != nil {
		return "", err
	}
	tap, err := capture.Open(home, capture.Config{IgnoreOutgoing: true})
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, tap.Close()) }()
	senders := map[uint32]*Device{}
	for _, s := range []*Side{g.DUT, g.Peer} {
		for range inFlight {
			n := g.numbers(1)
			senders[n] = s.Device
			if err := g.shoot(&Shot{From: s.Device, Dest: broadcast}, n, mark.Probe); err != nil {
				return "", err
			}
		}
	}
	seen := map[string]bool{}
	for end := time.Now().Add(elsewhereTime); ; {
		f, ok, err := tap.Read()
		if err != nil {
			return "", err
		}
		if m, _, is := mark.Find(f.Data); ok && is && m.Run == g.run && senders[m.Seq] != nil {
			seen[fmt.Sprintf("%s sees frames of %s", links[f.Index], senders[m.Seq].Name)] = true
		}
		if ok {
			continue
		}
		if ready, err := capture.Wait(ctx, end, tap); err != nil || !ready {
			return sentence(seen), err
		}
	}
}

func sentence(seen map[string]bool) string {
	if len(seen) == 0 {
		return "no other device of this machine sees them"
	}
	var all []string
	for s := range seen {
		all = append(all, s)
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

// linksOf are the names of a namespace's devices by their index.
func linksOf(ns *netns.NS) (map[int]string, error) {
	names := map[int]string{}
	err := ns.Do(func() error {
		c, err := rtnl.OpenHere()
		if err != nil {
			return err
		}
		defer c.Close()
		links, err := c.Links()
		for _, l := range links {
			names[l.Index] = l.Name
		}
		return err
	})
	return names, err
}
