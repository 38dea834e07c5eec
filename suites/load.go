package suites

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"

	"github.com/lanproof/lanproof/run"
	"github.com/lanproof/lanproof/scenarios"
)

// load reads the scenario files of all folders in files and works out the checks
// of their cases. Neither asks a kernel, so that every process of a parallel
// run comes to the same. The error is all that is wrong.
func load(files fs.FS, o *Options) ([]*run.Prepared, error) {
	found, err := find(files, o.Dir)
	if err != nil {
		return nil, err
	}
	var prepared []*run.Prepared
	var wrong scenarios.Errors
	for _, f := range found {
		for _, c := range f.Cases() {
			p, err := run.Prepare(c, o.Seed)
			if err == nil && len(p.Checks()) == 0 {
				err = at(f.Path, "case %s makes no check", c.Name)
			}
			wrong = append(wrong, asErrors(f.Path, err)...)
			prepared = append(prepared, p)
		}
	}
	if len(wrong) > 0 {
		return nil, wrong
	}
	return prepared, nil
}

// find loads the scenario files of all folders.
func find(files fs.FS, dir string) ([]*scenarios.File, error) {
	var all []*scenarios.File
	var wrong scenarios.Errors
	known := map[string]string{}
	folders, err := folders(files)
	if err != nil {
		return nil, fmt.Errorf("look for scenario files: %w", err)
	}
	for _, folder := range folders {
		sub, err := fs.Sub(files, folder)
		if err != nil {
			return nil, fmt.Errorf("open folder %s: %w", folder, err)
		}
		found, err := scenarios.FindFS(sub, path.Join(dir, folder))
		wrong = append(wrong, asErrors(path.Join(dir, folder), err)...)
		for _, f := range found {
			if other := known[f.Name]; other != "" {
				wrong = append(wrong, at(f.Path, "scenario %s is also %s: results go by the name", f.Name, other)...)
			}
			known[f.Name] = f.Path
		}
		all = append(all, found...)
	}
	if len(wrong) > 0 {
		return nil, wrong
	}
	return all, nil
}

// folders are those with scenario files in them, in order; the top when there
// is none, for FindFS to say so.
func folders(files fs.FS) ([]string, error) {
	var all []string
	err := fs.WalkDir(files, ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		ext, folder := path.Ext(name), path.Dir(name)
		if (ext == ".yaml" || ext == ".yml") && !slices.Contains(all, folder) {
			all = append(all, folder)
		}
		return nil
	})
	if len(all) == 0 {
		all = []string{"."}
	}
	return all, err
}

func at(file, format string, args ...any) scenarios.Errors {
	return scenarios.Errors{{File: file, Line: 1, Column: 1, Text: fmt.Sprintf(format, args...)}}
}

// asErrors are an error's parts; none for nil.
func asErrors(file string, err error) scenarios.Errors {
	var several scenarios.Errors
	switch {
	case err == nil:
		return nil
	case errors.As(err, &several):
		return several
	default:
		return at(file, "%v", err)
	}
}
