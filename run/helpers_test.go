package run_test

import (
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/lanproof/lanproof/reports"
	"github.com/lanproof/lanproof/run"
	"github.com/lanproof/lanproof/scenarios"
)

func needRoot(t testing.TB) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("making network namespaces needs root")
	}
}

// lan is a host with a macvlan network and its two endpoints, and a station.
const lan = `
hosts:
  host: {parents: {eth0: {addresses: [192.168.100.1/24]}}}
stations:
  pc: {addresses: [192.168.100.9/24, "fd00:100::9/64"]}
networks:
  net:
    driver: macvlan
    parent: eth0
    subnets:
      - {subnet: 192.168.100.0/24, gateway: 192.168.100.254, ip_range: 192.168.100.64/30, aux_addresses: {host: 192.168.100.1, pc: 192.168.100.9}}
      - {subnet: "fd00:100::/64"}
endpoints:
  c1: {network: net, ip: 192.168.100.11, ip6: "fd00:100::11"}
  c2: {network: net, ip: 192.168.100.12, ip6: "fd00:100::12"}
`

// load reads a scenario whose name is its file's.
func load(t testing.TB, name, rest string) []*scenarios.Case {
	t.Helper()
	f, err := scenarios.Load(name+".yaml", []byte("name: "+name+"\ntitle: A test\n"+strings.TrimLeft(rest, "\n")))
	if err != nil {
		t.Fatal(err)
	}
	return f.Cases()
}

// prepared is the first case of a scenario, prepared.
func prepared(t testing.TB, name, rest string) *run.Prepared {
	t.Helper()
	p, err := run.Prepare(load(t, name, rest)[0], 1)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// execute runs a scenario's first case.
func execute(t *testing.T, name, rest string) reports.Case {
	t.Helper()
	needRoot(t)
	out := run.Execute(t.Context(), prepared(t, name, rest), nil)
	if err := out.Close(); err != nil {
		t.Error(err)
	}
	return out.Result
}

// events remembers what it is told.
type events struct {
	mu       sync.Mutex
	started  []string
	finished []string
	notes    []string
	on       func(c reports.Case)
}

func (e *events) Started(name, ground string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.started = append(e.started, name+" on "+ground)
}

func (e *events) Finished(c reports.Case) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.finished = append(e.finished, c.Case+" "+string(c.Verdict))
	if e.on != nil {
		e.on(c)
	}
}

func (e *events) Note(text string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.notes = append(e.notes, text)
}
