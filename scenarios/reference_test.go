package scenarios

import (
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/lanproof/lanproof/topology"
)

const referenceFile = "../docs/reference.md"

// section of the reference: one type, and the keys that stand there when it is not
// all of them.
type section struct {
	level         int
	anchor, title string
	of            reflect.Type
	keys          func(key string) bool
	intro         string
}

// referenceSections are in the order of a file, and every type that a file is made
// of is in one of them.
func referenceSections() []section {
	isMatrix := func(key string) bool { return key == "matrix" || key == "exclude" }
	return []section{
		{2, "file", "The file", reflect.TypeFor[Scenario](), func(key string) bool { return !isMatrix(key) }, ""},
		{2, "matrix", "The matrix", reflect.TypeFor[Scenario](), isMatrix, "Variables, each with its values: every combination is a case of its own, whose name says it, as in `macvlan-private@hairpin=true`. `${variable}` stands for the value anywhere below, as the whole of a value or a part of it. A [check](#check) or [step](#step) with `when` is only in the cases that it names."},
		{2, "host", "Hosts", reflect.TypeFor[topology.Host](), nil, ""},
		{2, "link", "Parents and other devices", reflect.TypeFor[topology.Link](), nil, "They stand below `parents` of a host and below `links` of a host, an endpoint, a station or a router, by their names; [`add`](#add) makes them later."},
		{2, "route", "Routes", reflect.TypeFor[topology.Route](), nil, ""},
		{2, "network", "Networks", reflect.TypeFor[topology.Network](), nil, ""},
		{3, "subnet", "Subnets of a network", reflect.TypeFor[topology.Subnet](), nil, ""},
		{2, "endpoint", "Endpoints", reflect.TypeFor[topology.Endpoint](), nil, ""},
		{3, "attachment", "Endpoints on several networks", reflect.TypeFor[topology.Attachment](), nil, ""},
		{2, "station", "Stations and routers", reflect.TypeFor[topology.Station](), nil, "Both are written alike; a router also forwards."},
		{2, "switch", "The switch", reflect.TypeFor[topology.Switch](), nil, ""},
		{3, "port", "A port of the switch", reflect.TypeFor[topology.SwitchPort](), nil, ""},
		{2, "check", "Checks", reflect.TypeFor[Check](), nil, "`checks: oracle` in place of a list asks the [oracle](tables.md) for everything that it knows."},
		{3, "flow", "reach, blocked: what arrives and what does not", reflect.TypeFor[Flow](), nil, ""},
		{3, "frame-tag", "Tags of a frame", reflect.TypeFor[VLANTag](), nil, ""},
		{3, "macs", "macs: source addresses on the wire", reflect.TypeFor[MACs](), nil, ""},
		{3, "tag", "tag: tags on the wire", reflect.TypeFor[Tag](), nil, ""},
		{3, "link-state", "link: what the kernel reports of a device", reflect.TypeFor[LinkState](), nil, ""},
		{3, "addresses", "addresses: those of a device", reflect.TypeFor[Addresses](), nil, ""},
		{3, "route-state", "route: how a node routes", reflect.TypeFor[RouteState](), nil, ""},
		{3, "neighbour", "neighbour: what a node knows of another", reflect.TypeFor[Neighbour](), nil, ""},
		{3, "counters", "counters: what moves and what does not", reflect.TypeFor[Counters](), nil, ""},
		{3, "refused", "refused: what must not be done", reflect.TypeFor[Refused](), nil, "Values are not judged when the file is loaded: wrong ones are the point."},
		{3, "handed-out", "handed_out: what an address pool gives away", reflect.TypeFor[HandedOut](), nil, ""},
		{2, "step", "Steps", reflect.TypeFor[Step](), nil, "Each step finds the LAN as the steps before it have left it."},
		{3, "change", "Changes", reflect.TypeFor[topology.Change](), nil, ""},
		{4, "add", "add: make a device", reflect.TypeFor[topology.AddLink](), nil, ""},
		{4, "set", "set: change a device", reflect.TypeFor[topology.SetLink](), nil, ""},
		{4, "move", "move: put a device into another node", reflect.TypeFor[topology.MoveLink](), nil, ""},
		{4, "set-switch", "switch: change ports", reflect.TypeFor[topology.SetSwitch](), nil, "What is left out stays as it is."},
		{4, "add-network", "network: make a network", reflect.TypeFor[topology.AddNetwork](), nil, ""},
		{4, "attach", "attach: put an endpoint on a network", reflect.TypeFor[topology.Attach](), nil, ""},
		{4, "detach", "detach: take an endpoint off a network", reflect.TypeFor[topology.Detach](), nil, ""},
		{4, "set-address", "address, remove_address: of a device", reflect.TypeFor[topology.SetAddress](), nil, ""},
		{4, "set-filter", "filter, remove_filter: which frames a device takes", reflect.TypeFor[topology.SetFilter](), nil, ""},
	}
}

