package command

import (
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// reading goes through what the script reads out of itself: read NAMES <<< WORD, and while
// read NAMES; do ...; done with a here-document behind it. It is false for anything else.
func (s *shell) reading(st *syntax.Stmt) bool {
	var text string
	found := false
	for _, r := range st.Redirs {
		switch {
		case r.Op == syntax.WordHdoc && r.Word != nil:
			text, found = s.single(r.Word).text, true
		case r.Hdoc != nil:
			text, found = s.single(r.Hdoc).text, true
		}
	}
	if !found || hasHole(text) {
		return false
	}
	switch c := st.Cmd.(type) {
	case *syntax.CallExpr:
		line, _, _ := strings.Cut(text, "\n")
		return s.read(c, line)
	case *syntax.WhileClause:
		if c.Until || len(c.Cond) != 1 {
			return false
		}
		call, ok := c.Cond[0].Cmd.(*syntax.CallExpr)
		lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
		if !ok || len(lines) > maxLoop || !s.read(call, "") {
			return false
		}
		for _, line := range lines {
			s.read(call, line)
			s.stmts(c.Do)
		}
		return true
	}
	return false
}

// read gives the names of a read command a line's words; false is another command.
func (s *shell) read(c *syntax.CallExpr, line string) bool {
	if len(c.Args) < 2 || literal(c.Args[0]) != "read" {
		return false
	}
	separators := " \t"
	for _, a := range c.Assigns {
		if a.Name.Value == "IFS" && a.Value != nil {
			separators = s.single(a.Value).text
		}
	}
	var names []string
	for _, w := range s.words(c.Args[1:]) {
		switch {
		case w.text == "-r" || w.text == "-er":
		case syntax.ValidName(w.text):
			names = append(names, w.text)
		default:
			return false
		}
	}
	line = strings.Trim(line, " \t")
	for i, name := range names {
		word := line
		if at := strings.IndexAny(line, separators); at >= 0 && i+1 < len(names) && separators != "" {
			word = line[:at]
			line = line[at+1:]
			if strings.ContainsAny(separators, " \t") {
				line = strings.TrimLeft(line, " \t")
			}
		} else {
			line = ""
		}
		s.set(name, value{words: []string{word}})
	}
	return len(names) > 0
}
