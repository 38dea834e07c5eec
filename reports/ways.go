package reports

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"html/template"
	"strings"
)

// What stands in the page as it is. The rest is packed, as most of it is never looked
// at, and all of it is alike.
const (
	maxInline = 120       // diagrams, of checks that did not pass
	maxLists  = 1_000_000 // bytes of evidence of checks that did
)

// ways are the sequence diagrams and the evidence of a page.
type ways struct {
	inline int // diagrams
	listed int // bytes
	hidden int // checks whose evidence is packed
	packed []string
}

// show puts a check's diagram and evidence into the page, or packs them under a
// number from 1. What did not pass can be read without a script.
func (w *ways) show(k *htmlCheck, s *sequence, evidence template.HTML) {
	pack := ""
	switch {
	case s == nil:
	case k.Open && w.inline < maxInline:
		w.inline++
		k.Way = s.draw()
	default:
		pack = string(s.draw())
	}
	switch {
	case k.Open:
		k.Evidence = evidence
	case w.listed+len(evidence) > maxLists:
		pack += string(evidence)
		w.hidden++
	default:
		k.Evidence = evidence
		w.listed += len(evidence)
	}
	if pack != "" {
		w.packed = append(w.packed, pack)
		k.Packed = len(w.packed)
	}
}

// pack compresses what is packed, with a NUL between them, which no text of a
// page has: escape leaves none.
func (w *ways) pack() (string, error) {
	if len(w.packed) == 0 {
		return "", nil
	}
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	if _, err := z.Write([]byte(strings.Join(w.packed, "\x00"))); err != nil {
		return "", err
	}
	if err := z.Close(); err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(b.Bytes()), nil
}
