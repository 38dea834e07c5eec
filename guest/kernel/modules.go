package kernel

import (
	"bytes"
	"debug/elf"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
)

// Module is a kernel module, decompressed.
type Module struct {
	// Name is as lsmod shows it: with underscores.
	Name string
	Data []byte
}

// DefaultModules are what a guest gets in any case, if the kernel has them.
func DefaultModules() []string {
	return []string{"macvlan", "macvtap", "ipvlan", "8021q", "garp", "mrp", "dummy", "veth", "bridge", "stp", "llc"}
}

// moduleName returns the name of a module's file, or "" if it is none.
func moduleName(file string) string {
	name, rest, ok := strings.Cut(path.Base(file), ".ko")
	if !ok || name == "" || !slices.Contains([]string{"", ".xz", ".zst", ".gz"}, rest) {
		return ""
	}
	return canonical(name)
}

// canonical turns a module's name as people and files write it into the kernel's.
func canonical(name string) string { return strings.ReplaceAll(name, "-", "_") }

// shelf is where modules come from: their files by name.
type shelf struct {
	files   map[string]string // module name -> path
	builtin map[string]bool
	read    func(path string) ([]byte, error)
}

func newShelf(read func(string) ([]byte, error)) *shelf {
	return &shelf{files: make(map[string]string), builtin: make(map[string]bool), read: read}
}

// add notes a file. Of two with one name the one under updates/ wins, as with
// depmod(8), then the one whose path sorts first.
func (s *shelf) add(file string) {
	name := moduleName(file)
	if name == "" {
		return
	}
	old, ok := s.files[name]
	if !ok || better(file, old) {
		s.files[name] = file
	}
}

func better(a, b string) bool {
	if ua, ub := isUpdate(a), isUpdate(b); ua != ub {
		return ua
	}
	return a < b
}

func isUpdate(file string) bool { return slices.Contains(strings.Split(file, "/"), "updates") }

// addBuiltin reads a modules.builtin file.
func (s *shelf) addBuiltin(text []byte) {
	for line := range strings.Lines(string(text)) {
		if name := moduleName(strings.TrimSpace(line)); name != "" {
			s.builtin[name] = true
		}
	}
}

// scan notes all modules of a directory such as lib/modules/RELEASE.
func (s *shelf) scan(dir fs.FS) error {
	err := fs.WalkDir(dir, ".", func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (file == "build" || file == "source") {
			return fs.SkipDir
		}
		if !d.IsDir() {
			s.add(file)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("look for kernel modules: %w", err)
	}
	if text, err := fs.ReadFile(dir, "modules.builtin"); err == nil {
		s.addBuiltin(text)
	}
	return nil
}

// take returns the wanted modules and all that they need, each after what it needs,
// and the names of those that are neither there nor built in.
func (s *shelf) take(want []string) (mods []Module, missing []string, err error) {
	seen := make(map[string]bool)
	absent := make(map[string]bool)
	var visit func(name string) error
	visit = func(name string) error {
		name = canonical(name)
		if seen[name] {
			return nil
		}
		seen[name] = true
		file, ok := s.files[name]
		if !ok {
			absent[name] = !s.builtin[name]
			return nil
		}
		m, needs, err := s.load(name, file)
		if err != nil {
			return err
		}
		for _, n := range needs {
			if err := visit(n); err != nil {
				return err
			}
		}
		mods = append(mods, m)
		return nil
	}
	for _, name := range want {
		if err := visit(name); err != nil {
			return nil, nil, err
		}
	}
	maps.DeleteFunc(absent, func(_ string, really bool) bool { return !really })
	return mods, slices.Sorted(maps.Keys(absent)), nil
}

func (s *shelf) load(name, file string) (Module, []string, error) {
	raw, err := s.read(file)
	if err != nil {
		return Module{}, nil, fmt.Errorf("read module %s: %w", file, err)
	}
	data, err := decompress(raw, maxModule)
	if err != nil {
		return Module{}, nil, fmt.Errorf("read module %s: %w", file, err)
	}
	needs, err := depends(data)
	if err != nil {
		return Module{}, nil, fmt.Errorf("read module %s: %w", file, err)
	}
	return Module{Name: name, Data: data}, needs, nil
}

// depends returns the modules that a module needs, from its .modinfo section
// (kernel: scripts/mod/modpost.c:add_depends). Debian's packages carry no
// modules.dep.
func depends(module []byte) ([]string, error) {
	f, err := elf.NewFile(bytes.NewReader(module))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBadPackage, err)
	}
	section := f.Section(".modinfo")
	if section == nil || section.Type == elf.SHT_NOBITS || section.Flags&elf.SHF_COMPRESSED != 0 || section.FileSize > uint64(len(module)) {
		return nil, fmt.Errorf("%w: no .modinfo section", ErrBadPackage)
	}
	info, err := section.Data()
	if err != nil {
		return nil, fmt.Errorf("%w: .modinfo: %w", ErrBadPackage, err)
	}
	var needs []string
	for field := range bytes.SplitSeq(info, []byte{0}) {
		if list, ok := bytes.CutPrefix(field, []byte("depends=")); ok {
			needs = append(needs, strings.FieldsFunc(string(list), func(r rune) bool { return r == ',' })...)
		}
	}
	return needs, nil
}
