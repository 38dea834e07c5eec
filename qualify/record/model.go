// Package record holds what a qualification found out about a port and its driver:
// the model of qualification.json, how a verdict follows from what was counted, and
// (other files) waivers, bundles and their verification, and the page for people.
//
// It knows no kernel: a record is read, judged again and shown on any machine,
// without any rights.
package record

import (
	"fmt"
	"time"
)

// Schema is the version of qualification.json. Fields may be added to it, never renamed.
const Schema = "lanproof/qualification/v1"

// Status is what came of a requirement.
type Status string

// The statuses. The zero value counts as Error: what has no status was not found out.
const (
	Pass Status = "pass"
	Fail Status = "fail"
	// Unsupported is for what the port, its driver or this kernel does not offer
	// and does not claim to offer; the reason says how that was found out.
	Unsupported Status = "unsupported"
	// Waived is a Fail for which a waiver is in force. It never counts as a pass.
	Waived Status = "waived"
	// Error means that the harness could not find out.
	Error Status = "error"
)

// Profile says how much of the catalogue of requirements is asked for.
type Profile string

// The profiles. Full holds all that Core holds.
const (
	Core Profile = "core"
	Full Profile = "full"
)

// Qualification is everything that was found out about one port under test.
type Qualification struct {
	Schema  string    `json:"schema"`
	Tool    string    `json:"tool"` // lanproof's version
	Started time.Time `json:"started"`
	// Duration is of the measuring alone, without the boot of a guest.
	Duration time.Duration `json:"duration_ns"`
	Profile  Profile       `json:"profile"`
	Seed     uint64        `json:"seed"`
	// Run is in every marked frame of this qualification, 0 when nobody said; see
	// package probe/mark.
	Run     uint64  `json:"run,omitempty"`
	DUT     Port    `json:"dut"`
	Peer    Port    `json:"peer"`
	Machine Machine `json:"machine"`
	// Results has one entry for each requirement of the profile, in their order.
	Results []Result `json:"results"`
	// Left are the requirements of the profile that were not measured: nobody asked for
	// them, or it ended before. A port of which
	// core ones were left out does not conform, and LeftCore counts those.
	Left     []string `json:"left,omitempty"`
	LeftCore int      `json:"left_core,omitempty"`
	// Cases sums up the catalogue on these ports; results.json beside it has the
	// whole.
	Cases []CaseResult `json:"cases,omitempty"`
	// Restored tells whether both ports came back as they were; Differences says
	// what did not.
	Restored    bool     `json:"restored"`
	Differences []string `json:"differences,omitempty"`
	// Waivers are all that were given, and what became of each.
	Waivers []WaiverUse `json:"waivers,omitempty"`
	Summary Summary     `json:"summary"`
}

// Port is who a port is, as the kernel tells it.
type Port struct {
	Name     string `json:"name"`
	Driver   string `json:"driver"`
	Version  string `json:"version,omitempty"`
	Firmware string `json:"firmware,omitempty"`
	Bus      string `json:"bus,omitempty"` // bus address, such as 0000:00:03.0
	// PCI holds vendor, device, subsystem vendor and subsystem device, as vvvv:dddd:ssss:tttt.
	PCI          string `json:"pci,omitempty"`
	MAC          string `json:"mac"`
	PermanentMAC string `json:"permanent_mac,omitempty"`
	MTU          int    `json:"mtu"`
	MaxMTU       int    `json:"max_mtu,omitempty"`
	SpeedMbit    int    `json:"speed_mbit,omitempty"` // 0 when unknown
	Duplex       string `json:"duplex,omitempty"`
	// Model is the emulated device, empty for a real one.
	Model string `json:"model,omitempty"`
	// Features are ethtool's by name: on, off, with " [fixed]" where it cannot be changed.
	Features map[string]string `json:"features,omitempty"`
	// Settings are rings, channels, coalescing and private flags by name.
	Settings map[string]string `json:"settings,omitempty"`
}

// Machine is what the ports were in.
type Machine struct {
	Kernel   string            `json:"kernel"`
	Arch     string            `json:"arch"`
	CPUs     int               `json:"cpus"`
	Emulator string            `json:"emulator,omitempty"` // QEMU's version, when emulated
	Detail   map[string]string `json:"detail,omitempty"`
}

