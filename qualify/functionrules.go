package qualify

import (
	"fmt"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/lanproof/lanproof/capture/frames"
	"github.com/lanproof/lanproof/internal/rtnl"
	"github.com/lanproof/lanproof/probe/mark"
	"github.com/lanproof/lanproof/qualify/record"
)

func trustFunctions(m *Measurement) error {
	f, err := m.functions(1)
	if err != nil {
		return err
	}
	if err := f.trust(0, false); err != nil {
		return err
	}
	without, err := f.secondAddress(false)
	if err != nil {
		return err
	}
	if err := f.trust(0, true); err != nil {
		return err
	}
	with, err := f.secondAddress(true)
	if err != nil {
		return err
	}
	m.Result.Features = append(m.Result.Features, record.Feature{
		Name: "vf trust", Says: "off, then on", Observed: "a macvlan's address: " + without + ", then " + with,
		Agrees: with == "heard" && without != "heard",
	})
	m.Observed("a macvlan on a virtual function that is not trusted is %s, and on one that is trusted it is %s", without, with)
	return nil
}

// secondAddress puts a macvlan on the virtual function, and says what becomes of frames
// to it. What comes in is looked for below the macvlan, where others are known to come.
func (f *functions) secondAddress(trusted bool) (string, error) {
	vf, name := f.all[0], "trust "+word(trusted)
	want := map[bool]record.Want{true: record.All, false: record.None}[trusted]
	child, err := f.Macvlan(vf, f.DUT.Yard)
	if err != nil && !trusted {
		f.Measured("macvlan on a virtual function that is not trusted", "refused: %v", err)
		return "refused", nil
	}
	if err != nil {
		return "", err
	}
	trials, err := f.Try(
		f.ask(name+": own address", vf.MAC, vf, record.All),
		f.ask(name+": macvlan's address", child.MAC, vf, want),
	)
	if err != nil {
		return "", err
	}
	sent, err := f.Look(reach(name+": from the macvlan", child, f.Peer.Device, f.Peer.MAC, record.Any))
	if err != nil {
		return "", err
	}
	f.Measured(name+": frames of the macvlan that come to the wire", "%d of %d", sent[0].Seen, sent[0].Sent())
	if err := f.Remove(child); err != nil {
		return "", err
	}
	if err := f.Change(vf, "promiscuous mode", rtnl.Change{Promisc: ptr(true)}, rtnl.Change{Promisc: ptr(false)}); err != nil {
		return "", err
	}
	nobody := record.None
	if trusted { // it may be allowed to hear everything, and need not be
		nobody = record.Any
	}
	prying, err := f.Try(f.ask(name+", promiscuous: unknown unicast", f.Address(), vf, nobody))
	if err != nil {
		return "", err
	}
	f.Measured(name+", promiscuous: unknown unicast", "%d of %d", prying[0].Seen, prying[0].Sent())
	if err := vf.Set("promiscuous mode", rtnl.Change{Promisc: ptr(false)}); err != nil {
		return "", err
	}
	return map[bool]string{true: "heard", false: "not heard"}[trials[1].Seen > 0], nil
}

func checkSources(m *Measurement) error {
	f, err := m.functions(1)
	if err != nil {
		return err
	}
	text := ""
	for _, on := range []bool{true, false} {
		if err := f.check(0, on); err != nil {
			return err
		}
		want := map[bool]record.Want{true: record.None, false: record.All}[on]
		name := "spoofchk " + word(on)
		foreign := reach(name+": another's source address", f.all[0], m.Peer.Device, m.Peer.MAC, want)
		foreign.Source = m.Address()
		trials, err := m.Try(foreign, reach(name+": own source address", f.all[0], m.Peer.Device, m.Peer.MAC, record.All))
		if err != nil {
			return err
		}
		m.Result.Features = append(m.Result.Features, record.Feature{
			Name: "vf spoofchk", Says: word(on), Agrees: on == (trials[0].Seen == 0),
			Observed: fmt.Sprintf("%d of %d frames with another's source address come to the wire", trials[0].Seen, trials[0].Sent()),
		})
		text += fmt.Sprintf("%s: of frames with another's source address %d of %d come to the wire; ", name, trials[0].Seen, trials[0].Sent())
	}
	m.Observed("%s", text[:len(text)-2])
	return nil
}

