// Package lab carries a plan out: it makes the namespaces, devices, addresses
// and routes that package topology has planned, changes them as time goes on,
// and lets go of them.
package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/engine"
	"github.com/lanproof/lanproof/internal/netns"
	"github.com/lanproof/lanproof/internal/port"
	"github.com/lanproof/lanproof/internal/rtnl"
	"github.com/lanproof/lanproof/topology"
)

// Lab is a LAN that exists. It is not for concurrent use.
//
// Everything in it is held by descriptor: closing the lab, or the death of the
// process, makes the kernel take it all away. Links are not deleted one by
// one, for that takes 20 to 30 ms each under the kernel's one big lock, while
// dying namespaces are cleaned up in the background and in batches
// (net/core/net_namespace.c:cleanup_net).
type Lab struct {
	plan  *topology.Plan
	nodes map[string]*Node
	index map[topology.Ref]int // ifindexes of all devices made so far
	loans []*port.Loan         // real ports
	cable *Cable
	laid  topology.Ref // where the cable is
	built *builder     // nil where no engine builds networks
}

// Node is a namespace of the lab.
type Node struct {
	topology.Node
	NS   *netns.NS
	Conn *rtnl.Conn

	awaited []rtnl.Address // see awaitAddresses
	engines bool           // an engine has made the namespace
}

// Options are how a lab is opened. The zero value is fine.
type Options struct {
	// Inside is called on a thread in each namespace as soon as it is made, so
	// that sockets can be opened there; in several of them at once.
	Inside func(n *Node) error
	// NICs says which real port stands for a device of kind nic, by the
	// device's name. A real port is never touched unless it is named here.
	NICs map[string]string
	// Cable is laid where the plan's LAN has one (see topology.LAN.Lay).
	Cable *Cable
	// Engine starts who builds networks and endpoints in place of the plan's operations,
	// in the namespace of the plan's only host. Where it is nil, the lab does.
	Engine func(host *netns.NS) (engine.Engine, error)
	// Context ends the engine's work; the background's where it is nil.
	Context context.Context
}

// Open builds what the plan says. When any operation fails, nothing is left, and
// the error wraps an *OpError.
func Open(plan *topology.Plan, o Options) (*Lab, error) {
	l := &Lab{plan: plan, nodes: map[string]*Node{}, index: map[topology.Ref]int{}, cable: o.Cable, laid: plan.LAN.CableLaid()}
	if o.Engine != nil {
		l.built = newBuilder(o)
	}
	if err := l.open(o); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

func (l *Lab) open(o Options) error {
	if err := l.makeNodes(o.Inside); err != nil {
		return err
	}
	if l.built != nil {
		return l.buildByEngine(o)
	}
	for _, op := range l.plan.Ops {
		if err := l.apply(op, o.NICs); err != nil {
			return &OpError{Op: op, Err: err}
		}
	}
	return l.Settle()
}

// OpError is what became of an operation that could not be carried out.
type OpError struct {
	Op  topology.Op
	Err error
}

// Error says which command failed, and why.
func (e *OpError) Error() string { return firstCommand(e.Op) + ": " + e.Err.Error() }

// Unwrap returns the kernel's answer.
func (e *OpError) Unwrap() error { return e.Err }

// firstCommand shortens an operation to its first command, for errors.
func firstCommand(op topology.Op) string {
	s, _, _ := strings.Cut(op.String(), " && ")
	return s
}

// makeNodes makes every namespace, and all that is to be made inside.
func (l *Lab) makeNodes(inside func(*Node) error) error {
	nodes := l.ownNodes()
	v6 := l.v6Nodes()
	made := make([]*Node, len(nodes))
	others := sync.OnceValues(otherSettings)
	_, err := netns.NewEach(len(nodes), func(i int, ns *netns.NS) error {
		n := &Node{Node: nodes[i], NS: ns}
		made[i] = n
		var err error
		if n.Conn, err = rtnl.OpenHere(); err != nil {
			return err
		}
		if err := setUp(n, v6[n.Name], others); err != nil {
			return fmt.Errorf("set up node %s: %w", n.Name, err)
		}
		if inside != nil {
			return inside(n)
		}
		return nil
	})
	for _, n := range made {
		if n != nil {
			l.nodes[n.Name] = n
		}
	}
	return err
}

// v6Nodes are the nodes that have IPv6 addresses. Elsewhere IPv6 is off, as
// Docker has it, and keeps quiet.
func (l *Lab) v6Nodes() map[string]bool {
	v6 := map[string]bool{}
	for _, d := range l.plan.LAN.Devices {
		for _, a := range d.Addresses {
			if a.Addr().Is6() {
				v6[d.Node] = true
			}
		}
	}
	return v6
}

// loopback is lo's ifindex in every namespace (net/core/net_namespace.c).
const loopback = 1

// settings are those of namespaces that matter to a lab, and what they are to be in all.
func settings() [][2]string {
	return [][2]string{
		// Probes and fences may come from anywhere.
		{"ipv4/conf/all/rp_filter", "0"},
		{"ipv4/conf/default/rp_filter", "0"},
		{"ipv4/conf/all/send_redirects", "0"},
		{"ipv4/conf/default/send_redirects", "0"},
		// A new namespace has what the machine has (net/ipv4/devinet.c:
		// devinet_init_net), and distributions differ: here it is the kernel's default.
		{"ipv4/conf/all/promote_secondaries", "0"},
		{"ipv4/conf/default/promote_secondaries", "0"},
		{"ipv4/conf/all/arp_ignore", "0"},
		{"ipv4/conf/default/arp_ignore", "0"},
		{"ipv4/conf/all/arp_announce", "0"},
		{"ipv4/conf/default/arp_announce", "0"},
		{"ipv4/conf/all/arp_filter", "0"},
		{"ipv4/conf/default/arp_filter", "0"},
	}
}

// otherSettings are those that are something else in the calling thread's namespace. Where
// it is the first that the thread has made, all that begin as it did need just these, and
// so do those that begin as one that has them (net.core.devconf_inherit_init_net): to find
// the files of the others in each namespace is a good part of what making it costs.
func otherSettings() ([][2]string, error) {
	var others [][2]string
	for _, s := range settings() {
		value, err := os.ReadFile("/proc/sys/net/" + s[0])
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("read %s: %w", s[0], err)
		}
		if strings.TrimSpace(string(value)) != s[1] {
			others = append(others, s)
		}
	}
	return others, nil
}

