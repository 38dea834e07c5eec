package main

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
)

// Mutant is one small bug in one source file of a driver.
type Mutant struct {
	// ID is unique and begins with the driver's name.
	ID string
	// Rule is what the driver keeps and the mutant does not, as a row of the truth
	// tables says it.
	Rule string
	// Bug says in a sentence what is wrong.
	Bug string
	// File is the source file, relative to the kernel's source tree.
	File string
	// Old is the text that New replaces. It occurs in the file exactly once.
	Old, New string
}

// Mutants are all there are.
func Mutants() []Mutant {
	return slices.Concat(
		macvlanMutants(), macvlanRuleMutants(),
		ipvlanPathMutants(), ipvlanRuleMutants(),
		vlanTagMutants(), vlanRuleMutants(),
		smallPrintMutants(),
	)
}

// inFile sets the file of mutants.
func inFile(file string, all []Mutant) []Mutant {
	for i := range all {
		all[i].File = file
	}
	return all
}

// errNotOnce is wrapped by the error for a mutant that does not fit its file.
var errNotOnce = errors.New("the text to be replaced does not occur exactly once")

// Apply returns the source with the bug in it.
func (m Mutant) Apply(source string) (string, error) {
	if m.Old == m.New {
		return "", fmt.Errorf("mutant %s changes nothing", m.ID)
	}
	if n := strings.Count(source, m.Old); n != 1 {
		return "", fmt.Errorf("mutant %s: %w in %s, but %d times: %q", m.ID, errNotOnce, m.File, n, m.Old)
	}
	return strings.Replace(source, m.Old, m.New, 1), nil
}

// driver is a kernel module that is built out of the kernel's tree.
type driver struct {
	name    string   // of the module, without .ko
	label   string   // of the scenarios that are about it
	dir     string   // in the kernel's source tree
	objects []string // that it is linked from
}

// drivers are those that are mutated. What 8021q has in vlan_core.c is linked into
// the kernel proper and cannot be mutated by a module.
func drivers() []driver {
	return []driver{
		{name: "macvlan", label: "macvlan", dir: "drivers/net", objects: []string{"macvlan"}},
		{name: "ipvlan", label: "ipvlan", dir: "drivers/net/ipvlan", objects: []string{"ipvlan_core", "ipvlan_main", "ipvlan_l3s"}},
		{
			name: "8021q", label: "vlan", dir: "net/8021q",
			objects: []string{"vlan", "vlan_dev", "vlan_netlink", "vlan_gvrp", "vlan_mvrp", "vlanproc"},
		},
	}
}

// driverOf returns the driver that a source file belongs to.
func driverOf(file string) (driver, error) {
	all := drivers()
	i := slices.IndexFunc(all, func(d driver) bool { return d.dir == path.Dir(file) })
	if i < 0 {
		return driver{}, fmt.Errorf("%s is no source file of a driver that can be mutated", file)
	}
	return all[i], nil
}
