package compose

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/consts"
	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"go.yaml.in/yaml/v4"

	"github.com/lanproof/lanproof/intent"
)

// read reads the named files and whatever they include and extend, and finds what must
// not be given to the library.
func (b *book) read() error {
	var all []error
	for _, s := range b.main.files {
		content, err := b.named(s.shown)
		if err == nil {
			s.content = content
			s.path, err = filepath.Abs(s.shown)
		}
		if err == nil {
			err = s.parse()
		}
		all = append(all, err)
	}
	if err := joined(all); err != nil {
		return err
	}
	b.main.env[consts.ComposeProjectName] = b.project()
	for _, s := range b.main.files {
		all = append(all, b.take(s))
	}
	return joined(all)
}

// project is the project's name, which stands in a variable of its own as well: the one
// that was chosen, else that of the last file that has one, else the folder's.
func (b *book) project() string {
	if b.chosen != "" {
		return b.chosen
	}
	for _, s := range slices.Backward(b.main.files) {
		for _, doc := range slices.Backward(s.docs) {
			if name := loader.NormalizeProjectName(s.part(doc, "name")); name != "" {
				return name
			}
		}
	}
	if name := loader.NormalizeProjectName(filepath.Base(b.dir)); name != "" {
		return name
	}
	return "project"
}

// take reads what a parsed source depends on.
func (b *book) take(s *source) error {
	if err := b.prepare(s); err != nil {
		return err
	}
	var all []error
	for _, doc := range s.docs {
		all = append(all, b.include(s, doc))
	}
	for _, doc := range s.docs {
		for _, section := range sections {
			if e, ok := s.child(doc, section); ok {
				for _, service := range s.entries(e.value) {
					all = append(all, b.follow(s, section, service.name))
				}
			}
		}
	}
	return joined(all)
}

// prepare finds out whether a parsed source's variables can be replaced.
func (b *book) prepare(s *source) error {
	b.all = append(b.all, s)
	s.bases = map[string]*source{}
	var all []error
	for _, doc := range s.docs {
		all = append(all, s.check(doc))
	}
	return joined(all)
}

// aRange is a range of ports.
var aRange = regexp.MustCompile(`(\d+)-(\d+)`)

// countPorts refuses ranges that the library would make too many ports of: it makes them
// for each service anew that extends another.
func (b *book) countPorts(s *source, section, name string) error {
	for _, doc := range s.docs {
		ports, ok := s.descend(doc, section, name, "ports")
		if !ok {
			continue
		}
		for _, item := range items(ports.value) {
			few := b.ports <= maxPorts
			if b.ports += width(s.text(item)); few && b.ports > maxPorts {
				return s.wrong(item, "more than %d ports published in all", maxPorts)
			}
		}
	}
	return nil
}

// width is how many ports a word publishes.
func width(word string) int {
	most := 0
	for _, r := range aRange.FindAllStringSubmatch(word, -1) {
		from, _ := strconv.Atoi(r[1])
		to, _ := strconv.Atoi(r[2])
		most = max(most, min(to-from, maxPorts))
	}
	return 1 + most
}

// sections of a Compose file that hold containers.
var sections = [...]string{"services", "jobs"}

// follow reads the files that a service extends, one after the other, and finds where it
// goes in a circle or to nothing. Other services of these files do not matter.
func (b *book) follow(s *source, section, name string) error {
	seen := map[visit]bool{}
	for {
		if seen[visit{s, name}] = true; len(seen) > maxExtends {
			return s.wrong(s.docs[0], "more than %d services extend one another in a row", maxExtends)
		}
		if err := b.countPorts(s, section, name); err != nil {
			return err
		}
		at, next := s.extends(section, name)
		if at == nil {
			return nil
		}
		from, file := s, s.file(at)
		if file != nil {
			section = sections[0]
			if err := b.extend(s, file); err != nil {
				return err
			}
			from = s.bases[s.text(file)]
		}
		if seen[visit{from, next}] {
			return s.wrong(at, "the service %s extends itself in the end", name)
		}
		if len(from.layers(section, next, map[visit]bool{})) == 0 {
			return s.wrong(at, "extends the service %s, which is not in %s", next, from.shown)
		}
		s, name = from, next
	}
}

