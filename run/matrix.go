package run

import (
	"fmt"
	"slices"

	"github.com/lanproof/lanproof/capture"
	"github.com/lanproof/lanproof/probe"
	"github.com/lanproof/lanproof/reports"
	"github.com/lanproof/lanproof/topology"
	"github.com/lanproof/lanproof/topology/oracle"
)

// matrices are who got the frames of a class from whom: one for each tag that the
// class has frames with.
type matrices struct {
	ends  []*topology.Device
	index map[topology.Ref]int
	all   []*matrix
}

// matrix is one of them, by sender and receiver.
type matrix struct {
	title              string
	expected, observed [][]byte
}

const (
	cellGot   = '+'
	cellNot   = '-'
	cellEmpty = '.'
)

func newMatrices(ends []*topology.Device) *matrices {
	m := &matrices{ends: ends, index: map[topology.Ref]int{}}
	for i, d := range ends {
		m.index[d.Ref] = i
	}
	return m
}

// mark notes what became of one frame. A frame that is for nobody in particular
// stands in the columns of all.
func (m *matrices) mark(s *shot, p *oracle.Prediction, l *probe.Landing) {
	one, from := m.of(s), m.index[s.from.Ref]
	if s.to != nil {
		to := m.index[s.to.Ref]
		set(&one.expected[from][to], predicted(p, s.to.Ref))
		set(&one.observed[from][to], landed(l, s.to.Ref))
		return
	}
	want, got := map[topology.Ref]bool{}, map[topology.Ref]bool{}
	for i := range p.Sights {
		want[p.Sights[i].At] = want[p.Sights[i].At] || delivery(&p.Sights[i])
	}
	for i := range l.Sights {
		r := refOf(&l.Sights[i])
		got[r] = got[r] || came(&l.Sights[i])
	}
	for to, d := range m.ends {
		if to != from {
			set(&one.expected[from][to], want[d.Ref])
			set(&one.observed[from][to], got[d.Ref])
		}
	}
}

// of is the matrix of a shot's tags.
func (m *matrices) of(s *shot) *matrix {
	title := "untagged"
	for i, t := range s.frame.Tags {
		if i == 0 {
			title = ""
		}
		title += fmt.Sprintf("tag %#04x VID %d", t.TPID, t.VID)
	}
	for _, one := range m.all {
		if one.title == title {
			return one
		}
	}
	one := &matrix{title: title, expected: m.empty(), observed: m.empty()}
	m.all = append(m.all, one)
	return one
}

func (m *matrices) empty() [][]byte {
	rows := make([][]byte, len(m.ends))
	for i := range rows {
		rows[i] = make([]byte, len(m.ends))
		for j := range rows[i] {
			rows[i][j] = cellEmpty
		}
	}
	return rows
}

// set notes a delivery; of several frames one that came is enough.
func set(cell *byte, got bool) {
	switch {
	case got:
		*cell = cellGot
	case *cell == cellEmpty:
		*cell = cellNot
	}
}

func predicted(p *oracle.Prediction, at topology.Ref) bool {
	return slices.ContainsFunc(p.Sights, func(s oracle.Sight) bool { return s.At == at && delivery(&s) })
}

func landed(l *probe.Landing, at topology.Ref) bool {
	return slices.ContainsFunc(l.Sights, func(s probe.Sight) bool { return refOf(&s) == at && came(&s) })
}

// delivery reports whether a sight is one of a frame that is for the device, and is
// certain.
func delivery(s *oracle.Sight) bool {
	return !s.Maybe && s.Type != oracle.Outgoing && s.Type != oracle.ToOther
}

func came(s *probe.Sight) bool {
	return !s.Taken && s.Type != capture.Outgoing && s.Type != capture.OtherHost
}

func refOf(s *probe.Sight) topology.Ref { return topology.Ref{Node: s.Node, Link: s.Link} }

// report is the matrices as results have them.
func (m *matrices) report() []reports.Matrix {
	var names []string
	for _, d := range m.ends {
		names = append(names, d.Ref.String())
	}
	var all []reports.Matrix
	for _, one := range m.all {
		r := reports.Matrix{Title: one.title, From: names, To: names}
		for i := range one.expected {
			r.Expected = append(r.Expected, string(one.expected[i]))
			r.Observed = append(r.Observed, string(one.observed[i]))
		}
		all = append(all, r)
	}
	return all
}