func hostVLAN(m *Measurement) error {
	f, err := m.functions(1)
	if err != nil {
		return err
	}
	if err := f.overhear(); err != nil { // the peer's own filter must not eat what comes out
		return err
	}
	const vid = 77
	vf, tags := f.all[0], tagged(frames.TPID8021Q, vid)
	if err := f.vlan(0, vid); err != nil {
		return err
	}
	vf.Tags = tags
	own := func(name string, tags []frames.Tag, want record.Want) Ask {
		ask := m.ask(name, vf.MAC, vf, want)
		ask.Tags, ask.Tagged = tags, record.Untagged
		return ask
	}
	out := reach("VLAN 77: sent untagged, on the wire", vf, m.Peer.Device, m.Peer.MAC, record.All)
	out.Tagged = record.TagText(tags)
	set, err := m.Try(out,
		own("VLAN 77: VID 77", tags, record.All),
		own("VLAN 77: VID 78", tagged(frames.TPID8021Q, vid+1), record.None),
		own("VLAN 77: untagged", nil, record.None),
	)
	if err != nil {
		return err
	}
	if err := f.vlan(0, 0); err != nil {
		return err
	}
	vf.Tags = nil
	back := reach("VLAN taken back: sent untagged, on the wire", vf, m.Peer.Device, m.Peer.MAC, record.All)
	back.Tagged = record.Untagged
	if _, err := m.Try(back, own("VLAN taken back: untagged", nil, record.All)); err != nil {
		return err
	}
	m.observe(set)
	return nil
}

// vlan has the host put a virtual function into a VLAN, or take it out with 0.
func (f *functions) vlan(id, vid int) error {
	if err := f.set("VLAN", id, func(l netlink.Link) error { return f.host.LinkSetVfVlan(l, id, vid) }); err != nil {
		return err
	}
	v, err := f.info(id)
	if err != nil {
		return err
	}
	f.Fact(fmt.Sprintf("VLAN of virtual function %d, set to %d", id, vid), fmt.Sprint(vid), fmt.Sprint(v.Vlan))
	return nil
}

// The states of a virtual function's link (include/uapi/linux/if_link.h).
const (
	linkAuto    = 0
	linkEnable  = 1
	linkDisable = 2
)

func setLinkState(m *Measurement) error {
	f, err := m.functions(1)
	if err != nil {
		return err
	}
	for _, state := range []struct {
		name  string
		state uint32
	}{{"disable", linkDisable}, {"enable", linkEnable}, {"auto", linkAuto}} {
		err := f.set("link state", 0, func(l netlink.Link) error { return f.host.LinkSetVfState(l, 0, state.state) })
		if err != nil {
			return err
		}
		v, err := f.info(0)
		if err != nil {
			return err
		}
		m.Fact("link state when set to "+state.name, fmt.Sprint(state.state), fmt.Sprint(v.LinkState))
		if err := f.linkIs(state.name, state.state != linkDisable); err != nil {
			return err
		}
	}
	m.Observed("with disable it had no link, with enable and auto it had one")
	return nil
}

// linkIs looks at the carrier of the virtual function, and at frames to it and from it.
func (f *functions) linkIs(state string, on bool) error {
	vf := f.all[0]
	if on {
		if err := vf.awaitCarrier(f.ctx); err != nil {
			return err
		}
		_, err := f.Try(f.ask(state+": own address", vf.MAC, vf, record.All),
			reach(state+": from the virtual function", vf, f.Peer.Device, f.Peer.MAC, record.All))
		return err
	}
	// No fence passes a link that is not there: it is waited for, as long as any change
	// may take, and nothing may have come by then.
	first := f.seq + 1
	for end := time.Now().Add(quietTime + settleLimit); time.Now().Before(end); {
		first = f.seq + 1
		for range inFlight {
			_ = f.shoot(&Shot{From: f.Peer.Device, Dest: vf.MAC}, f.numbers(1), mark.Probe)
			_ = f.shoot(&Shot{From: vf, Dest: f.Peer.MAC}, f.numbers(1), mark.Probe)
		}
		if _, err := f.await(f.ctx, time.Now().Add(quietTime), func() bool { return false }); err != nil {
			return err
		}
	}
	s, err := vf.State()
	if err != nil {
		return err
	}
	f.Fact(state+": carrier of the virtual function", "false", fmt.Sprint(s.Carrier))
	f.Fact(state+": frames that come to it", "0", fmt.Sprint(f.arrived(vf, first, f.seq)))
	f.Fact(state+": frames of it that come to the peer", "0", fmt.Sprint(f.arrived(f.Peer.Device, first, f.seq)))
	return nil
}
