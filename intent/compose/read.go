package compose

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/compose-spec/compose-go/v2/types"
	"go.yaml.in/yaml/v4"

	"github.com/lanproof/lanproof/intent"
)

// Limits of what is read besides intent.MaxBytes: a large project has a hundredth of it.
const (
	// maxFiles is how many files a project may consist of.
	maxFiles = 200
	// maxNodes bounds a file's values, with aliases replaced by what they stand for.
	maxNodes = 100_000
	// maxDepth is how deep they may stand in one another.
	maxDepth = 100
	// maxKeys is how many a mapping may have.
	maxKeys = 1000
	// maxDocuments is how many documents a file may hold, and maxExtends how many services
	// may extend one another in a row.
	maxDocuments = 20
	maxExtends   = 50
	// maxVariables is how many dollar signs a word may have.
	maxVariables = 2000
	// maxPorts is how many ports may be published in all: ranges are taken apart.
	maxPorts = 1 << 16
	// maxWork bounds what the variables of one line cost, in bytes looked at.
	maxWork = 4 << 20
)

// book is all the files that a project consists of, read and parsed.
type book struct {
	root  *os.Root
	dir   string // absolute
	shown string // dir as it was named
	given map[string][]byte
	main  *model
	// chosen is the project's name where somebody chose one besides the files.
	chosen string
	// What was read already: included models, and files that are extended, by what
	// decides their content.
	models  map[string]*model
	sources map[string]*source
	// all are the files that were read, in that order.
	all []*source
	// count is how many files were asked for, env files among them.
	count int
	// ports is how many ports are published so far.
	ports int
}

// model is what Compose loads in one go: files that override one another, with one
// folder for relative paths and one environment.
type model struct {
	dir   string
	env   types.Mapping
	files []*source
	// open while its files are read: who includes it then goes in a circle.
	open bool
}

// source is one file.
type source struct {
	shown, path string
	content     []byte
	docs        []*yaml.Node
	model       *model
	included    []*model
	// bases are the files that services of this one extend, by path as written.
	bases map[string]*source
}

func (b *book) close() { b.root.Close() }

// at is a node's place.
func (s *source) at(n *yaml.Node) intent.Place {
	return intent.Place{File: s.shown, Line: n.Line, Column: n.Column}
}

// wrong is an error at a node.
func (s *source) wrong(n *yaml.Node, format string, args ...any) error {
	return &intent.Error{Place: s.at(n), Err: fmt.Errorf(format, args...)}
}

// named is the content of a file that the user named himself.
func (b *book) named(name string) ([]byte, error) {
	if content, ok := b.given[name]; ok {
		return content, nil
	}
	return readNamed(name)
}

// readNamed reads a file that the user named himself.
func readNamed(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, unreadable(name, err)
	}
	defer f.Close()
	content, err := intent.ReadAll(f)
	return content, unreadable(name, err)
}

// readInside reads a file that a file named, which must be a plain one below the
// project's folder.
func (b *book) readInside(path string) ([]byte, error) {
	inside, err := filepath.Rel(b.dir, path)
	if err != nil || !filepath.IsLocal(inside) {
		return nil, errors.New("leaves the project's folder")
	}
	// A fifo must not hold us up.
	f, err := b.root.OpenFile(inside, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, intent.Reason(err)
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, errors.New("it is no plain file")
	}
	return intent.ReadAll(f)
}

// unreadable says that a whole file could not be read.
func unreadable(name string, err error) error {
	if err == nil {
		return nil
	}
	return &intent.Error{Place: intent.Place{File: name}, Err: fmt.Errorf("cannot be read: %w", intent.Reason(err))}
}

// show is a path as the user would write it, from how he named the folder.
func (b *book) show(path string) string {
	inside, err := filepath.Rel(b.dir, path)
	if err != nil || !filepath.IsLocal(inside) {
		return path
	}
	return filepath.Join(b.shown, inside)
}

// dotenv reads an env file below the project's folder.
func (b *book) dotenv(path string, env types.Mapping) (types.Mapping, error) {
	content, err := b.readInside(path)
	if err != nil {
		return nil, unreadable(b.show(path), err)
	}
	return parseEnv(b.show(path), content, env, nil)
}

// parseEnv reads NAME=value lines; the environment and earlier files may stand in them.
func parseEnv(name string, content []byte, env, earlier types.Mapping) (types.Mapping, error) {
	for i, line := range strings.Split(string(content), "\n") {
		if laborious(line) {
			return nil, &intent.Error{Place: intent.Place{File: name, Line: i + 1}, Err: errors.New("too many variables in one line")}
		}
	}
	read, err := dotenv.ParseWithLookup(bytes.NewReader(content), func(key string) (string, bool) {
		for _, m := range []types.Mapping{env, earlier} {
			if v, ok := m[key]; ok {
				return v, true
			}
		}
		return "", false
	})
	if err != nil {
		line, text := lineOf(err.Error())
		return nil, &intent.Error{Place: intent.Place{File: name, Line: line}, Err: errors.New(text)}
	}
	all := earlier.Clone()
	if all == nil {
		all = types.Mapping{}
	}
	for key, value := range read {
		all[key] = value
	}
	return all, nil
}

// laborious says that the variables of a line would take the library long: it looks at
// the rest of the line again for each.
func laborious(line string) bool { return strings.Count(line, "${")*len(line) > maxWork }

// parse reads a source's documents.
func (s *source) parse() error {
	l, err := yaml.NewLoader(bytes.NewReader(s.content))
	if err != nil {
		return unreadable(s.shown, err)
	}
	for {
		var doc yaml.Node
		err := l.Load(&doc)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return s.broken(err)
		}
		if len(doc.Content) == 0 {
			continue
		}
		root := resolve(doc.Content[0])
		if root.Kind == yaml.ScalarNode && root.Tag == "!!null" {
			continue
		}
		if root.Kind != yaml.MappingNode {
			return s.wrong(root, "not a Compose file: a mapping with services and networks is expected at the top")
		}
		left := maxNodes
		if err := s.measure(root, &left, nil); err != nil {
			return err
		}
		if s.docs = append(s.docs, root); len(s.docs) > maxDocuments {
			return s.wrong(root, "more than %d documents", maxDocuments)
		}
	}
}

// measure walks everything that a node stands for and says whether that is too much, or
// without an end.
func (s *source) measure(n *yaml.Node, left *int, above []*yaml.Node) error {
	if *left--; *left < 0 {
		return s.wrong(n, "the file has more than %d values, with aliases replaced by what they stand for", maxNodes)
	}
	if len(above) > maxDepth {
		return s.wrong(n, "nested too deep")
	}
	if n.Kind == yaml.AliasNode {
		for _, a := range above {
			if a == n.Alias {
				return s.wrong(n, "the alias *%s stands inside of what it stands for", n.Value)
			}
		}
		n = n.Alias
	}
	if len(n.Content) == 0 {
		return nil
	}
	above = append(above, n)
	if err := s.unique(n); err != nil {
		return err
	}
	for _, child := range n.Content {
		if err := s.measure(child, left, above); err != nil {
			return err
		}
	}
	return nil
}

// unique says which key of a mapping stands there twice.
func (s *source) unique(n *yaml.Node) error {
	if n.Kind != yaml.MappingNode {
		return nil
	}
	if len(n.Content) > 2*maxKeys {
		return s.wrong(n, "a mapping with more than %d keys", maxKeys)
	}
	lines := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if line, ok := lines[key.Value]; ok {
			return s.wrong(key, "the key %q stands in line %d already", key.Value, line)
		}
		lines[key.Value] = key.Line
	}
	return nil
}
