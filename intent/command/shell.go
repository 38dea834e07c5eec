package command

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"github.com/lanproof/lanproof/intent"
)

// shell walks over what a shell would run, and runs nothing.
type shell struct {
	*state
	parser *syntax.Parser
	frag   *fragment
	vars   map[string]value
	// params are the positional parameters; nil outside of a function.
	params []word
	funcs  map[string]*function
	// depth is how deep it is inside functions, texts and statements; steps is how many
	// statements have been looked at, and parsed how many bytes.
	depth, steps, parsed, looked int
	// tolerated, once and prose are what an engine is told.
	tolerated, once, prose bool
	// dry is set where commands are not carried out.
	dry  bool
	made string
}

type function struct {
	frag   *fragment
	body   *syntax.Stmt
	called bool
}

// parse parses a fragment as a shell does.
func (s *shell) parse(f *fragment) (*syntax.File, error) {
	s.parsed += len(f.text)
	if nests(f.text) > maxNests {
		return nil, errors.New("too many brackets")
	}
	if s.parser == nil {
		s.parser = syntax.NewParser(syntax.Variant(syntax.LangBash))
	}
	return s.parser.Parse(strings.NewReader(f.text), "")
}

var compounds = lazy(`\b(?:if|elif|while|until|for|case|select|function|time|coproc)\b`)

// nests is how deep things can at most be inside of each other, for the parser goes into
// them with one call or more for each, and a stack has an end.
func nests(text string) int {
	n := 0
	for i := range len(text) {
		switch text[i] {
		case '(', '{', '[', '`', '|', '!':
			n++
		}
	}
	return n + len(compounds().FindAllStringIndex(text, maxNests+1))
}

// in runs do with another text to look into.
func (s *shell) in(f *fragment, do func()) {
	old := s.frag
	s.frag = f
	do()
	s.frag = old
}

func (s *shell) stmts(list []*syntax.Stmt) {
	for _, st := range list {
		s.stmt(st)
	}
}

func (s *shell) stmt(st *syntax.Stmt) {
	if st == nil || !s.step(int(st.Pos().Offset())) {
		return
	}
	s.depth++
	defer func() { s.depth-- }()
	if s.reading(st) {
		return
	}
	if call, ok := st.Cmd.(*syntax.CallExpr); ok {
		once := s.once
		s.once = once && !st.Background
		s.call(call)
		s.once = once
	} else {
		s.compound(st.Cmd)
	}
	for _, r := range st.Redirs {
		if r.Hdoc != nil {
			s.heredoc(st, r)
		}
	}
}

// step counts, and reports whether there is still something to give.
func (s *shell) step(offset int) bool {
	s.steps++
	if s.steps > maxSteps || s.depth > maxDepth {
		if offset >= 0 && (s.steps == maxSteps+1 || s.depth == maxDepth+1) {
			s.state.unread(intent.Unread{Place: s.frag.place(offset), Why: "this is too much or too deep, and is not read"})
		}
		return false
	}
	return true
}

func (s *shell) compound(cmd syntax.Command) {
	switch c := cmd.(type) {
	case *syntax.BinaryCmd:
		s.binary(c)
	case *syntax.Subshell:
		vars := s.vars
		s.vars = maps.Clone(vars)
		s.stmts(c.Stmts)
		s.vars = vars
	case *syntax.Block:
		s.stmts(c.Stmts)
	case *syntax.IfClause:
		s.ifClause(c)
	case *syntax.WhileClause:
		s.stmts(c.Cond)
		s.maybe(func() { s.stmts(c.Do) })
	case *syntax.ForClause:
		s.forClause(c)
	case *syntax.CaseClause:
		s.caseClause(c)
	case *syntax.FuncDecl:
		if s.funcs == nil {
			s.funcs = map[string]*function{}
		}
		if c.Name != nil {
			s.funcs[c.Name.Value] = &function{frag: s.frag, body: c.Body}
		}
	case *syntax.DeclClause:
		for _, a := range c.Args {
			if !a.Naked && a.Name != nil {
				s.assign(a)
			}
		}
	case *syntax.TimeClause:
		s.stmt(c.Stmt)
	case *syntax.CoprocClause:
		s.stmt(c.Stmt)
	}
}