// referencePage writes the page.
type referencePage struct {
	strings.Builder
	docs     map[string]string
	sections []section
	examples *examples
	// kinds are the kinds of device that a key of a Link is for, needs what a kernel
	// must have for a key, both by its anchor.
	kinds, needs map[string][]string
	lists        []string // of words too long for a table
}

func (p *referencePage) line(format string, args ...any) {
	fmt.Fprintf(p, format+"\n", args...)
}

const referenceHead = `# The scenario reference

Every key of a scenario file: what it takes, what holds without it, and what it does.
This page is written by a test from the program itself ([how](../scenarios/reference_test.go)): types and comments in
[scenario.go](../scenarios/scenario.go) and [spec.go](../topology/spec.go), the loader's own rules, and examples out of the [catalogue](../scenarios/catalogue).
The same as a JSON Schema, for editors: ` + "`lanproof schema`" + `.

- A scenario file is YAML, and its name ends in ` + "`.yaml`" + `. A key that is not here is an error, with its place.
- *or a list*: one value may stand alone, several in brackets.
- NODE is the name of a host, an endpoint, a station or a router; NODE/LINK is a device of it, as in ` + "`host/eth0`" + `.
- Names of nodes and networks are letters, digits, dots, dashes and underscores, 63 at the most; those of devices have 15 characters at the most, as the kernel has it.
- A prefix is an address and its length, without bits of a host: ` + "`192.168.1.0/24`" + `.
- **Bold** keys have to be there.
`

func (p *referencePage) write() string {
	p.line("%s", referenceHead)
	p.line("## Contents\n")
	for _, s := range p.sections {
		p.line("%s- [%s](#%s)", strings.Repeat("  ", s.level-2), s.title, s.anchor)
	}
	p.line("- [Words](#words)\n- [What a kernel must have](#features)")
	p.line("\n## A small one\n\n```yaml\n%s```", p.examples.whole("macvlan-two-endpoints.yaml"))
	for _, s := range p.sections {
		p.section(s)
	}
	p.line("\n## Words")
	for _, list := range p.lists {
		p.line("\n%s", list)
	}
	p.features()
	return p.String()
}

func (p *referencePage) section(s section) {
	p.line("\n<a id=\"%s\"></a>\n\n%s %s\n", s.anchor, strings.Repeat("#", s.level), s.title)
	fields := structFields(s.of, s.of.Name())
	if s.anchor != "matrix" {
		p.line("%s", p.about(s.of))
	}
	if s.intro != "" {
		p.line("%s", s.intro)
	}
	kinds := s.of == reflect.TypeFor[topology.Link]()
	p.line("")
	if kinds {
		p.line("| key | of | value | meaning |\n|---|---|---|---|")
	} else {
		p.line("| key | value | meaning |\n|---|---|---|")
	}
	var shown, taken []string
	for _, f := range fields {
		owner, in := declared(s.of, f)
		if owner != s.of && s.of != reflect.TypeFor[Scenario]() {
			if text := fmt.Sprintf("All keys of [%s](#%s), too.", p.of(owner).title, p.of(owner).anchor); !slices.Contains(taken, text) {
				taken = append(taken, text)
			}
			continue
		}
		if s.keys != nil && !s.keys(f.name) {
			continue
		}
		shown = append(shown, f.name)
		anchor := s.anchor + "-" + f.name
		of := ""
		if kinds {
			of = " | " + cmpOr(strings.Join(p.kinds[f.name], ", "), "all")
		}
		p.line("| <a id=\"%s\"></a>%s%s | %s | %s |", anchor, bold(f.name, slices.Contains(shapes[s.of.Name()].required, f.name)), of,
			escape(p.value(in.Type, f, !isChange(s.of))), p.meaning(owner, in.Name, s.anchor, f.name))
	}
	for _, text := range taken {
		p.line("\n%s", text)
	}
	if blocks := p.examples.cover(s, shown); len(blocks) > 0 {
		p.line("\nFrom the catalogue:\n\n```yaml\n%s```", strings.Join(blocks, "\n"))
	}
}

