// Package repro writes a check of a case as a shell script of ip, bridge, ping,
// arping and tcpdump, by which people see without lanproof what it saw: for a bug
// report, or for the kernel's own tests.
package repro

import (
	"bytes"
	"fmt"
	"io"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/lanproof/lanproof/topology"
)

// Style is how a script is written.
type Style string

// The styles: for any shell, or as those of tools/testing/selftests/net in the
// kernel's tree, with that folder's lib.sh where it is there.
const (
	Sh        Style = "sh"
	Kselftest Style = "kselftest"
)

// Script is what is to be shown.
type Script struct {
	Case, Title string
	// Check is its id; Asks its title; Location file:line.
	Check, Asks, Location string
	Expected              string
	// Observed and Where come from a run; empty without one.
	Observed, Where string
	Tool            string // lanproof's version
	// Build makes the LAN, and Steps change it until the check is made.
	Build []topology.Op
	Steps []Step
	// LAN is as it is then.
	LAN *topology.LAN
	Ask Ask
}

// Step is something that changes.
type Step struct {
	Name string
	Ops  []topology.Op
}

// Ask is a question that a shell can ask.
type Ask interface {
	// nodes are those that it is about.
	nodes() []string
	// write writes the function holds: 0 it is as expected, 1 it is not, any other
	// status it could not be found out.
	write(w *writer) error
}

// Unsayable is the error for what cannot be said in a shell script.
type Unsayable struct{ What string }

// Error says what it is.
func (e *Unsayable) Error() string { return "a shell script cannot say " + e.What }

func unsayable(format string, args ...any) error { return &Unsayable{fmt.Sprintf(format, args...)} }

// Write writes the script. The error is an *Unsayable for what no script can say;
// then nothing is written.
func (s *Script) Write(out io.Writer, style Style) error {
	w := &writer{script: s, style: style, vars: map[string]string{}}
	kept := s.kept()
	for _, op := range s.ops() {
		if made, ok := op.(topology.MakeNode); ok && kept[made.Node.Name] {
			w.nodes = append(w.nodes, made.Node)
		}
	}
	var err error
	if style == Kselftest {
		err = w.kselftest(kept)
	} else {
		err = w.sh(kept)
	}
	if err != nil {
		return err
	}
	if _, err := out.Write(w.Bytes()); err != nil {
		return fmt.Errorf("write the script: %w", err)
	}
	return nil
}

// kept are the nodes that matter: not the endpoints and stations that neither the
// check nor a step is about, as long as nothing stands on them, each of their devices
// has a twin among those that stay, and none has an address of theirs. Where the switch can learn few addresses
// only, everybody matters, and so they do where a kernel is to refuse something: for
// what stands in its way.
func (s *Script) kept() map[string]bool {
	kept := map[string]bool{}
	_, refused := s.Ask.(*Refused)
	for _, n := range s.LAN.Nodes {
		kept[n.Name] = s.LAN.Switch.MACTable > 0 || refused || n.Role != topology.RoleEndpoint && n.Role != topology.RoleStation
	}
	for _, n := range s.Ask.nodes() {
		kept[n] = true
	}
	for _, op := range s.ops()[len(s.Build):] {
		for _, n := range nodesOf(op) {
			kept[n] = true
		}
	}
	for _, n := range s.LAN.Nodes {
		for _, d := range s.LAN.DevicesOf(n.Name) {
			kept[n.Name] = kept[n.Name] || d.Parent.Link != "" && !s.twin(d, kept) || s.double(d, kept)
		}
	}
	for range s.LAN.Nodes { // what stands on what, however deep
		for _, d := range s.LAN.Devices {
			if kept[d.Node] && d.Node != topology.SwitchNode { // whose ports' other ends may go
				for _, under := range []topology.Ref{d.Parent, d.Peer} {
					kept[under.Node] = kept[under.Node] || under.Node != ""
				}
			}
		}
	}
	return kept
}

// double reports whether a device that stays has an address of d's.
func (s *Script) double(d *topology.Device, kept map[string]bool) bool {
	return slices.ContainsFunc(s.LAN.Devices, func(o *topology.Device) bool {
		return o != d && kept[o.Node] && (o.OwnMAC && d.OwnMAC && o.MAC.String() == d.MAC.String() ||
			slices.ContainsFunc(o.Addresses, func(p netip.Prefix) bool { return slices.Contains(d.Addresses, p) }))
	})
}

// ops are those of building and of all steps.
func (s *Script) ops() []topology.Op {
	all := slices.Clone(s.Build)
	for _, step := range s.Steps {
		all = append(all, step.Ops...)
	}
	return all
}

// twin reports whether a device that stays does to its parent what d does.
func (s *Script) twin(d *topology.Device, kept map[string]bool) bool {
	return slices.ContainsFunc(s.LAN.Devices, func(o *topology.Device) bool {
		return o != d && kept[o.Node] && o.Parent == d.Parent && o.Kind == d.Kind && o.Mode == d.Mode && o.Flag == d.Flag &&
			o.VID == d.VID && o.Up == d.Up && fmt.Sprint(o.Sources) == fmt.Sprint(d.Sources)
	})
}

