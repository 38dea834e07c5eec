package run

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/lanproof/lanproof/reports"
	"github.com/lanproof/lanproof/topology/lab"
)

// counters are all that count drops in a lab: of devices, of queueing disciplines, and
// of protocols.
type counters struct {
	nodes  []*lab.Node
	files  map[*lab.Node][]*os.File
	before map[counter]uint64
}

// counter is one of them. Index is 0 where a whole node counts.
type counter struct {
	node  string
	index int
	name  string
}

// protocolFiles are what protocols count, each namespace for itself.
var protocolFiles = []string{"snmp", "netstat", "snmp6"}

// openCounters opens the protocols' files in every namespace, which they stay with.
func openCounters(nodes []*lab.Node) (*counters, error) {
	c := &counters{nodes: nodes, files: map[*lab.Node][]*os.File{}}
	for _, n := range nodes {
		err := n.NS.Do(func() error {
			for _, name := range protocolFiles {
				f, err := os.Open("/proc/thread-self/net/" + name)
				if errors.Is(err, os.ErrNotExist) {
					continue // without IPv6 there is no snmp6
				}
				if err != nil {
					return err
				}
				c.files[n] = append(c.files[n], f)
			}
			return nil
		})
		if err != nil {
			return nil, errors.Join(fmt.Errorf("open the counters of %s: %w", n.Name, err), c.Close())
		}
	}
	return c, nil
}

// Close closes the files.
func (c *counters) Close() error {
	var errs []error
	for _, files := range c.files {
		for _, f := range files {
			errs = append(errs, f.Close())
		}
	}
	return errors.Join(errs...)
}

// mark remembers where all counters stand.
func (c *counters) mark() (err error) {
	c.before, err = c.read()
	return err
}

// since returns what has risen since the mark. name gives a device's name.
func (c *counters) since(name func(node string, index int) string) ([]reports.Rise, error) {
	after, err := c.read()
	if err != nil {
		return nil, err
	}
	var all []reports.Rise
	for k, n := range after {
		if n <= c.before[k] {
			continue
		}
		at := k.node
		if k.index > 0 {
			at += "/" + name(k.node, k.index)
		}
		all = append(all, reports.Rise{At: at, Name: k.name, By: n - c.before[k]})
	}
	slices.SortFunc(all, func(a, b reports.Rise) int { return strings.Compare(a.At+" "+a.Name, b.At+" "+b.Name) })
	return all, nil
}

func (c *counters) read() (map[counter]uint64, error) {
	all := map[counter]uint64{}
	for _, n := range c.nodes {
		links, err := n.Conn.Links()
		if err != nil {
			return nil, fmt.Errorf("ask for the devices of %s: %w", n.Name, err)
		}
		for _, l := range links {
			for name, v := range l.Counters {
				if countsDrops(name) {
					all[counter{n.Name, l.Index, name}] = v
				}
			}
		}
		queues, err := n.Conn.QueueDrops()
		if err != nil {
			return nil, fmt.Errorf("ask for the queues of %s: %w", n.Name, err)
		}
		for index, v := range queues {
			all[counter{n.Name, index, "qdisc drops"}] = v
		}
		for _, f := range c.files[n] {
			text, err := io.ReadAll(io.NewSectionReader(f, 0, 1<<20))
			if err != nil {
				return nil, fmt.Errorf("read the counters of %s: %w", n.Name, err)
			}
			for name, v := range protocolCounters(text) {
				if countsDrops(name) {
					all[counter{node: n.Name, name: name}] = v
				}
			}
		}
	}
	return all, nil
}

// countsDrops reports whether a counter counts what went wrong, by its name.
func countsDrops(name string) bool {
	return slices.ContainsFunc([]string{
		"drop", "Drop", "discard", "Discard", "error", "Error", "Err", "nohandler", "NoPorts", "NoRoutes", "UnknownProtos", "Filter", "Fails",
	}, func(part string) bool { return strings.Contains(name, part) })
}

// protocolCounters reads /proc/net/snmp and netstat, two lines a protocol, or snmp6, a
// line a counter. What it cannot read it leaves out.
func protocolCounters(text []byte) map[string]uint64 {
	all := map[string]uint64{}
	var names []string
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		words := strings.Fields(lines.Text())
		switch {
		case len(words) == 0:
		case !strings.HasSuffix(words[0], ":"):
			if len(words) == 2 {
				count(all, words[0], words[1])
			}
		case len(names) == len(words) && names[0] == words[0]:
			for i := 1; i < len(words); i++ {
				count(all, strings.TrimSuffix(words[0], ":")+"."+names[i], words[i])
			}
			names = nil
		default:
			names = words
		}
	}
	return all
}

func count(all map[string]uint64, name, value string) {
	if n, err := strconv.ParseUint(value, 10, 64); err == nil {
		all[name] = n
	}
}
