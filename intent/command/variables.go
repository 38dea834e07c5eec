package command

import (
	"strconv"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/syntax"
)

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
