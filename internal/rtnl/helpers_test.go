package rtnl_test

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"testing"

	"github.com/lanproof/lanproof/internal/netns"
	"github.com/lanproof/lanproof/internal/rtnl"
)

// place is a fresh namespace with a socket in it.
type place struct {
	t    *testing.T
	ns   *netns.NS
	conn *rtnl.Conn
}

func newPlace(t *testing.T) *place {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("making network namespaces needs root")
	}
	p := &place{t: t}
	all, err := netns.NewEach(1, func(_ int, ns *netns.NS) (err error) {
		p.conn, err = rtnl.OpenHere()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	p.ns = all[0]
	t.Cleanup(func() {
		p.conn.Close()
		if err := p.ns.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func (p *place) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

func (p *place) state(name string) *rtnl.State {
	p.t.Helper()
	s, err := p.conn.LinkByName(name)
	p.must(err)
	return s
}

// ip asks iproute2 the same question, as a second opinion.
func (p *place) ip(into any, args ...string) {
	p.t.Helper()
	tool := "ip"
	if args[0] == "bridge" {
		tool, args = args[0], args[1:]
	}
	path, err := exec.LookPath(tool)
	if err != nil {
		p.t.Skipf("comparing with iproute2 needs %s: %v", tool, err)
	}
	var out []byte
	p.must(p.ns.Do(func() error {
		out, err = exec.Command(path, append([]string{"-d", "-j"}, args...)...).Output()
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			p.t.Logf("%s", exit.Stderr)
		}
		return err
	}))
	p.must(json.Unmarshal(out, into))
}

// ipLink is a device as ip -d -j link shows it.
type ipLink struct {
	Index       int      `json:"ifindex"`
	Name        string   `json:"ifname"`
	Address     string   `json:"address"`
	MTU         int      `json:"mtu"`
	TxQueueLen  int      `json:"txqlen"`
	Operstate   string   `json:"operstate"`
	Promiscuity int      `json:"promiscuity"`
	Link        string   `json:"link"`
	Flags       []string `json:"flags"`
	Info        struct {
		Kind string `json:"info_kind"`
		Data struct {
			Mode      string   `json:"mode"`
			NoPromisc bool     `json:"nopromisc"`
			NoDst     bool     `json:"nodst"`
			QueueLen  *int     `json:"bcqueuelen"`
			QueueUsed *int     `json:"usedbcqueuelen"`
			Sources   []string `json:"macaddr_data"`
			STP       int      `json:"stp_state"`
			Snooping  int      `json:"mcast_snooping"`
			Filtering int      `json:"vlan_filtering"`
		} `json:"info_data"`
		PortData struct {
			Hairpin  bool `json:"hairpin"`
			Learning bool `json:"learning"`
			Flood    bool `json:"flood"`
			Isolated bool `json:"isolated"`
			Locked   bool `json:"locked"`
		} `json:"info_slave_data"`
	} `json:"linkinfo"`
}

func (p *place) ipLink(name string) ipLink {
	p.t.Helper()
	var all []ipLink
	p.ip(&all, "link", "show", "dev", name)
	if len(all) != 1 {
		p.t.Fatalf("ip shows %d devices called %s", len(all), name)
	}
	return all[0]
}

// parent makes a veth whose one end, p0 with index 10, is up; far has its other end.
func (p *place) parent(far *place) {
	p.t.Helper()
	up := true
	p.must(p.conn.NewLink(&rtnl.Link{
		Name: "p0", Kind: "veth", Index: 10, MAC: mac(1),
		Peer: &rtnl.Link{Name: "w0", Index: 11, NS: far.ns.FD(), MAC: mac(2), MTU: 1400},
	}))
	p.must(far.conn.SetLink(11, &rtnl.Change{Up: &up}))
	p.must(p.conn.SetLink(10, &rtnl.Change{Up: &up}))
}

func mac(last byte) []byte { return []byte{2, 0, 0, 0, 0, last} }

func pointer[T any](v T) *T { return &v }
