package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/capture"
	"github.com/lanproof/lanproof/internal/rtnl"
)

// changes are the benchmarks of devices that are changed while they are up.
func changes() []Benchmark {
	macvlans, ipvlans := []string{"private", "vepa", "bridge"}, []string{"l2", "l3"}
	all := []Benchmark{
		sampled("mode/macvlan", "Changes of a macvlan's mode: private, vepa, bridge, and again.", kindOf("macvlan-bridge").wants(),
			func(ctx context.Context, s *site) ([]Figure, error) {
				return changeMode(ctx, s, "macvlan-bridge", func(i int) []rtnl.Attr {
					return rtnl.Macvlan(macvlans[i%len(macvlans)], nil, nil, nil, nil)
				})
			}),
		sampled("mode/ipvlan", "Changes of an ipvlan's mode: l3, l2, and again.", kindOf("ipvlan-l2").wants(),
			func(ctx context.Context, s *site) ([]Figure, error) {
				return changeMode(ctx, s, "ipvlan-l2", func(i int) []rtnl.Attr { return rtnl.Ipvlan(ipvlans[(i+1)%len(ipvlans)], "") })
			}),
	}
	for _, name := range []string{"veth", "bridge", "dummy", "macvlan-bridge", "vlan"} {
		all = append(all, sampled("mac/"+name, "Changes of a device's MAC address.", kindOf(name).wants(),
			func(ctx context.Context, s *site) ([]Figure, error) {
				return changeMAC(ctx, s, name, func(child int) int { return child })
			}))
	}
	for _, name := range []string{"macvlan-bridge", "ipvlan-l2", "vlan"} {
		all = append(all, sampled("mac/parent-of-"+name, "Changes of the MAC address of a parent with a child.", kindOf(name).wants(),
			func(ctx context.Context, s *site) ([]Figure, error) {
				return changeMAC(ctx, s, name, func(int) int { return s.parent })
			}))
	}
	return all
}

func changeMode(ctx context.Context, s *site, name string, mode func(i int) []rtnl.Attr) ([]Figure, error) {
	const n = 200
	links, err := s.raise(kindOf(name), 1, 0)
	if err != nil {
		return nil, err
	}
	requests := make([]*rtnl.Request, n)
	for i := range requests {
		requests[i] = s.conn.PrepareSet(links[0].Index, &rtnl.Change{Kind: links[0].Kind, Data: mode(i)})
	}
	took, err := s.each(ctx, requests)
	if err != nil {
		return nil, fmt.Errorf("change a mode: %w", err)
	}
	return []Figure{s.rules.Rate("change", n, took, oneMessage)}, nil
}

func changeMAC(ctx context.Context, s *site, name string, which func(child int) int) ([]Figure, error) {
	const n = 20
	links, err := s.raise(kindOf(name), 1, 0)
	if err != nil {
		return nil, err
	}
	index := which(links[len(links)-1].Index)
	requests := make([]*rtnl.Request, n)
	for i := range requests {
		requests[i] = s.conn.PrepareSet(index, &rtnl.Change{MAC: mac(1000 + i)})
	}
	took, err := s.each(ctx, requests)
	if err != nil {
		return nil, fmt.Errorf("change a MAC address: %w", err)
	}
	return []Figure{s.rules.Rate("change", n, took, oneMessage)}, nil
}

// firstFrames are the benchmarks of how soon a new device is of use.
func firstFrames() []Benchmark {
	var all []Benchmark
	for _, k := range children() {
		if k.name == "ipvlan-l3" || k.name == "ipvlan-l3s" {
			continue // what they send leaves by their host's routes, if it has any
		}
		all = append(all, sampled("first-frame/"+k.name,
			"From the message that makes a child to its first frame at the far end: made, brought up, sent, received.", k.wants(),
			func(ctx context.Context, s *site) ([]Figure, error) { return firstFrame(ctx, s, k) }))
	}
	return all
}

// probeType is the EtherType of our frames (IEEE 802: local experimental), and fenceType
// that of those that are waited for.
const (
	probeType = 0x88b5
	fenceType = 0x88b6
)

// firstFrame makes children one after another, brings each up and has it send.
func firstFrame(ctx context.Context, s *site, k kind) ([]Figure, error) {
	const n = 10
	first, err := s.plan(k, n)
	if err != nil {
		return nil, err
	}
	each := len(first) / n
	tap, err := capture.Open(s.far, capture.Config{Protocol: fenceType, Plain: true, IgnoreOutgoing: true})
	if err != nil {
		return nil, err
	}
	sender, err := capture.Open(s.host, capture.Config{SendOnly: true})
	if err != nil {
		return nil, errors.Join(err, tap.Close())
	}
	requests := s.news(first)
	for i := range n { // made, then brought up, one device after the other
		for j := range each {
			requests = slices.Insert(requests, (2*i+1)*each+j, s.conn.PrepareSet(first[i*each+j].Index, &rtnl.Change{Up: up()}))
		}
	}
	took, err := s.repeat(ctx, n, func(i int) error {
		for _, r := range requests[2*i*each : 2*(i+1)*each] {
			if err := r.Do(); err != nil {
				return fmt.Errorf("make a child or bring it up: %w", err)
			}
		}
		return send(ctx, sender, first[(i+1)*each-1].Index, tap)
	})
	return []Figure{s.rules.Per("op", n, took, "AF_PACKET")}, errors.Join(err, capture.CloseAll(tap, sender))
}

// send sends a frame from a device and waits for it at a tap. A device that is not
// ready loses what it is to send; then it is sent again.
func send(ctx context.Context, from *capture.Tap, index int, to *capture.Tap) error {
	const again, most = 10 * time.Millisecond, 1000
	frame := frameTo(everybody(), nil, fenceType, nil)
	for range most {
		if err := from.Send(index, fenceType, frame); err != nil {
			return fmt.Errorf("send a first frame: %w", err)
		}
		came, err := capture.Wait(ctx, time.Now().Add(again), to)
		if err != nil {
			return fmt.Errorf("wait for a first frame: %w", err)
		}
		if came {
			_, _, err := to.Read()
			return err
		}
	}
	return fmt.Errorf("a first frame was sent %d times and never came: %w", most, unix.ETIMEDOUT)
}

// dumps are the benchmarks of listing all devices.
func dumps() []Benchmark {
	const n, times = 1000, 5
	var all []Benchmark
	for _, name := range []string{"macvlan-bridge", "ipvlan-l2", "vlan"} {
		k := kindOf(name)
		all = append(all, sampled(fmt.Sprintf("dump/%s/links=%d", name, n), "All devices of a namespace listed by netlink.", k.wants(),
			func(ctx context.Context, s *site) ([]Figure, error) {
				links, err := s.plan(k, n)
				if err == nil {
					err = s.make(links)
				}
				if err != nil {
					return nil, err
				}
				request := s.conn.PrepareList()
				took, err := s.repeat(ctx, times, func(int) error {
					got, err := request.Count()
					if err == nil && got < n {
						err = fmt.Errorf("%d came, there are %d at least", got, n)
					}
					return err
				})
				if err != nil {
					return nil, fmt.Errorf("list the devices: %w", err)
				}
				return []Figure{s.rules.Per("op", times, took, "RTM_GETLINK")}, err
			}))
	}
	return all
}
