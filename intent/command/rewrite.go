package command

import (
	"errors"
	"regexp"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"github.com/lanproof/lanproof/intent"
)

var (
	lostEnd = lazy(`\\ +-`)
	toFill  = lazy(`<[\pL_][^<>|&;$"'\\]{0,60}>`)
	jinja   = lazy(`\$?\{\{-?\s*([^{}]{1,120}?)\s*-?\}\}`)
	jname   = lazy(`^(?:env\.|vars\.|\.)?([A-Za-z_]\w*)(?:\s*\|\s*default\(\s*['"]?([\w.:/-]*)['"]?\s*(?:,\s*\w+\s*)?\))?$`)
	makeVar = lazy(`\$\$|\$\(([A-Za-z_]\w*)\)`)
	makeSet = lazy(`^(?:export\s+|override\s+)?([A-Za-z_]\w*)\s*(?::{0,3}|\?|\+)=\s*(.*?)\s*(?:#.*)?$`)
	percent = lazy(`%([A-Za-z_]\w*)%`)
	batSet  = lazy(`(?i)^\s*set\s+"?([A-Za-z_]\w*)=([^"]*)"?\s*$`)
	batRem  = lazy(`(?i)^\s*@?(?:rem\b|::|echo\b)`)
	psVar   = lazy(`\$env:(\w+)`)
)

func reason(err error) string {
	if perr := new(syntax.ParseError); errors.As(err, perr) {
		return perr.Text
	}
	return err.Error()
}

// each replaces every match of re in a piece, from the end to the beginning.
func each(p piece, re *regexp.Regexp, by func(m []string, at int) (string, bool)) piece {
	all := re.FindAllStringSubmatchIndex(p.text, -1)
	text := p.text
	for i := len(all) - 1; i >= 0; i-- {
		var m []string
		for k := 0; k < len(all[i]); k += 2 {
			if all[i][k] < 0 {
				m = append(m, "")
				continue
			}
			m = append(m, text[all[i][k]:all[i][k+1]])
		}
		if new, ok := by(m, all[i][0]); ok {
			p = p.replace(all[i][0], all[i][1], new)
		}
	}
	return p
}

// placeholders makes holes of what is to be filled in before a shell sees it.
func placeholders(p piece) piece {
	if strings.Contains(p.text, "{{") {
		p = each(p, jinja(), func(m []string, _ int) (string, bool) {
			n := jname().FindStringSubmatch(m[1])
			switch {
			case n == nil:
				return hole(m[0]), true
			case strings.Contains(m[1], "default("):
				return "${" + n[1] + ":-" + n[2] + "}", true
			}
			return "${" + n[1] + "}", true
		})
	}
	if strings.Contains(p.text, "$env:") {
		p = each(p, psVar(), func(m []string, _ int) (string, bool) { return "${" + m[1] + "}", true })
	}
	if strings.Contains(p.text, "<") {
		text := p.text
		p = each(p, toFill(), func(m []string, at int) (string, bool) {
			ok := (at == 0 || text[at-1] != '<') && !strings.HasSuffix(m[0], " >")
			return hole(m[0]), ok
		})
	}
	return p
}

var typography = lazy("\u00a0|\u202f|[“”„]|[‘’‚]|(?:^|[ \u00a0])[–—]+")

// typeset makes ASCII of the quotes, dashes and blanks that a blog's program or a word
// processor has put into a command.
func typeset(p piece) (piece, bool) {
	before := p.text
	if !typography().MatchString(before) {
		return p, false
	}
	p = each(p, typography(), func(m []string, _ int) (string, bool) {
		switch r := []rune(m[0]); {
		case len(r) > 1 || r[0] == '–' || r[0] == '—':
			return strings.TrimRight(strings.ReplaceAll(m[0], "\u00a0", " "), "–—") + "--", true
		case strings.ContainsRune("“”„", r[0]):
			return `"`, true
		case strings.ContainsRune("‘’‚", r[0]):
			return "'", true
		}
		return " ", true
	})
	return p, true
}

const typesetWhy = "quotes, dashes or blanks that a shell does not know stand here; they are read as what was meant"

