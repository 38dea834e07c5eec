package topology

import "slices"

// handLink is a device made by hand: where it stands in the spec and what came
// of it.
type handLink struct {
	ref    Ref
	path   []any
	link   *Link
	making bool
	made   bool
}

// handLinks are all devices made by hand. Each is made after what it stands on,
// whatever the order in which they are written.
type handLinks struct {
	b     *builder
	list  []*handLink
	byRef map[Ref]*handLink
	// driver are the devices that networks will make.
	driver map[Ref]bool
}

// handLinks gathers the devices made by hand, those of other machines first.
func (b *builder) handLinks(s *Spec) *handLinks {
	h := &handLinks{b: b, byRef: map[Ref]*handLink{}, driver: b.driverMade(s)}
	for _, st := range s.Stations {
		h.add(st.Name, []any{"stations", st.Name, "links"}, st.Value.Links)
	}
	for _, r := range s.Routers {
		h.add(r.Name, []any{"routers", r.Name, "links"}, r.Value.Links)
	}
	for _, host := range s.Hosts {
		h.add(host.Name, []any{"hosts", host.Name, "parents"}, host.Value.Parents)
		h.add(host.Name, []any{"hosts", host.Name, "links"}, host.Value.Links)
	}
	for _, e := range s.Endpoints {
		h.add(e.Name, []any{"endpoints", e.Name, "links"}, e.Value.Links)
	}
	return h
}

func (h *handLinks) add(node string, path []any, links Named[Link]) {
	for _, item := range links {
		l := &handLink{ref: Ref{node, item.Name}, path: append(slices.Clone(path), item.Name), link: &item.Value}
		h.list = append(h.list, l)
		if h.byRef[l.ref] == nil {
			h.byRef[l.ref] = l
		}
	}
}

// driverMade are the devices that come with networks, as far as they can be
// named in a scenario.
func (b *builder) driverMade(s *Spec) map[Ref]bool {
	made := map[Ref]bool{}
	for _, n := range s.Networks {
		host := n.Value.Host
		if host == "" && len(s.Hosts) == 1 {
			host = s.Hosts[0].Name
		}
		if n.Value.Driver == KindBridge {
			made[Ref{host, BridgeName(n.Name)}] = true
		} else if n.Value.Parent != "" {
			made[Ref{host, n.Value.Parent}] = true
		}
	}
	return made
}

// below are the devices that one is made on.
func (l *handLink) below() []Ref {
	var refs []Ref
	for _, s := range append([]string{l.link.Parent}, l.link.Ports...) {
		if s != "" {
			refs = append(refs, ParseRef(s, l.ref.Node))
		}
	}
	return refs
}

// waits reports whether a device can be made only after the networks: it is an
// endpoint's, or it stands on what a network makes.
func (h *handLinks) waits(l *handLink) bool { return h.waitsFor(l, map[*handLink]bool{}) }

func (h *handLinks) waitsFor(l *handLink, seen map[*handLink]bool) bool {
	if seen[l] {
		return false
	}
	seen[l] = true
	if n, _ := h.b.lan.Node(l.ref.Node); n.Role == RoleEndpoint {
		return true
	}
	return slices.ContainsFunc(l.below(), func(r Ref) bool {
		if under := h.byRef[r]; under != nil {
			return h.waitsFor(under, seen)
		}
		return h.driver[r]
	})
}

// makeAll makes those devices that are not made yet and that can be.
func (h *handLinks) makeAll(can func(*handLink) bool) {
	for _, l := range h.list {
		if can(l) {
			h.make(l)
		}
	}
}

func (h *handLinks) make(l *handLink) {
	if l.made {
		return
	}
	if l.making {
		h.b.at(l.path, func() { h.b.problem("device %s stands on itself", l.ref.Link) })
		h.b.standIn(l.ref)
		return
	}
	l.making = true
	for _, r := range l.below() {
		if under := h.byRef[r]; under != nil {
			h.make(under)
		}
	}
	l.made = true
	h.b.at(l.path, func() {
		if !h.b.failed() {
			h.b.link(l.ref, l.link)
		}
	})
}