func cmpOr(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

func bold(key string, required bool) string {
	if required {
		return "**`" + key + "`**"
	}
	return "`" + key + "`"
}

// of finds the section of a type.
func (p *referencePage) of(t reflect.Type) section {
	if t == reflect.TypeFor[topology.Item[topology.Link]]() {
		t = reflect.TypeFor[topology.Link]()
	}
	i := slices.IndexFunc(p.sections, func(s section) bool { return s.of == t })
	return p.sections[i]
}

// about is the comment of a type, with what its shape demands.
func (p *referencePage) about(t reflect.Type) string {
	text := p.docs[t.Name()]
	_, text, _ = strings.Cut(text, " ") // its own name
	for _, verb := range []string{"is ", "expects ", "makes ", "changes ", "puts ", "takes ", "adds "} {
		if rest, ok := strings.CutPrefix(text, verb); ok {
			if verb != "is " {
				rest = verb + rest
			}
			text = strings.ToUpper(rest[:1]) + rest[1:]
			break
		}
	}
	text = p.keys(t, text, true)
	s := shapes[t.Name()]
	if s.oneOf != nil && !strings.Contains(text, "xactly one") {
		text += " Exactly one of the keys is set."
	}
	if s.anyOf != nil {
		text += " One at least is set of `" + strings.Join(s.anyOf, "`, `") + "`."
	}
	return text
}

var camel = regexp.MustCompile(`^[A-Z]+[a-z]+[A-Z]|^[A-Z]{2,}[a-z]`)

// keys puts the names of keys in the place of those of Go's fields.
func (p *referencePage) keys(t reflect.Type, text string, all bool) string {
	for _, f := range structFields(t, t.Name()) {
		owner, in := declared(t, f)
		name := regexp.QuoteMeta(in.Name)
		sure := camel.MatchString(in.Name)
		switch {
		case owner == t && in.Name == "Docker":
		case sure:
			text = regexp.MustCompile(`\b`+name+`\b`).ReplaceAllString(text, "`"+f.name+"`")
		case all || strings.ToUpper(in.Name) != in.Name:
			// In the midst of a sentence a capital is a name's.
			text = regexp.MustCompile(`([a-z0-9,] \(?)`+name+`\b`).ReplaceAllString(text, "${1}`"+f.name+"`")
		}
	}
	return text
}

// meaning is the comment of a field, with what a kernel must have for it.
func (p *referencePage) meaning(owner reflect.Type, field, anchor, key string) string {
	head, text := p.subject(owner, p.docs[owner.Name()+"."+field])
	text = head + p.keys(owner, text, false)
	if needs := p.needs[anchor+"-"+key]; len(needs) > 0 {
		text += " Needs " + strings.Join(needs, ", ") + "."
	}
	return escape(text)
}

// escape keeps a text in its cell.
func escape(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

var subject = regexp.MustCompile(`^(?:, | and )?([A-Z][A-Za-z0-9]*)\b`)

// subject splits a comment where the names of fields that it begins with end, and
// puts those of keys in their place.
func (p *referencePage) subject(t reflect.Type, text string) (head, rest string) {
	for {
		m := subject.FindStringSubmatchIndex(text)
		if m == nil {
			return head, text
		}
		fields := structFields(t, t.Name())
		at := slices.IndexFunc(fields, func(f field) bool {
			owner, in := declared(t, f)
			return owner == t && in.Name == text[m[2]:m[3]]
		})
		if at < 0 {
			return head, text
		}
		head += text[:m[2]] + "`" + fields[at].name + "`"
		text = text[m[3]:]
	}
}

func TestReferenceIsCurrent(t *testing.T) {
	p := &referencePage{docs: readSources(t).docs, sections: referenceSections(), examples: readExamples(t)}
	p.kinds, p.needs = kindsOf(t), needsOf(t)
	p.complete(t)
	want := p.write()
	if *update {
		if err := os.WriteFile(referenceFile, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, string(mustRead(t, referenceFile))); diff != "" {
		t.Errorf("docs/reference.md is not what the program says; run go generate ./scenarios (-program +page):\n%s", diff)
	}
	anchors := map[string]bool{}
	for _, m := range regexp.MustCompile(`<a id="([^"]+)">`).FindAllStringSubmatch(want, -1) {
		if anchors[m[1]] {
			t.Errorf("two things are at #%s", m[1])
		}
		anchors[m[1]] = true
	}
}

// complete sees that every key of every type is on the page.
func (p *referencePage) complete(t *testing.T) {
	t.Helper()
	seen := map[reflect.Type]bool{}
	var walk func(reflect.Type)
	walk = func(typ reflect.Type) {
		switch typ.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Map:
			walk(typ.Elem())
		case reflect.Struct:
			if seen[typ] || typ == reflect.TypeFor[Position]() {
				return
			}
			seen[typ] = true
			if typ.PkgPath() != "" && !strings.HasPrefix(typ.Name(), "Item[") && typ != reflect.TypeFor[topology.Spec]() &&
				!slices.ContainsFunc(p.sections, func(s section) bool { return s.of == typ }) {
				t.Errorf("no section is about %s", typ)
			}
			for f := range typ.Fields() {
				walk(f.Type)
			}
		}
	}
	walk(reflect.TypeFor[Scenario]())
}