func (s *shell) binary(c *syntax.BinaryCmd) {
	old := s.tolerated
	s.tolerated = old || c.Op == syntax.OrStmt
	s.stmt(c.X)
	s.tolerated = old
	if c.Op == syntax.AndStmt || c.Op == syntax.OrStmt {
		s.maybe(func() { s.stmt(c.Y) })
		return
	}
	s.stmt(c.Y)
}

// maybe does what may or may not be done: a variable that is something else afterwards is
// not known, and one that was not set before has its default now.
func (s *shell) maybe(do func()) { s.choice([]func(){do}, false) }

// choice does each of several ways to go on. all is set when one of them is gone for certain.
func (s *shell) choice(ways []func(), all bool) {
	before := s.vars
	var after []map[string]value
	if !all {
		after = append(after, before)
	}
	for _, do := range ways {
		s.vars = maps.Clone(before)
		do()
		after = append(after, s.vars)
	}
	s.vars = map[string]value{}
	for _, vars := range after {
		for name := range vars {
			if _, done := s.vars[name]; !done {
				s.vars[name] = merge(name, after)
			}
		}
	}
}

// merge is what a variable is after one of several ways.
func merge(name string, after []map[string]value) value {
	var known, all []value
	for _, vars := range after {
		v, ok := vars[name]
		if !ok {
			continue
		}
		same := func(o value) bool { return v.list == o.list && slices.Equal(v.words, o.words) }
		if !slices.ContainsFunc(all, same) {
			all = append(all, v)
			if !slices.ContainsFunc(v.words, hasHole) {
				known = append(known, v)
			}
		}
	}
	switch {
	case len(all) == 1:
		return all[0]
	case len(known) == 1:
		return known[0]
	}
	return value{words: []string{hole("$" + name)}}
}

// ifClause takes the first branch that makes something, and says that there are others.
func (s *shell) ifClause(c *syntax.IfClause) {
	var bodies [][]*syntax.Stmt
	all := false
	for b := c; b != nil; b = b.Else {
		if len(b.Cond) > 0 {
			s.tolerant(func() { s.stmts(b.Cond) })
		} else {
			all = true
		}
		bodies = append(bodies, b.Then)
	}
	s.branches(bodies, all)
}

func (s *shell) tolerant(do func()) {
	old := s.tolerated
	s.tolerated = true
	do()
	s.tolerated = old
}

func (s *shell) branches(bodies [][]*syntax.Stmt, all bool) {
	var ways []func()
	making := slices.IndexFunc(bodies, func(b []*syntax.Stmt) bool { return s.makes(b, 0) != nil })
	for i, b := range bodies {
		if at := s.makes(b, 0); at != nil && i != making {
			s.state.unread(intent.Unread{
				Place: s.frag.place(int(at.Pos().Offset())), Text: s.frag.source(int(at.Pos().Offset()), int(at.End().Offset())),
				Why: "another branch is read, and which one a shell takes is not known here",
			})
		}
		ways = append(ways, func() {
			// The other branches are read for what they do to variables.
			dry := s.dry
			s.dry = dry || making >= 0 && i != making
			s.stmts(b)
			s.dry = dry
		})
	}
	s.choice(ways, all)
}

// caseClause takes the items whose pattern is the word, where both are known.
func (s *shell) caseClause(c *syntax.CaseClause) {
	var bodies [][]*syntax.Stmt
	w := s.single(c.Word)
	for _, item := range c.Items {
		for _, p := range item.Patterns {
			if pattern := s.single(p); w.known() && pattern.text == w.text {
				s.stmts(item.Stmts)
				return
			}
		}
		bodies = append(bodies, item.Stmts)
	}
	s.branches(bodies, false)
}