// extends is what a service says that it extends, and the name of that service.
func (s *source) extends(section, name string) (*yaml.Node, string) {
	for _, doc := range slices.Backward(s.docs) {
		e, ok := s.descend(doc, section, name, "extends")
		if !ok {
			continue
		}
		if e.value.Kind == yaml.ScalarNode && e.value.Tag != "!!null" {
			return e.value, s.text(e.value)
		}
		if service := s.part(e.value, "service"); service != "" {
			return e.value, service
		}
	}
	return nil, ""
}

// file is the word that names the file of what is extended; nil for the same file.
func (s *source) file(extends *yaml.Node) *yaml.Node {
	e, ok := s.child(extends, "file")
	if extends.Kind != yaml.MappingNode || !ok || e.value.Kind != yaml.ScalarNode || e.value.Tag == "!!null" {
		return nil
	}
	return e.value
}

// extend reads a file that is extended, once.
func (b *book) extend(s *source, at *yaml.Node) error {
	name := s.text(at)
	path, err := b.inside(s, at, name, s.folder())
	if err != nil {
		return err
	}
	key := fmt.Sprintf("%p %s", s.model, path)
	base := b.sources[key]
	if base == nil {
		base = &source{shown: b.show(path), path: path, model: s.model}
		if base.content, err = b.another(s, at, name, path); err != nil {
			return err
		}
		if err := base.parse(); err != nil {
			return err
		}
		if err := b.prepare(base); err != nil {
			return err
		}
		b.sources[key] = base
	}
	s.bases[name] = base
	return nil
}

// folder is what relative paths of extended files start from: that of the project for
// its own files, and an extended file's own.
func (s *source) folder() string {
	if slices.Contains(s.model.files, s) {
		return s.model.dir
	}
	return filepath.Dir(s.path)
}

// inside is the absolute path of a file that another names.
func (b *book) inside(s *source, at *yaml.Node, name, from string) (string, error) {
	for _, mark := range []string{"://", "git@", "oci:", "github.com/"} {
		if strings.HasPrefix(name, mark) || mark == "://" && strings.Contains(name, mark) {
			return "", s.wrong(at, "%s is elsewhere in the net: nothing is fetched", name)
		}
	}
	path := name
	if !filepath.IsAbs(path) {
		path = filepath.Join(from, path)
	}
	if inside, err := filepath.Rel(b.dir, path); err != nil || !filepath.IsLocal(inside) {
		return "", s.wrong(at, "%s is not in the project's folder, and files outside of it are not read", name)
	}
	return path, nil
}

// another reads one more file that another names.
func (b *book) another(s *source, at *yaml.Node, name, path string) ([]byte, error) {
	if b.count++; b.count > maxFiles {
		return nil, s.wrong(at, "the project has more than %d files", maxFiles)
	}
	content, err := b.readInside(path)
	if err != nil && b.leadsOut(path) {
		return nil, s.wrong(at, "%s is a link that leads out of the project's folder, and files outside of it are not read", name)
	}
	if err != nil {
		return nil, s.wrong(at, "%s cannot be read: %w", name, err)
	}
	return content, nil
}

// leadsOut reports whether a path in the project's folder is a link to somewhere else.
func (b *book) leadsOut(path string) bool {
	dir, err := filepath.EvalSymlinks(b.dir)
	if err != nil {
		return false
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return false
	}
	inside, err := filepath.Rel(dir, path)
	return err != nil || !filepath.IsLocal(inside)
}

// include reads the models that a document includes.
func (b *book) include(s *source, doc *yaml.Node) error {
	list, ok := s.child(doc, "include")
	if !ok {
		return nil
	}
	var all []error
	for _, item := range items(list.value) {
		m, err := b.includeOne(s, item)
		if m != nil && !slices.Contains(s.included, m) {
			s.included = append(s.included, m)
		}
		all = append(all, err)
	}
	return joined(all)
}

