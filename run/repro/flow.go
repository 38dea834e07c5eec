package repro

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/topology"
)

// Flow asks whether frames of one kind arrive, or their answers.
type Flow struct {
	Want           bool // it is expected that they do
	From, To       topology.Ref
	Kind           string // icmp, udp, arp, nd or raw
	Cast           string // unicast or broadcast
	Source, Target netip.Addr
	Bind           bool // the sender's socket is bound to its device
	Static         bool // neighbours are known beforehand
	Size           int  // of the payload in bytes; 0 is any
	Errno          unix.Errno
	// Other is what else the flow asks for that a shell has no tool for, such as
	// tags; empty when there is nothing.
	Other string
}

func (f *Flow) nodes() []string { return []string{f.From.Node, f.To.Node} }

// Addresses of raw frames, for tests of networks (RFC 2544, RFC 6890): no tool of
// iproute2 or iputils sends frames of another EtherType, so these stand for them.
const (
	testFrom      = "198.18.0.1"
	testTo        = "198.18.0.2"
	testBroadcast = "198.18.0.3"
	testBits      = "/30"
)

func (f *Flow) sayable(w *writer) error {
	from, to := w.script.LAN.Device(f.From), w.script.LAN.Device(f.To)
	switch {
	case f.Other != "":
		return unsayable("%s", f.Other)
	case from == nil || to == nil:
		return unsayable("who sends or gets it: %s or %s is not there any more", f.From, f.To)
	case f.From.Node == f.To.Node && f.Kind == "raw":
		return unsayable("raw frames within one machine")
	case f.Kind == "raw" && (from.Kind == topology.KindIpvlan || to.Kind == topology.KindIpvlan):
		return unsayable("raw frames of an ipvlan, which looks into packets")
	case f.Kind == "raw" && f.ambiguous(w.script.LAN):
		return unsayable("by which of several devices of %s a raw frame comes in", f.To.Node)
	case shared(w.script.LAN):
		return unsayable("who of two machines with one MAC address gets a frame: that hangs on what was sent before")
	case f.Kind == "raw" && f.Errno != 0:
		return unsayable("how sending a raw frame is refused")
	case f.Kind == "udp" && f.Bind:
		return unsayable("datagrams from a socket bound to a device")
	case f.Cast != "unicast" && !(f.Kind == "raw" && f.Cast == "broadcast"):
		return unsayable("%s frames that are %s", f.Kind, f.Cast)
	}
	return nil
}

// ambiguous reports whether another device of the target's node would count the frame.
func (f *Flow) ambiguous(lan *topology.LAN) bool {
	to := lan.Device(f.To)
	return slices.ContainsFunc(lan.DevicesOf(f.To.Node), func(d *topology.Device) bool {
		return d != to && (f.Cast != "unicast" || d.MAC.String() == to.MAC.String())
	})
}

// shared reports whether two devices have been given the same MAC address.
func shared(lan *topology.LAN) bool {
	seen := map[string]bool{}
	for _, d := range lan.Devices {
		if d.OwnMAC && seen[d.MAC.String()] {
			return true
		}
		seen[d.MAC.String()] = seen[d.MAC.String()] || d.OwnMAC
	}
	return false
}

func (f *Flow) write(w *writer) error {
	if err := f.sayable(w); err != nil {
		return err
	}
	f.prepare(w)
	f.watch(w)
	command, counter, err := f.command(w, 3)
	if err != nil {
		return err
	}
	if f.Errno != 0 {
		w.failsWith(true)
		w.line("holds() { fails_with %s %s; }", quote(f.Errno.Error()), command)
		return nil
	}
	if counter != "" {
		writeArrives(w)
		command = fmt.Sprintf("arrives %s %s %s", w.name(f.To.Node), counter, command)
	}
	if f.Want {
		w.line("holds() { %s; }", command)
		return nil
	}
	w.line("holds() {\n\tlocal_rc=0\n\t%s || local_rc=$?\n\tcase $local_rc in 0) return 1 ;; 1) return 0 ;; *) return 2 ;; esac\n}", command)
	return nil
}

