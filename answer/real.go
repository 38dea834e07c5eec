package answer

import (
	"context"
	"net/netip"
	"strings"

	"github.com/lanproof/lanproof/reports"
	"github.com/lanproof/lanproof/run"
	"github.com/lanproof/lanproof/scenarios"
)

// runAll runs the case of the table, and the trials of warnings. A real engine builds the
// former; what the latter show is about rules, and is simulated.
func (a *Answer) runAll(ctx context.Context, cases []*scenarios.Case, o run.Options) (*reports.Results, error) {
	if o.Engine == nil || a.main == nil || len(cases) == 1 {
		return run.Run(ctx, cases, o)
	}
	results, err := run.Run(ctx, cases[:1], o)
	if results == nil || err != nil {
		return results, err
	}
	o.Engine = nil
	trials, err := run.Run(ctx, cases[1:], o)
	if trials != nil {
		results.Cases = append(results.Cases, trials.Cases...)
		results.Duration += trials.Duration
		results.Summarize()
	}
	return results, err
}

// heed puts what a real engine has given the endpoints in the place of what was simulated.
func (a *Answer) heed(c *reports.Case) {
	if c == nil || c.Engine == "" {
		return
	}
	a.Engine = c.Engine
	nodes := map[string]string{}
	for _, m := range a.Machines {
		nodes[m.Name] = m.Node
	}
	for i := range a.Endpoints {
		e := &a.Endpoints[i]
		for j := range c.Built {
			if b := &c.Built[j]; b.Node == nodes[e.Name] {
				e.heed(b)
			}
		}
	}
}

// heed takes an endpoint's addresses from what was built.
func (e *Endpoint) heed(b *reports.Built) {
	for _, d := range b.Devices {
		if d.Name != e.Interface {
			continue
		}
		e.IPv4, e.IPv6, e.Gateway, e.Gateway6 = "", "", "", ""
		for _, text := range d.Addresses {
			p, err := netip.ParsePrefix(text)
			switch {
			case err != nil || p.Addr().IsLinkLocalUnicast():
			case p.Addr().Is4():
				e.IPv4 = p.Addr().String()
			default:
				e.IPv6 = p.Addr().String()
			}
		}
		if !e.MACParent {
			e.MAC, e.MACRandom = d.MAC, false
		}
	}
	for _, r := range b.Routes {
		to, way, _ := strings.Cut(r, " ")
		way, over := strings.CutSuffix(way, "dev "+e.Interface)
		if !over {
			continue
		}
		via, ok := strings.CutPrefix(strings.TrimSpace(way), "via ")
		if !ok {
			via = "link"
		}
		switch to {
		case "default":
			e.Gateway = via
		case "default6":
			e.Gateway6 = via
		}
	}
}