// setUp prepares a fresh namespace from inside.
func setUp(n *Node, v6 bool, others func() ([][2]string, error)) error {
	all, err := others()
	if err != nil {
		return err
	}
	up := true
	if err := n.Conn.SetLink(loopback, &rtnl.Change{Up: &up}); err != nil {
		return fmt.Errorf("bring up lo: %w", err)
	}
	forward := "0"
	if n.Forwarding {
		forward = "1"
	}
	for _, s := range append(slices.Clone(all), [2]string{"ipv4/ip_forward", forward}, [2]string{"ipv6/conf/all/forwarding", forward}) {
		if err := sysctl(s[0], s[1]); err != nil {
			return err
		}
	}
	if v6 {
		return allowV6("default")
	}
	return sysctl("ipv6/conf/default/disable_ipv6", "1")
}

// allowV6 lets a device of the calling thread's namespace have IPv6 addresses,
// or "default" those to come. They speak when they are asked, and not before.
func allowV6(link string) error {
	for _, s := range [][2]string{{"accept_dad", "0"}, {"accept_ra", "0"}, {"router_solicitations", "0"}, {"disable_ipv6", "0"}} {
		if err := sysctl("ipv6/conf/"+link+"/"+s[0], s[1]); err != nil {
			return err
		}
	}
	return nil
}

// sysctl sets a network setting of the calling thread's namespace. A kernel
// without IPv6 has none of its settings.
func sysctl(name, value string) error {
	// An os.File would offer the file to the poller first, in vain.
	fd, err := unix.Open("/proc/sys/net/"+name, unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if errors.Is(err, os.ErrNotExist) && strings.HasPrefix(name, "ipv6/") {
		return nil
	}
	if err != nil {
		return fmt.Errorf("set %s: %w", name, err)
	}
	_, err = unix.Write(fd, []byte(value))
	if err := errors.Join(err, unix.Close(fd)); err != nil {
		return fmt.Errorf("set %s to %s: %w", name, value, err)
	}
	return nil
}

// Node returns the node of that name, or nil.
func (l *Lab) Node(name string) *Node { return l.nodes[name] }

// Nodes returns the nodes in the plan's order.
func (l *Lab) Nodes() []*Node {
	var all []*Node
	for _, n := range l.plan.LAN.Nodes {
		if node := l.nodes[n.Name]; node != nil {
			all = append(all, node)
		}
	}
	return all
}

// Close lets go of everything, after real ports have gone back. Closing again
// does nothing.
func (l *Lab) Close() error {
	errs := []error{l.giveBack()}
	for _, n := range l.nodes {
		if n.Conn != nil {
			n.Conn.Close()
		}
		errs = append(errs, n.NS.Close())
	}
	errs = append(errs, l.built.close())
	return errors.Join(errs...)
}
