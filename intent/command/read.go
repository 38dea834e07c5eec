// Package command reads docker and podman command lines out of any text that has them:
// shell scripts, Markdown, YAML of all kinds, Makefiles, transcripts. It runs nothing and
// opens no file. What a shell would have to be asked for is named as unread.
package command

import (
	"bytes"
	"encoding/binary"
	"errors"
	"path"
	"strings"
	"unicode/utf16"

	"mvdan.cc/sh/v3/syntax"

	"github.com/lanproof/lanproof/intent"
)

// What a file may be and hold, so that a hostile one costs little.
const (
	maxWhole   = 128 << 10 // bytes that are parsed as one script
	maxUnit    = 16 << 10  // bytes of one command and its continuation lines
	maxNests   = 20_000    // brackets and the like in one of them
	maxParsed  = 64 << 20  // bytes that are parsed at all
	maxSteps   = 10_000    // statements, loops unrolled
	maxLooked  = 20_000_000
	maxDepth   = 150
	maxLoop    = 256
	maxList    = 2048 // words of one command
	maxValue   = 8 << 10
	maxVars    = 500
	maxThings  = 1024
	maxMoments = 16
	maxNotes   = 200
)

// makesRE finds a command that makes a network or a container, with flags before it.
var makesRE = lazy(`(?:\b(?:docker|podman(?:-remote)?)(?:\.exe)?|\$\{?\w*(?:docker|podman|DOCKER|PODMAN)\w*\}?)["']?\s+(?:-{1,2}[\w-]+(?:[= ]\S+)?\s+){0,6}(?:network\s+(?:create|connect)|(?:container\s+)?(?:run|create)|pod\s+create)\b`)

// Looks reports whether a text has a command line that makes a network or a container.
func Looks(text []byte) bool { return makesRE().Match(text) }

// Read returns what the command lines of a text build. name is the file's, and decides
// together with the text how it is read. The error is an *intent.Error: a file that is too
// large, that is not text, or that has no such command line.
func Read(name string, text []byte) (*intent.Intent, error) {
	fail := func(why error) (*intent.Intent, error) {
		return nil, &intent.Error{Place: intent.Place{File: name}, Err: why}
	}
	if len(text) > intent.MaxBytes {
		return fail(intent.ErrTooLarge)
	}
	text = decoded(text)
	if bytes.IndexByte(text, 0) >= 0 {
		return fail(errors.New("is not text"))
	}
	s := &shell{state: &state{}, vars: map[string]value{}}
	s.file(name, strings.ToValidUTF8(string(text), "\ufffd"))
	in := s.result()
	if len(in.Networks)+len(in.Endpoints)+len(in.Unread)+len(in.Refused) == 0 {
		return fail(errors.New("has no docker or podman command that makes a network or a container"))
	}
	if len(in.Networks) > 0 {
		in.Unread = append(in.Unread, s.shims...)
	}
	return in, nil
}

// decoded is a text without its byte order mark, and as UTF-8 where that tells UTF-16, in
// which Windows' PowerShell writes.
func decoded(text []byte) []byte {
	var order binary.ByteOrder
	switch {
	case bytes.HasPrefix(text, []byte("\xef\xbb\xbf")):
		return text[3:]
	case bytes.HasPrefix(text, []byte("\xff\xfe")):
		order = binary.LittleEndian
	case bytes.HasPrefix(text, []byte("\xfe\xff")):
		order = binary.BigEndian
	default:
		return text
	}
	var units []uint16
	for b := text[2:]; len(b) > 1; b = b[2:] {
		units = append(units, order.Uint16(b))
	}
	return []byte(string(utf16.Decode(units)))
}

// file reads a whole file in the way that its name and its text ask for.
func (s *shell) file(name, text string) {
	ps := pieces(text)
	base := strings.ToLower(path.Base(strings.ReplaceAll(name, `\`, "/")))
	switch ext := path.Ext(base); {
	case base == "makefile", base == "gnumakefile", ext == ".mk", ext == ".mak":
		s.recipes(name, ps)
		return
	case ext == ".yml", ext == ".yaml":
		if s.yaml(name, text, ps) {
			return
		}
	case ext == ".sh", ext == ".bash", ext == ".zsh", ext == ".ksh", shebang().MatchString(text):
		if s.whole(name, ps, true) {
			return
		}
	case ext == ".bat", ext == ".cmd":
		s.text(name, batch(ps))
		return
	case ext == ".md", ext == ".markdown", ext == ".ps1":
	default:
		if s.whole(name, ps, false) {
			return
		}
	}
	s.text(name, ps)
}

var shebang = lazy(`^#!.*\b(?:ba|da|k|z|a)?sh\b`)

// whole reads a file as one script. Where it is not certain that it is one, every command
// that stands at the beginning of a line must be found that way, or else it is none.
func (s *shell) whole(name string, ps []piece, certain bool) bool {
	repaired, notes := s.repair(name, ps)
	f := newFragment(name, repaired)
	if len(f.text) > maxWhole {
		return false
	}
	file, err := s.parse(f)
	if err != nil {
		if perr := new(syntax.ParseError); certain && errors.As(err, perr) {
			s.state.unread(intent.Unread{Place: f.place(int(perr.Pos.Offset())), Text: lineAt(f, perr.Pos), Why: "a shell stops here (" + perr.Text + "), and what there is is read line by line"})
		}
		return false
	}
	if !certain && !s.agrees(file, f, ps) {
		return false
	}
	for _, n := range notes {
		s.state.unread(n)
	}
	s.once = true
	s.in(f, func() { s.stmts(file.Stmts) })
	s.uncalled()
	return true
}

func lineAt(f *fragment, pos syntax.Pos) string {
	if ps := f.lines(int(pos.Offset()), int(pos.Offset())+1); len(ps) > 0 {
		return ps[0].raw
	}
	return ""
}

// agrees reports whether a script has every command that its lines seem to have.
func (s *shell) agrees(file *syntax.File, f *fragment, ps []piece) bool {
	found := map[int]bool{}
	syntax.Walk(file, func(n syntax.Node) bool {
		if call, ok := n.(*syntax.CallExpr); ok {
			for _, a := range call.Args {
				if _, ok := engineOf(word{text: literal(a)}); ok {
					found[f.place(int(a.Pos().Offset())).Line] = true
				}
			}
		}
		return true
	})
	some := false
	for i := range ps {
		if !hasEngine(ps[i].text) {
			continue
		}
		l := lead(ps[i])
		if l.prompt || l.code {
			return false
		}
		if at := l.begins(); at >= 0 && !l.hash {
			some = true
			listed := strings.TrimSpace(strings.TrimSuffix(ps[i].text, l.text)) != ""
			if listed || !found[ps[i].line] || hanging().MatchString(l.text) {
				return false
			}
		}
	}
	return some
}

// uncalled reads the functions that nothing calls, where nothing else makes anything, for
// then the file is a collection of them.
func (s *shell) uncalled() {
	made := len(s.now.Networks)+len(s.now.Endpoints)+len(s.now.Earlier) > 0
	for name, f := range sorted(s.funcs) {
		at := s.makes([]*syntax.Stmt{f.body}, 0)
		if f.called || at == nil {
			continue
		}
		if !made {
			s.function(f, nil)
			continue
		}
		s.in(f.frag, func() {
			from := int(at.Pos().Offset())
			s.state.unread(intent.Unread{
				Place: s.frag.place(from), Text: s.frag.source(from, int(at.End().Offset())),
				Why: "the function " + oneLine(name, 30) + " is not called in this file",
			})
		})
	}
}
