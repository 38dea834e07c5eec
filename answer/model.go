package answer

import (
	"github.com/lanproof/lanproof/advice"
	"github.com/lanproof/lanproof/reports"
	"github.com/lanproof/lanproof/scenarios"
)

// Schema is the version of an answer in JSON. Fields may be added to it, never renamed.
const Schema = "lanproof/answer/v1"

// Answer is what would come of one or several files.
type Answer struct {
	Schema string `json:"schema"`
	// Files are the names of what was read.
	Files []string `json:"files"`
	// Docker is the version whose rules the networks follow.
	Docker string `json:"docker"`
	// Engine is the real one that built the networks, with its version; empty where they
	// were simulated.
	Engine string `json:"engine,omitempty"`
	// Ground and Kernel say where the networks were built; empty when none was.
	Ground string `json:"ground,omitempty"`
	Kernel string `json:"kernel,omitempty"`
	// Machines are the rows and columns of the table of who reaches whom.
	Machines  []Machine  `json:"machines"`
	Networks  []Network  `json:"networks"`
	Endpoints []Endpoint `json:"endpoints"`
	Reach     []Reach    `json:"reach"`
	Warnings  []Warning  `json:"warnings"`
	// Notes are what has to be known to read the rest: which machine a name stands for that
	// a container has.
	Notes   []string  `json:"notes,omitempty"`
	LeftOut []LeftOut `json:"left_out"`
	Unread  []Unread  `json:"unread"`
	// Earlier are the answers for the moments before this one, where a file builds, takes
	// apart and builds again.
	Earlier []*Answer `json:"earlier,omitempty"`
	// Trouble says why something could not be found out; empty when all was.
	Trouble string `json:"trouble,omitempty"`

	// Results are the run's, of the table and of the warnings' trials; nil where nothing was run.
	Results *reports.Results `json:"-"`

	draft *Draft
	asked []pair
	main  *scenarios.Case
	// attempts are those of all pairs, in the order of the main case's checks.
	attempts []Attempt
}

// Role is what a machine of the table is.
type Role string

// The roles.
const (
	RoleEndpoint Role = "endpoint"
	RoleHost     Role = "host"    // the machine that the networks are on
	RoleLAN      Role = "lan"     // another machine on the same wire
	RoleGateway  Role = "gateway" // who has the gateways' addresses; forwards nothing
	RoleVLAN     Role = "vlan"    // a machine on a VLAN
)

// Machine is a row and a column of the table.
type Machine struct {
	// Name in the table: an endpoint's is what the file calls it; host, lan, gateway and
	// vlan with its number, unless an endpoint has that name.
	Name string `json:"name"`
	Role Role   `json:"role"`
	// Node is its name in the scenario.
	Node string `json:"node"`
	// Shared are endpoints that have no network of their own and live in its.
	Shared []string `json:"shared,omitempty"`
}

// Network is a network of the file.
type Network struct {
	Name    string   `json:"name"`
	Driver  string   `json:"driver"`
	Parent  string   `json:"parent,omitempty"`
	Mode    string   `json:"mode,omitempty"`
	Flag    string   `json:"flag,omitempty"`
	Subnets []Subnet `json:"subnets"`
	// Internal networks have no gateway.
	Internal bool `json:"internal,omitempty"`
	// Simulated is whether it was built; LeftOut of the answer says why not.
	Simulated bool   `json:"simulated"`
	File      string `json:"file,omitempty"`
	Line      int    `json:"line,omitempty"`
}

// Subnet is one pool of addresses.
type Subnet struct {
	Subnet  string `json:"subnet"`
	Gateway string `json:"gateway,omitempty"`
	IPRange string `json:"ip_range,omitempty"`
	// Chosen is set where the file names none and the engine picks one: another one than
	// this on a machine that has networks already.
	Chosen bool `json:"chosen,omitempty"`
}

// Endpoint is a container on one network; one that is on several has several entries.
type Endpoint struct {
	Name    string `json:"name"`
	Network string `json:"network,omitempty"`
	// Interface is the device's name in the container.
	Interface string `json:"interface,omitempty"`
	IPv4      string `json:"ipv4,omitempty"`
	IPv6      string `json:"ipv6,omitempty"`
	MAC       string `json:"mac,omitempty"`
	// MACRandom is set where the engine rolls dice for the address, so that MAC is the
	// simulation's only.
	MACRandom bool `json:"mac_random,omitempty"`
	// MACParent is set where the address is the parent's, whatever that is.
	MACParent bool `json:"mac_parent,omitempty"`
	// Gateway and Gateway6 are the next hops of its default routes, where they go over
	// this network; "link" where the device itself is the way.
	Gateway  string `json:"gateway,omitempty"`
	Gateway6 string `json:"gateway6,omitempty"`
	// Mode is host, none, or the endpoint that it shares the network of.
	Mode string `json:"mode,omitempty"`
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"`
}

// Reach is whether one machine reaches another by ICMP echo of one family.
type Reach struct {
	From   string `json:"from"`
	To     string `json:"to"`
	Family string `json:"family"` // ipv4 or ipv6
	// By is how it went with each address of the target that the sender shares a subnet
	// with; what stands beside it is the first of those that were reached, or else the
	// first.
	By []Attempt `json:"by,omitempty"`
	Attempt
}

// Attempt is what came of sending to one address.
type Attempt struct {
	Address string `json:"address"`
	// Reached is null where it could not be found out; Observed then says why.
	Reached *bool         `json:"reached"`
	Proof   reports.Proof `json:"proof,omitempty"`
	// Observed says in words what came of it.
	Observed string `json:"observed,omitempty"`
	// Why are the rules by which it is not reached, where they are known.
	Why []reports.Rule `json:"why,omitempty"`
}

// Warning is one thing to mind.
type Warning struct {
	ID       string          `json:"id"`
	Severity advice.Severity `json:"severity"`
	File     string          `json:"file"`
	Line     int             `json:"line,omitempty"`
	Column   int             `json:"column,omitempty"`
	Text     string          `json:"text"`
	// Networks and Endpoints that it is about.
	Networks  []string `json:"networks,omitempty"`
	Endpoints []string `json:"endpoints,omitempty"`
	// Shown is whether frames, or the kernel, have shown it in a trial of its own: null
	// where there is no trial.
	Shown *bool `json:"shown,omitempty"`
	// Evidence is what the trial's checks saw.
	Evidence []Shown `json:"evidence,omitempty"`
}

// Shown is a check of a trial and what came of it.
type Shown struct {
	Check    string             `json:"check"`
	Verdict  reports.Verdict    `json:"verdict"`
	Observed string             `json:"observed"`
	Evidence []reports.Evidence `json:"evidence,omitempty"`
}

// LeftOut is something of the file that the answer does not cover.
type LeftOut struct {
	// What is a network, an endpoint, a machine, or pairs of the table.
	What string `json:"what"`
	Name string `json:"name"`
	// Why is the reason as a part of a sentence.
	Why  string `json:"why"`
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"`
}

// Unread is something that could not be read.
type Unread struct {
	File string `json:"file"`
	Line int    `json:"line,omitempty"`
	Text string `json:"text"`
	Why  string `json:"why"`
}
