package reports

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"html/template"
	"io"
	"slices"
)

// What stands in the page as it is. The rest is packed, as most of it is never looked
// at, and all of it is alike.
const (
	maxInline = 120     // diagrams, of checks that did not pass
	maxPassed = 600_000 // bytes of diagrams and evidence of checks that did
)

// ways are the sequence diagrams and the evidence of a page.
type ways struct {
	inline int          // diagrams of what did not pass
	passed []*htmlCheck // with their diagrams and evidence, which may still be packed
	bytes  int          // of these
	hidden int          // checks whose evidence is packed
	packed []string
}

// show puts a check's diagram and evidence into the page. What did not pass can be
// read without a script; only its diagram is packed where there are many.
func (w *ways) show(view *htmlCheck, k *Check, s *sequence) {
	view.Evidence = listed(k, s)
	if s != nil {
		view.Way = s.draw()
	}
	switch {
	case !view.Open:
		w.passed = append(w.passed, view)
		w.bytes += len(view.Way) + len(view.Evidence)
	case s == nil:
	case w.inline < maxInline:
		w.inline++
	default:
		w.pack(view, string(view.Way))
		view.Way = ""
	}
}

func (w *ways) pack(view *htmlCheck, content string) {
	w.packed = append(w.packed, content)
	view.Packed, view.Drawn = len(w.packed), view.Way != ""
}

// settle leaves what passed in the page if it is little, else packs it, and returns
// the attribute with all that is packed.
func (w *ways) settle() (template.HTMLAttr, error) {
	if w.bytes > maxPassed {
		for _, view := range w.passed {
			if content := string(view.Way + view.Evidence); content != "" {
				w.hidden++
				w.pack(view, content)
				view.Way, view.Evidence = "", ""
			}
		}
	}
	if len(w.packed) == 0 {
		return "", nil
	}
	z, err := deflated(w.packed)
	return template.HTMLAttr(`data-z="` + z + `"`), err
}

// told says of how many checks something can only be seen with a script.
func (w *ways) told() string {
	if w.hidden == 0 {
		return ""
	}
	return plural(w.hidden, "check")
}

// deflated compresses texts, with a NUL between them, which no text of a page has:
// escape leaves none.
func deflated(texts []string) (string, error) {
	var b bytes.Buffer
	z, err := zlib.NewWriterLevel(&b, zlib.BestCompression)
	if err != nil {
		return "", err
	}
	for i, text := range texts {
		if i > 0 {
			text = "\x00" + text
		}
		if _, err := io.WriteString(z, text); err != nil {
			return "", err
		}
	}
	if err := z.Close(); err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(b.Bytes()), nil
}

// listed is a list of evidence for the page, and what it leaves out. Frames that the
// diagram shows are not told twice.
func listed(k *Check, s *sequence) template.HTML {
	if s == nil {
		s = &sequence{}
	}
	var b, also bytes.Buffer
	frames, shown, told := 0, 0, 0
	for i := range k.Evidence {
		e := &k.Evidence[i]
		switch {
		case e.Kind == "frame" && slices.Contains(s.drawn, e):
			told++
		case e.Kind == "frame" && slices.Contains(s.folded, e):
			told++
			e.place(&also)
		case shown < maxEvidence && (e.Frame == nil || frames < maxFrames):
			shown++
			if e.Frame != nil {
				frames++
			}
			e.list(&b)
		}
	}
	if also.Len() > 0 {
		fmt.Fprintf(&b, "<li><b>also at</b>%s</li>", also.Bytes())
	}
	if cut := len(k.Evidence) - shown - told; cut > 0 {
		fmt.Fprintf(&b, "<li>%s more in results.json</li>", count(cut))
	}
	if len(s.hops) == 0 && k.FramesLeft > 0 { // else the diagram says so
		fmt.Fprintf(&b, "<li>%s in the capture</li>", plural(k.FramesLeft, "more frame"))
	}
	if b.Len() == 0 {
		return ""
	}
	return template.HTML("<ul>" + b.String() + "</ul>") // every text in it went through escape
}

// place tells where a frame was seen, too.
func (e *Evidence) place(b *bytes.Buffer) {
	b.WriteString(" <code>")
	escape(b, name(e.At))
	b.WriteString("</code>")
	e.number(b)
}

// number is a frame's in the capture.
func (e *Evidence) number(b *bytes.Buffer) {
	if e.Packet > 0 {
		fmt.Fprintf(b, " <i>packet %d</i>", e.Packet)
	}
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
	e.number(b)
	b.WriteString("</li>")
}
