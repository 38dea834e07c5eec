package command

import (
	"maps"
	"path"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/syntax"

	"github.com/lanproof/lanproof/intent"
)

// call reads a simple command, which may be an assignment alone.
func (s *shell) call(c *syntax.CallExpr) {
	if len(c.Args) == 0 {
		for _, a := range c.Assigns {
			s.assign(a)
		}
		return
	}
	ws := s.words(c.Args)
	s.steps += len(ws) / 16
	if len(ws) > 0 {
		s.dispatch(ws, s.frag.source(int(c.Args[0].Pos().Offset()), int(c.End().Offset())))
	}
}

// wrappers are commands that run the command behind them, and those of their flags that
// take a value.
var wrappers = map[string]string{
	"sudo": "u g h p C r t T D R", "doas": "u C", "env": "u C S", "time": "f o", "nohup": "", "nice": "n",
	"ionice": "c n p", "command": "", "builtin": "", "exec": "a", "timeout": "k s", "setsid": "", "stdbuf": "i o e",
	"chronic": "", "unbuffer": "", "winpty": "", "!": "", "run": "", "then": "", "do": "", "Invoke-Expression": "",
}

// dispatch looks what kind of a command it is; text is how it is written.
func (s *shell) dispatch(ws []word, text string) {
	for depth := 0; len(ws) > 0 && depth < maxDepth; depth++ {
		w := ws[0]
		if kind, ok := engineOf(w); ok {
			if s.dry {
				return
			}
			e := engine{
				state: s.state, podman: kind == intent.Podman, kind: kind, cmd: w, text: text,
				tolerated: s.tolerated, once: s.once, prose: s.prose,
			}
			e.command(ws[1:])
			s.made = e.made
			return
		}
		name := path.Base(w.text)
		values, wraps := wrappers[name]
		switch {
		case !w.known():
			// Such as $SUDO docker, or $DOCKER run.
			if len(ws) > 1 && !strings.HasPrefix(ws[1].text, "-") && s.program(&ws[0], ws[1:]) {
				continue
			}
			ws = ws[1:]
		case s.funcs[name] != nil:
			s.function(s.funcs[name], ws[1:])
			return
		case wraps:
			ws = unwrap(ws[1:], values, name == "timeout")
		default:
			s.other(name, ws, text)
			return
		}
	}
}

// program takes an unknown first word for docker where its name says so and what follows
// is a command of it.
func (s *shell) program(w *word, rest []word) bool {
	name := strings.ToLower(w.text)
	if what, _ := subcommand(rest); what == "" || !makes(rest) {
		return false
	}
	switch {
	case strings.Contains(name, "podman"):
		w.text = "podman"
	case strings.Contains(name, "docker"), strings.Contains(name, "engine"), strings.Contains(name, "runtime"):
		w.text = "docker"
	default:
		return false
	}
	return true
}

// unwrap leaves out a wrapper's flags and assignments.
func unwrap(ws []word, values string, one bool) []word {
	for len(ws) > 0 {
		t := ws[0].text
		switch {
		case t == "--":
			return ws[1:]
		case strings.HasPrefix(t, "-") && len(t) > 1:
			if _, ok := has(values, t[1:]); ok && len(ws) > 1 {
				ws = ws[1:]
			}
		case strings.Contains(t, "=") && !strings.HasPrefix(t, "="):
		case one: // a time
			one = false
		default:
			return ws
		}
		ws = ws[1:]
	}
	return nil
}

// other reads commands that are given a script, and names those that are given a command
// and do something unknown with it.
func (s *shell) other(name string, ws []word, text string) {
	switch name {
	case "sh", "bash", "zsh", "ash", "dash", "ksh", "su", "wsl", "cmd", "cmd.exe", "powershell", "pwsh":
		for i, w := range ws[1:] {
			if t := strings.ToLower(w.text); i+2 < len(ws) && (strings.HasPrefix(t, "-") && strings.HasSuffix(t, "c") || t == "--command" || t == "/c" || t == "-command") {
				s.nested(ws[i+2])
				return
			}
		}
		return
	case "eval", "ssh", "vagrant", "adb", "lxc", "incus", "pct", "chroot", "retry":
		s.remote(ws[1:], text)
		return
	case "export", "readonly", "local", "declare", "typeset":
		for _, w := range ws[1:] {
			if k, v, ok := w.split("="); ok && syntax.ValidName(k.text) {
				s.set(k.text, value{words: []string{v.text}})
			}
		}
		return
	case "shift":
		if len(s.params) > 0 {
			s.params = s.params[1:]
		}
		return
	case "read":
		for _, w := range ws[1:] {
			if syntax.ValidName(w.text) {
				s.set(w.text, value{words: []string{hole("$" + w.text)}})
			}
		}
		return
	case "ip":
		s.ownChild(ws, text)
		return
	case "echo", "printf", "grep", "alias", "which", "type", "man", "trap":
		return
	}
	for i, w := range ws[1:] {
		if _, ok := engineOf(w); ok && !s.dry && makes(ws[i+2:]) {
			s.state.unread(intent.Unread{Place: w.at, Text: text, Why: "what " + oneLine(name, 20) + " does with this command is not known here"})
			return
		}
	}
}

