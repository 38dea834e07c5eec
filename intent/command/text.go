package command

import (
	"iter"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode"

	"github.com/lanproof/lanproof/intent"
)

var (
	fence = lazy("^[\\s>]*(?:[-*+]\\s+|\\d+[.)]\\s+)?(`{3,}|~{3,})\\s*\\{?\\.?([\\w+-]*)")
	// bullets are what stands before a command in lists and quotations, and the numbers of
	// a shell's history.
	bullets = lazy(`^(?:\s|>|[-*+•·]\s|\d{1,4}[.)、]\s?|\d{1,5}\s\s|\[[ xX]\]\s|<(?:pre|code|p|li|div|span|kbd|samp)(?:\s[^<>]*)?>)*`)
	keys    = lazy(`^(?:(?:run|command|shell|cmd|script|before_script|ansible\.builtin\.(?:command|shell)|RUN|CMD)\s*:\s*(?:[|>][-+]?\s*)?|ExecSt(?:art|op)(?:Pre|Post)?=[-@!+:]*)`)
	prompts = lazy(`^(?:\([^()]{1,40}\)\s*)?(?:\[[^\[\]]{1,60}\]\s?|[\w.-]+@[\w.-]+(?::[^$#%>]{0,80}|\s[^\s$#]*)?\s?|[\w.-]+:[^\s$#]{0,60}\s?|~?/?[\w./~-]{0,60}\s?|(?:ba)?sh-[\d.]+|PS [A-Za-z]:[^>]{0,80}|PS|[A-Za-z]:\\[^>]{0,80})?([$#%>❯➜»])(\s*)`)
	// arrows are the folder and the branch behind an arrow.
	arrows = lazy(`^[\w./~-]{1,60}\s+(?:git:\(\S{1,60}\)\s+)?(?:✗\s+)?`)
	starts = lazy(`^(?:sudo\s+)?(?:docker|podman)\s`)
	second = lazy(`^\s*(?:\\?>|>>|\.\.\.|∙)\s?`)
	// command finds a command line of an engine.
	command = lazy(`(?:[\w./~-]*/)?(?:docker|podman(?:-remote)?)(?:\.exe)?["']?\s+(?:-{1,2}[\w-]+(?:[= ]\S+)?\s+){0,6}(?:network\s+\w+|(?:container\s+)?(?:run|create|rm|stop|kill|prune)|pod\s+\w+|system\s+prune)(?:\s|$|\x60|"|')`)
	before  = lazy(`^(?:(?:sudo|doas|env|time|nohup|exec|command|winpty|nice|!|if|then|do|else|while|until|&|timeout\s+\w+)\s+(?:-\w+\s+(?:\w+\s+)?)*?|[A-Za-z_]\w*=\S*\s+|\$\{?\w+\}?\s+|\[[ "'$\-\w{}:=!]+\]{1,2}\s+(?:&&|\|\|)\s+)*["']?$`)
	behind  = lazy(`(?:&&|\|\||;|\||\$\(|=\x60|\bdo|\bthen|\belse)\s*(?:sudo\s+(?:-\w+\s+)*)?$`)
	shells  = lazy(`^(?:sudo\s+)?(?:ssh|su|bash|sh|eval)\s`)
	assigns = lazy(`^(?:(?:export|readonly|local|declare)\s+(?:-\w+\s+)?)?[A-Za-z_]\w*\+?=(?:[^\s=]|$)`)
	psAssig = lazy(`^\$(?:env:|global:|script:)?(\w+)\s*=\s*("[^"]*"|'[^']*'|[\w.:/-]+)\s*;?$`)
	argLine = lazy(`^\s*--?[A-Za-z]`)
	// environment is a variable of a systemd unit.
	environment = lazy(`^Environment="?([A-Za-z_]\w*=[^"\s]*)"?\s*$`)
	// lastArg is an image that stands on a line of its own.
	lastArg = lazy(`^(?:\s+["']?[\w./-]+[\w./:@-]*["']?|\s*["'][\w./:@-]+["'])\s*$`)
	blanks  = lazy(`\\[ \t]+$`)
	hanging = lazy("\\s[`^]\\s*$")
)

// lazy is a regular expression that is compiled when it is first used, for most runs of
// the program read no commands.
func lazy(expression string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expression) })
}

