package reports

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"html/template"
	"strings"
)

// What stands in the page as it is. The rest is packed, as most of it is never looked
// at, and all of it is alike.
const (
	maxInline = 120     // diagrams, of checks that did not pass
	maxLists  = 250_000 // bytes of evidence of checks that did
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

// listed is a list of evidence for the page, and what it leaves out: of frames that
// a diagram shows, too, few are in it.
func listed(k *Check) template.HTML {
	if len(k.Evidence) == 0 {
		return ""
	}
	var b bytes.Buffer
	frames, shown := 0, 0
	b.WriteString("<ul>")
	for i := range k.Evidence {
		e := &k.Evidence[i]
		if e.Frame != nil {
			frames++
		}
		if shown < maxEvidence && (e.Frame == nil || frames <= maxFrames) {
			shown++
			e.list(&b)
		}
	}
	if cut := len(k.Evidence) - shown + k.FramesLeft; cut > 0 {
		fmt.Fprintf(&b, "<li>%s more in results.json</li>", count(cut))
	}
	b.WriteString("</ul>")
	return template.HTML(b.String()) // every text in it went through escape
}

func (e *Evidence) list(b *bytes.Buffer) {
	piece := func(before, text, after string) {
		if text != "" {
			b.WriteString(before)
			_ = xml.EscapeText(b, []byte(text)) // fails only where the buffer does
			b.WriteString(after)
		}
	}
	b.WriteString("<li>")
	piece("<b>", name(e.Kind), "</b> ")
	piece("<code>", name(e.At), "</code> ")
	piece("<span>", text(e.Text), "</span>")
	if e.Packet > 0 {
		fmt.Fprintf(b, " <i>packet %d</i>", e.Packet)
	}
	b.WriteString("</li>")
}
