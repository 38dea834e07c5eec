package run

import (
	"fmt"

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
	one := m.of(s)
	from := m.index[s.from]
	for i, d := range m.ends {
		if i == from || s.to != (topology.Ref{}) && s.to != d.Ref {
			continue
		}
		set(&one.expected[from][i], predicted(p, d.Ref))
		set(&one.observed[from][i], landed(l, d.Ref))
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
	for i := range p.Sights {
		s := &p.Sights[i]
		if s.At == at && !s.Maybe && s.Type != oracle.Outgoing && s.Type != oracle.ToOther {
			return true
		}
	}
	return false
}

func landed(l *probe.Landing, at topology.Ref) bool {
	for i := range l.Sightings {
		s := &l.Sightings[i]
		if s.Node == at.Node && s.Link == at.Link && s.Type != capture.Outgoing && s.Type != capture.OtherHost {
			return true
		}
	}
	return false
}

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
