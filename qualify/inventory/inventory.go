// Package inventory reads which ports a laboratory has, and which cables join them:
//
//	machines:
//	  lab1:                       # a host name, or localhost for whichever machine
//	    ports:
//	      x710: {interface: enp65s0f0, labels: [intel, 25g]}
//	      e810: {mac: 02:00:5e:10:00:01, labels: [intel]}
//	      cx6: {pci: 0000:17:00.0, labels: [mellanox]}
//	      pro1000: {pci: 0000:03:00.0}
//	cables:
//	  - {dut: lab1/x710, peer: lab1/pro1000, labels: [nightly]}
//	  - {dut: lab1/cx6, peer: lab1/e810}
//
// The package knows no kernel: which interface a MAC or a PCI address stands for is
// found out where the inventory is used.
package inventory

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/lanproof/lanproof/scenarios"
	"github.com/lanproof/lanproof/topology"
)

// Inventory is an inventory that has nothing wrong with it.
type Inventory struct {
	Machines topology.Named[Machine] `yaml:"machines,required"`
	Cables   []Cable                 `yaml:"cables,required"`
}

// Localhost is the name of a machine that stands for whichever machine it is read on.
const Localhost = "localhost"

// Machine is a machine with ports.
type Machine struct {
	Ports  topology.Named[Port] `yaml:"ports,required"`
	Labels []Label              `yaml:"labels"`
}

// Port says by one of three which port of its machine it is.
type Port struct {
	At        scenarios.Position `yaml:"-"`
	Interface Interface          `yaml:"interface"`
	MAC       MAC                `yaml:"mac"` // the permanent one
	PCI       PCI                `yaml:"pci"`
	Labels    []Label            `yaml:"labels"`
}

// Where returns what says which port it is: an interface's name, a MAC address, or a
// PCI address.
func (p Port) Where() string { return string(p.Interface) + string(p.MAC) + string(p.PCI) }

// Cable joins two ports, or a plain switch does.
type Cable struct {
	At     scenarios.Position `yaml:"-"`
	DUT    End                `yaml:"dut,required"`  // the port under test
	Peer   End                `yaml:"peer,required"` // the one at its other end
	Labels []Label            `yaml:"labels"`
}

// End is a port's place: MACHINE/PORT.
type End string

// UnmarshalText refuses what is not written as MACHINE/PORT.
func (e *End) UnmarshalText(text []byte) error {
	machine, port, _ := strings.Cut(string(text), "/")
	if machine == "" || port == "" || strings.Contains(port, "/") {
		return fmt.Errorf("%.60q is no end of a cable: it is written MACHINE/PORT", text)
	}
	*e = End(text)
	return nil
}

// Interface is an interface's name.
type Interface string

// UnmarshalText refuses what the kernel takes for no name (net/core/dev.c:
// dev_valid_name).
func (i *Interface) UnmarshalText(text []byte) error {
	const longest = 15
	s := string(text)
	if s == "" || len(s) > longest || s == "." || s == ".." || strings.ContainsAny(s, "/: \t") {
		return fmt.Errorf("%.60q is no name of an interface: 1 to %d characters without spaces, colons and slashes", text, longest)
	}
	*i = Interface(s)
	return nil
}

// MAC is an Ethernet address in lower case with colons.
type MAC string

// UnmarshalText refuses what is no Ethernet address.
func (m *MAC) UnmarshalText(text []byte) error {
	hw, err := net.ParseMAC(string(text))
	if err != nil || len(hw) != 6 {
		return fmt.Errorf("%.60q is no MAC address; it is written as 02:00:5e:10:00:01", text)
	}
	*m = MAC(hw.String())
	return nil
}

// PCI is a PCI address in lower case.
type PCI string

var pciForm = regexp.MustCompile(`^[0-9a-f]{4,8}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7]$`)

// UnmarshalText refuses what is no PCI address.
func (p *PCI) UnmarshalText(text []byte) error {
	s := strings.ToLower(string(text))
	if !pciForm.MatchString(s) {
		return fmt.Errorf("%.60q is no PCI address; it is written as 0000:03:00.0", text)
	}
	*p = PCI(s)
	return nil
}

// Label is a word to choose by.
type Label string

// UnmarshalText refuses what the language of label filters uses itself.
func (l *Label) UnmarshalText(text []byte) error {
	if len(text) == 0 || strings.ContainsAny(string(text), "&|!,()/:{} \t\n") {
		return fmt.Errorf("%.60q is no label: it has no spaces and none of & | ! , ( ) / : { } in it", text)
	}
	*l = Label(text)
	return nil
}

// LoadFile is Load of a file on disk; no more than scenarios.MaxBytes of it are read.
func LoadFile(name string) (*Inventory, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("open the inventory: %w", err)
	}
	src, err := io.ReadAll(io.LimitReader(f, scenarios.MaxBytes+1))
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("read the inventory: %w", err)
	}
	return Load(name, src)
}

// Load reads an inventory strictly. The error is [scenarios.Errors], all that is
// wrong with its place. The name is for messages alone.
func Load(name string, src []byte) (*Inventory, error) {
	inv := &Inventory{}
	var bad scenarios.Errors
	if err := scenarios.Bind(name, src, inv); err != nil && !errors.As(err, &bad) {
		return nil, err
	}
	if len(bad) == 0 { // what is wrong together follows from what is wrong alone
		c := checker{file: name, inv: inv}
		c.machines()
		c.cables()
		bad = c.bad
	}
	if len(bad) > 0 {
		bad.Sort()
		return nil, bad
	}
	return inv, nil
}

