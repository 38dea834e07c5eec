package command

import (
	"slices"
	"strconv"
	"strings"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/syntax"
)

// value is what a variable holds: one word, or an array's.
type value struct {
	words []string
	list  bool
	// from are the words as they stand in the file, where each is a word of its own.
	from []word
}

// set gives a variable a value; one that is too long is not known.
func (s *shell) set(name string, v value) {
	n := 0
	for _, w := range v.words {
		n += len(w) + 1
	}
	if n > maxValue {
		v = value{words: []string{hole("$" + name)}}
	}
	if len(s.vars) < maxVars {
		s.vars[name] = v
	}
}

// assign reads name=value, name+=value and name=(...).
func (s *shell) assign(a *syntax.Assign) {
	name := a.Name.Value
	var v value
	switch {
	case a.Index != nil:
		v = value{words: []string{hole("$" + name)}}
	case a.Array != nil:
		v.list = true
		for _, el := range a.Array.Elems {
			ws := []word{{text: hole("$" + name), src: name, at: s.frag.place(int(a.Pos().Offset()))}}
			if el.Index == nil && el.Value != nil {
				ws = s.expand(el.Value)
			}
			for _, w := range ws {
				v.words, v.from = append(v.words, w.text), append(v.from, w)
			}
		}
	default:
		text := ""
		if a.Value != nil {
			text = s.single(a.Value).text
		}
		if w := (word{text: text}); w.whole() {
			text = hole("$" + name) // that is how people know it
		}
		v.words = []string{text}
	}
	if old, ok := s.vars[name]; ok && a.Append {
		if v.list {
			if len(old.from) == len(old.words) {
				v.from = slices.Concat(old.from, v.from)
			} else {
				v.from = nil
			}
			v.words = slices.Concat(old.words, v.words)
		} else if len(old.words) == 1 {
			v.words = []string{old.words[0] + v.words[0]}
		}
	}
	s.set(name, v)
}

// words expands a command's words.
func (s *shell) words(list []*syntax.Word) []word {
	var ws []word
	for _, w := range list {
		if ws = append(ws, s.expand(w)...); len(ws) > maxList {
			return ws[:maxList]
		}
	}
	return ws
}

// expand expands one word as a shell does, except that it looks at no file and runs
// nothing. What is not known becomes a hole.
func (s *shell) expand(w *syntax.Word) []word {
	from, to := int(w.Pos().Offset()), int(w.End().Offset())
	base := word{src: s.frag.source(from, to), at: s.frag.place(from), frag: s.frag, off: from}
	if to-from > maxValue {
		base.text = hole(oneLine(base.src, 20))
		return []word{base}
	}
	copied := syntax.Word{Parts: slices.Clone(w.Parts)}
	syntax.SplitBraces(&copied)
	var ws []word
	for one, err := range expand.BracesSeq(&expand.Config{}, &copied) {
		if err != nil || len(ws) > maxLoop {
			base.text = hole(oneLine(base.src, 20))
			return []word{base}
		}
		f := fields{}
		s.parts(one.Parts, false, &f)
		for i, text := range f.end() {
			x := base
			if from := f.from[i]; from != nil {
				x.src, x.at, x.frag, x.off = from.src, from.at, from.frag, from.off
			}
			x.text, x.bare = text, f.bare[i]
			ws = append(ws, x)
		}
	}
	return ws
}

// single expands a word that is not split, such as an assignment's.
func (s *shell) single(w *syntax.Word) word {
	from, to := int(w.Pos().Offset()), int(w.End().Offset())
	x := word{src: s.frag.source(from, to), at: s.frag.place(from), frag: s.frag, off: from}
	if to-from > maxValue {
		x.text = hole(oneLine(x.src, 20))
		return x
	}
	f := fields{whole: true}
	s.parts(w.Parts, false, &f)
	x.text = strings.Join(f.end(), " ")
	return x
}

// fields collects the words that one word becomes.
type fields struct {
	// whole is set where nothing is split.
	whole bool
	done  []string
	bare  []bool
	from  []*word
	// origin is where cur stands, when it is a word of another place.
	origin *word
	cur    strings.Builder
	open   bool
	// loose is set when all of cur came out of unquoted expansions.
	loose bool
}

func (f *fields) add(text string, loose bool) {
	if !f.open {
		f.open, f.loose = true, true
	}
	f.loose = f.loose && loose
	if f.cur.Len() < maxValue {
		f.cur.WriteString(text)
	}
}

func (f *fields) next() {
	if f.open {
		f.done, f.bare, f.from = append(f.done, f.cur.String()), append(f.bare, f.loose), append(f.from, f.origin)
	}
	f.cur.Reset()
	f.open, f.origin = false, nil
}

// split adds a text that is split at blanks.
func (f *fields) split(text string) {
	if f.whole {
		f.add(text, true)
		return
	}
	for i, part := range strings.FieldsFunc(text, blank) {
		if i > 0 || strings.IndexFunc(text, blank) == 0 {
			f.next()
		}
		f.add(part, true)
	}
	if strings.LastIndexFunc(text, blank) == len(text)-1 && text != "" {
		f.next()
	}
}

