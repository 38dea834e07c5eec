// Package qualify measures what only a network card and its driver can get wrong. It
// takes two ports that a cable joins, the port under test (DUT) and its peer, borrows
// both from their machine, sends numbered frames from one to the other, counts them,
// and hands in a [record.Qualification] whose verdicts follow from what was counted.
//
// It needs no terminal and no emulator: [Run] is the same on a machine and in a guest.
package qualify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/internal/netns"
	"github.com/lanproof/lanproof/internal/port"
	"github.com/lanproof/lanproof/qualify/record"
	"github.com/lanproof/lanproof/run"
	"github.com/lanproof/lanproof/scenarios"
)

// Options say what is qualified. DUT and Peer must be set.
type Options struct {
	// DUT and Peer are the names of two ports in the namespace of the calling thread.
	DUT, Peer string
	// Profile is core if empty.
	Profile record.Profile
	// Only are the requirements to be measured; all of the profile if empty.
	Only []string
	// Seed makes a run's numbers; one is chosen if 0.
	Seed uint64
	// Really names ports that are taken although the machine needs them.
	Really []string
	// StateDir is where journals of borrowed ports are, the usual place if empty.
	StateDir string
	// Cases of the catalogue are run over the ports afterwards; see [Cases].
	Cases []*scenarios.Case
	// Events, if set, is told of them.
	Events run.Events
	// Tool is lanproof's version.
	Tool string
	// Each, if set, gets every result as soon as it has been judged.
	Each func(record.Result)

	// reloads, if set, takes the driver of the port under test away in the place of its
	// loan: tests have cards that are in no machine.
	reloads func(*port.Loan) lent
	// measure, if set, measures each requirement in the place of its own function.
	measure func(m *Measurement) error
}

// lent is who takes the driver of a borrowed port away.
func (o *Options) lent(l *port.Loan) lent {
	if o.reloads != nil {
		return o.reloads(l)
	}
	return l
}

// ErrUsage is wrapped by errors about what was asked for.
var ErrUsage = errors.New("cannot be qualified")

// Run qualifies a port and gives both back. With an error there may be a qualification
// as well: what had been measured until then, which conforms to nothing. It is not
// finished: waivers are the caller's.
func Run(ctx context.Context, o Options) (*record.Qualification, record.Contents, error) {
	s, err := newSession(o)
	if err != nil {
		return nil, record.Contents{}, err
	}
	err = s.borrowed(ctx)
	if err == nil && len(s.o.Cases) > 0 {
		err = s.catalogue(ctx)
	}
	s.leave()
	if err != nil {
		s.q.Restored = false
		s.q.Differences = append(s.q.Differences, "not qualified to the end: "+err.Error())
		return s.q, s.files, err
	}
	return s.q, s.files, nil
}

// requirements are those that are asked for.
func (o *Options) requirements() ([]Requirement, error) {
	var some []Requirement
	missing := map[string]bool{}
	for _, id := range o.Only {
		missing[id] = true
	}
	for _, r := range Requirements() {
		if missing[r.ID] || len(o.Only) == 0 && (r.Profile == record.Core || o.Profile == record.Full) {
			if o.measure != nil {
				r.Measure = o.measure
			}
			some = append(some, r)
			delete(missing, r.ID)
		}
	}
	if o.Profile != record.Core && o.Profile != record.Full {
		return nil, fmt.Errorf("profile %q %w: there are core and full", o.Profile, ErrUsage)
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("requirement %s %w: there is none of that id", strings.Join(slices.Sorted(maps.Keys(missing)), ", "), ErrUsage)
	}
	return some, nil
}

// leave tells which requirements of the profile were not measured.
func (s *session) leave() {
	for _, r := range Requirements() {
		measured := slices.ContainsFunc(s.q.Results, func(one record.Result) bool { return one.ID == r.ID })
		if measured || r.Profile == record.Full && s.o.Profile != record.Full {
			continue
		}
		s.q.Left = append(s.q.Left, r.ID)
		if r.Profile == record.Core {
			s.q.LeftCore++
		}
	}
}

// session is one run.
type session struct {
	o     Options
	todo  []Requirement
	q     *record.Qualification
	files record.Contents
}

