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

// param is the value of $name and of ${name...}.
func (s *shell) param(p *syntax.ParamExp) value {
	src := s.frag.source(int(p.Pos().Offset()), int(p.End().Offset()))
	if p.Param == nil || p.Excl || p.Width || p.IsSet || p.Repl != nil || p.Names != 0 || p.Flags != nil || len(p.Modifiers) > 0 {
		return value{words: []string{hole(src)}}
	}
	v, ok := s.lookup(p.Param.Value)
	if p.Index != nil && ok {
		v, ok = index(v, p.Index)
	} else if v.list && p.Param.Value != "@" && p.Param.Value != "*" && len(v.words) > 0 {
		v = value{words: v.words[:1]}
	}
	empty := len(v.words) == 0 || len(v.words) == 1 && v.words[0] == ""
	if p.Exp != nil {
		switch p.Exp.Op {
		case syntax.DefaultUnset, syntax.DefaultUnsetOrNull, syntax.AssignUnset, syntax.AssignUnsetOrNull:
			orNull := p.Exp.Op == syntax.DefaultUnsetOrNull || p.Exp.Op == syntax.AssignUnsetOrNull
			if ok && (!empty || !orNull) {
				return v
			}
			v = value{words: []string{s.expWord(p)}}
			if p.Exp.Op == syntax.AssignUnset || p.Exp.Op == syntax.AssignUnsetOrNull {
				s.set(p.Param.Value, v)
			}
			return v
		case syntax.AlternateUnset, syntax.AlternateUnsetOrNull:
			if !ok || empty && p.Exp.Op == syntax.AlternateUnsetOrNull {
				return value{words: []string{""}}
			}
			return value{words: []string{s.expWord(p)}}
		}
	}
	if !ok {
		return value{words: []string{hole("$" + p.Param.Value)}}
	}
	if p.Exp != nil && (p.Exp.Op == syntax.ErrorUnset || p.Exp.Op == syntax.ErrorUnsetOrNull) || p.Exp == nil && p.Slice == nil && !p.Length {
		return v
	}
	return s.changed(p, v, src)
}

func (s *shell) expWord(p *syntax.ParamExp) string {
	if p.Exp.Word == nil {
		return ""
	}
	return s.single(p.Exp.Word).text
}

// changed is ${#name}, ${name:1:2}, ${name%.*} and the like of a value that is known.
func (s *shell) changed(p *syntax.ParamExp, v value, src string) value {
	unknown := value{words: []string{hole(src)}}
	if len(v.words) != 1 || hasHole(v.words[0]) || p.Index != nil {
		return unknown
	}
	if p.Exp != nil && p.Exp.Word != nil && hasHole(literal(p.Exp.Word)) {
		return unknown
	}
	if p.Slice != nil && (!s.countable(p.Slice.Offset) || !s.countable(p.Slice.Length)) {
		return unknown
	}
	copied := *p
	copied.Param = &syntax.Lit{Value: "x"}
	env := expand.ListEnviron("x=" + v.words[0])
	text, err := expand.Literal(&expand.Config{Env: env}, &syntax.Word{Parts: []syntax.WordPart{&syntax.DblQuoted{Parts: []syntax.WordPart{&copied}}}})
	if err != nil || len(text) > maxValue {
		return unknown
	}
	return value{words: []string{text}}
}

// lookup returns a variable or a parameter.
func (s *shell) lookup(name string) (value, bool) {
	switch name {
	case "@", "*":
		var v value
		for _, w := range s.params {
			v.words = append(v.words, w.text)
		}
		v.list, v.from = true, s.params
		return v, true
	case "#":
		if s.params == nil {
			return value{}, false
		}
		return value{words: []string{strconv.Itoa(len(s.params))}}, true
	}
	if n, err := strconv.Atoi(name); err == nil {
		if n >= 1 && n <= len(s.params) {
			return value{words: []string{s.params[n-1].text}}, true
		}
		return value{}, false
	}
	v, ok := s.vars[name]
	return v, ok
}

// index is one element of an array, or all.
func index(v value, x syntax.ArithmExpr) (value, bool) {
	w, ok := x.(*syntax.Word)
	if !ok {
		return value{}, false
	}
	switch t := literal(w); t {
	case "@", "*":
		v.list = true
		return v, true
	default:
		n, err := strconv.Atoi(t)
		if err != nil || n < 0 || n >= len(v.words) {
			return value{}, false
		}
		return value{words: v.words[n : n+1]}, true
	}
}

// arithmetic is $((...)) where it is known.
func (s *shell) arithmetic(a *syntax.ArithmExp) string {
	unknown := hole(s.frag.source(int(a.Pos().Offset()), int(a.End().Offset())))
	if !s.countable(a.X) {
		return unknown
	}
	n, err := expand.Arithm(&expand.Config{Env: environ{s}}, a.X)
	if err != nil {
		return unknown
	}
	return strconv.Itoa(n)
}

// countable reports whether an arithmetic expression is made of numbers and of variables
// that are numbers, with nothing in it that is worth an attack.
func (s *shell) countable(x syntax.ArithmExpr) bool {
	if x == nil {
		return true
	}
	fine, size := true, 0
	syntax.Walk(x, func(n syntax.Node) bool {
		size++
		switch n := n.(type) {
		case nil, *syntax.ParenArithm, *syntax.UnaryArithm, *syntax.Word:
		case *syntax.BinaryArithm:
			if to, ok := n.X.(*syntax.Word); ok && n.Op == syntax.Assgn && syntax.ValidName(literal(to)) {
				fine = fine && s.countable(n.Y)
				return false
			}
			fine = fine && n.Op != syntax.Pow && n.Op != syntax.Shl && n.Op != syntax.Shr && n.Op != syntax.ShlAssgn && n.Op != syntax.ShrAssgn
		case *syntax.ParamExp:
			fine = fine && n.Param != nil && n.Exp == nil && n.Repl == nil && n.Slice == nil && n.Index == nil && !n.Excl && s.number(n.Param.Value)
			return false
		case *syntax.Lit:
			fine = fine && (number(n.Value) || s.number(n.Value))
		default:
			fine = false
		}
		return fine && size < 100
	})
	return fine && size < 100
}

func (s *shell) number(name string) bool {
	v, ok := s.lookup(name)
	return ok && len(v.words) == 1 && number(v.words[0])
}

func number(text string) bool {
	n, err := strconv.Atoi(text)
	return err == nil && n < 1<<30 && n > -1<<30
}

// environ is the shell's variables for the library's arithmetic.
type environ struct{ s *shell }

func (e environ) Get(name string) expand.Variable {
	v, ok := e.s.lookup(name)
	if !ok || len(v.words) != 1 {
		return expand.Variable{}
	}
	return expand.Variable{Set: true, Kind: expand.String, Str: v.words[0]}
}

func (e environ) Each(func(string, expand.Variable) bool) {}

// Set is what an assignment in an expression does.
func (e environ) Set(name string, v expand.Variable) error {
	e.s.set(name, value{words: []string{v.Str}})
	return nil
}
