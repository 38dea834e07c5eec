package reports

import (
	"bytes"
	"fmt"
	"html/template"
	"math"
	"strings"
	"time"
)

// Measures of a sequence diagram, in pixels.
const (
	seqLeft  = 62.0 // time stamps
	seqHead  = 46.0 // names of the lanes
	seqStep  = 34.0 // from hop to hop
	seqGlyph = 6.8  // a letter
)

// draw makes a diagram of the sequence, and a list of what its packets carried.
func (s *sequence) draw() template.HTML {
	var b bytes.Buffer
	b.Grow(1024 + 400*len(s.hops))
	b.WriteString(`<figure class="seq">`)
	s.svg(&b)
	b.WriteString(`</figure><ol class="packets">`)
	for i := range s.packets {
		s.packets[i].list(&b)
	}
	b.WriteString(`</ol>`)
	if s.left > 0 {
		fmt.Fprintf(&b, `<p class="note">%s not drawn; the capture has them.</p>`, plural(s.left, "more frame"))
	}
	return template.HTML(b.String()) // every text in it went through escape
}

func (p *sequencePacket) list(b *bytes.Buffer) {
	b.WriteString(`<li><b>`)
	escape(b, p.name)
	b.WriteString(`</b>`)
	layer := func(name, text string) {
		b.WriteString(`<span>`)
		if name != "" {
			b.WriteString(`<i>` + name + `</i> `)
		}
		b.WriteString(`<bdi>`)
		escape(b, clip(oneLine(text), 300))
		b.WriteString(`</bdi></span>`)
	}
	layer("Ethernet", p.source+" > "+p.dest)
	for _, t := range p.tags[:min(len(p.tags), 8)] {
		layer("VLAN tag", t)
	}
	for _, c := range p.contents[:min(len(p.contents), 12)] {
		layer("", c)
	}
	b.WriteString(`</li>`)
}

// pitch is how far lanes are from each other.
func (s *sequence) pitch() float64 {
	widest := 10
	for i := range s.packets {
		widest = max(widest, columns(s.packets[i].name)+1)
	}
	for _, l := range s.lanes {
		node, link, _ := strings.Cut(l, "/")
		widest = max(widest, columns(node)+1, columns(link)+1)
	}
	return min(2*math.Round(float64(widest)*seqGlyph/2+7), 210)
}

func (s *sequence) svg(b *bytes.Buffer) {
	pitch := s.pitch()
	words := 0
	for i := range s.hops {
		words = max(words, columns(clip(oneLine(s.hops[i].words()), 90)))
	}
	x := func(lane int) float64 { return seqLeft + pitch*(float64(lane)+0.5) }
	right := seqLeft + pitch*float64(len(s.lanes)) + 12
	w, h := math.Round(right+float64(words)*seqGlyph*0.95+10), seqHead+seqStep*float64(len(s.hops))+14
	fmt.Fprintf(b, `<svg class="sq" role="img" width="%s" height="%s" viewBox="0 0 %s %s"><title>`, px(w), px(h), px(w), px(h))
	escape(b, clip(s.sentence(), 2000))
	b.WriteString(`</title>`)
	for i, l := range s.lanes {
		node, link, _ := strings.Cut(clip(oneLine(l), 60), "/")
		fmt.Fprintf(b, `<path class="sq-l" d="M%s %sV%s"/>`, px(x(i)), px(seqHead-8), px(h-4))
		seqText(b, "sq-n", x(i), 16, node)
		seqText(b, "sq-k", x(i), 31, link)
	}
	for i := range s.hops {
		y := seqHead + seqStep*float64(i) + 22
		fmt.Fprintf(b, `<g transform="translate(0 %s)">`, px(y))
		s.hops[i].draw(b, s, x)
		seqText(b, "sq-w", right, 4, clip(oneLine(s.hops[i].words()), 90))
		b.WriteString(`</g>`)
	}
	b.WriteString(`</svg>`)
}

func seqText(b *bytes.Buffer, class string, x, y float64, text string) {
	if text == "" {
		return
	}
	fmt.Fprintf(b, `<text class="%s" x="%s" y="%s">`, class, px(x), px(y))
	escape(b, text)
	b.WriteString(`</text>`)
}

// draw draws one hop at the height 0: an arrow, a dot where a frame came up, a cross
// where one ended. Rows that are alike are the same bytes then, and pack well.
func (h *hop) draw(b *bytes.Buffer, s *sequence, x func(int) float64) {
	to := x(h.to)
	if h.dropped != "" {
		fmt.Fprintf(b, `<path class="sq-x" d="M%s -6l12 12m0 -12l-12 12"/>`, px(to-6))
		return
	}
	seqText(b, "sq-t", seqLeft-6, 4, since(h.after))
	if h.from == h.to {
		fmt.Fprintf(b, `<circle class="sq-d" cx="%s" r="4.5"/>`, px(to))
		seqText(b, "sq-o", to+10, -5, s.packets[h.packet].name)
		return
	}
	from, side := x(h.from), 1.0
	if from > to {
		side = -1
	}
	class := "sq-a"
	if h.typ == "otherhost" {
		class = "sq-a sq-h"
	}
	fmt.Fprintf(b, `<path class="%s" d="M%s 0H%s"/><path class="sq-p" d="M%s 0l%s -4v8z"/>`,
		class, px(from), px(to-side*8), px(to-side), px(-side*9))
	seqText(b, "sq-c", (from+to)/2, -6, s.packets[h.packet].name)
}

// since is a time stamp: how long after the first frame.
func since(d time.Duration) string {
	if d <= 0 {
		return "0"
	}
	return "+" + humane(d)
}

// words stand beside a hop.
func (h *hop) words() string {
	if h.dropped != "" {
		return "dropped: " + h.dropped + ", " + h.typ
	}
	parts := append([]string{typeWords(h.typ)}, h.changes...)
	if h.number > 0 {
		parts = append(parts, fmt.Sprintf("packet %d", h.number))
	}
	return strings.Join(parts, " · ")
}

// typeWords are a packet type of packet(7) in plain words.
func typeWords(t string) string {
	switch t {
	case "outgoing":
		return "sent"
	case "host":
		return "for this device"
	case "otherhost":
		return "for another address"
	}
	return t
}

// sentence describes the diagram to those who cannot see it.
func (s *sequence) sentence() string {
	var b strings.Builder
	b.WriteString("The frames’ way")
	for i := range s.hops {
		h := &s.hops[i]
		switch {
		case h.dropped != "":
			fmt.Fprintf(&b, "; dropped at %s: %s", s.lanes[h.to], h.dropped)
		case h.from == h.to:
			fmt.Fprintf(&b, "; %s at %s", s.packets[h.packet].name, s.lanes[h.to])
		default:
			fmt.Fprintf(&b, "; %s from %s to %s", s.packets[h.packet].name, s.lanes[h.from], s.lanes[h.to])
		}
	}
	return b.String()
}
