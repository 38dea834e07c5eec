// Package compose reads Compose files into what they want to be built. The files are
// loaded by the Compose specification's own loader; the places, which it drops, are
// found again in the same files. Nothing of a file is executed or fetched, and no file is
// read that the networks do not depend on: no service's env_file, no label_file, no
// secret, config or build context.
package compose

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/consts"
	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/template"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/sirupsen/logrus"

	"github.com/lanproof/lanproof/intent"
)

// Options are what docker compose is told besides its files.
type Options struct {
	// Environ are variables as os.Environ gives them. They come before those of the env
	// files, as in docker compose, which uses its process's own; Load uses no others, so
	// that who wants what docker compose does gives os.Environ().
	Environ []string
	// EnvFiles stand in place of the .env in the project's folder.
	EnvFiles []string
	// Profiles that are switched on; COMPOSE_PROFILES counts when there are none.
	Profiles []string
	// ProjectName comes before COMPOSE_PROJECT_NAME, the files' own name and that of
	// the project's folder.
	ProjectName string
	// Dir is the project's folder: that of the first file when empty. Files that are
	// extended or included must be in it.
	Dir string
	// Given are the contents of files that are not to be read, by their names, as of one
	// that came by standard input. The folder is that of the name.
	Given map[string][]byte
}

// Load reads Compose files, of which later ones override earlier ones. Networks and
// endpoints come in the order in which they stand; networks that no service uses are
// among them. An error is an *intent.Error, or several of them joined. A variable without
// a value is an empty word, as in docker compose, and named in Unread where a network or
// an endpoint depends on it.
func Load(ctx context.Context, files []string, o Options) (*intent.Intent, error) {
	if len(files) == 0 {
		return nil, errors.New("compose: no file named")
	}
	b, err := open(files, o)
	if err != nil {
		return nil, err
	}
	defer b.close()
	if err := b.read(); err != nil {
		return nil, err
	}
	project, err := b.load(ctx, o)
	if err != nil {
		return nil, b.explain(err)
	}
	return b.intent(project)
}

// load has the specification's loader read what has been read and found harmless.
func (b *book) load(ctx context.Context, o Options) (p *types.Project, err error) {
	// The library is given files that people bring along, and may not take us with it.
	defer func() {
		if r := recover(); r != nil {
			p, err = nil, fmt.Errorf("the Compose library broke off: %v", r)
		}
	}()
	// What the library says to a log is said by Unread, with its place.
	logrus.SetOutput(io.Discard)
	details := types.ConfigDetails{WorkingDir: b.main.dir, Environment: b.main.env.Clone()}
	for _, f := range b.main.files {
		details.ConfigFiles = append(details.ConfigFiles, types.ConfigFile{Filename: f.path, Content: f.content})
	}
	return loader.LoadWithContext(ctx, details, func(to *loader.Options) {
		to.SkipResolveEnvironment, to.SkipResolveLabels = true, true
		to.ResolvePaths = false
		to.Interpolate.Substitute = func(text string, value template.Mapping) (string, error) {
			return template.SubstituteWithOptions(text, value, template.WithoutLogging)
		}
		to.Profiles = profiles(o.Profiles, b.main.env)
		to.SetProjectName(b.main.env[consts.ComposeProjectName], true)
	})
}

// profiles are those that are named, else those of COMPOSE_PROFILES.
func profiles(named []string, env types.Mapping) []string {
	if len(named) > 0 {
		return named
	}
	var all []string
	for p := range strings.SplitSeq(env[consts.ComposeProfiles], ",") {
		if p = strings.TrimSpace(p); p != "" {
			all = append(all, p)
		}
	}
	return all
}

// open makes the book of the named files, with the project's folder and environment.
func open(files []string, o Options) (*book, error) {
	dir := o.Dir
	if dir == "" {
		dir = filepath.Dir(files[0])
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("find the folder of %s: %w", files[0], err)
	}
	root, err := os.OpenRoot(abs)
	if err != nil {
		return nil, &intent.Error{Place: intent.Place{File: files[0]}, Err: fmt.Errorf("open its folder: %w", errors.Unwrap(err))}
	}
	b := &book{root: root, dir: abs, shown: dir, given: o.Given, models: map[string]*model{}, sources: map[string]*source{}}
	env, err := b.environment(o)
	if err != nil {
		b.close()
		return nil, err
	}
	b.main = &model{dir: abs, env: env}
	if b.chosen = o.ProjectName; b.chosen == "" {
		b.chosen = env[consts.ComposeProjectName]
	}
	for _, f := range files {
		b.main.files = append(b.main.files, &source{shown: f, model: b.main})
	}
	return b, nil
}

// environment is the process's, then that of the env files.
func (b *book) environment(o Options) (types.Mapping, error) {
	env := types.Mapping{}
	for _, v := range o.Environ {
		if key, value, ok := strings.Cut(v, "="); ok {
			env[key] = value
		}
	}
	files := slices.Clone(o.EnvFiles)
	if len(files) == 0 {
		read, err := b.dotenv(filepath.Join(b.dir, ".env"), env)
		if errors.Is(err, os.ErrNotExist) {
			return env, nil
		}
		return env.Merge(read), err
	}
	var more types.Mapping
	for _, f := range files {
		content, err := readNamed(f)
		if err != nil {
			return nil, err
		}
		read, err := parseEnv(f, content, env, more)
		if err != nil {
			return nil, err
		}
		more = read
	}
	return env.Merge(more), nil
}