// ownChild names the making of a macvlan or ipvlan for the host itself, which is what people
// cure its not reaching containers with.
func (s *shell) ownChild(ws []word, text string) {
	is := func(text string) bool { return slices.ContainsFunc(ws, func(w word) bool { return w.text == text }) }
	if !s.dry && len(s.shims) < maxNotes && is("add") && is("link") && is("type") && (is("macvlan") || is("ipvlan")) && !is("netns") {
		s.shims = append(s.shims, intent.Unread{Place: ws[0].at, Text: oneLine(text, 100), Why: "a device of the host's own is not simulated; with it, and a route over it, the host does reach the containers"})
	}
}

// nested reads a word that is a script of its own.
func (s *shell) nested(w word) {
	if !Looks([]byte(w.text)) {
		return
	}
	if f := s.quoted(w); f != nil {
		vars := s.vars
		s.vars = maps.Clone(vars)
		s.script(f)
		s.vars = vars
		return
	}
	f := &fragment{file: s.frag.file, text: strings.ReplaceAll(strings.ReplaceAll(w.text, holeOpen, `"`+holeOpen), holeClose, holeClose+`"`), at: w.at}
	vars := s.vars
	s.vars = maps.Clone(vars)
	s.script(f)
	s.vars = vars
}

// quoted is the text of a word in quotes that stands on one line as it is, with its place.
func (s *shell) quoted(w word) *fragment {
	if len(w.src) < 2 || w.src[1:len(w.src)-1] != w.text || w.src[0] != '"' && w.src[0] != '\'' || strings.Contains(w.text, "\n") {
		return nil
	}
	for _, p := range s.frag.pieces {
		if at := strings.Index(p.text, w.src); p.line == w.at.Line && at >= 0 {
			return newFragment(s.frag.file, []piece{p.to(at + len(w.src) - 1).cut(at + 1)})
		}
	}
	return nil
}

// remote reads the words behind a command that joins or passes them on.
func (s *shell) remote(ws []word, text string) {
	for i, w := range ws {
		if _, ok := engineOf(w); ok {
			s.dispatch(ws[i:], text)
			return
		}
		if strings.ContainsAny(w.text, " \n") && Looks([]byte(w.text)) {
			s.nested(w)
			return
		}
	}
}

// function calls a function of the file.
func (s *shell) function(f *function, args []word) {
	f.called = true
	if !s.step(0) {
		return
	}
	old := s.params
	s.params = args
	if s.params == nil {
		s.params = []word{}
	}
	s.in(f.frag, func() { s.stmt(f.body) })
	s.params = old
}

// cLoop goes through for ((i = 1; i <= 3; i++)), and through any other loop once.
func (s *shell) cLoop(c *syntax.ForClause) {
	loop, ok := c.Loop.(*syntax.CStyleLoop)
	if !ok || loop.Init == nil || loop.Cond == nil || loop.Post == nil {
		s.maybe(func() { s.stmts(c.Do) })
		return
	}
	eval := func(x syntax.ArithmExpr) (int, bool) {
		if !s.countable(x) {
			return 0, false
		}
		n, err := expand.Arithm(&expand.Config{Env: environ{s}}, x)
		return n, err == nil
	}
	_, ok = eval(loop.Init)
	for i := 0; ok; i++ {
		n, fine := eval(loop.Cond)
		if !fine || i == maxLoop {
			ok = false
			break
		}
		if n == 0 {
			return
		}
		s.stmts(c.Do)
		_, ok = eval(loop.Post)
	}
	if !ok {
		s.state.unread(intent.Unread{Place: s.frag.place(int(c.Pos().Offset())), Why: "how often this loop runs is not known here"})
		s.maybe(func() { s.stmts(c.Do) })
	}
}
