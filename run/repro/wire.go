package repro

import (
	"fmt"
	"net"
	"regexp"

	"github.com/lanproof/lanproof/topology"
)

// Wire asks how frames of some devices look where they come out of their host.
type Wire struct{ Senders []Sender }

// Sender is a device, and what its frames must carry.
type Sender struct {
	From topology.Ref
	// MAC is the source address; nil where it may be any.
	MAC net.HardwareAddr
	// Tags are asked for with Tagged, outermost first.
	Tagged bool
	Tags   []topology.Tag
	// PCPs are the tags' priorities.
	PCPs []int
}

func (s *Wire) nodes() []string {
	nodes := []string{topology.SwitchNode}
	for _, sender := range s.Senders {
		nodes = append(nodes, sender.From.Node)
	}
	return nodes
}

// pattern is what a frame must look like in a line of tcpdump.
func (s *Sender) pattern() string {
	p := ""
	if s.MAC != nil {
		p = " " + regexp.QuoteMeta(s.MAC.String())
	}
	p += " > ff:ff:ff:ff:ff:ff"
	if !s.Tagged {
		return p
	}
	for i, t := range s.Tags {
		p += fmt.Sprintf(`, ethertype [^ ]+ \(0x%04x\)(, length [0-9]+:|,) vlan %d, p %d`, t.TPID, t.VID, s.PCPs[i])
	}
	return p + ", ethertype ARP "
}

func (s *Wire) write(w *writer) error {
	type look struct{ port, node, device, to, pattern string }
	var looks []look
	for i, sender := range s.Senders {
		d := w.script.LAN.Device(sender.From)
		if d == nil {
			return unsayable("what a device sends that is not there any more: %s", sender.From)
		}
		if d.Kind == topology.KindIpvlan && d.Mode != "l2" {
			return unsayable("what an ipvlan in layer 3 sends, which sends no broadcasts")
		}
		at, _, ok := w.script.LAN.Wire(d)
		if !ok {
			return unsayable("what %s sends on the wire: nothing under it is plugged into the switch", sender.From)
		}
		// Each has addresses of its own: ipvlans of one parent may not share any, and
		// what the one before has sent is not taken for this one's.
		w.line("%saddress add 198.18.%d.1%s dev %s", w.ip(d.Node), i, testBits, d.Link)
		looks = append(looks, look{at.Link, w.name(d.Node), d.Link, fmt.Sprintf("198.18.%d.2", i), sender.pattern()})
	}
	w.line(`on_wire() { # PORT NODE DEVICE ADDRESS: a broadcast of the device, as it comes to the switch
	ip netns exec "$2" arping -b -c 10 -w 10 -I "$3" "$4" >/dev/null 2>&1 &
	sender=$!
	found=0
	%stimeout 10 tcpdump -l -nn -e -Q in -i "$1" 2>&1 | {
		seen=2 # tcpdump could not look
		while read -r line; do
			case $line in
			"listening on "*) seen=1 ;;
			*"who-has $4 "*) echo "$line"; exit 0 ;;
			esac
		done
		exit "$seen"
	} || found=$?
	kill "$sender" 2>/dev/null || :
	return "$found"
}
holds() {
	command -v tcpdump >/dev/null || return 2`, w.in(topology.SwitchNode))
	for _, l := range looks {
		w.line("\tframe=$(on_wire %s %s %s %s) || return $?", l.port, l.node, l.device, l.to)
		w.line("\techo \"$frame\"\n\techo \"$frame\" | grep -qE -e %s || return 1", quote(l.pattern))
	}
	w.line("}")
	return nil
}
