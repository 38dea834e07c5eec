package podman

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
)

// apiVersion is the version of Podman's own interface that is spoken: that of Podman 4,
// which newer ones keep.
const apiVersion = "v4.0.0"

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 16 << 20

// network is a network of Podman's (containers/common: libnetwork/types/network.go).
type network struct {
	Name             string            `json:"name"`
	Driver           string            `json:"driver"`
	NetworkInterface string            `json:"network_interface,omitempty"`
	Subnets          []subnet          `json:"subnets,omitempty"`
	IPv6Enabled      bool              `json:"ipv6_enabled"`
	Internal         bool              `json:"internal"`
	DNSEnabled       bool              `json:"dns_enabled"`
	Options          map[string]string `json:"options,omitempty"`
	IPAMOptions      map[string]string `json:"ipam_options,omitempty"`
}

type subnet struct {
	Subnet     netip.Prefix `json:"subnet"`
	Gateway    *netip.Addr  `json:"gateway,omitempty"`
	LeaseRange *leaseRange  `json:"lease_range,omitempty"`
}

type leaseRange struct {
	StartIP netip.Addr `json:"start_ip"`
	EndIP   netip.Addr `json:"end_ip"`
}

// perNetwork is what a container wants of a network (types.PerNetworkOptions).
type perNetwork struct {
	StaticIPs     []string `json:"static_ips,omitempty"`
	StaticMAC     string   `json:"static_mac,omitempty"`
	InterfaceName string   `json:"interface_name,omitempty"`
}

// specGenerator is a container to be made (containers/podman: pkg/specgen).
type specGenerator struct {
	Name             string                `json:"name"`
	Image            string                `json:"image"`
	Hostname         string                `json:"hostname,omitempty"`
	CgroupsMode      string                `json:"cgroups_mode,omitempty"`
	LogConfiguration map[string]string     `json:"log_configuration,omitempty"`
	NetNS            map[string]string     `json:"netns"`
	Networks         map[string]perNetwork `json:"Networks,omitempty"`
}

// connection is a container that joins a network while it runs.
type connection struct {
	Container string `json:"container"`
	perNetwork
}

// inspected is what is read of a container.
type inspected struct {
	State struct {
		Pid int
	}
	NetworkSettings struct {
		Networks map[string]struct{ IPAddress, GlobalIPv6Address string }
	}
}

// refused is an answer that says no.
type refused struct {
	Message string `json:"message"`
	status  int
}

func (r *refused) Error() string { return r.Message }

// api is Podman's REST interface on a socket.
type api struct{ client http.Client }

func newAPI(socket string) *api {
	return &api{http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", socket)
		},
	}}}
}

// call sends a request and reads the answer. in is what is sent, as JSON unless it is an
// io.Reader; out may be nil. The error is a *refused where Podman said no.
func (a *api) call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	kind := "application/json"
	switch in := in.(type) {
	case nil:
	case io.Reader:
		body, kind = in, "application/x-tar"
	default:
		text, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("write a request: %w", err)
		}
		body = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, "http://podman/"+apiVersion+"/libpod/"+path, body)
	if err != nil {
		return fmt.Errorf("write a request: %w", err)
	}
	request.Header.Set("Content-Type", kind)
	response, err := a.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close() //nolint:errcheck // only read
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("read an answer: %w", err)
	}
	if response.StatusCode >= http.StatusBadRequest {
		said := &refused{status: response.StatusCode}
		if err := json.Unmarshal(text, said); err != nil || said.Message == "" {
			return fmt.Errorf("%s %s: %s: %.500q", method, path, response.Status, text)
		}
		return said
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(text, out); err != nil {
		return fmt.Errorf("%s %s: read the answer: %w", method, path, err)
	}
	return nil
}

func (a *api) close() { a.client.CloseIdleConnections() }