// prepare writes what both sides have to know beforehand.
func (f *Flow) prepare(w *writer) {
	from, to := w.script.LAN.Device(f.From), w.script.LAN.Device(f.To)
	neighbour := func(at *topology.Device, addr string, mac net.HardwareAddr) {
		w.line("%sneighbour replace %s lladdr %s dev %s nud permanent", w.ip(at.Node), addr, mac, at.Link)
	}
	switch {
	case f.Kind == "raw":
		w.line("# Pings to the other's MAC address stand for raw frames; what counts is whether they arrive.")
		w.line("%saddress add %s%s dev %s", w.ip(from.Node), testFrom, testBits, from.Link)
		w.line("%saddress add %s%s dev %s", w.ip(to.Node), testTo, testBits, to.Link)
		neighbour(from, testTo, to.MAC)
		neighbour(to, testFrom, from.MAC)
	case f.Static:
		neighbour(from, f.Target.String(), to.MAC)
		neighbour(to, f.Source.String(), from.MAC)
	}
}

// watch writes that the frames at the target are shown.
func (f *Flow) watch(w *writer) {
	w.line(`if command -v tcpdump >/dev/null; then # what comes to %s
	%stcpdump -p -l -nn -e -i %s 2>/dev/null &
	watching=$!
	sleep 1
fi`, comment(f.To.String()), w.in(f.To.Node), f.To.Link)
}

// command is what sends the flow so many times, and the counter of the target that
// tells whether it arrived; none where the command itself tells.
func (f *Flow) command(w *writer, times int) (command, counter string, err error) {
	in := w.in(f.From.Node)
	size := ""
	if f.Size > 0 {
		size = fmt.Sprintf(" -s %d", max(f.Size-8, 0)) // ping's own header has 8
	}
	ping := fmt.Sprintf("ping -n -c %d -i 0.2 -W 1%s", times, size)
	source := f.Source.String()
	if f.Bind {
		source = f.From.Link
	}
	switch f.Kind {
	case "icmp":
		if f.Errno != 0 && !f.Bind { // which ping keeps to itself when it is told a source
			return fmt.Sprintf("%s%s %s", in, ping, f.Target), "", nil
		}
		return fmt.Sprintf("%s%s -I %s %s", in, ping, source, f.Target), "", nil
	case "arp":
		return fmt.Sprintf("%sarping -f -c %d -w %d -s %s -I %s %s", in, times, times, f.Source, f.From.Link, f.Target), "", nil
	case "nd":
		w.line(`resolves() {
	%sneighbour flush dev %s
	%sping -n -c 1 -W 1 -I %s %s || :
	%sneighbour show %s dev %s | grep lladdr
}`, w.ip(f.From.Node), f.From.Link, in, f.From.Link, f.Target, w.ip(f.From.Node), f.Target, f.From.Link)
		return "resolves", "", nil
	case "udp":
		counter = "UdpNoPorts" // nobody listens, but the stack has it
		if f.Target.Is6() {
			counter = "Udp6NoPorts"
		}
		send := strings.TrimSuffix(strings.Repeat(fmt.Sprintf("echo lanproof >/dev/udp/%s/9; ", f.Target), times), "; ")
		return fmt.Sprintf("%sbash -c %s", in, quote(send)), counter, nil
	case "raw":
		if f.Cast == "broadcast" {
			return fmt.Sprintf("%s%s -b -I %s %s", in, ping, testFrom, testBroadcast), "IcmpInEchos", nil
		}
		return fmt.Sprintf("%s%s -I %s %s", in, ping, testFrom, testTo), "IcmpInEchos", nil
	}
	return "", "", unsayable("frames of kind %s", f.Kind)
}

// writeArrives writes a function that tells whether a command makes a counter rise.
func writeArrives(w *writer) {
	w.WriteString(`count() { ip netns exec "$1" nstat -asz "$2" | awk -v name="$2" '$1 == name { print $2 }'; }
arrives() { # NODE COUNTER COMMAND ...
	node=$1 counter=$2
	before=$(count "$node" "$counter") || return 2
	shift 2
	"$@" || :
	after=$(count "$node" "$counter") || return 2
	echo "$counter there rose by $((after - before))"
	[ "$after" -gt "$before" ]
}
`)
}

// failsWith writes a function that tells whether a command is refused in some words.
// Where a kernel has words of its own for an errno, ip tells those instead of it.
func (w *writer) failsWith(errno bool) {
	own := ""
	if errno {
		own = `
	case $said in "Error: argument"*) return 2 ;; "Error: "*) return 0 ;; esac`
	}
	w.WriteString(`fails_with() { # TEXT COMMAND ...
	text=$1
	shift
	if said=$("$@" 2>&1); then
		echo "it was not refused: $said"
		return 1
	fi
	echo "refused: $said"` + own + `
	echo "$said" | grep -qiF -e "$text"
}
`)
}
