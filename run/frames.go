package run

import (
	"fmt"

	"github.com/lanproof/lanproof/probe"
	"github.com/lanproof/lanproof/probe/mark"
	"github.com/lanproof/lanproof/reports"
)

// How many frames a report names; the capture has them all.
const (
	mostOfPassed = 12 // of a flow of a check that passed
	mostOfFailed = 64 // of one that did not, or of any where whole lives are asked for
	mostDrawn    = 3  // disagreements with the oracle whose frames are named
)

// shown are the sightings that a report names, the first of them.
func shown(all []probe.Sighting, v reports.Verdict, lives bool) []probe.Sighting {
	most := mostOfFailed
	if v == reports.Pass && !lives {
		most = mostOfPassed
	}
	return all[:min(len(all), most)]
}

func sightingEvidence(s *probe.Sighting) reports.Evidence {
	return reports.Evidence{
		Kind: "frame", At: s.At(), Time: s.Time, Text: fmt.Sprintf("%s: %s", s.Type, s.Text()),
		Frame: mark.FrameOf(s.Type, s.Data),
	}
}

// landingEvidence is where a frame of a sweep was seen by taps.
func landingEvidence(l *probe.Landing) []reports.Evidence {
	var all []reports.Evidence
	for i := range l.Sights {
		s := &l.Sights[i]
		if s.Taken || len(s.Data) < 14 {
			continue
		}
		if len(all) == mostOfFailed {
			break
		}
		f := mark.FrameOf(s.Type, s.Data)
		all = append(all, reports.Evidence{
			Kind: "frame", At: s.Node + "/" + s.Link, Time: s.Time(), Frame: f,
			Text: fmt.Sprintf("%s: %s > %s", f.Type, f.Source, f.Dest),
		})
	}
	return all
}