// checker finds what is wrong with things together.
type checker struct {
	file string
	inv  *Inventory
	bad  scenarios.Errors
}

func (c *checker) add(at scenarios.Position, format string, args ...any) {
	c.bad = append(c.bad, &scenarios.Error{File: c.file, Line: at.Line, Column: at.Column, Text: fmt.Sprintf(format, args...)})
}

// machines looks at each port: it is said by one of three, and no two are the same.
func (c *checker) machines() {
	for _, m := range c.inv.Machines {
		first := map[string]string{}
		for _, p := range m.Value.Ports {
			set := 0
			for _, s := range []string{string(p.Value.Interface), string(p.Value.MAC), string(p.Value.PCI)} {
				if s != "" {
					set++
				}
			}
			if set != 1 {
				c.add(p.Value.At, "port %q needs exactly one of interface, mac, pci", p.Name)
				continue
			}
			where := p.Value.Where()
			if other := first[where]; other != "" {
				c.add(p.Value.At, "port %q is %s, which is port %q already", p.Name, where, other)
			}
			first[where] = p.Name
		}
	}
}

// cables looks at each cable: its ends are there, and nothing else is plugged in.
func (c *checker) cables() {
	plugged := map[End]int{}
	for _, cable := range c.inv.Cables {
		if cable.DUT == cable.Peer {
			c.add(cable.At, "both ends of the cable are %s", cable.DUT)
			continue
		}
		for _, end := range []End{cable.DUT, cable.Peer} {
			if _, _, err := c.inv.port(end); err != nil {
				c.add(cable.At, "%v", err)
				continue
			}
			if line := plugged[end]; line > 0 {
				c.add(cable.At, "%s has a cable already, on line %d", end, line)
			}
			plugged[end] = cable.At.Line
		}
	}
}

// port returns the port at an end, and its machine.
func (inv *Inventory) port(end End) (Machine, Port, error) {
	machine, name, _ := strings.Cut(string(end), "/")
	m, ok := inv.Machines.Get(machine)
	if !ok {
		return m, Port{}, fmt.Errorf("%s: there is no machine %q; there are %s", end, machine, names(inv.Machines))
	}
	p, ok := m.Ports.Get(name)
	if !ok {
		return m, p, fmt.Errorf("%s: machine %q has no port %q; it has %s", end, machine, name, names(m.Ports))
	}
	return m, p, nil
}

func names[T any](all topology.Named[T]) string {
	list := make([]string, len(all))
	for i, item := range all {
		list[i] = item.Name
	}
	if len(list) == 0 {
		return "none"
	}
	return strings.Join(list, ", ")
}

// Pair is two ports of this machine with a cable between them.
type Pair struct {
	// Name is the DUT's place, which no two pairs share.
	Name      string
	DUT, Peer Port
	// Labels are those of the cable, of both ports and of the machine, sorted.
	Labels []string
}

// ErrNothing is wrapped by errors that say that an inventory has no pair to test.
var ErrNothing = errors.New("no pair of ports in the inventory")

// Find returns the pairs of a machine in the file's order whose labels match and that
// are named: by the place of one of their ports, MACHINE/PORT or PORT alone. No names
// are all. match may be nil for all. The error wraps [ErrNothing] when there is none,
// and says of a name that it is no port with a cable here.
func (inv *Inventory) Find(machine string, match func(labels []string) bool, named ...string) ([]Pair, error) {
	var all []Pair
	used := map[string]bool{}
	for _, cable := range inv.Cables {
		here := inv.on(machine, cable.DUT) && inv.on(machine, cable.Peer)
		pair, ok := inv.pair(cable)
		if !here || !ok || match != nil && !match(pair.Labels) {
			continue
		}
		if len(named) > 0 && !cable.named(named, used) {
			continue
		}
		all = append(all, pair)
	}
	for _, name := range named {
		if !used[name] {
			return nil, fmt.Errorf("port %q has no cable between two ports of machine %q: %w", name, machine, ErrNothing)
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("machine %q has no cable between two of its ports that fits: %w", machine, ErrNothing)
	}
	return all, nil
}

// named reports whether one of the names is an end of the cable, and marks those.
func (c Cable) named(all []string, used map[string]bool) bool {
	found := false
	for _, name := range all {
		for _, end := range []End{c.DUT, c.Peer} {
			_, port, _ := strings.Cut(string(end), "/")
			if name == string(end) || name == port {
				used[name], found = true, true
			}
		}
	}
	return found
}

// on reports whether an end is on the machine. A host name with a domain is the
// same machine as without.
func (inv *Inventory) on(machine string, end End) bool {
	name, _, _ := strings.Cut(string(end), "/")
	short, _, _ := strings.Cut(machine, ".")
	return name == machine || name == short || name == Localhost
}

func (inv *Inventory) pair(c Cable) (Pair, bool) {
	m, dut, err1 := inv.port(c.DUT)
	other, peer, err2 := inv.port(c.Peer)
	labels := map[string]bool{}
	for _, list := range [][]Label{c.Labels, dut.Labels, peer.Labels, m.Labels, other.Labels} {
		for _, l := range list {
			labels[string(l)] = true
		}
	}
	return Pair{Name: string(c.DUT), DUT: dut, Peer: peer, Labels: slices.Sorted(maps.Keys(labels))}, err1 == nil && err2 == nil
}
