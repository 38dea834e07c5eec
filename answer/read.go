package answer

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/lanproof/lanproof/intent"
	"github.com/lanproof/lanproof/intent/cni"
	"github.com/lanproof/lanproof/intent/command"
	"github.com/lanproof/lanproof/intent/compose"
)

// StandardInput is the name that stands for it.
const StandardInput = "-"

// ReadOptions are what the readers are told.
type ReadOptions struct {
	Compose compose.Options
	// Stdin is read where a file is named -.
	Stdin io.Reader
}

// kind is the language that a file is written in.
type kind int

const (
	composeFile kind = iota
	commands
	cniFile
)

// Read reads files, each by the reader that its name and content ask for: Compose files
// together as one project, CNI configurations, also those in manifests of Kubernetes, and
// everything else as text with docker and podman command lines. The error is an *intent.Error, or several of them joined.
func Read(ctx context.Context, files []string, o ReadOptions) (*intent.Intent, error) {
	var whole intent.Intent
	var project []string
	var errs []error
	given := map[string][]byte{}
	fail := func(name string, err error) {
		var placed *intent.Error
		if !errors.As(err, &placed) {
			err = &intent.Error{Place: intent.Place{File: shown(name)}, Err: err}
		}
		errs = append(errs, err)
	}
	for _, name := range files {
		text, err := readFile(ctx, name, o.Stdin)
		if err != nil {
			fail(name, err)
			continue
		}
		switch kindOf(name, text) {
		case composeFile:
			given[shown(name)] = text // a pipe cannot be read twice
			project = append(project, shown(name))
		case commands:
			in, err := command.Read(shown(name), text)
			if err != nil {
				fail(name, err)
				continue
			}
			join(&whole, in)
		case cniFile:
			configs := definitions(text)
			if len(configs) == 0 {
				configs = [][]byte{text}
			}
			for _, config := range configs {
				in, err := cni.Read(shown(name), config)
				if err != nil {
					fail(name, err)
					continue
				}
				join(&whole, in)
			}
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	if len(project) > 0 {
		o.Compose.Given, o.Compose.Dir = given, cmp.Or(o.Compose.Dir, projectDir(project[0]))
		in, err := compose.Load(ctx, project, o.Compose)
		if err != nil {
			return nil, err
		}
		join(&whole, in)
	}
	return lastMoment(&whole), nil
}

// lastMoment is the last at which there is something, where a file ends by taking all
// apart again.
func lastMoment(in *intent.Intent) *intent.Intent {
	for last := len(in.Earlier) - 1; last >= 0 && len(in.Networks)+len(in.Endpoints) == 0; last-- {
		in.Networks, in.Endpoints = in.Earlier[last].Networks, in.Earlier[last].Endpoints
		in.Earlier = in.Earlier[:last]
	}
	return in
}

// shown is a file's name as people read it.
func shown(name string) string {
	if name == StandardInput {
		return "standard input"
	}
	return name
}

// kindOf tells languages apart: by the name where it says it, else by the content.
func kindOf(name string, text []byte) kind {
	if len(definitions(text)) > 0 {
		return cniFile
	}
	switch strings.ToLower(filepath.Ext(name)) {
	case ".yml", ".yaml":
		// A playbook or a pipeline may have command lines in it.
		if command.Looks(text) && !isCompose(text) {
			return commands
		}
		return composeFile
	case ".conf", ".conflist":
		if command.Looks(text) && !cni.Looks(text) {
			return commands
		}
		return cniFile
	case ".sh", ".bash", ".zsh", ".md", ".txt":
		return commands
	}
	switch {
	case bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")):
		return cniFile
	case isCompose(text):
		return composeFile
	}
	return commands
}

// isCompose reports whether text is YAML with one of the parts that a Compose file has.
func isCompose(text []byte) bool {
	var root map[string]any
	if yaml.Unmarshal(text, &root) != nil {
		return false
	}
	return slices.ContainsFunc([]string{"services", "networks", "include"}, func(key string) bool {
		_, ok := root[key]
		return ok
	})
}

// join adds an intent to another one. A network that one says is made elsewhere is the
// other's of that name, if it makes one.
func join(whole, more *intent.Intent) {
	whole.Networks = append(whole.Networks, more.Networks...)
	whole.Endpoints = append(whole.Endpoints, more.Endpoints...)
	whole.Unread = append(whole.Unread, more.Unread...)
	whole.Refused = append(whole.Refused, more.Refused...)
	whole.Earlier = append(whole.Earlier, more.Earlier...)
	for i := 0; i < len(whole.Networks); i++ {
		n := &whole.Networks[i]
		if !n.External.Is {
			continue
		}
		made := slices.IndexFunc(whole.Networks, func(o intent.Network) bool { return !o.External.Is && known(&o) == known(n) })
		if made < 0 {
			continue
		}
		to, was := whole.Networks[made].Name, n.Name
		for k := range whole.Endpoints {
			for l := range whole.Endpoints[k].Attach {
				if a := &whole.Endpoints[k].Attach[l]; a.Network == was {
					a.Network = to
				}
			}
		}
		whole.Networks = slices.Delete(whole.Networks, i, i+1)
		i--
	}
}

// known is the name by which the engine knows a network.
func known(n *intent.Network) string {
	if n.Known != "" {
		return n.Known
	}
	return n.Name
}
