package compose

import (
	"slices"

	"go.yaml.in/yaml/v4"

	"github.com/lanproof/lanproof/intent"
)

// layer is one of the places that say something about a service or a network: the file
// that overrides comes before what it overrides, then what is extended, then what is
// included.
type layer struct {
	source    *source
	key, node *yaml.Node
	// extended is set for what belongs to another service, which this one extends.
	extended bool
}

type layers []layer

// find gives what the library's merging takes a value from: the uppermost layer that has
// the path.
func (l layers) find(path ...string) (*source, entry, bool) {
	for _, one := range l {
		if e, ok := one.source.descend(one.node, path...); ok {
			return one.source, e, true
		}
	}
	return nil, entry{}, false
}

// value is a word of the model with the place of what it comes from. A word that came out
// empty was not written, or has no value.
func (l layers) value(text string, path ...string) intent.Value {
	if text == "" {
		return intent.Value{}
	}
	if s, e, ok := l.find(path...); ok {
		return intent.Value{Text: text, Place: s.at(e.value)}
	}
	return intent.Value{Text: text, Place: l.place()}
}

// flag is a boolean of the model, known when it was written.
func (l layers) flag(is bool, path ...string) intent.Flag {
	s, e, ok := l.find(path...)
	if !ok {
		return intent.Flag{}
	}
	return intent.Flag{Known: true, Is: is, Place: s.at(e.value)}
}

// place is where the thing itself stands: in the first of the files that speak of it.
func (l layers) place() intent.Place {
	for _, one := range slices.Backward(l) {
		if !one.extended {
			return one.source.at(one.key)
		}
	}
	return intent.Place{}
}

// names are the keys of a mapping in the order in which they stand, from the lowest layer
// up, with those of the model that stand nowhere at the end.
func (l layers) names(in func(string) bool, path ...string) []string {
	var all []string
	for _, one := range slices.Backward(l) {
		e, ok := one.source.descend(one.node, path...)
		if !ok {
			continue
		}
		for _, e := range one.source.entries(e.value) {
			if in(e.name) && !slices.Contains(all, e.name) {
				all = append(all, e.name)
			}
		}
	}
	return all
}

// options are a mapping of the model in order and with places.
func (l layers) options(model map[string]string, path ...string) []intent.Option {
	names := l.names(func(name string) bool { _, ok := model[name]; return ok }, path...)
	var rest []string
	for name := range model {
		if !slices.Contains(names, name) {
			rest = append(rest, name)
		}
	}
	slices.Sort(rest)
	var all []intent.Option
	for _, name := range append(names, rest...) {
		o := intent.Option{Key: name, Value: intent.Value{Text: model[name], Place: l.place()}, Place: l.place()}
		if s, e, ok := l.find(append(slices.Clone(path), name)...); ok {
			o.Value.Place, o.Place = s.at(e.value), s.at(e.key)
		}
		all = append(all, o)
	}
	return all
}

// words are a list of the model with places.
func (l layers) words(model []string, path ...string) []intent.Value {
	var all []intent.Value
	for _, text := range model {
		v := intent.Value{Text: text, Place: l.place()}
		for _, w := range l.written(path...) {
			if w.Text == text {
				v.Place = w.Place
				break
			}
		}
		all = append(all, v)
	}
	return all
}

// written are a list's words as they stand, from the lowest layer up, each once. What is
// below a layer that says !override or !reset does not count.
func (l layers) written(path ...string) []intent.Value {
	var all []intent.Value
	for _, one := range l {
		e, ok := one.source.descend(one.node, path...)
		if !ok {
			continue
		}
		if e.value.Tag == "!reset" {
			break
		}
		var here []intent.Value
		for _, item := range items(e.value) {
			here = append(here, intent.Value{Text: one.source.word(item), Place: one.source.at(item)})
		}
		all = append(here, all...)
		if e.value.Tag == "!override" {
			break
		}
	}
	return unique(all)
}

func unique(all []intent.Value) []intent.Value {
	var some []intent.Value
	for _, v := range all {
		if !slices.ContainsFunc(some, func(w intent.Value) bool { return w.Text == v.Text }) {
			some = append(some, v)
		}
	}
	return some
}

// word is a list's item in the short form of a published port, whichever it is written in.
func (s *source) word(n *yaml.Node) string {
	if n.Kind != yaml.MappingNode {
		return s.text(n)
	}
	text := s.part(n, "target")
	if p := s.part(n, "published"); p != "" {
		text = p + ":" + text
	}
	if host := s.part(n, "host_ip"); host != "" {
		text = host + ":" + text
	}
	if p := s.part(n, "protocol"); p != "" && p != "tcp" {
		text += "/" + p
	}
	return text
}

// part is the word under a key of a mapping; empty when there is none.
func (s *source) part(n *yaml.Node, key string) string {
	e, ok := s.child(n, key)
	if !ok || e.value.Kind != yaml.ScalarNode || e.value.Tag == "!!null" {
		return ""
	}
	return s.text(e.value)
}

// networks and services are the layers of one that has a name.
func (b *book) networks(name string) layers {
	return b.main.layers("networks", name, map[visit]bool{})
}

func (b *book) services(name string) layers {
	return b.main.layers("services", name, map[visit]bool{})
}

// visit is what has been looked at, for once is enough.
type visit struct {
	of   any
	name string
}

func (m *model) layers(section, name string, seen map[visit]bool) layers {
	if seen[visit{m, name}] {
		return nil
	}
	seen[visit{m, name}] = true
	var all layers
	for _, s := range slices.Backward(m.files) {
		all = append(all, s.layers(section, name, seen)...)
	}
	return all
}

func (s *source) layers(section, name string, seen map[visit]bool) layers {
	if seen[visit{s, name}] {
		return nil
	}
	seen[visit{s, name}] = true
	var all layers
	for _, doc := range slices.Backward(s.docs) {
		e, ok := s.descend(doc, section, name)
		if !ok {
			continue
		}
		all = append(all, layer{source: s, key: e.key, node: e.value})
	}
	if section != "networks" {
		all = append(all, s.extended(section, name, seen)...)
	}
	for _, m := range slices.Backward(s.included) {
		all = append(all, m.layers(section, name, seen)...)
	}
	return all
}

// extended are the layers of the service that another extends.
func (s *source) extended(section, service string, seen map[visit]bool) layers {
	at, name := s.extends(section, service)
	if at == nil {
		return nil
	}
	from := s
	if file := s.file(at); file != nil {
		if from, section = s.bases[s.text(file)], sections[0]; from == nil {
			return nil
		}
	}
	all := from.layers(section, name, seen)
	for i := range all {
		all[i].extended = true
	}
	return all
}

// order are the names of a section as they stand: each file's before those of its
// includes and of the next file.
func (m *model) order(section string, seen map[*model]bool) []string {
	if seen[m] {
		return nil
	}
	seen[m] = true
	var all []string
	for _, s := range m.files {
		for _, doc := range s.docs {
			if e, ok := s.child(doc, section); ok {
				for _, e := range s.entries(e.value) {
					all = append(all, e.name)
				}
			}
		}
		for _, i := range s.included {
			all = append(all, i.order(section, seen)...)
		}
	}
	return all
}