// newSession looks at what is asked for, and at the ports, before anything is touched.
func newSession(o Options) (*session, error) {
	o.Profile = cmp.Or(o.Profile, record.Core)
	todo, err := o.requirements()
	if err != nil {
		return nil, err
	}
	if o.DUT == o.Peer {
		return nil, fmt.Errorf("%s %w: port under test and peer are the same", o.DUT, ErrUsage)
	}
	if err := port.Check([]string{o.DUT, o.Peer}, o.Really, o.StateDir); err != nil {
		return nil, err
	}
	// JSON's numbers have 53 bits.
	seed := cmp.Or(o.Seed, 1+rand.Uint64()>>12)
	s := &session{o: o, todo: todo, q: &record.Qualification{Tool: o.Tool, Profile: o.Profile, Seed: seed, Run: seed}}
	s.files.Captures = map[string]io.WriterTo{}
	return s, s.describe()
}

// describe says who the machine is.
func (s *session) describe() error {
	var uts unix.Utsname
	if err := unix.Uname(&uts); err != nil {
		return fmt.Errorf("ask for the kernel's release: %w", err)
	}
	s.q.Machine = record.Machine{Kernel: unix.ByteSliceToString(uts.Release[:]), Arch: runtime.GOARCH, CPUs: runtime.NumCPU()}
	s.q.Started = time.Now().UTC()
	return nil
}

// borrowed borrows both ports, qualifies the one, and gives them back.
func (s *session) borrowed(ctx context.Context) (err error) {
	rooms, err := newRooms()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeRooms(rooms)) }()
	home, err := netns.Current()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, home.Close()) }()
	var loans []*port.Loan
	defer func() { err = errors.Join(err, s.giveBack(loans)) }()
	loans, err = port.BorrowAll(s.o.StateDir, port.Order{Port: s.o.DUT, To: rooms[0].NS}, port.Order{Port: s.o.Peer, To: rooms[1].NS})
	if err != nil {
		return err
	}
	s.q.DUT, s.q.Peer = describe(loans[0].Was), describe(loans[1].Was)
	g, err := newRig(rooms, s.q.Run, loans[0].Index(), loans[1].Index())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.close()) }()
	g.DUT.lent = s.o.lent(loans[0])
	if err := g.up(ctx); err != nil {
		return err
	}
	if err := g.cabled(ctx, home); err != nil {
		return err
	}
	start := time.Now()
	err = s.measure(ctx, g)
	s.q.Duration = time.Since(start)
	return err
}

// giveBack brings the ports home and says what did not come back.
func (s *session) giveBack(loans []*port.Loan) error {
	differences, err := port.ReturnAll(loans...)
	s.q.Differences = append(s.q.Differences, differences...)
	s.q.Restored = len(loans) > 0 && err == nil && len(differences) == 0
	return err
}

// measure measures the requirements, one after the other.
func (s *session) measure(ctx context.Context, g *Rig) error {
	for i := range s.todo {
		r, tape := g.measure(ctx, &s.todo[i])
		if r.Capture != "" {
			s.files.Captures[r.Capture] = &tape.recorder
		}
		one := record.Qualification{Results: []record.Result{r}}
		one.Finish(nil)
		r = one.Results[0]
		s.q.Results = append(s.q.Results, r)
		if s.o.Each != nil {
			s.o.Each(r)
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if r.Status == record.Pass || r.Status == record.Unsupported {
			continue
		}
		for _, side := range []*Side{g.DUT, g.Peer} {
			if _, err := side.State(); err != nil {
				return fmt.Errorf("the port has gone while %s was measured: %w", r.ID, err)
			}
		}
	}
	return nil
}

// describe is a port for the record.
func describe(was *port.State) record.Port {
	return record.Port{
		Name: was.Name, Driver: was.Driver.Name, Version: was.Driver.Version, Firmware: was.Driver.Firmware, Bus: was.Driver.Bus,
		PCI: was.PCI, MAC: was.MAC, PermanentMAC: was.PermanentMAC, MTU: was.MTU, MaxMTU: was.MaxMTU,
		SpeedMbit: was.Link.SpeedMbit, Duplex: was.Link.Duplex, Features: was.FeatureWords(), Settings: was.SettingWords(),
	}
}
