package reports

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// WriteDOT writes a topology in the language of Graphviz: a cluster a node, a box a
// device, and an edge from each device to what it sits on. Text is quoted as
// Graphviz' lexer and its escString want it.
func WriteDOT(w io.Writer, p *Picture) error {
	b := bufio.NewWriter(w) // it keeps the first error until Flush
	fmt.Fprint(b, "graph lan {\n\trankdir=TB\n\tnode [shape=box, fontname=monospace]\n\tgraph [fontname=monospace, style=rounded]\n")
	g := graphOf(p)
	if g.hasSwitch {
		fmt.Fprintf(b, "\tsw [shape=box3d, label=\"%s\"]\n", dotLines(append([]string{"switch"}, p.Switch...)))
	}
	for i := range p.Nodes {
		n := &p.Nodes[i]
		fmt.Fprintf(b, "\tsubgraph cluster_%d {\n\t\tlabel=\"%s\"\n", i, dotLines([]string{n.Name, n.Role}))
		if len(n.Links) == 0 {
			fmt.Fprintf(b, "\t\tn%d [style=invis, label=\"\"]\n", i) // an empty cluster is not drawn
		}
		for j := range n.Links {
			fmt.Fprintf(b, "\t\tn%d_%d [label=\"%s\"]\n", i, j, dotLines(g.lines(&n.Links[j])))
		}
		fmt.Fprint(b, "\t}\n")
	}
	for _, e := range g.edges {
		fmt.Fprintf(b, "\t%s -- %s\n", e[0], e[1])
	}
	fmt.Fprint(b, "}\n")
	if err := b.Flush(); err != nil {
		return fmt.Errorf("write dot: %w", err)
	}
	return nil
}

// WriteMermaid writes a topology as a flowchart of Mermaid, which GitHub and GitLab
// draw where it stands in Markdown.
func WriteMermaid(w io.Writer, p *Picture) error {
	b := bufio.NewWriter(w) // it keeps the first error until Flush
	fmt.Fprint(b, "flowchart TB\n")
	g := graphOf(p)
	if g.hasSwitch {
		fmt.Fprintf(b, "    sw[[\"%s\"]]\n", mermaidLines(append([]string{"switch"}, p.Switch...)))
	}
	for i := range p.Nodes {
		n := &p.Nodes[i]
		fmt.Fprintf(b, "    subgraph n%d[\"%s\"]\n", i, mermaidLines([]string{n.Name + " (" + n.Role + ")"}))
		for j := range n.Links {
			fmt.Fprintf(b, "        n%d_%d[\"%s\"]\n", i, j, mermaidLines(g.lines(&n.Links[j])))
		}
		fmt.Fprint(b, "    end\n")
	}
	for _, e := range g.edges {
		fmt.Fprintf(b, "    %s --- %s\n", e[0], e[1])
	}
	if err := b.Flush(); err != nil {
		return fmt.Errorf("write mermaid: %w", err)
	}
	return nil
}

// graph is what sits on what, by ids that no name can break out of.
type graph struct {
	ids       map[string]string // by node/link
	edges     [][2]string       // from a device to what it sits on
	hasSwitch bool
}

func graphOf(p *Picture) *graph {
	g := &graph{ids: map[string]string{"switch": "sw"}, hasSwitch: p.Switch != nil}
	each := func(do func(id, name string, l *PictureLink)) {
		for i := range p.Nodes {
			for j := range p.Nodes[i].Links {
				l := &p.Nodes[i].Links[j]
				do(fmt.Sprintf("n%d_%d", i, j), p.Nodes[i].Name+"/"+l.Name, l)
			}
		}
	}
	each(func(id, name string, _ *PictureLink) {
		if g.ids[name] == "" {
			g.ids[name] = id
		}
	})
	each(func(id, _ string, l *PictureLink) {
		if under := g.ids[l.Parent]; under != "" && under != id {
			g.edges = append(g.edges, [2]string{id, under})
			g.hasSwitch = g.hasSwitch || under == "sw"
		}
	})
	return g
}

// lines are what is said of a device.
func (g *graph) lines(l *PictureLink) []string {
	all := []string{l.Name, strings.TrimSpace(l.Kind + " " + l.Detail)}
	if l.MAC != "" {
		all = append(all, l.MAC)
	}
	all = append(all, l.Addresses...)
	if l.Parent != "" && g.ids[l.Parent] == "" {
		all = append(all, "on "+l.Parent)
	}
	return all
}

// maxLabel bounds the runes of one line of a label.
const maxLabel = 120

// dotLines writes lines between double quotes of DOT. Graphviz knows character
// references of HTML there, and \N, \G and others for names.
func dotLines(lines []string) string {
	quote := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "&", "&amp;")
	var out []string
	for _, l := range lines {
		out = append(out, quote.Replace(clip(oneLine(l), maxLabel)))
	}
	return strings.Join(out, `\n`)
}

// mermaidLines writes lines between double quotes of Mermaid: whatever is not known
// to be harmless becomes its number, since directives, comments and Markdown are
// looked for in quotes, too.
func mermaidLines(lines []string) string {
	var b strings.Builder
	for i, l := range lines {
		if i > 0 {
			b.WriteString("<br>")
		}
		text := clip(oneLine(l), maxLabel)
		for at, r := range text {
			// "1. x" and "- x" would be lists.
			list := r == '.' && strings.HasPrefix(text[at:], ". ") || r == '-' && at == 0
			switch {
			case !list && (r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r > 0x7f || strings.ContainsRune(" -./:,()", r)):
				b.WriteRune(r)
			default:
				fmt.Fprintf(&b, "#%d;", r)
			}
		}
	}
	return b.String()
}
