// Package reports holds what a run found out and puts it in front of people
// and programs: results.json, the terminal, JUnit, KTAP, Markdown and HTML.
//
// It knows no kernel and no scenario: it reads result values only, so that
// every report can be made again later from results.json alone.
package reports

import "time"

// Schema is the version of results.json. Fields may be added to it, never renamed.
const Schema = "lanproof/results/v1"

// Verdict is the outcome of a check, of a case, or of a whole run.
type Verdict string

// The verdicts. The zero value counts as Error: what has no verdict was not found out.
const (
	Pass  Verdict = "pass"
	Fail  Verdict = "fail"
	Skip  Verdict = "skip"
	Error Verdict = "error"
)

// Proof says how a verdict was reached.
type Proof string

// The kinds of proof.
const (
	ProofReceived Proof = "received" // the frame was seen where it had to arrive
	ProofReply    Proof = "reply"    // the answer came back to the sender
	ProofFence    Proof = "fence"    // a later frame on the same queue arrived, this one did not
	ProofQuiet    Proof = "quiet"    // no fence can exist here: a window passed without the frame
	ProofState    Proof = "state"    // the kernel was asked
	ProofErrno    Proof = "errno"    // the kernel or the engine refused
)

// Results is everything one run found out.
type Results struct {
	Schema      string        `json:"schema"`
	Started     time.Time     `json:"started"`
	Duration    time.Duration `json:"duration_ns"`
	Seed        uint64        `json:"seed"`
	Environment []Environment `json:"environment"`
	Cases       []Case        `json:"cases"`
	// Claims are the sentences that the checks of this run prove or refute.
	Claims  []Claim `json:"claims,omitempty"`
	Summary Summary `json:"summary"`
}

// Environment describes one ground that cases ran on.
type Environment struct {
	Ground string `json:"ground"` // host, guest or nic
	Kernel string `json:"kernel"` // as uname -r prints it
	Arch   string `json:"arch"`
	Tool   string `json:"tool"` // lanproof's version
	// Detail holds whatever else describes the ground, such as the emulator's version.
	Detail map[string]string `json:"detail,omitempty"`
}

// Case is what came of one case on one ground.
type Case struct {
	Scenario string   `json:"scenario"`
	Title    string   `json:"title,omitempty"`
	Case     string   `json:"case"` // unique in a run together with Kernel and Repeat
	Ground   string   `json:"ground"`
	Kernel   string   `json:"kernel"`
	Repeat   int      `json:"repeat,omitempty"` // counts from 1 under --repeat
	Labels   []string `json:"labels,omitempty"`
	Location string   `json:"location,omitempty"` // file:line of the scenario
	Verdict  Verdict  `json:"verdict"`
	// Reason says why the whole case was skipped or could not be run.
	Reason string `json:"reason,omitempty"`
	// Placement says why the case ran on this ground and not on another.
	Placement string        `json:"placement,omitempty"`
	Duration  time.Duration `json:"duration_ns"`
	Checks    []Check       `json:"checks"`
	// Capture is the pcapng file, relative to results.json; empty when there is none.
	Capture string `json:"capture,omitempty"`
	// CaptureMissing is set when the file is not there any more.
	CaptureMissing bool     `json:"-"`
	Picture        *Picture `json:"picture,omitempty"`
	// Console is the tail of a guest's console when the guest died.
	Console string `json:"console,omitempty"`
	// Engine is the real container engine that built the case's networks, with its
	// version; empty where lanproof did. Built is what it made of the host and of each
	// endpoint, before the first step.
	Engine string  `json:"engine,omitempty"`
	Built  []Built `json:"built,omitempty"`
}

// Built is what there is in a node whose networks an engine has built.
type Built struct {
	Node    string        `json:"node"`
	Devices []BuiltDevice `json:"devices"`
	// Routes of the main table: default via 192.0.2.1 dev eth0; default6 is IPv6's.
	Routes []string `json:"routes"`
	// Settings of the kernel by their names below /proc/sys.
	Settings map[string]string `json:"settings"`
	// Differs is what lanproof's own simulation has otherwise, or the engine has.
	Differs []string `json:"differs,omitempty"`
}

// BuiltDevice is a device as the kernel reports it.
type BuiltDevice struct {
	Name       string   `json:"name"`
	Kind       string   `json:"kind,omitempty"`
	Mode       string   `json:"mode,omitempty"`
	Flag       string   `json:"flag,omitempty"`
	Parent     string   `json:"parent,omitempty"`
	MAC        string   `json:"mac,omitempty"`
	MTU        int      `json:"mtu"`
	TxQueueLen int      `json:"tx_queue_len"`
	Up         bool     `json:"up"`
	Addresses  []string `json:"addresses,omitempty"`
}