// makes returns the first call in a list of statements that makes a network or a container.
func (s *shell) makes(list []*syntax.Stmt, depth int) (found *syntax.CallExpr) {
	for _, st := range list {
		syntax.Walk(st, func(n syntax.Node) bool {
			if s.looked++; s.looked > maxLooked {
				return false
			}
			call, ok := n.(*syntax.CallExpr)
			if found != nil || !ok || len(call.Args) == 0 {
				return found == nil
			}
			var ws []word
			for _, a := range call.Args {
				ws = append(ws, word{text: literal(a)})
			}
			for i, w := range ws {
				if _, ok := engineOf(w); ok && makes(ws[i+1:]) {
					found = call
					return false
				}
			}
			if f := s.funcs[ws[0].text]; f != nil && depth < 4 && s.makes([]*syntax.Stmt{f.body}, depth+1) != nil {
				found = call
			}
			return found == nil
		})
	}
	return found
}

// literal is the text of a word that is nothing but text.
func literal(w *syntax.Word) string {
	var b strings.Builder
	for _, p := range w.Parts {
		switch p := p.(type) {
		case *syntax.Lit:
			b.WriteString(p.Value)
		case *syntax.SglQuoted:
			b.WriteString(p.Value)
		case *syntax.DblQuoted:
			b.WriteString(literal(&syntax.Word{Parts: p.Parts}))
		default:
			return hole("")
		}
	}
	return b.String()
}

// forClause goes through a loop over words as often as there are words, and once where
// they are not known.
func (s *shell) forClause(c *syntax.ForClause) {
	iter, ok := c.Loop.(*syntax.WordIter)
	if !ok || c.Select {
		s.cLoop(c)
		return
	}
	name := iter.Name.Value
	items := s.params
	if iter.InPos.IsValid() {
		items = s.words(iter.Items)
	}
	if len(items) > maxLoop || slices.ContainsFunc(items, unlisted) {
		items = []word{{text: hole("$" + name)}}
	}
	for _, w := range items {
		s.set(name, value{words: []string{w.text}})
		s.stmts(c.Do)
	}
}

// unlisted reports whether a word may be any number of words, such as files' names.
func unlisted(w word) bool {
	return w.bare && w.whole() || w.src == w.text && strings.ContainsAny(w.text, "*?[")
}

// heredoc reads a here-document that another shell is given, or that becomes a file.
func (s *shell) heredoc(st *syntax.Stmt, r *syntax.Redirect) {
	body := s.frag.lines(int(r.Hdoc.Pos().Offset()), int(r.Hdoc.End().Offset()))
	if s.frag.at != (intent.Place{}) || !Looks([]byte(join(body))) {
		return
	}
	toFile := false
	for _, o := range st.Redirs {
		toFile = toFile || o.Op == syntax.RdrOut || o.Op == syntax.AppOut
	}
	name := ""
	if call, ok := st.Cmd.(*syntax.CallExpr); ok && len(call.Args) > 0 {
		for _, a := range call.Args {
			name += " " + literal(a)
		}
	}
	if (strings.HasPrefix(name, " cat") || strings.HasPrefix(name, " echo")) && !toFile {
		return // it is shown to somebody
	}
	vars := s.vars
	s.vars = maps.Clone(vars)
	s.script(newFragment(s.frag.file, body))
	s.vars = vars
}

func join(ps []piece) string {
	var b strings.Builder
	for i := range ps {
		b.WriteString(ps[i].text + "\n")
	}
	return b.String()
}

// script reads a text that another shell would run: as a whole, or else line by line.
func (s *shell) script(f *fragment) {
	if s.depth > maxDepth || s.parsed > maxParsed {
		return
	}
	s.depth++
	defer func() { s.depth-- }()
	if len(f.text) <= maxWhole {
		if file, err := s.parse(f); err == nil {
			s.in(f, func() { s.stmts(file.Stmts) })
			return
		}
	}
	if f.at == (intent.Place{}) {
		s.text(f.file, f.pieces)
	}
}