func sorted[V any](m map[string]V) iter.Seq2[string, V] {
	return func(yield func(string, V) bool) {
		for _, k := range slices.Sorted(maps.Keys(m)) {
			if !yield(k, m[k]) {
				return
			}
		}
	}
}

// leading is a line without what stands before its command.
type leading struct {
	piece
	// prompt is set where a shell's prompt was taken away, hash where that was "#" alone,
	// which may as well begin a comment, code where the line is code in a text, and list
	// where a key or a bullet was.
	prompt, hash, code bool
}

// lead takes away what stands before a line's command.
func lead(p piece) leading {
	l := leading{piece: p}
	l.piece = l.cut(len(bullets().FindString(l.text)))
	l.piece = l.cut(len(keys().FindString(l.text)))
	if strings.HasPrefix(l.text, "`") && !strings.HasPrefix(l.text, "```") {
		if end := strings.LastIndexByte(l.text, '`'); end > 0 && strings.Trim(l.text[end+1:], " .,:;。，：；)") == "" {
			l.piece, l.code = l.to(end).cut(1), true
		}
	}
	if m := prompts().FindStringSubmatchIndex(l.text); m != nil {
		mark, rest := l.text[m[2]:m[3]], l.text[m[1]:]
		if arrow := arrows().FindString(rest); mark == "➜" && arrow != "" {
			m[1] += len(arrow)
		}
		// $PARENT and %PARENT% are no prompts.
		if rest != "" && (m[4] < m[5] || (m[2] > 0 || starts().MatchString(rest)) && command().MatchString(rest)) {
			l.hash, l.prompt = mark == "#" && m[2] == 0, true
			if l.hash || mark == ">" && m[2] == 0 {
				l.prompt = false
			}
			l.piece = l.cut(m[1])
		}
	}
	return l
}

// begins returns where a command that stands at the line's beginning has its engine's
// name, -1 when there is none.
func (l leading) begins() int {
	if !hasEngine(l.text) || len(l.text) > maxUnit {
		return -1
	}
	m := command().FindStringIndex(l.text)
	if m == nil || !before().MatchString(l.text[:m[0]]) && !behind().MatchString(l.text[:m[0]]) && !shells().MatchString(l.text) {
		return -1
	}
	return m[0]
}

// text reads a text in which commands stand among other things.
func (s *shell) text(file string, ps []piece) {
	once := s.once
	s.once = false
	defer func() { s.once = once }()
	for len(ps) > 0 && s.steps <= maxSteps {
		open := slices.IndexFunc(ps, isFence)
		if open < 0 {
			s.lines(file, ps, true)
			return
		}
		s.lines(file, ps[:open], true)
		mark := fence().FindStringSubmatch(ps[open].text)
		ps = ps[open+1:]
		end := slices.IndexFunc(ps, func(p piece) bool {
			if !isFence(p) {
				return false
			}
			m := fence().FindStringSubmatch(p.text)
			return m != nil && m[1][0] == mark[1][0] && len(m[1]) >= len(mark[1]) && m[2] == ""
		})
		if end < 0 {
			end = len(ps)
		}
		s.block(file, mark[2], ps[:end])
		ps = ps[min(end+1, len(ps)):]
	}
}

func isFence(p piece) bool {
	return (strings.Contains(p.text, "```") || strings.Contains(p.text, "~~~")) && fence().MatchString(p.text)
}

// hasEngine reports whether a line has an engine's name in it at all.
func hasEngine(text string) bool {
	return strings.Contains(text, "docker") || strings.Contains(text, "podman")
}

// block reads a block of code in a text: as a script, where it is one.
func (s *shell) block(file, language string, ps []piece) {
	switch strings.ToLower(language) {
	case "", "sh", "bash", "shell", "zsh", "ksh", "console", "text", "terminal":
		repaired, notes := s.repair(file, ps)
		f := newFragment(file, repaired)
		if len(f.text) > maxWhole || s.parsed > maxParsed {
			break
		}
		if parsed, err := s.parse(f); err == nil && s.agrees(parsed, f, ps) {
			for _, n := range notes {
				s.state.unread(n)
			}
			s.in(f, func() { s.stmts(parsed.Stmts) })
			return
		}
	case "bat", "batch", "cmd", "dos":
		ps = batch(ps)
	case "makefile", "make", "mk":
		s.recipes(file, ps)
		return
	}
	s.lines(file, ps, false)
}

