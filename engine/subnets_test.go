package engine_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lanproof/lanproof/engine"
	"github.com/lanproof/lanproof/topology"
)

func TestSubnets(t *testing.T) {
	on, off := true, false
	four, six := topology.Subnet{Subnet: "192.168.1.0/24"}, topology.Subnet{Subnet: "fd00:1::/64"}
	for _, tt := range []struct {
		n      topology.Network
		want   []topology.Subnet
		cannot string
	}{
		{topology.Network{Subnets: []topology.Subnet{four, six}}, []topology.Subnet{four, six}, ""},
		{topology.Network{Subnets: []topology.Subnet{four, six}, EnableIPv4: &off, EnableIPv6: &on}, []topology.Subnet{six}, ""},
		{topology.Network{Subnets: []topology.Subnet{four, six}, EnableIPv6: &off}, []topology.Subnet{four}, ""},
		{topology.Network{Subnets: []topology.Subnet{four}, EnableIPv6: &on}, nil, "cni chooses no subnet of IPv6 for this driver"},
		{topology.Network{Subnets: []topology.Subnet{four}, EnableIPv4: &off}, nil, "cni chooses no subnet for this driver"},
		{topology.Network{}, nil, "cni chooses no subnet for this driver"},
	} {
		got, err := engine.Subnets("cni", &tt.n)
		var cannot *engine.Cannot
		if errors.As(err, &cannot) != (tt.cannot != "") || cannot != nil && cannot.Text != tt.cannot {
			t.Errorf("%v: %v", tt.n, err)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Error(diff)
		}
	}
}