// Check is one expectation and what came of it.
type Check struct {
	ID       string  `json:"id"` // unique in its case, derived from the scenario
	Title    string  `json:"title"`
	Step     string  `json:"step,omitempty"` // the step in time that it belongs to
	Verdict  Verdict `json:"verdict"`
	Expected string  `json:"expected"`
	Observed string  `json:"observed"`
	Proof    Proof   `json:"proof,omitempty"`
	// Claims are the ids of the claims that this check speaks about; those in
	// Refutes are shown false by a pass, the others are shown true by it.
	Claims   []string      `json:"claims"`
	Refutes  []string      `json:"refutes,omitempty"`
	Location string        `json:"location"` // file:line
	Duration time.Duration `json:"duration_ns,omitempty"`
	Evidence []Evidence    `json:"evidence"`
	// FramesLeft counts the frames that were seen and are not among the evidence; the
	// capture has them.
	FramesLeft int      `json:"frames_left,omitempty"`
	Matrices   []Matrix `json:"matrices,omitempty"`
	// Flow is what was sent, for a check that asks whether one flow happens; nil for
	// others.
	Flow *Flow `json:"flow,omitempty"`
	// Drops say where those of the check's frames ended that did not arrive; nil
	// when nobody asked, or when all arrived.
	Drops *Drops `json:"drops,omitempty"`
}

// Flow is what a check has sent and what was wanted of it: enough to look again in the
// case's capture, where its frames carry the numbers.
type Flow struct {
	Kind string `json:"kind"` // icmp, udp, arp, nd or raw
	From string `json:"from"` // node/link
	To   string `json:"to"`   // node/link, where it is looked for
	Want bool   `json:"want"` // whether it was to happen
	// First and Last are the numbers of its frames (package probe/mark); 0 for what the
	// stacks send by themselves, as with arp and nd, and where nothing was sent.
	First uint32 `json:"first,omitempty"`
	Last  uint32 `json:"last,omitempty"`
	// Needed is how many of them must come.
	Needed int `json:"needed"`
	// Overheard is set where frames are looked for that are for somebody else.
	Overheard bool `json:"overheard,omitempty"`
	// Unseen is set where the capture does not show what came of it: a tap sees what
	// comes to a device, and not always what the stack above it gets.
	Unseen bool `json:"unseen,omitempty"`
	// Errno is the one that sending must meet.
	Errno string `json:"errno,omitempty"`
}

// Matrix tells who got the frames of one kind from whom.
type Matrix struct {
	Title string   `json:"title"`
	From  []string `json:"from"` // senders, node/link: a row each
	To    []string `json:"to"`   // receivers: a column each
	// Expected and Observed have a string for each sender with a letter for each
	// receiver: + got the frame, - did not, . had none sent.
	Expected []string `json:"expected"`
	Observed []string `json:"observed"`
}

// Evidence is one thing that was seen.
type Evidence struct {
	Kind string `json:"kind"`         // frame, counter, link, address, route, errno, fence, canary, note
	At   string `json:"at,omitempty"` // node/link
	Text string `json:"text"`
	// Time is when a frame was seen; zero for what is no frame.
	Time time.Time `json:"time,omitzero"`
	// Packet is the number of the frame in the case's capture, counted from 1
	// as Wireshark does; 0 when it is not in there.
	Packet int `json:"packet,omitempty"`
	// Frame is what was seen of the frame; nil for what is no frame.
	Frame *Frame `json:"frame,omitempty"`
}

// Frame is a frame as a device saw it.
type Frame struct {
	// Type says whom it was for in the words of packet(7): outgoing when the device
	// sent it, else host, broadcast, multicast or otherhost.
	Type   string   `json:"type"`
	Source string   `json:"source"` // MAC addresses
	Dest   string   `json:"dest"`
	Tags   []string `json:"tags,omitempty"` // VLAN tags, outermost first: "0x8100 VID 10 PCP 0"
	// Layers are what it carried behind its tags, a few words for each layer.
	Layers []string `json:"layers"`
}

// Claim is a sentence that some document makes.
type Claim struct {
	ID     string `json:"id"`
	Text   string `json:"text"`
	Source string `json:"source"`
}

// Summary counts checks by verdict. A case that ended without any check counts
// as one of its own verdict, so that nothing is ever missing from the sum.
type Summary struct {
	Pass  int `json:"pass"`
	Fail  int `json:"fail"`
	Skip  int `json:"skip"`
	Error int `json:"error"`
}

// Picture is a case's topology as a reader should see it.
type Picture struct {
	Nodes []PictureNode `json:"nodes"` // in the scenario's order: hosts, endpoints, stations, routers
	// Switch holds the settings of the switch that differ from a plain one, one
	// sentence each; nil when the case has no switch.
	Switch []string `json:"switch,omitempty"`
}

// PictureNode is one machine of the LAN.
type PictureNode struct {
	Name  string        `json:"name"`
	Role  string        `json:"role"` // host, endpoint, station, router
	Links []PictureLink `json:"links"`
}

// PictureLink is one device in a node.
type PictureLink struct {
	Name      string   `json:"name"`
	Kind      string   `json:"kind"`             // veth, dummy, bridge, vlan, macvlan, ipvlan, nic
	Detail    string   `json:"detail,omitempty"` // "bridge", "l3s private", "VID 50"
	MAC       string   `json:"mac,omitempty"`
	Addresses []string `json:"addresses,omitempty"`
	// Parent is the lower device as node/link; "switch" for what is plugged into
	// the switch; empty for what hangs on nothing.
	Parent string `json:"parent,omitempty"`
}
