package docker

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/moby/moby/client/pkg/versions"
)

// macsByEndpoint is the API's version since which a MAC address is a wish of each
// network that a container is on; before, the container had one
// (moby: api/docs/CHANGELOG.md, v1.44).
const macsByEndpoint = "1.44"

// legacy is a transport that says a container's MAC address where older daemons read it:
// the client knows the new way only, and those do not heed it.
type legacy struct{ next http.RoundTripper }

// RoundTrip sends a request.
func (l *legacy) RoundTrip(r *http.Request) (*http.Response, error) {
	version, path, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v"), "/")
	if path != "containers/create" || r.Body == nil || !versions.LessThan(version, macsByEndpoint) {
		return l.next.RoundTrip(r)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, fmt.Errorf("read a request: %w", err)
	}
	if body, err = withMAC(body); err != nil {
		return nil, err
	}
	old := r.Clone(r.Context())
	old.Body, old.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return l.next.RoundTrip(old)
}

// withMAC is a request for a container with the MAC address as the container's own that
// its network is to give.
func withMAC(body []byte) ([]byte, error) {
	var request map[string]json.RawMessage
	var wishes struct {
		NetworkingConfig struct {
			EndpointsConfig map[string]struct{ MacAddress string }
		}
	}
	if err := json.Unmarshal(body, &request); err != nil {
		return nil, fmt.Errorf("read a request: %w", err)
	}
	if err := json.Unmarshal(body, &wishes); err != nil {
		return nil, fmt.Errorf("read a request: %w", err)
	}
	for _, wish := range wishes.NetworkingConfig.EndpointsConfig {
		if wish.MacAddress == "" {
			continue
		}
		mac, err := json.Marshal(wish.MacAddress)
		if err != nil {
			return nil, fmt.Errorf("write a request: %w", err)
		}
		request["MacAddress"] = mac
	}
	return json.Marshal(request)
}
