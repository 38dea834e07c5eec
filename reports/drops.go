package reports

// Drops say where frames ended that did not arrive: where the kernel dropped
// them and why, or by which rule nobody was given them.
type Drops struct {
	How How `json:"how"`
	// Text sums all of it up in a sentence or two.
	Text string `json:"text"`
	// Refused is the errno by which the sender's kernel refused to send; empty when it
	// sent.
	Refused string `json:"refused,omitempty"`
	// LastSeen is the last device, node/link, that the flow's frame itself was seen
	// at when it was sent for the verdict; empty when it was seen nowhere.
	LastSeen string `json:"last_seen,omitempty"`
	// Ends are the drops that the kernel told of, in their order; of How Traced only.
	Ends []End `json:"ends,omitempty"`
	// Counters are what rose while the frames were sent; of How Counted only.
	Counters []Rise `json:"counters,omitempty"`
	// Rules are the oracle's reasons why the target was not given the frames.
	Rules []Rule `json:"rules,omitempty"`
}

// How says how an end was found out.
type How string

// The ways, from the best to none.
const (
	Traced      How = "traced"       // the kernel told of each drop as it happened
	Counted     How = "counted"      // a counter rose in the window
	NotObserved How = "not observed" // nothing showed
)

// End is one drop of one frame, or of several that ended alike.
type End struct {
	At string `json:"at"` // node/link
	// Reason is the kernel's name for it without its prefix, such as OTHERHOST
	// (include/net/dropreason-core.h).
	Reason string `json:"reason"`
	// Function of the kernel that dropped the frame; empty when it is not told.
	Function string `json:"function,omitempty"`
	// Frame says in words what was dropped; Own is set for the flow's frame itself,
	// not for a request or an answer that belongs to it.
	Frame string `json:"frame"`
	Own   bool   `json:"own,omitempty"`
	Count int    `json:"count"`
	// Concluded is set where a tap of lanproof's took the frame, which the kernel drops
	// so where there is none.
	Concluded bool `json:"concluded,omitempty"`
}

// Rise is by how much a counter rose.
type Rise struct {
	At   string `json:"at"`   // node/link, or the node whose protocol counts
	Name string `json:"name"` // rx_dropped, qdisc drops, Ip.InAddrErrors
	By   uint64 `json:"by"`
}

// Rule is a row of the oracle's tables that decided about a frame; or stack-noarp, by
// which a stack takes a question without an answer.
type Rule struct {
	ID     string `json:"id"`
	At     string `json:"at"` // node/link, or the bridge
	When   string `json:"when"`
	Then   string `json:"then"`
	Source string `json:"source"` // a kernel file with its function, or a document's clause
	// Frame says which of the frames was decided about, where a flow takes several: the
	// request for its address, the answer to that, the packet, the reply.
	Frame string `json:"frame"`
}