// makefile makes shell of a Makefile's variables and recipes.
func makefile(ps []piece) []piece {
	var out []piece
	goes := false // the line before goes on in this one
	for _, p := range ps {
		if m := makeSet().FindStringSubmatchIndex(p.text); goes {
			p = p.cut(len(p.text) - len(strings.TrimLeft(p.text, "\t ")))
		} else if strings.HasPrefix(p.text, "\t") {
			p = p.cut(len(p.text) - len(strings.TrimLeft(p.text, "\t @+-")))
		} else if m != nil {
			value := "'" + strings.ReplaceAll(p.text[m[4]:m[5]], "'", "") + "'"
			if v := p.text[m[4]:m[5]]; strings.Contains(v, "$") || strings.HasPrefix(v, `"`) {
				value = `"` + strings.ReplaceAll(v, `"`, "") + `"`
			}
			p = p.to(m[5]).replace(m[3], m[5], "="+value).cut(m[2])
		}
		p = each(p, makeVar(), func(m []string, _ int) (string, bool) {
			if m[0] == "$$" {
				return "$", true
			}
			return "${" + m[1] + "}", true
		})
		goes = strings.HasSuffix(p.text, `\`)
		out = append(out, p)
	}
	return out
}

// recipes reads a Makefile's lines, each with those that it goes on in.
func (s *shell) recipes(file string, ps []piece) {
	ps = makefile(ps)
	for i := 0; i < len(ps); i++ {
		unit, size := ps[i:i+1], len(ps[i].text)
		for strings.HasSuffix(ps[i].text, `\`) && i+1 < len(ps) && size < maxUnit {
			i++
			unit, size = append(unit[:len(unit):len(unit)], ps[i]), size+len(ps[i].text)
		}
		if text := join(unit); command().MatchString(text) || assigns().MatchString(text) {
			s.unit(file, unit, false)
		}
	}
}

// batch makes shell of a Windows batch file's lines.
func batch(ps []piece) []piece {
	var out []piece
	for _, p := range ps {
		switch m := batSet().FindStringSubmatchIndex(p.text); {
		case batRem().MatchString(p.text):
			continue
		case m != nil:
			p = p.to(m[5]).replace(m[4], m[5], "'"+strings.ReplaceAll(p.text[m[4]:m[5]], "'", "")+"'").cut(m[2])
		}
		out = append(out, each(p, percent(), func(m []string, _ int) (string, bool) { return "${" + m[1] + "}", true }))
	}
	return out
}

// repair returns a script's lines with what people get wrong about continuation lines put
// right, in commands of an engine only, and says what was wrong.
func (s *shell) repair(file string, ps []piece) (out []piece, notes []intent.Unread) {
	note := func(p piece, at int, why string) {
		notes = append(notes, intent.Unread{Place: intent.Place{File: file, Line: p.line, Column: p.column(at)}, Text: p.raw, Why: why})
	}
	in, lost := false, false // inside of such a command, and a line's end of it was missing
	for i, p := range ps {
		if in || hasEngine(p.text) {
			if q, changed := typeset(p); changed && (in || lead(q).begins() >= 0) {
				p = q
				note(p, 0, typesetWhy)
			}
		}
		trimmed := strings.TrimSpace(p.text)
		begins := lead(p).begins() >= 0
		goes := in && len(out) > 0 && strings.HasSuffix(out[len(out)-1].text, `\`)
		switch {
		case begins:
			in, lost = !strings.HasPrefix(trimmed, "#"), false
		case !in:
		case goes && strings.HasPrefix(trimmed, "#") && i+1 < len(ps) && argLine().MatchString(ps[i+1].text):
			note(p, 0, "a shell ends the command at this comment; it is read as if it went on")
			continue
		case !goes && (argLine().MatchString(p.text) || lost && lastArg().MatchString(p.text) && !syntax.IsKeyword(trimmed)):
			last := &out[len(out)-1]
			if !lost {
				note(*last, len(last.text), lostWhy)
			}
			lost = true
			*last = last.replace(len(last.text), len(last.text), ` \`)
		default:
			in = goes
		}
		if m := blanks().FindStringIndex(p.text); in && m != nil && i+1 < len(ps) && strings.TrimSpace(ps[i+1].text) != "" {
			note(p, m[0], "a shell ends the command here, for a blank follows the backslash; it is read as if it went on")
			p = p.to(m[0] + 1)
		}
		if in {
			p = placeholders(p)
		}
		out = append(out, p)
	}
	return out, notes
}
