package advice

import "slices"

// consequences are kinds of warnings that tell how a network works, so that they say
// nothing of one that is not made. Others tell of faults that stay when it is mended.
var consequences = []string{
	"host-unreachable", "private-isolates-siblings-only", "vepa-without-reflection", "ipvlan-l3-no-return",
	"address-not-excluded", "address-in-dynamic-range", "address-in-other-range", "ipv6-unused", "two-default-routes",
}

// worthTelling leaves out what would only come of networks that are not made.
func worthTelling(found []*finding) []*finding {
	var unmade []string
	for _, w := range found {
		if w.unmade {
			unmade = append(unmade, w.Networks...)
		}
	}
	return slices.DeleteFunc(found, func(w *finding) bool {
		return slices.Contains(consequences, w.ID) && slices.ContainsFunc(w.about(), func(name string) bool { return slices.Contains(unmade, name) })
	})
}

// about are the networks that a finding tells of, or needs to be shown.
func (f *finding) about() []string {
	names := slices.Clone(f.Networks)
	for _, n := range f.with {
		names = append(names, n.Name)
	}
	for _, a := range f.needs {
		names = append(names, a.network.Name)
	}
	return names
}
