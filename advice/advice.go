// Package advice says what is wrong with the networks that somebody has written
// down, and what will surprise him: each warning with its place, a scenario whose
// frames show it, and what to do. It is pure; package answer runs the scenarios.
package advice

import (
	"net/netip"

	"github.com/lanproof/lanproof/intent"
	"github.com/lanproof/lanproof/scenarios"
)

// Severity says how bad a warning is.
type Severity string

// The severities. What the engine or the kernel refuses, and what can never work, is an
// error; what works otherwise than most people expect is a warning; a note is good to know.
const (
	Error   Severity = "error"
	Caution Severity = "warning"
	Note    Severity = "note"
)

// Warning is one thing to mind.
type Warning struct {
	// ID names the kind of warning, as in lanproof check --explain ID.
	ID       string
	Severity Severity
	Place    intent.Place
	// Text is one sentence about this file, with its own names and addresses.
	Text string
	// Networks and Endpoints are the names of those that it is about.
	Networks, Endpoints []string
	// Trial shows it; nil where the answer's own table of who reaches whom does so.
	Trial *Trial
	// Shown names the checks of the trial that speak about this warning; all when empty.
	Shown []string
}

// Trial is a scenario whose checks pass where the warning is right. Several warnings may
// share one.
type Trial struct {
	Scenario *scenarios.Scenario
}

// Surroundings are what the file does not say: the machine and the network that it is for.
type Surroundings struct {
	// Docker is the version whose rules count, such as "20.10" or "28"; the newest when empty.
	Docker string
	// Parents are the devices of the machine, by name, as far as they are known.
	Parents map[string]Parent
	// Complete is set when Parents are all that there are, so that another is missing.
	Complete bool
	// Here are the devices of the machine that lanproof runs on, where it may be another
	// one: what they are like is told in notes and counts for nothing else. Nil says nothing.
	Here map[string]Parent
}

// Medium is what a parent is plugged into.
type Medium string

// The media. The zero value is a wire that carries any address.
const (
	Wired Medium = ""
	WiFi  Medium = "wifi"
	Cloud Medium = "cloud"
)

// Parent is a device that networks sit on.
type Parent struct {
	Medium Medium
	// Provider is the cloud's name, where Medium is Cloud.
	Provider string
	// Addresses are the device's own, Gateways the next hops of default routes over it.
	Addresses []netip.Prefix
	Gateways  []netip.Addr
	// MTU in bytes; 0 is unknown.
	MTU int
	// Master is the bridge or bond that the device is a port of.
	Master string
}