// lines reads what commands there are, line by line. prose is set outside of blocks.
func (s *shell) lines(file string, ps []piece, prose bool) {
	// A "#" is a prompt where no command stands without it.
	plain := slices.ContainsFunc(ps, func(p piece) bool {
		if !hasEngine(p.text) || len(p.text) > maxUnit {
			return false
		}
		l := lead(p)
		return !l.hash && l.begins() >= 0
	})
	for i := 0; i < len(ps) && s.steps <= maxSteps; {
		p := ps[i]
		i++
		if !hasEngine(p.text) && !strings.Contains(p.text, "=") {
			continue
		}
		if len(p.text) > maxUnit {
			if hasEngine(p.text) {
				s.note(file, p, 0, "the line is too long to be read")
			}
			continue
		}
		l := lead(p)
		if q, changed := typeset(p); changed && hasEngine(p.text) {
			if m := lead(q); m.begins() >= 0 {
				l = m
				s.note(file, p, 0, typesetWhy)
			}
		}
		if l.hash && plain {
			continue
		}
		switch {
		case l.begins() >= 0:
			unit, n := s.gather(file, l, ps[i:])
			i += n
			if failed := failure(ps[i:]); failed != "" {
				f := newFragment(file, unit)
				s.state.unread(intent.Unread{Place: f.place(0), Text: f.text, Why: "the text says that it failed: " + failed})
				continue
			}
			s.unit(file, unit, prose && !l.prompt)
		case psAssig().MatchString(l.text):
			m := psAssig().FindStringSubmatchIndex(l.text)
			p := l.to(m[5]).replace(m[3], m[4], "=")
			s.unit(file, []piece{p.cut(m[2])}, false)
		case environment().MatchString(l.text):
			m := environment().FindStringSubmatchIndex(l.text)
			s.unit(file, []piece{l.to(m[3]).cut(m[2])}, false)
		case assigns().MatchString(l.text) && (l.prompt || !prose || len(strings.Fields(l.text)) == 1 || strings.HasPrefix(l.text, "export ")):
			s.unit(file, []piece{l.piece}, false)
		default:
			s.mentioned(file, l)
		}
	}
}

const lostWhy = "there is no backslash at the end of this line; it is read as if there were"

// failed finds what the engines say when they refuse.
var failed = lazy(`^\s*(?:docker: )?Error(?: response from daemon)?: (.{1,200})`)

// failure is what an engine said to the command before these lines.
func failure(ps []piece) string {
	if len(ps) > 0 {
		if m := failed().FindStringSubmatch(ps[0].text); m != nil {
			return oneLine(m[1], 100)
		}
	}
	return ""
}

// mentioned names a whole command that stands inside of a sentence, or reads it where it
// ends the line.
func (s *shell) mentioned(file string, l leading) {
	if !Looks([]byte(l.text)) {
		return
	}
	parts := strings.Split(l.text, "`")
	if m := makesRE().FindStringIndex(l.text); len(parts) == 1 {
		s.unsure(file, l, m[0])
	}
	at := 0
	for k, part := range parts {
		end := at + len(part)
		if k%2 == 1 && k < len(parts)-1 {
			code := lead(l.to(end).cut(at))
			if code.begins() >= 0 && strings.Contains(part, " -") && !strings.Contains(part, "[") && len(strings.Fields(part)) > 4 {
				if strings.Trim(l.text[end+1:], " .,:;。，：；)") == "" {
					s.unit(file, []piece{code.piece}, true)
				} else {
					f := newFragment(file, []piece{code.piece})
					s.state.unread(intent.Unread{Place: f.place(0), Text: part, Why: "it stands inside of a sentence, and is not taken for a command to run"})
				}
			}
		}
		at = end + 1
	}
}

// label is what people write before a command.
var label = lazy(`^[\pL\pN][\pL\pN ._()-]{0,60}[:：]\s*$`)