// includeOne reads one entry of include: a path, or a mapping with one or several.
func (b *book) includeOne(s *source, item *yaml.Node) (*model, error) {
	paths := []*yaml.Node{item}
	var folder, envFiles entry
	if item.Kind == yaml.MappingNode {
		path, _ := s.child(item, "path")
		paths = items(path.value)
		folder, _ = s.child(item, "project_directory")
		envFiles, _ = s.child(item, "env_file")
	}
	m := &model{}
	for _, node := range paths {
		if node.Kind != yaml.ScalarNode {
			continue
		}
		path, err := b.inside(s, node, s.text(node), s.model.dir)
		if err != nil {
			return nil, err
		}
		if path == b.dir {
			return nil, s.wrong(node, "%s is a folder", s.text(node))
		}
		m.files = append(m.files, &source{shown: b.show(path), path: path, model: m})
	}
	if len(m.files) == 0 {
		return nil, nil
	}
	if err := b.settle(m, s, item, folder.value, envFiles.value); err != nil {
		return nil, err
	}
	key := m.key()
	if known := b.models[key]; known != nil {
		if known.open {
			return nil, s.wrong(item, "%s includes itself", m.files[0].shown)
		}
		return known, nil
	}
	b.models[key] = m
	m.open = true
	defer func() { m.open = false }()
	for i, f := range m.files {
		var err error
		if f.content, err = b.another(s, paths[i], s.text(paths[i]), f.path); err != nil {
			return nil, err
		}
		if err := f.parse(); err != nil {
			return nil, err
		}
		if err := b.take(f); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// settle finds the folder and the environment of an included model.
func (b *book) settle(m *model, s *source, at, folder, envFiles *yaml.Node) (err error) {
	m.dir = filepath.Dir(m.files[0].path)
	if folder != nil && folder.Kind == yaml.ScalarNode && s.text(folder) != "" {
		if m.dir, err = b.inside(s, folder, s.text(folder), s.model.dir); err != nil {
			return err
		}
	}
	var more types.Mapping
	for _, node := range items(envFiles) {
		name := s.text(node)
		if node.Kind != yaml.ScalarNode || name == os.DevNull {
			continue
		}
		path, err := b.inside(s, node, name, s.model.dir)
		if err != nil {
			return err
		}
		content, err := b.another(s, node, name, path)
		if err != nil {
			return err
		}
		if more, err = parseEnv(b.show(path), content, s.model.env, more); err != nil {
			return err
		}
	}
	if len(items(envFiles)) == 0 {
		more, err = b.dotenv(filepath.Join(m.dir, ".env"), s.model.env)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	m.env = s.model.env.Clone().Merge(more)
	return nil
}

// key is all that decides what a model holds.
func (m *model) key() string {
	var key strings.Builder
	fmt.Fprintf(&key, "%q", m.dir)
	for _, f := range m.files {
		fmt.Fprintf(&key, " %q", f.path)
	}
	for _, name := range slices.Sorted(keysOf(m.env)) {
		fmt.Fprintf(&key, " %q=%q", name, m.env[name])
	}
	return key.String()
}

// joined are all errors in the order of their places, each once; nil when there is none.
func joined(all []error) error {
	flat := flatten(all, nil)
	slices.SortStableFunc(flat, func(a, b error) int {
		p, q := placeOf(a), placeOf(b)
		return cmp.Or(strings.Compare(p.File, q.File), p.Line-q.Line, p.Column-q.Column)
	})
	flat = slices.CompactFunc(flat, func(a, b error) bool { return a.Error() == b.Error() })
	if len(flat) == 1 {
		return flat[0]
	}
	return errors.Join(flat...)
}

func flatten(from, to []error) []error {
	for _, err := range from {
		if many, ok := err.(interface{ Unwrap() []error }); ok {
			to = flatten(many.Unwrap(), to)
		} else if err != nil {
			to = append(to, err)
		}
	}
	return to
}

func placeOf(err error) intent.Place {
	var at *intent.Error
	if errors.As(err, &at) {
		return at.Place
	}
	return intent.Place{}
}
