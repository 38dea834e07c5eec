// Program init is the guest's /init of the tests. It measures nothing but that both
// ports are there; the seed says how it ends.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"

	"github.com/lanproof/lanproof/guest"
	"github.com/lanproof/lanproof/qualify/emulate"
	"github.com/lanproof/lanproof/qualify/record"
)

func main() {
	if !guest.IsInit() {
		fmt.Fprintln(os.Stderr, "only for guests")
		os.Exit(2)
	}
	guest.Init(func(job []byte, out guest.Emitter) error {
		if !emulate.IsOrder(job) {
			return errors.New("not an order of package emulate")
		}
		return emulate.InGuest(job, out, measure)
	})
}

// How a seed ends it.
const (
	crashes = 1
	fails   = 2
)

func measure(_ context.Context, a emulate.Ask, each func(record.Result)) (*record.Qualification, record.Contents, error) {
	q := &record.Qualification{Profile: a.Profile, Seed: a.Seed, Restored: true}
	for i, p := range []struct {
		name string
		port *record.Port
	}{{a.DUT, &q.DUT}, {a.Peer, &q.Peer}} {
		dev, err := net.InterfaceByName(p.name)
		if err != nil {
			return nil, record.Contents{}, err
		}
		driver, err := os.Readlink(filepath.Join("/sys/class/net", p.name, "device/driver"))
		if err != nil {
			return nil, record.Contents{}, err
		}
		*p.port = record.Port{Name: p.name, MAC: dev.HardwareAddr.String(), Driver: filepath.Base(driver)}
		r := record.Result{ID: fmt.Sprintf("there-%d", i), Profile: record.Core, Facts: []record.Fact{{Name: "there", Want: "yes", Got: "yes"}}}
		q.Results = append(q.Results, r)
		each(r)
	}
	if a.Seed == crashes {
		return nil, record.Contents{}, os.WriteFile("/proc/sysrq-trigger", []byte("c"), 0)
	}
	files := record.Contents{}
	files.Captures = map[string]io.WriterTo{"captures/a.pcapng": record.Bytes("frames")}
	if a.Seed == fails {
		return q, files, errors.New("broken off")
	}
	return q, files, nil
}
