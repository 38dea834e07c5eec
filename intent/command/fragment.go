package command

import (
	"sort"
	"strings"
	"unicode/utf8"

	"github.com/lanproof/lanproof/intent"
)

// piece is a line of a file, or what of it is read as shell.
type piece struct {
	text string
	// raw is the whole line and line its number, from 1.
	raw  string
	line int
	// segs tell where the parts of text stand in raw, in order. Without any, text is the
	// end of raw.
	segs []seg
}

// seg says that text from the byte at on is raw's from the byte in on.
type seg struct{ at, in int }

// column returns the column of text's byte k in its line, in characters from 1.
func (p *piece) column(k int) int {
	in := len(p.raw) - len(p.text) + k
	if len(p.segs) > 0 {
		s := p.segs[max(0, sort.Search(len(p.segs), func(i int) bool { return p.segs[i].at > k })-1)]
		in = s.in + k - s.at
	}
	return utf8.RuneCountInString(p.raw[:min(max(in, 0), len(p.raw))]) + 1
}

// cut returns the piece without its first n bytes.
func (p piece) cut(n int) piece {
	if len(p.segs) == 0 && strings.HasSuffix(p.raw, p.text) {
		p.text = p.text[n:]
		return p
	}
	segs := []seg{{0, 0}}
	for _, s := range p.segs {
		if s.at <= n {
			segs[0] = seg{0, s.in + n - s.at}
			continue
		}
		segs = append(segs, seg{s.at - n, s.in})
	}
	p.text, p.segs = p.text[n:], segs
	return p
}

// to returns the piece with its first n bytes only.
func (p piece) to(n int) piece {
	if len(p.segs) == 0 {
		p.segs = []seg{{0, len(p.raw) - len(p.text)}}
	}
	p.text = p.text[:n]
	return p
}

// replace returns the piece with text[from:to] replaced.
func (p piece) replace(from, to int, by string) piece {
	if len(p.segs) == 0 {
		p.segs = []seg{{0, len(p.raw) - len(p.text)}}
	}
	var segs []seg
	origin := 0 // where text[to] stands
	for _, s := range p.segs {
		if s.at <= from {
			segs = append(segs, s)
		}
		if s.at <= to {
			origin = s.in + to - s.at
		}
	}
	segs = append(segs, seg{from + len(by), origin})
	for _, s := range p.segs {
		if s.at > to {
			segs = append(segs, seg{s.at - to + from + len(by), s.in})
		}
	}
	p.text, p.segs = p.text[:from]+by+p.text[to:], segs
	return p
}

// pieces cuts a text into its lines.
func pieces(text string) []piece {
	var ps []piece
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimRight(line, "\r\n")
		ps = append(ps, piece{text: line, raw: line, line: n})
	}
	return ps
}

// fragment is a text that a shell reads in one go, and where it comes from.
type fragment struct {
	file   string
	pieces []piece
	starts []int // of each piece in text
	text   string
	// at is where all of it stands, for a text that is a value of another one.
	at intent.Place
}

func newFragment(file string, ps []piece) *fragment {
	f := &fragment{file: file, pieces: ps, starts: make([]int, len(ps))}
	var b strings.Builder
	for i := range ps {
		f.starts[i] = b.Len()
		b.WriteString(ps[i].text + "\n")
	}
	f.text = b.String()
	return f
}

// place returns where the byte at offset stands.
func (f *fragment) place(offset int) intent.Place {
	if f.at != (intent.Place{}) || len(f.pieces) == 0 {
		return f.at
	}
	i := max(0, sort.SearchInts(f.starts, offset+1)-1)
	p := &f.pieces[i]
	return intent.Place{File: f.file, Line: p.line, Column: p.column(offset - f.starts[i])}
}

// source returns text[from:to], as far as there is such a text.
func (f *fragment) source(from, to int) string {
	from = min(max(from, 0), len(f.text))
	return f.text[from:min(max(to, from), len(f.text))]
}

// lines returns the pieces from offset from to offset to.
func (f *fragment) lines(from, to int) []piece {
	a := max(0, sort.SearchInts(f.starts, from+1)-1)
	b := sort.SearchInts(f.starts, to)
	return f.pieces[a:max(a, b)]
}

