package main

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/lanproof/lanproof/guest"
)

// beyond is a file for what many kernels lack.
const beyond = `
services:
  web:
    image: nginx
    networks: {tagged: {ipv4_address: 192.168.50.50}}
  db:
    image: postgres
    networks: {routed: {ipv4_address: 192.168.60.60}}
networks:
  tagged:
    driver: macvlan
    driver_opts: {parent: eth0.50}
    ipam: {config: [{subnet: 192.168.50.0/24, gateway: 192.168.50.1}]}
  routed:
    driver: ipvlan
    driver_opts: {parent: eth1, ipvlan_mode: l3}
    ipam: {config: [{subnet: 192.168.60.0/24}]}
`

// TestCheckInGuest has a real Docker of a guest build a VLAN and an ipvlan network.
func TestCheckInGuest(t *testing.T) {
	needGuest(t)
	if runs, err := dockerd(); !runs {
		t.Skip("no dockerd runs on this machine", err)
	}
	const kernel = "debian:6.12"
	if _, err := guest.Resolve(t.Context(), kernel, ""); errors.Is(err, guest.ErrNoKernel) {
		t.Skip(err)
	}
	file := filepath.Join(t.TempDir(), "compose.yaml")
	if err := os.WriteFile(file, []byte(beyond), 0o600); err != nil {
		t.Fatal(err)
	}
	said, status := lanproof(t, "check", "--engine", "docker", "--on", "guest", "--kernel", kernel, file)
	if status != exitGood {
		t.Errorf("exit status %d", status)
	}
	for _, want := range []string{
		`(?m)^Built by docker \d+.*`, `(?m)^  web +tagged +192\.168\.50\.50 +02:42:c0:a8:32:32 +192\.168\.50\.1$`,
		`(?m)^  db +routed +192\.168\.60\.60 .* direct$`, `(?m)^  vlan50 +yes +no +no +no +yes +-$`,
	} {
		if !regexp.MustCompile(want).MatchString(said) {
			t.Errorf("it does not say %s", want)
		}
	}
	if t.Failed() {
		t.Log(said)
	}
}
