package reports

import (
	"bytes"
	"encoding/xml"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
)

func dotOf(t testing.TB, p *Picture) []byte {
	t.Helper()
	return render(t, func(b *bytes.Buffer) error { return WriteDOT(b, p) })
}

func mermaidOf(t testing.TB, p *Picture) []byte {
	t.Helper()
	return render(t, func(b *bytes.Buffer) error { return WriteMermaid(b, p) })
}

func TestGraphGolden(t *testing.T) {
	held(t, "picture.dot", dotOf(t, bridgePicture()))
	held(t, "picture.mmd", mermaidOf(t, bridgePicture()))
}

// pictures are all those of the rich run, and one of nothing.
func pictures() []*Picture {
	all := []*Picture{{}}
	for _, c := range rich().Cases {
		if c.Picture != nil {
			all = append(all, c.Picture)
		}
	}
	return all
}

// drawn is how much of a kind there is in an SVG of Graphviz, and what it says.
func drawn(t *testing.T, svg []byte) (classes map[string]int, text string) {
	t.Helper()
	classes = map[string]int{}
	var said strings.Builder
	dec := xml.NewDecoder(bytes.NewReader(svg))
	dec.Strict = false // of the name space that its DTD declares
	in := false
	for {
		tok, err := dec.Token()
		if err == io.EOF {
			return classes, said.String()
		}
		if err != nil {
			t.Fatal(err)
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			in = tok.Name.Local == "text"
			for _, a := range tok.Attr {
				if a.Name.Local == "class" {
					classes[a.Value]++
				}
			}
		case xml.CharData:
			if in {
				said.Write(tok)
				said.WriteByte('\n')
			}
		case xml.EndElement:
			in = false
		}
	}
}

func TestDOTReadByGraphviz(t *testing.T) {
	dot, err := exec.LookPath("dot")
	if err != nil {
		t.Skip("graphviz is not installed")
	}
	for _, p := range pictures() {
		cmd := exec.CommandContext(t.Context(), dot, "-Tsvg")
		cmd.Stdin = bytes.NewReader(dotOf(t, p))
		var out, complaints bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &complaints
		if err := cmd.Run(); err != nil || strings.Contains(complaints.String(), "syntax") {
			t.Fatalf("%v: %s\n%s", err, complaints.String(), dotOf(t, p))
		}
		classes, text := drawn(t, out.Bytes())
		links := 0
		for _, n := range p.Nodes {
			links += max(len(n.Links), 1)
			for _, l := range n.Links {
				// Spaces are drawn as others that do not break.
				if name := clip(oneLine(l.Name), maxLabel); !strings.Contains(strings.ReplaceAll(text, "\u00a0", " "), name) {
					t.Errorf("nothing is called %q in\n%s", name, text)
				}
			}
		}
		if g := graphOf(p); g.hasSwitch {
			links++
		}
		if classes["cluster"] != len(p.Nodes) || classes["node"] != links || classes["edge"] != len(graphOf(p).edges) {
			t.Errorf("%v drawn, want %d nodes with %d devices and %d edges", classes, len(p.Nodes), links, len(graphOf(p).edges))
		}
	}
}

// mermaidReader has Mermaid itself read a flowchart.
const mermaidReader = `import('jsdom').then(async ({JSDOM}) => {
  const {window} = new JSDOM(''); globalThis.window = window; globalThis.document = window.document
  const mermaid = (await import('mermaid')).default
  let text = ''; for await (const part of process.stdin) text += part
  for (const one of text.split('\0')) await mermaid.parse(one)
}).catch(e => { console.error(String(e)); process.exit(e.code === 'ERR_MODULE_NOT_FOUND' ? 77 : 1) })`

func TestMermaidReadByMermaid(t *testing.T) {
	var all []string
	for _, p := range pictures() {
		all = append(all, string(mermaidOf(t, p)))
	}
	cmd := exec.CommandContext(t.Context(), "node", "--input-type=module", "-e", mermaidReader)
	cmd.Dir = os.Getenv("LANPROOF_NODE") // with node_modules in it
	cmd.Stdin = strings.NewReader(strings.Join(all, "\x00"))
	out, err := cmd.CombinedOutput()
	if err != nil && (cmd.ProcessState == nil || cmd.ProcessState.ExitCode() == 77) {
		t.Skipf("no node with mermaid and jsdom (npm install mermaid jsdom in the folder that LANPROOF_NODE names): %v", err)
	}
	if err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// checkMermaid looks for lines that are not ours, and for anything in quotes that
// Mermaid could take for more than text.
func checkMermaid(t *testing.T, text []byte) {
	t.Helper()
	for line := range strings.Lines(strings.TrimPrefix(string(text), "flowchart TB\n")) {
		parts := strings.Split(strings.TrimSpace(line), `"`)
		switch {
		case len(parts) == 1 && (parts[0] == "end" || strings.Contains(parts[0], " --- ")):
		case len(parts) == 3 && (strings.HasSuffix(parts[0], "[") && strings.HasPrefix(parts[2], "]")):
			if strings.ContainsAny(strings.ReplaceAll(parts[1], "<br>", ""), "`<>&%{}[]\\|") {
				t.Errorf("markup in %q", line)
			}
		default:
			t.Errorf("no line of ours: %q", line)
		}
	}
}

func FuzzGraph(f *testing.F) {
	f.Add(breakout, "switch")
	f.Add(`x"];evil[label="\`, `x"];evil[label="\/x`)
	f.Add("%%{init: {}}%%\n\"", "a/b")
	f.Fuzz(func(t *testing.T, text, parent string) {
		p := &Picture{Switch: []string{text}, Nodes: []PictureNode{{Name: text, Role: text, Links: []PictureLink{
			{Name: text, Kind: text, Detail: text, MAC: text, Addresses: []string{text}, Parent: parent}, {Name: "b", Parent: text + "/" + text},
		}}}}
		checkMermaid(t, mermaidOf(t, p))
		for line := range strings.Lines(string(dotOf(t, p))) {
			// Quotes that are not escaped come in pairs: every label is closed.
			if n := strings.Count(strings.NewReplacer(`\\`, "", `\"`, "").Replace(line), `"`); n != 0 && n != 2 {
				t.Errorf("%d quotes in %q", n, line)
			}
		}
	})
}
