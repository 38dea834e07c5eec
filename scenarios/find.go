package scenarios

import (
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

//go:embed catalogue
var catalogue embed.FS

// cataloguePath stands before the names of built-in files: where they are in
// lanproof's repository.
const cataloguePath = "scenarios/catalogue"

// Catalogue is the folder of built-in scenario files.
func Catalogue() fs.FS {
	sub, err := fs.Sub(catalogue, "catalogue")
	if err != nil {
		return catalogue // fs.Sub fails on malformed names only
	}
	return sub
}

// Builtin loads the whole catalogue, sorted by name.
func Builtin() ([]*File, error) { return FindFS(Catalogue(), cataloguePath) }

// FindFS loads all scenario files of a folder in fsys (its top, sorted, not
// what is below), such as one that a Go program embeds. The prefix stands before
// the file names in messages and results.
func FindFS(fsys fs.FS, prefix string) ([]*File, error) {
	names, err := scenarioFiles(fsys, prefix)
	if err != nil {
		return nil, err
	}
	var c collection
	for _, name := range names {
		f, err := loadFS(fsys, prefix, name)
		c.add(f, "", err)
	}
	return c.result()
}

func scenarioFiles(fsys fs.FS, shown string) ([]string, error) {
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return nil, Errors{{File: shown, Text: "cannot list the folder: " + reason(err)}}
	}
	var names []string
	for _, e := range entries {
		if _, ok := baseName(e.Name()); ok && !e.IsDir() {
			names = append(names, e.Name())
		}
	}
	if len(names) == 0 {
		return nil, Errors{{File: shown, Text: "the folder has no scenario file (*.yaml, *.yml)"}}
	}
	// By the scenario's name: in a file's, the dot would stand behind a dash.
	slices.SortStableFunc(names, func(a, b string) int {
		first, _ := baseName(a)
		second, _ := baseName(b)
		return strings.Compare(first, second)
	})
	return names, nil
}

func loadFS(fsys fs.FS, prefix, name string) (*File, error) {
	shown := path.Join(prefix, name)
	f, err := fsys.Open(name)
	if err != nil {
		return nil, Errors{{File: shown, Text: "cannot open the scenario file: " + reason(err)}}
	}
	defer f.Close()
	src, err := io.ReadAll(io.LimitReader(f, MaxBytes+1))
	if err != nil {
		return nil, Errors{{File: shown, Text: "cannot read the scenario file: " + reason(err)}}
	}
	return Load(shown, src)
}

// Find loads what the arguments name: a file, a folder, a built-in scenario, or
// one case of a file or built-in scenario (NAME@variable=value). No arguments
// are the whole catalogue. The error is Errors, of all files.
func Find(args []string) ([]*File, error) {
	if len(args) == 0 {
		return Builtin()
	}
	var c collection
	for _, arg := range args {
		c.find(arg)
	}
	return c.result()
}

// collection is what was found so far.
type collection struct {
	files  []*File
	errors Errors
}

func (c *collection) result() ([]*File, error) {
	if len(c.errors) > 0 {
		return nil, c.errors
	}
	return c.files, nil
}

func (c *collection) find(arg string) {
	if info, err := os.Stat(arg); err == nil {
		if info.IsDir() {
			c.folder(arg)
			return
		}
		f, err := LoadFile(arg)
		c.add(f, "", err)
		return
	}
	name, vars, isCase := strings.Cut(arg, "@")
	if i := strings.LastIndex(arg, ".yaml@"); i >= 0 {
		name, vars = arg[:i+5], arg[i+6:]
	}
	var only string
	if isCase {
		base, _ := baseName(name)
		only = base + "@" + vars
	}
	if _, isFile := baseName(name); isFile || strings.Contains(name, "/") {
		f, err := LoadFile(name)
		c.add(f, only, err)
		return
	}
	c.builtin(name, only)
}

func (c *collection) folder(dir string) {
	names, err := scenarioFiles(os.DirFS(dir), dir)
	c.add(nil, "", err)
	for _, name := range names {
		f, err := LoadFile(filepath.Join(dir, name))
		c.add(f, "", err)
	}
}

func (c *collection) builtin(name, only string) {
	names, err := scenarioFiles(Catalogue(), cataloguePath)
	for i := range names {
		names[i], _ = baseName(names[i])
	}
	if err == nil && !slices.Contains(names, name) {
		text, meant := unknown("scenario", name, names)
		if meant == "" {
			text = fmt.Sprintf("%s is no file, no folder and no built-in scenario", quote(name))
		}
		err = Errors{{Text: text}}
	}
	if err != nil {
		c.add(nil, "", err)
		return
	}
	f, err := loadFS(Catalogue(), cataloguePath, name+".yaml")
	c.add(f, only, err)
}

// add takes a file, or one case of it, or what was wrong with it. The same file
// again adds the cases that are not there yet; another one of the same name would
// overwrite its results.
func (c *collection) add(f *File, only string, err error) {
	var several Errors
	switch {
	case errors.As(err, &several):
		c.errors = append(c.errors, several...)
		return
	case err != nil:
		c.errors = append(c.errors, &Error{Text: err.Error()})
		return
	case f == nil:
		return
	}
	if only != "" && !f.choose(only) {
		c.errors = append(c.errors, &Error{File: f.Path, Line: 1, Column: 1, Text: f.unknownCase(only)})
		return
	}
	i := slices.IndexFunc(c.files, func(o *File) bool { return o.Name == f.Name })
	switch {
	case i < 0:
		c.files = append(c.files, f)
	case filepath.Clean(c.files[i].Path) != filepath.Clean(f.Path):
		c.errors = append(c.errors, &Error{File: f.Path, Line: 1, Column: 1, Text: fmt.Sprintf("scenario %s is also %s: results go by the name", f.Name, c.files[i].Path)})
	default:
		c.files[i].merge(f)
	}
}

// choose leaves one case only.
func (f *File) choose(name string) bool {
	i := slices.IndexFunc(f.cases, func(c *Case) bool { return c.Name == name })
	if i < 0 {
		return false
	}
	f.cases = f.cases[i : i+1]
	return true
}

func (f *File) unknownCase(name string) string {
	var names []string
	for _, c := range f.cases {
		names = append(names, c.Name)
	}
	text, _ := unknown("case", name, names)
	return text
}

func (f *File) merge(other *File) {
	for _, c := range other.cases {
		if !slices.ContainsFunc(f.cases, func(mine *Case) bool { return mine.Name == c.Name }) {
			f.cases = append(f.cases, c)
		}
	}
}

// reason is what the system said, without the path that is named already.
func reason(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	return err.Error()
}
