package command

import (
	"maps"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/lanproof/lanproof/intent"
)

// yaml reads the scripts that a YAML file has in its texts: the steps of a pipeline, the
// tasks of a playbook, a cloud's first commands. It returns false for what is not YAML.
func (s *shell) yaml(file, text string, ps []piece) bool {
	if len(text) > maxWhole*8 {
		return false
	}
	var docs []*yaml.Node
	for dec := yaml.NewDecoder(strings.NewReader(text)); ; {
		doc := new(yaml.Node)
		if err := dec.Decode(doc); err != nil {
			if err.Error() == "EOF" {
				break
			}
			return false
		}
		docs = append(docs, doc)
	}
	y := yamlReader{shell: s, file: file, pieces: ps}
	for _, d := range docs {
		y.variables(d, 0)
	}
	for _, d := range docs {
		y.walk(d, 0)
	}
	return len(docs) > 0
}

type yamlReader struct {
	*shell
	file   string
	pieces []piece
}

// variables takes the words that are given names under vars, env and the like.
func (y *yamlReader) variables(n *yaml.Node, depth int) {
	if n == nil || depth > maxDepth {
		return
	}
	for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		switch k, v := n.Content[i], n.Content[i+1]; k.Value {
		case "vars", "env", "environment", "variables":
			for j := 0; v.Kind == yaml.MappingNode && j+1 < len(v.Content); j += 2 {
				name, to := v.Content[j], v.Content[j+1]
				if to.Kind != yaml.ScalarNode {
					continue
				}
				text := to.Value
				if strings.Contains(text, "{{") || strings.Contains(text, "$") {
					text = hole("$" + name.Value)
				}
				if old, ok := y.vars[name.Value]; ok && old.words[0] != text {
					text = hole("$" + name.Value) // it is something else elsewhere
				}
				y.set(name.Value, value{words: []string{text}})
			}
		}
	}
	for _, c := range n.Content {
		y.variables(c, depth+1)
	}
}

func (y *yamlReader) walk(n *yaml.Node, depth int) {
	if n == nil || depth > maxDepth {
		return
	}
	for _, c := range n.Content {
		y.walk(c, depth+1)
	}
	if n.Kind != yaml.ScalarNode || !strings.Contains(n.Value, "docker") && !strings.Contains(n.Value, "podman") {
		return
	}
	var ps []piece
	if n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		ps = y.lines(n)
	} else {
		ps = y.inline(n)
	}
	known := ps != nil
	if !known {
		ps = pieces(n.Value)
	}
	for i := range ps {
		ps[i] = placeholders(ps[i])
	}
	vars := y.vars
	y.vars = maps.Clone(vars)
	repaired, notes := y.repair(y.file, ps)
	f := newFragment(y.file, repaired)
	if !known {
		f.at = intent.Place{File: y.file, Line: n.Line, Column: n.Column}
	}
	for _, note := range notes {
		y.state.unread(note)
	}
	y.script(f)
	y.vars = vars
}

// inline is a text that begins on its key's line; when it goes on in the next ones, a
// line's end is a blank.
func (y *yamlReader) inline(n *yaml.Node) []piece {
	if n.Line < 1 || n.Line > len(y.pieces) || strings.Contains(n.Value, "\n") {
		return nil
	}
	want := strings.Fields(n.Value)
	var ps []piece
	for i, p := range y.pieces[n.Line-1 : min(n.Line+100, len(y.pieces))] {
		if i == 0 {
			runes := []rune(p.text)
			p = p.cut(len(string(runes[:min(max(n.Column-1, 0), len(runes))])))
			if n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0 && p.text != "" {
				p = p.cut(1)
			}
		} else {
			last := &ps[i-1]
			*last = last.replace(len(last.text), len(last.text), ` \`)
		}
		got := strings.Fields(p.text)
		for k := range got {
			switch {
			case k == len(want):
				return nil
			case got[k] == want[k]:
			case k == len(want)-1 && strings.HasPrefix(got[k], want[k]):
				// What comes behind it is the text's end.
				at := 0
				for _, w := range want {
					at += strings.Index(p.text[at:], w) + len(w)
				}
				return append(ps, p.to(at))
			default:
				return nil
			}
		}
		ps = append(ps, p)
		if want = want[len(got):]; len(want) == 0 {
			return ps
		}
	}
	return nil
}

// lines are the lines of a text that begins behind a "|" or a ">", in which a line's end is
// a blank.
func (y *yamlReader) lines(n *yaml.Node) []piece {
	var ps []piece
	indent := -1
	for _, p := range y.pieces[min(max(n.Line, 0), len(y.pieces)):] {
		blank := strings.TrimSpace(p.text) == ""
		in := len(p.text) - len(strings.TrimLeft(p.text, " "))
		if indent < 0 && !blank {
			indent = in
		}
		if !blank && in < indent {
			break
		}
		if !blank {
			p = p.cut(indent)
		}
		if last := len(ps) - 1; n.Style&yaml.FoldedStyle != 0 && last >= 0 && !blank && in == indent &&
			strings.TrimSpace(ps[last].text) != "" && !strings.HasPrefix(ps[last].text, " ") && !strings.HasSuffix(ps[last].text, `\`) {
			ps[last] = ps[last].replace(len(ps[last].text), len(ps[last].text), ` \`)
		}
		ps = append(ps, p)
	}
	joined := join(ps)
	if strings.Join(strings.Fields(strings.ReplaceAll(joined, `\`, "")), " ") != strings.Join(strings.Fields(strings.ReplaceAll(n.Value, `\`, "")), " ") {
		return nil // the next thing's lines, or an indentation that was told
	}
	return ps
}