// Result is what came of one requirement.
type Result struct {
	ID    string `json:"id"` // stable, such as unicast-filter-capacity
	Title string `json:"title"`
	// Profile is Core for what every port must do.
	Profile  Profile `json:"profile"`
	Status   Status  `json:"status"`
	Expected string  `json:"expected"` // the criterion in one sentence
	Observed string  `json:"observed"`
	// Reason says why a requirement has failed, is unsupported or could not be found out.
	Reason string `json:"reason,omitempty"`
	Source string `json:"source"` // where the criterion comes from: a standard's clause, a kernel file and function
	// Trials and Facts are what the status follows from; see [Result.Judge].
	Trials []Trial `json:"trials,omitempty"`
	Facts  []Fact  `json:"facts,omitempty"`
	// Measured are figures that are told and not judged, such as a filter's capacity.
	Measured map[string]string `json:"measured,omitempty"`
	// Features are the port's own words about what this requirement has looked at.
	Features []Feature `json:"features,omitempty"`
	// Capture is the pcapng file with all frames of the trials, relative to the bundle.
	Capture string `json:"capture,omitempty"`
	// Reproduce are commands that show the same without lanproof, one a line.
	Reproduce string `json:"reproduce,omitempty"`
	// Known are faults of the device or its driver that are known to make this
	// requirement fail. They explain the failure, and change nothing about it.
	Known []Known `json:"known,omitempty"`
	// Waiver is one for its failure: in force when Status is Waived, else expired.
	Waiver   *Waiver       `json:"waiver,omitempty"`
	Duration time.Duration `json:"duration_ns"`
}

// Known is a fault that is known.
type Known struct {
	ID     string `json:"id"`    // such as e1000e-vlan-filter-off
	Fault  string `json:"fault"` // whose it is: driver, device model, or design
	Text   string `json:"text"`  // what is seen, in a sentence
	Source string `json:"source"`
}

// String tells of the fault in one sentence.
func (k Known) String() string { return fmt.Sprintf("%s (%s): %s", k.ID, k.Fault, k.Text) }

// Want says how many of a trial's frames must be seen.
type Want string

// The wants.
const (
	All  Want = "all"  // each exactly once, byte for byte, in their order
	None Want = "none" // not one
	Any  Want = "any"  // counted and told, not judged
)

// Trial is one window: frames of one kind from one side, and how often they were
// seen at one place of the other. What must not arrive is believed only where the
// trial's canary, frames that must arrive in the same window at the same place,
// came whole.
type Trial struct {
	Name string `json:"name"` // such as "unknown unicast, 14 children"
	From string `json:"from"` // the sending device, as the capture's interface is named
	At   string `json:"at"`   // the device where it is looked for, likewise
	Want Want   `json:"want"`
	// First and Last are the numbers that the frames carry (package probe/mark);
	// Canary likewise, 0 when there is none.
	First       uint32 `json:"first"`
	Last        uint32 `json:"last"`
	CanaryFirst uint32 `json:"canary_first,omitempty"`
	CanaryLast  uint32 `json:"canary_last,omitempty"`
	// Tagged is how the frames must be tagged at At, in the words of [TagText]; empty
	// where it does not matter.
	Tagged string `json:"tagged,omitempty"`
	// Seen counts frames of the trial that came to At, CanarySeen those of its
	// canary, Duplicates those that came more than once, Altered those whose
	// content was not what was sent; see [Sights.Count].
	Seen       int `json:"seen"`
	CanarySeen int `json:"canary_seen"`
	Duplicates int `json:"duplicates,omitempty"`
	Altered    int `json:"altered,omitempty"`
	// Reordered counts those that came behind a later one.
	Reordered int `json:"reordered,omitempty"`
	// Proof is fence, quiet or received, in the words of results.json.
	Proof string `json:"proof"`
}

// Fact is a state that must be so: a counter, a flag, an errno.
type Fact struct {
	Name string `json:"name"`
	Want string `json:"want"`
	Got  string `json:"got"`
}

// Feature is what ethtool says of a port, and what frames do.
type Feature struct {
	Name     string `json:"name"`     // ethtool's, such as rx-vlan-filter
	Says     string `json:"says"`     // such as "on [fixed]"
	Observed string `json:"observed"` // on or off as frames show it, or a sentence
	Agrees   bool   `json:"agrees"`
}

// CaseResult is a case of the catalogue on the two ports.
type CaseResult struct {
	Case    string `json:"case"`
	Verdict string `json:"verdict"` // pass, fail, skip, error, or waived
	Reason  string `json:"reason,omitempty"`
	Pass    int    `json:"pass"`
	Fail    int    `json:"fail"`
	Capture string `json:"capture,omitempty"`
	// Waiver is one for its failure: in force when Verdict is waived, else expired.
	Waiver *Waiver `json:"waiver,omitempty"`
}

// Waiver says that a failure is known. It lives in a file beside the inventory.
type Waiver struct {
	ID     string `json:"id" yaml:"id"` // the requirement's or the case's
	Reason string `json:"reason" yaml:"reason"`
	Who    string `json:"who" yaml:"who"`
	// Until is the last day on which it is in force, as YYYY-MM-DD.
	Until string `json:"until" yaml:"until"`
}

// Summary is the paper's first line.
type Summary struct {
	Pass        int `json:"pass"`
	Fail        int `json:"fail"`
	Unsupported int `json:"unsupported"`
	Waived      int `json:"waived"`
	Error       int `json:"error"`
	// Conformant is true only when no core requirement has failed, was waived, is
	// unsupported, could not be found out or was left out, no case of the catalogue
	// failed, and the ports came back.
	Conformant bool `json:"conformant"`
}
