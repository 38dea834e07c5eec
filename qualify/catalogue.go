package qualify

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/lanproof/lanproof/internal/netns"
	"github.com/lanproof/lanproof/qualify/record"
	"github.com/lanproof/lanproof/run"
	"github.com/lanproof/lanproof/scenarios"
)

// coreCases are the cases of the catalogue that belong to the core: each kind of child
// in its usual modes, and VLANs, once.
var coreCases = [...]string{
	"macvlan-bridge@hairpin=false", "macvlan-private@hairpin=false", "macvlan-vepa@hairpin=false",
	"macvlan-passthru@hairpin=false", "ipvlan-l2-flags@flag=bridge,hairpin=false", "docker-macvlan-trunk",
}

// Cases are those of the built-in catalogue that belong to a profile: a few for the
// core, and all for the full one.
func Cases(p record.Profile) ([]*scenarios.Case, error) {
	var names []string
	if p == record.Core {
		names = coreCases[:]
	}
	files, err := scenarios.Find(names)
	if err != nil {
		return nil, fmt.Errorf("find the catalogue's cases: %w", err)
	}
	var cases []*scenarios.Case
	for _, f := range files {
		cases = append(cases, f.Cases()...)
	}
	return cases, nil
}

// catalogue runs cases over the two ports, which are at home again, and sums them up.
func (s *session) catalogue(ctx context.Context) (err error) {
	home, err := netns.Current()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, home.Close()) }()
	var mu sync.Mutex
	results, err := run.Run(ctx, s.o.Cases, run.Options{
		On: run.GroundNIC, Cable: &run.Cable{DUT: s.o.DUT, Peer: s.o.Peer, Home: home}, Seed: s.q.Seed, Version: s.o.Tool, Events: s.o.Events,
		Capture: func(name string, pcapng []byte) {
			mu.Lock()
			defer mu.Unlock()
			s.files.Captures[name] = record.Bytes(pcapng)
		},
	})
	if err != nil {
		return fmt.Errorf("run the catalogue on the ports: %w", err)
	}
	s.files.Results = results
	for i := range results.Cases {
		s.q.Cases = append(s.q.Cases, record.CaseOf(&results.Cases[i]))
	}
	return nil
}
