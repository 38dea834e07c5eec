package command

import (
	"slices"
	"strconv"

	"github.com/lanproof/lanproof/intent"
)

// state is what the commands so far have built.
type state struct {
	// shims are children of parents that the host makes for itself.
	shims []intent.Unread
	now   intent.Intent
	// configs are Docker's configuration-only networks.
	configs []intent.Network
	// brief are the containers that go when they are stopped.
	brief map[string]bool
	// counts are how many containers without a name there were of an image.
	counts map[string]int
	// stopped is set once containers were stopped.
	stopped bool
	// before is what there was before the removals since the last thing was made.
	before *intent.Intent
	full   bool
}

// making is called before something is made.
func (s *state) making(at intent.Place) bool {
	if s.before != nil {
		if len(s.now.Earlier) < maxMoments {
			s.now.Earlier = append(s.now.Earlier, *s.before)
		}
		s.before = nil
	}
	if len(s.now.Networks)+len(s.now.Endpoints) >= maxThings {
		if !s.full {
			s.unread(intent.Unread{Place: at, Why: "more than " + strconv.Itoa(maxThings) + " networks and containers are not read"})
		}
		s.full = true
		return false
	}
	return true
}

// removing is called before something is removed.
func (s *state) removing() {
	if s.before == nil {
		s.before = &intent.Intent{Networks: slices.Clone(s.now.Networks), Endpoints: slices.Clone(s.now.Endpoints)}
	}
}

// result is the last moment before what was built is only taken apart again.
func (s *state) result() *intent.Intent {
	if s.before != nil {
		s.now.Networks, s.now.Endpoints = s.before.Networks, s.before.Endpoints
	}
	return &s.now
}

func (s *state) unread(u intent.Unread) {
	switch {
	case len(s.now.Unread) < maxNotes:
		u.Text = oneLine(u.Text, 100)
		if !slices.Contains(s.now.Unread, u) {
			s.now.Unread = append(s.now.Unread, u)
		}
	case len(s.now.Unread) == maxNotes:
		s.now.Unread = append(s.now.Unread, intent.Unread{Place: u.Place, Why: "there is more that is not read"})
	}
}

func (s *state) refused(r intent.Refused) {
	if r.Text = oneLine(r.Text, 100); len(s.now.Refused) < maxNotes && !slices.Contains(s.now.Refused, r) {
		s.now.Refused = append(s.now.Refused, r)
	}
}

// endpoint returns the endpoint of that name, nil when there is none.
func (s *state) endpoint(name string) *intent.Endpoint {
	if i := slices.IndexFunc(s.now.Endpoints, func(e intent.Endpoint) bool { return e.Name == name }); i >= 0 {
		return &s.now.Endpoints[i]
	}
	return nil
}

// config returns the configuration-only network of that name.
func (s *state) config(name string) *intent.Network {
	if i := slices.IndexFunc(s.configs, func(n intent.Network) bool { return n.Name == name }); i >= 0 {
		return &s.configs[i]
	}
	return nil
}

// removeEndpoints removes those of which is says so.
func (s *state) removeEndpoints(is func(*intent.Endpoint) bool) {
	any := func(e intent.Endpoint) bool { return is(&e) }
	if slices.ContainsFunc(s.now.Endpoints, any) {
		s.removing()
		s.now.Endpoints = slices.DeleteFunc(slices.Clone(s.now.Endpoints), any)
	}
}

// removeNetworks removes those of which is says so.
func (s *state) removeNetworks(is func(*intent.Network) bool) {
	any := func(n intent.Network) bool { return is(&n) }
	if slices.ContainsFunc(s.now.Networks, any) {
		s.removing()
		s.now.Networks = slices.DeleteFunc(slices.Clone(s.now.Networks), any)
	}
}

// freeName is the next of base-1, base-2, ... that no endpoint has.
func (s *state) freeName(base string) string {
	if s.counts == nil {
		s.counts = map[string]int{}
	}
	for {
		s.counts[base]++
		if name := base + "-" + strconv.Itoa(s.counts[base]); s.endpoint(name) == nil {
			return name
		}
	}
}