func blank(r rune) bool { return r == ' ' || r == '\t' || r == '\n' }

func (f *fields) end() []string {
	f.next()
	return f.done
}

func (s *shell) parts(parts []syntax.WordPart, quoted bool, f *fields) {
	for _, p := range parts {
		switch p := p.(type) {
		case *syntax.Lit:
			f.add(unescape(p.Value, quoted), false)
		case *syntax.SglQuoted:
			text := p.Value
			if p.Dollar {
				if t, _, err := expand.Format(&expand.Config{}, strings.ReplaceAll(text, "%", "%%"), nil); err == nil {
					text = t
				}
			}
			f.add(text, false)
		case *syntax.DblQuoted:
			f.add("", isAll(p.Parts))
			s.parts(p.Parts, true, f)
		case *syntax.ParamExp:
			s.insert(s.param(p), quoted, f)
		case *syntax.CmdSubst:
			s.insert(s.substitute(p), quoted, f)
		case *syntax.ArithmExp:
			f.add(s.arithmetic(p), false)
		default:
			f.add(hole(s.frag.source(int(p.Pos().Offset()), int(p.End().Offset()))), false)
		}
	}
}

// isAll reports whether the parts are "$@" alone, which may be no word at all.
func isAll(parts []syntax.WordPart) bool {
	if len(parts) != 1 {
		return false
	}
	p, ok := parts[0].(*syntax.ParamExp)
	if !ok {
		return false
	}
	if lit, ok := p.Index.(*syntax.Word); ok {
		return literal(lit) == "@"
	}
	return p.Param != nil && p.Param.Value == "@"
}

// insert adds what an expansion gave.
func (s *shell) insert(v value, quoted bool, f *fields) {
	switch {
	case v.list && quoted && len(v.words) == 0:
		if f.loose && f.cur.Len() == 0 {
			f.open = false
		}
	case v.list && quoted:
		for i, w := range v.words {
			if i > 0 {
				f.next()
			}
			f.add(w, false)
			if i < len(v.from) {
				f.origin = &v.from[i]
			}
		}
	case quoted:
		f.add(strings.Join(v.words, " "), false)
	default:
		f.split(strings.Join(v.words, " "))
	}
}

// unescape takes the backslashes out of a literal.
func unescape(text string, quoted bool) string {
	if !strings.Contains(text, `\`) {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+1 < len(text) && (!quoted || strings.IndexByte("$`\"\\\n", text[i+1]) >= 0) {
			if i++; text[i] == '\n' {
				continue
			}
		}
		b.WriteByte(text[i])
	}
	return b.String()
}

// substitute looks into $(...): what docker makes there is made, and its name is what it
// prints; seq and echo are known, too.
func (s *shell) substitute(c *syntax.CmdSubst) value {
	src := s.frag.source(int(c.Pos().Offset()), int(c.End().Offset()))
	unknown := value{words: []string{hole("$(" + strings.Trim(strings.TrimPrefix(src, "$"), "()`") + ")")}}
	if s.depth > maxDepth {
		return unknown
	}
	if len(c.Stmts) == 1 {
		if call, ok := c.Stmts[0].Cmd.(*syntax.CallExpr); ok && len(call.Args) > 1 && len(c.Stmts[0].Redirs) == 0 {
			switch literal(call.Args[0]) {
			case "seq":
				if v, ok := seq(s.words(call.Args[1:])); ok {
					return v
				}
				return unknown
			case "echo":
				var text []string
				for _, w := range s.words(call.Args[1:]) {
					text = append(text, w.text)
				}
				return value{words: []string{strings.Join(text, " ")}}
			}
		}
	}
	old := s.made
	s.made = ""
	s.depth++
	s.stmts(c.Stmts)
	s.depth--
	made := s.made
	s.made = old
	if made == "" {
		return unknown
	}
	return value{words: []string{made}}
}

// seq is seq(1)'s output, within bounds.
func seq(ws []word) (value, bool) {
	var n []int
	for _, w := range ws {
		i, err := strconv.Atoi(w.text)
		if err != nil || i > 1<<30 || i < -1<<30 {
			return value{}, false
		}
		n = append(n, i)
	}
	first, step, last := 1, 1, 0
	switch len(n) {
	case 1:
		last = n[0]
	case 2:
		first, last = n[0], n[1]
	case 3:
		first, step, last = n[0], n[1], n[2]
	default:
		return value{}, false
	}
	var v value
	for i := first; step > 0 && i <= last || step < 0 && i >= last; i += step {
		if v.words = append(v.words, strconv.Itoa(i)); len(v.words) > maxLoop {
			return value{}, false
		}
	}
	return value{words: []string{strings.Join(v.words, " ")}}, step != 0
}