// unsure reads what stands behind a label as a command, and names any other that stands
// somewhere in a line.
func (s *shell) unsure(file string, l leading, at int) {
	text := l.text[at:]
	foreign := func(r rune) bool { return r > unicode.MaxASCII && unicode.IsLetter(r) }
	if len(strings.Fields(text)) < 4 || strings.ContainsFunc(text, foreign) || !strings.Contains(text, " -") || strings.Contains(text, "[") {
		return
	}
	p := l.cut(at)
	if label().MatchString(l.text[:at]) {
		s.unit(file, []piece{p}, true)
		return
	}
	s.note(file, p, 0, "what stands before this command is not known, and it is not read")
}

// gather joins a command's first line with the lines that go on with it, and returns how
// many of those there are.
func (s *shell) gather(file string, l leading, rest []piece) ([]piece, int) {
	unit, size, n := []piece{l.piece}, len(l.text), 0
	var skipped []piece
	lost := false
	for _, next := range rest {
		last := &unit[len(unit)-1]
		goes := strings.HasSuffix(last.text, `\`) || blanks().MatchString(last.text) || hanging().MatchString(last.text)
		next, _ := typeset(next)
		cut := next.cut(len(second().FindString(next.text)))
		trimmed := strings.TrimSpace(cut.text)
		if goes && l.hash && strings.HasPrefix(trimmed, "#") {
			// All of it stands in a comment.
			cut = cut.cut(strings.IndexByte(cut.text, '#') + 1)
			trimmed = strings.TrimSpace(cut.text)
		} else if goes && strings.HasPrefix(trimmed, "#") {
			skipped = append(skipped, cut)
			continue
		}
		var other leading
		if hasEngine(next.text) && len(next.text) <= maxUnit {
			other = lead(next)
		}
		if size += len(cut.text); size > maxUnit || trimmed == "" || isFence(next) || other.begins() >= 0 && (other.prompt || !goes || other.begins() == 0) {
			break
		}
		switch {
		case goes:
			s.unhang(file, last)
		case argLine().MatchString(cut.text), lost && lastArg().MatchString(cut.text):
			if !lost {
				s.note(file, *last, len(last.text), lostWhy)
			}
			*last, lost = last.replace(len(last.text), len(last.text), ` \`), true
		default:
			return unit, n
		}
		for _, c := range skipped {
			s.note(file, c, 0, "a shell ends the command at this comment; it is read as if it went on")
		}
		n += len(skipped) + 1
		skipped = nil
		unit = append(unit, cut)
	}
	// A backslash behind which nothing comes says nothing.
	last := &unit[len(unit)-1]
	if t := strings.TrimRight(last.text, " \t"); strings.HasSuffix(t, `\`) {
		*last = last.to(len(t) - 1)
	}
	return unit, n
}

// unhang makes a shell's continuation out of what stands at a line's end.
func (s *shell) unhang(file string, p *piece) {
	if m := hanging().FindStringIndex(p.text); m != nil {
		*p = p.replace(m[0], len(p.text), ` \`)
	} else if m := blanks().FindStringIndex(p.text); m != nil {
		s.note(file, *p, m[0], "a shell ends the command here, for a blank follows the backslash; it is read as if it went on")
		*p = p.to(m[0] + 1)
	}
}

func (s *shell) note(file string, p piece, at int, why string) {
	s.state.unread(intent.Unread{Place: intent.Place{File: file, Line: p.line, Column: p.column(at)}, Text: p.raw, Why: why})
}

// unit reads one command with its continuation lines.
func (s *shell) unit(file string, ps []piece, prose bool) {
	if !s.step(-1) || s.parsed > maxParsed {
		if s.steps == maxSteps+1 {
			s.note(file, ps[0], 0, "there are too many commands, and what comes here is not read")
		}
		return
	}
	for i := range ps {
		ps[i] = placeholders(ps[i])
		// Blanks behind a backslash inside of a line are what is left of a line's end.
		for m := lostEnd().FindStringIndex(ps[i].text); m != nil; m = lostEnd().FindStringIndex(ps[i].text) {
			ps[i] = ps[i].replace(m[0], m[1]-1, " ")
		}
	}
	f := newFragment(file, ps)
	parsed, err := s.parse(f)
	if err != nil {
		if !prose {
			s.state.unread(intent.Unread{Place: f.place(0), Text: f.text, Why: "a shell cannot read it: " + reason(err)})
		}
		return
	}
	s.prose = prose
	s.in(f, func() { s.stmts(parsed.Stmts) })
	s.prose = false
}