// nodesOf are the nodes that an operation is about.
func nodesOf(op topology.Op) []string {
	device := func(all ...*topology.Device) []string {
		var nodes []string
		for _, d := range all {
			if d != nil {
				nodes = append(nodes, d.Node)
			}
		}
		return nodes
	}
	switch o := op.(type) {
	case topology.MakeNode:
		return []string{o.Node.Name}
	case topology.DeleteNode:
		return []string{o.Node.Name}
	case topology.MakeLink:
		return device(o.Device)
	case topology.DeleteLink:
		return device(o.Device)
	case topology.ChangeLink:
		return device(o.Device)
	case topology.MoveDevice:
		return append(device(o.Device), o.To.Node)
	case topology.AddAddress:
		return device(o.Device)
	case topology.RemoveAddress:
		return device(o.Device)
	case topology.ChangeFilter:
		return device(o.Device)
	case topology.AddRoute:
		return []string{o.Node}
	case topology.RemoveRoute:
		return []string{o.Node}
	case topology.Announce:
		return device(o.Device)
	case topology.SetPort:
		return device(o.Device)
	}
	return nil
}

// writer is a script as it grows.
type writer struct {
	bytes.Buffer
	script *Script
	style  Style
	nodes  []topology.Node
	vars   map[string]string // of nodes, in a kselftest
}

func (w *writer) line(format string, args ...any) { fmt.Fprintf(w, format+"\n", args...) }

var notInNames = regexp.MustCompile(`[^a-z0-9]+`)

// name gives a node its name in the script: a word that a shell expands.
func (w *writer) name(node string) string {
	if w.style != Kselftest {
		return "$ns-" + node
	}
	if w.vars[node] == "" {
		base := "n_" + notInNames.ReplaceAllString(strings.ToLower(node), "_")
		name := base
		for n := 2; slices.Contains(mapValues(w.vars), name); n++ {
			name = fmt.Sprintf("%s_%d", base, n)
		}
		w.vars[node] = name
	}
	return "$" + w.vars[node]
}

func mapValues(m map[string]string) []string {
	var all []string
	for _, v := range m {
		all = append(all, v)
	}
	return all
}

// in is the beginning of a command that runs in a node.
func (w *writer) in(node string) string { return "ip netns exec " + w.name(node) + " " }

// ip is an ip command for a node.
func (w *writer) ip(node string) string { return "ip -n " + w.name(node) + " " }

// commands are those of an operation, with the script's names of nodes.
func (w *writer) commands(op topology.Op) ([]string, error) {
	if err := sayable(op); err != nil {
		return nil, err
	}
	if made, ok := op.(topology.MakeNode); ok {
		return []string{w.makeNode(made.Node)}, nil
	}
	var out []string
	for command := range strings.SplitSeq(op.String(), " && ") {
		if command == "" {
			continue // of an operation that changes nothing
		}
		out = append(out, w.rename(command))
	}
	return out, nil
}

// rename puts the script's names of nodes into an ip or bridge command.
func (w *writer) rename(command string) string {
	words := strings.Fields(command)
	for i := 1; i < len(words); i++ {
		previous := words[i-1]
		named := previous == "netns" && !slices.Contains([]string{"dev", "name", "link", "master"}, words[max(i-2, 0)])
		deleted := i == 3 && previous == "delete" && words[1] == "netns"
		if i == 2 && previous == "-n" || i > 2 && named || deleted {
			words[i] = w.name(words[i])
		}
	}
	return strings.Join(words, " ")
}

// plainName are names of devices that need no quotes and mean nothing to a shell.
var plainName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.@:-]*$`)

// sayable refuses operations that iproute2 has no words for.
func sayable(op topology.Op) error {
	var devices []*topology.Device
	switch o := op.(type) {
	case topology.MakeLink:
		devices = []*topology.Device{o.Device, o.Peer}
		if o.Device.Kind == topology.KindNIC {
			return unsayable("what happens on a real port")
		}
		if len(o.Device.Attributes) > 0 {
			return unsayable("raw attributes of netlink, as %s has them", o.Device.Ref)
		}
	case topology.ChangeLink:
		devices = []*topology.Device{o.Device, o.Master}
		if len(o.Attributes) > 0 {
			return unsayable("raw attributes of netlink, as they are set on %s", o.Device.Ref)
		}
	case topology.MoveDevice:
		devices = []*topology.Device{o.Device, {Ref: o.To}}
	}
	for _, d := range devices {
		const most = 15
		switch {
		case d == nil:
		case !plainName.MatchString(d.Link):
			return unsayable("the name %q, which means something to a shell", d.Link)
		case len(d.Link) > most:
			return unsayable("the name %q, which ip itself refuses", d.Link)
		}
	}
	return nil
}

// ops writes the commands of operations, those of nodes that do not matter left out.
func (w *writer) ops(all []topology.Op, kept map[string]bool) error {
	for _, op := range all {
		if slices.ContainsFunc(nodesOf(op), func(n string) bool { return !kept[n] }) {
			continue
		}
		commands, err := w.commands(op)
		if err != nil {
			return err
		}
		for _, c := range commands {
			w.line("%s", c)
		}
	}
	return nil
}

// v6 reports whether a node ever gets an IPv6 address. Elsewhere IPv6 is off, and quiet.
func (w *writer) v6(node string) bool {
	return slices.ContainsFunc(w.script.ops(), func(op topology.Op) bool {
		a, ok := op.(topology.AddAddress)
		return ok && a.Device.Node == node && a.Prefix.Addr().Is6()
	})
}

// comment makes text fit for a comment: one line, without what could steer a
// terminal or turn the reading direction.
func comment(s string) string {
	const most = 400
	var b strings.Builder
	for i, r := range []rune(s) {
		switch {
		case i >= most:
			return b.String() + "…"
		case unicode.IsSpace(r):
			b.WriteByte(' ')
		case !unicode.IsPrint(r):
			b.WriteByte('?')
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// quote makes one word of a shell out of text.
func quote(s string) string { return "'" + strings.ReplaceAll(comment(s), "'", `'\''`) + "'" }
