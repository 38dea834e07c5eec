package bench

import (
	"context"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/internal/rtnl"
)

// How links are made, as figures tell it.
const oneMessage = "rtnetlink, one message each"

// ControlPath returns the benchmarks of what is done with devices: how fast they are
// made, changed, listed and taken away, and what memory they take. Everything is done
// from one thread, by netlink messages that make a device in place, with all that it is
// to have.
func ControlPath() []Benchmark {
	return slices.Concat(creation(), deletion(), namespaces(), changes(), firstFrames(), dumps(), teardowns(), memories())
}

// sampled makes a benchmark of a sample on a site.
func sampled(name, about string, needs []string, sample func(ctx context.Context, s *site) ([]Figure, error)) Benchmark {
	return Benchmark{Name: name, About: about, Needs: needs, Run: func(ctx context.Context, r Rules) ([]Figure, error) {
		return onSite(ctx, r, sample)
	}}
}

func creation() []Benchmark {
	var all []Benchmark
	for _, k := range kinds() {
		all = append(all, sampled("create/"+k.name, "Links made, on one parent where they have one.", k.wants(),
			func(ctx context.Context, s *site) ([]Figure, error) { return create(ctx, s, k, 100) }))
	}
	return all
}

// create makes n of a kind.
func create(ctx context.Context, s *site, k kind, n int) ([]Figure, error) {
	links, err := s.plan(k, n)
	if err != nil {
		return nil, err
	}
	took, err := s.each(ctx, s.news(links))
	if err != nil {
		return nil, err
	}
	return []Figure{s.rules.Rate("link", len(links), took, oneMessage)}, nil
}

func deletion() []Benchmark {
	var all []Benchmark
	for _, k := range kinds() {
		all = append(all,
			sampled("delete/"+k.name, "Links that are up deleted one by one.", k.wants(),
				func(ctx context.Context, s *site) ([]Figure, error) { return deleteEach(ctx, s, k, 10) }),
			sampled("delete-group/"+k.name, "Links that are up deleted by one message for their group.", k.wants(),
				func(ctx context.Context, s *site) ([]Figure, error) { return deleteGroup(ctx, s, k, 100) }))
	}
	return all
}

// deleteEach deletes n of a kind, each with its upper devices first.
func deleteEach(ctx context.Context, s *site, k kind, n int) ([]Figure, error) {
	links, err := s.raise(k, n, 0)
	if err != nil {
		return nil, err
	}
	slices.Reverse(links)
	requests := make([]*rtnl.Request, len(links))
	for i, l := range links {
		requests[i] = s.conn.PrepareDelete(l.Index)
	}
	took, err := s.each(ctx, requests)
	if err != nil {
		return nil, fmt.Errorf("delete a link: %w", err)
	}
	return []Figure{s.rules.Rate("link", len(links), took, oneMessage)}, nil
}

// deleteGroup deletes n of a kind at once.
func deleteGroup(ctx context.Context, s *site, k kind, n int) ([]Figure, error) {
	const group = 7
	links, err := s.raise(k, n, group)
	if err != nil {
		return nil, err
	}
	took, err := s.measure(ctx, s.conn.PrepareDeleteGroup(group).Do)
	if err != nil {
		return nil, fmt.Errorf("delete a group of links: %w", err)
	}
	return []Figure{s.rules.Rate("link", len(links), took, "rtnetlink, one message for all")}, nil
}

// raise makes n of a kind that are up, in a group of links.
func (s *site) raise(k kind, n, group int) ([]*rtnl.Link, error) {
	links, err := s.plan(k, n)
	if err != nil {
		return nil, err
	}
	for _, l := range links {
		l.Up = true
		if group != 0 {
			l.Instead = []rtnl.Attr{rtnl.U32(unix.IFLA_GROUP, uint32(group))}
		}
	}
	return links, s.make(links)
}
