package ethtool_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/internal/ethtool"
	"github.com/lanproof/lanproof/internal/netns"
	"github.com/lanproof/lanproof/internal/rtnl"
)

// onVeth calls test in a namespace with a veth, v0, which has two queues.
func onVeth(t *testing.T, test func(c *ethtool.Conn)) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("making network namespaces needs root")
	}
	ns, err := netns.New()
	if err != nil {
		t.Fatal(err)
	}
	defer ns.Close()
	err = ns.Do(func() error {
		l, err := rtnl.OpenHere()
		if err != nil {
			return err
		}
		defer l.Close()
		queues := []rtnl.Attr{rtnl.U32(unix.IFLA_NUM_RX_QUEUES, 2), rtnl.U32(unix.IFLA_NUM_TX_QUEUES, 2)}
		if err := l.NewLink(&rtnl.Link{Name: "v0", Kind: "veth", Instead: queues, Peer: &rtnl.Link{Name: "v1"}}); err != nil {
			return err
		}
		c, err := ethtool.OpenHere()
		if err != nil {
			return err
		}
		test(c)
		return c.Close()
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestVeth(t *testing.T) {
	onVeth(t, func(c *ethtool.Conn) {
		if d, err := c.Driver("v0"); err != nil || d.Name != "veth" {
			t.Errorf("driver %+v, %v", d, err)
		}
		// drivers/net/veth.c:veth_get_link_ksettings says 10 Gbit/s.
		if l, err := c.Link("v0"); err != nil || l.SpeedMbit != 10000 || l.Duplex != "full" || l.Port != "tp" {
			t.Errorf("link %+v, %v", l, err)
		}
		if s, err := c.Statistics("v0"); err != nil || len(s) == 0 {
			t.Errorf("statistics %v, %v", s, err)
		}
		if _, err := c.Settings("v0", ethtool.Rings); !errors.Is(err, unix.EOPNOTSUPP) {
			t.Errorf("rings, which a veth has not: %v", err)
		}
		if _, err := c.Settings("v0", ethtool.Wake); !errors.Is(err, unix.EOPNOTSUPP) {
			t.Errorf("wake-on-LAN, which a veth has not: %v", err)
		}
		if _, err := c.Spread("v0"); !errors.Is(err, unix.EOPNOTSUPP) {
			t.Errorf("spreading, which a veth has not: %v", err)
		}
		if err := c.SetSpread("v0", &ethtool.Spread{}); !errors.Is(err, unix.EOPNOTSUPP) {
			t.Errorf("changing that: %v", err)
		}
		if err := c.Reset("v0"); !errors.Is(err, unix.EOPNOTSUPP) {
			t.Errorf("a reset, which a veth has not: %v", err)
		}
		if f, err := c.PrivateFlags("v0"); len(f) > 0 || err != nil && !errors.Is(err, unix.EOPNOTSUPP) {
			t.Errorf("private flags, which a veth has not: %v, %v", f, err)
		}
	})
}

func TestFeatures(t *testing.T) {
	onVeth(t, func(c *ethtool.Conn) {
		feature := func(name string) string {
			all, err := c.Features("v0")
			if err != nil {
				t.Fatal(err)
			}
			return all[name].String()
		}
		if got := feature("tx-scatter-gather"); got != "on" {
			t.Errorf("scatter-gather is %s", got)
		}
		if got := feature("loopback"); got != "off [fixed]" {
			t.Errorf("loopback is %s", got)
		}
		if err := c.SetFeatures("v0", map[string]bool{"tx-scatter-gather": false, "rx-gro": true}); err != nil {
			t.Error(err)
		}
		// Segmentation needs scatter-gather (net/core/dev.c:netdev_fix_features).
		got := []string{feature("tx-scatter-gather"), feature("rx-gro"), feature("tx-generic-segmentation")}
		if strings.Join(got, ", ") != "off, on, off [requested on]" {
			t.Errorf("scatter-gather, GRO and GSO are %s", strings.Join(got, ", "))
		}
		if err := c.SetFeatures("v0", map[string]bool{"no-such": true}); err == nil || !strings.Contains(err.Error(), `"no-such"`) {
			t.Errorf("a feature that is not there: %v", err)
		}
	})
}

func TestSettings(t *testing.T) {
	onVeth(t, func(c *ethtool.Conn) {
		if err := c.SetSettings("v0", ethtool.Channels, map[string]uint32{"rx": 1}); err != nil {
			t.Error(err)
		}
		s, err := c.Settings("v0", ethtool.Channels)
		if err != nil || s["rx"] != 1 || s["tx"] != 2 || s["rx-max"] != 2 {
			t.Errorf("channels %v, %v", s, err)
		}
		if err := c.SetSettings("v0", ethtool.Channels, map[string]uint32{"rx": 9}); !errors.Is(err, unix.EINVAL) {
			t.Errorf("more than there are: %v", err)
		}
		if err := c.SetSettings("v0", ethtool.Channels, map[string]uint32{"no-such": 9}); err == nil {
			t.Error("a setting that is not there is set")
		}
	})
}

func TestNoDevice(t *testing.T) {
	onVeth(t, func(c *ethtool.Conn) {
		for _, name := range []string{"nope", "", strings.Repeat("x", 40)} {
			_, err1 := c.Features(name)
			_, err2 := c.Settings(name, ethtool.Rings)
			_, err3 := c.Statistics(name)
			for _, err := range []error{err1, err2, err3} {
				if !errors.Is(err, unix.ENODEV) {
					t.Errorf("%q: %v", name, err)
				}
			}
		}
	})
}