// word is an argument as the shell would hand it over.
type word struct {
	// text may have holes in it.
	text string
	src  string
	at   intent.Place
	// src is what of frag begins at off; frag is nil for a word that was made up.
	frag *fragment
	off  int
	// bare is set for an unquoted expansion, which may be any number of words.
	bare bool
}

// What stands between these two is the name of a text that is not known, with every
// character that means something to a shell moved by holeMoved.
const (
	holeOpen, holeClose = "\ue000", "\ue001"
	holeMoved           = 0xe100
)

// hole is a text that is not known, by what it is called in the file.
func hole(name string) string {
	return holeOpen + strings.Map(func(r rune) rune {
		switch {
		case r == '_', r >= 0x80 && (r < 0xe000 || r > 0xf8ff), '0' <= r && r <= '9', 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z':
			return r
		case r < 0x80:
			return r + holeMoved
		}
		return -1
	}, name) + holeClose
}

func hasHole(text string) bool { return strings.Contains(text, holeOpen) }

// firstHole splits a text at its first hole.
func firstHole(text string) (before, name, after string) {
	before, rest, ok := strings.Cut(text, holeOpen)
	if !ok {
		return text, "", ""
	}
	name, after, _ = strings.Cut(rest, holeClose)
	return before, strings.Map(func(r rune) rune {
		if holeMoved <= r && r < holeMoved+0x80 {
			return r - holeMoved
		}
		return r
	}, name), after
}

// plain is a text with its holes as they were written.
func plain(text string) string {
	for hasHole(text) {
		before, name, after := firstHole(text)
		text = before + name + after
	}
	return text
}

// known reports whether all of the word's text is known.
func (w word) known() bool { return !hasHole(w.text) }

// whole reports whether the word is one hole and nothing else.
func (w word) whole() bool {
	before, name, after := firstHole(w.text)
	return name != "" && before == "" && after == ""
}

// why says what of the word is not known.
func (w word) why() string {
	_, name, _ := firstHole(w.text)
	switch {
	case strings.HasPrefix(name, "$("), strings.HasPrefix(name, "`"), strings.HasPrefix(name, "<("):
		return "what " + oneLine(name, 40) + " prints is not known here"
	case strings.HasPrefix(name, "<"):
		return oneLine(name, 40) + " is to be replaced"
	}
	return "the value of " + oneLine(name, 40) + " is not known here"
}

// symbol is the text with a name in place of each hole, so that what is named by the same
// unknown word is named alike.
func (w word) symbol() string {
	text := w.text
	for hasHole(text) {
		before, name, after := firstHole(text)
		text = before + bareName(name) + after
	}
	return text
}

// bareName is what a hole is called where a name is needed.
func bareName(name string) string {
	if strings.HasPrefix(name, "$(") || strings.HasPrefix(name, "`") {
		return "unknown"
	}
	name, _, _ = strings.Cut(name, "|")
	name = strings.Map(func(r rune) rune {
		if r == '_' || r == '-' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' {
			return r
		}
		return -1
	}, name)
	switch {
	case name == "":
		return "unknown"
	case '0' <= name[0] && name[0] <= '9':
		return "arg" + name
	}
	return name
}

// value is the word as a value with its place.
func (w word) value() intent.Value { return intent.Value{Text: w.text, Place: w.at} }

// split cuts a word at the first sep; the second word's place is behind it.
func (w word) split(sep string) (a, b word, ok bool) {
	before, after, ok := strings.Cut(w.text, sep)
	if !ok {
		return w, word{at: w.at}, false
	}
	a, b = w, w
	a.text, b.text = before, after
	if i := strings.Index(w.src, sep); i >= 0 {
		a.src, b = w.src[:i], b.skip(i+len(sep))
	}
	return a, b, true
}

// skip returns the word without the first n bytes of where it stands.
func (w word) skip(n int) word {
	w.src, w.off = w.src[n:], w.off+n
	if w.frag != nil {
		w.at = w.frag.place(w.off)
	}
	return w
}

// list cuts a word at every sep.
func (w word) list(sep string) []word {
	var ws []word
	for {
		a, b, ok := w.split(sep)
		if !ok || len(ws) >= maxList {
			return append(ws, w)
		}
		ws, w = append(ws, a), b
	}
}

// oneLine is a text on one line of at most n characters.
func oneLine(s string, n int) string {
	s = strings.Join(strings.Fields(strings.ReplaceAll(plain(s), "\\\n", " ")), " ")
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}
