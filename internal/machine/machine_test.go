package machine_test

import (
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lanproof/lanproof/internal/machine"
	"github.com/lanproof/lanproof/internal/netns"
	"github.com/lanproof/lanproof/internal/rtnl"
)

// inNew runs f in a fresh namespace, with a socket in it.
func inNew(t *testing.T, f func(c *rtnl.Conn) error) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("making network namespaces needs root")
	}
	all, err := netns.NewEach(1, func(int, *netns.NS) error {
		c, err := rtnl.OpenHere()
		if err != nil {
			return err
		}
		defer c.Close()
		return f(c)
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := all[0].Close(); err != nil {
		t.Error(err)
	}
}

// folder is a root with these files and directories, which end in a slash.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if name[len(name)-1] == '/' {
			continue
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name := range files {
		if name[len(name)-1] == '/' {
			if err := os.MkdirAll(filepath.Join(root, name), 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	return root
}

// TestLook builds devices, and looks at them: nothing of them has changed afterwards.
func TestLook(t *testing.T) {
	root := folder(t, map[string]string{"sys/class/net/wlx0/phy80211/": "", "sys/class/net/old0/wireless/": "", "sys/class/net/eth0/device/": ""})
	inNew(t, func(c *rtnl.Conn) error {
		up := true
		link := func(l *rtnl.Link) {
			if err := c.NewLink(l); err != nil {
				t.Fatal(err)
			}
		}
		link(&rtnl.Link{Name: "br0", Kind: "bridge"})
		link(&rtnl.Link{Name: "wlx0", Kind: "veth", Peer: &rtnl.Link{Name: "old0"}})
		link(&rtnl.Link{Name: "eth0", Kind: "veth", Peer: &rtnl.Link{Name: "port0"}, MTU: 1400})
		index := map[string]int{}
		links, err := c.Links()
		if err != nil {
			return err
		}
		for _, l := range links {
			index[l.Name] = l.Index
		}
		master := index["br0"]
		for _, step := range []error{
			c.SetLink(index["port0"], &rtnl.Change{Up: &up, Master: master}),
			c.SetLink(index["eth0"], &rtnl.Change{Up: &up}),
			c.SetLink(index["br0"], &rtnl.Change{Up: &up}),
			c.AddAddress(index["eth0"], netip.MustParsePrefix("192.168.1.5/24")),
			c.AddAddress(index["eth0"], netip.MustParsePrefix("2001:db8::5/64")),
			c.AddRoute(netip.MustParsePrefix("0.0.0.0/0"), netip.MustParseAddr("192.168.1.1"), index["eth0"]),
			c.AddRoute(netip.MustParsePrefix("10.0.0.0/8"), netip.MustParseAddr("192.168.1.2"), index["eth0"]),
		} {
			if step != nil {
				return step
			}
		}
		m, err := machine.Look(root)
		if err != nil {
			return err
		}
		slices.SortFunc(m.Devices, func(a, b machine.Device) int { return strings.Compare(a.Name, b.Name) })
		want := []machine.Device{
			{Name: "br0", MTU: m.Devices[0].MTU},
			{
				Name: "eth0", Physical: true, MTU: 1400, Gateways: []netip.Addr{netip.MustParseAddr("192.168.1.1")},
				Addresses: []netip.Prefix{netip.MustParsePrefix("192.168.1.5/24"), netip.MustParsePrefix("2001:db8::5/64")},
			},
			{Name: "lo", MTU: 65536},
			{Name: "old0", MTU: 1500, Wireless: true},
			{Name: "port0", MTU: m.Devices[4].MTU, Master: "br0"},
			{Name: "wlx0", MTU: 1500, Wireless: true},
		}
		if diff := cmp.Diff(want, m.Devices, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
			t.Error(diff)
		}
		after, err := c.Links()
		if err != nil {
			return err
		}
		if len(after) != len(links) {
			t.Errorf("%d devices, and %d before they were looked at", len(after), len(links))
		}
		return nil
	})
}

func TestCloud(t *testing.T) {
	const dmi = "sys/class/dmi/id/"
	for want, files := range map[string]map[string]string{
		"Amazon EC2":      {dmi + "sys_vendor": "Amazon EC2\n", dmi + "product_name": "t3.micro\n"},
		"Google Cloud":    {dmi + "sys_vendor": "Google\n", dmi + "product_name": "Google Compute Engine\n"},
		"Microsoft Azure": {dmi + "sys_vendor": "Microsoft Corporation\n", dmi + "product_name": "Virtual Machine\n", dmi + "chassis_asset_tag": "7783-7084-3265-9085-8269-3286-77\n"},
		"Oracle Cloud":    {dmi + "sys_vendor": "QEMU\n", dmi + "chassis_asset_tag": "OracleCloud.com\n"},
		"Hetzner Cloud":   {dmi + "sys_vendor": "Hetzner\n", dmi + "product_name": "vServer\n"},
		"OpenStack":       {dmi + "product_name": "OpenStack Nova\n"},
	} {
		t.Run(want, func(t *testing.T) {
			root := folder(t, files)
			inNew(t, func(*rtnl.Conn) error {
				m, err := machine.Look(root)
				if err == nil && m.Cloud != want {
					t.Errorf("got %q", m.Cloud)
				}
				return err
			})
		})
	}
	for name, files := range map[string]map[string]string{
		"a machine at home": {dmi + "sys_vendor": "LENOVO\n", dmi + "product_name": "20XW\n"},
		"Hyper-V":           {dmi + "sys_vendor": "Microsoft Corporation\n", dmi + "product_name": "Virtual Machine\n", dmi + "chassis_asset_tag": "1234\n"},
		"no tables":         {},
		"rubbish":           {dmi + "sys_vendor": "\x00\xff"},
	} {
		t.Run(name, func(t *testing.T) {
			root := folder(t, files)
			inNew(t, func(*rtnl.Conn) error {
				m, err := machine.Look(root)
				if err == nil && m.Cloud != "" {
					t.Errorf("%q", m.Cloud)
				}
				return err
			})
		})
	}
}
