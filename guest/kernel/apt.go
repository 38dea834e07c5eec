package kernel

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// choice is what apt was found to offer, kept with the state of apt's lists, since
// asking apt takes 2 s.
type choice struct {
	Stamp string `json:"stamp"`
	File  string `json:"file"` // name of the .deb in the cache
}

// distro names a kernel of Debian's.
type distro struct {
	series string // "6.12"; "" is any
	flavour
}

// flavour is Debian's word for a configuration: cloud-amd64, amd64 (the one for
// machines, with the drivers of their cards), rt-amd64.
type flavour string

// cloud is the flavour of names that give none: it boots sooner.
const cloud flavour = "cloud-amd64"

// name is what the cache knows the choice by.
func (d distro) name() string {
	name := "series-" + cmp.Or(d.series, "any")
	if d.flavour != cloud {
		name += "-" + string(d.flavour)
	}
	return name
}

// pattern is the name of the package, for people.
func (d distro) pattern() string { return "linux-image-" + d.series + "*-" + string(d.flavour) }

// debian returns the .deb of the newest kernel of a series and flavour that apt
// offers. If apt cannot be asked, or offers none any more, the one that was used
// before will do.
func (c Cache) debian(ctx context.Context, d distro) (string, error) {
	dir := filepath.Join(c.Dir, "debian")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("make the cache: %w", err)
	}
	note := filepath.Join(dir, d.name()+".json")
	stamp := aptStamp()
	if old, ok := readChoice(note); ok && old.Stamp == stamp {
		return filepath.Join(dir, old.File), nil
	}
	unlock, err := lock(ctx, note+".lock")
	if err != nil {
		return "", err
	}
	defer unlock()
	old, ok := readChoice(note)
	if ok && old.Stamp == stamp {
		return filepath.Join(dir, old.File), nil
	}
	file, err := fetch(ctx, dir, d)
	switch {
	case err == nil:
		return filepath.Join(dir, file), writeChoice(note, choice{stamp, file})
	case ok && ctx.Err() == nil:
		return filepath.Join(dir, old.File), nil
	default:
		return "", err
	}
}

func readChoice(note string) (choice, bool) {
	var c choice
	text, err := os.ReadFile(note)
	if err != nil || json.Unmarshal(text, &c) != nil || c.File != filepath.Base(c.File) {
		return c, false
	}
	_, err = os.Stat(filepath.Join(filepath.Dir(note), c.File))
	return c, err == nil
}

func writeChoice(note string, c choice) error {
	text, err := json.Marshal(c)
	if err == nil {
		err = writeFile(note, text)
	}
	if err != nil {
		return fmt.Errorf("note what apt offers: %w", err)
	}
	return nil
}

// writeFile replaces a file as a whole.
func writeFile(name string, data []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(name), ".new-")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(data)
	if err := errors.Join(err, tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), name)
}

// aptStamp changes when apt's lists or its configuration do.
func aptStamp() string {
	var b strings.Builder
	for _, name := range []string{
		"/var/lib/apt/lists", "/etc/apt/sources.list", "/etc/apt/sources.list.d",
		"/etc/apt/preferences", "/etc/apt/preferences.d",
	} {
		if st, err := os.Stat(name); err == nil {
			fmt.Fprint(&b, st.ModTime().UnixNano(), " ")
		} else {
			b.WriteString("- ")
		}
	}
	return b.String()
}

// cure is the end of messages about packages that apt does not offer or give.
const cure = "apt-get update"

// fetch downloads the newest package into dir, and returns the name of the file.
func fetch(ctx context.Context, dir string, d distro) (string, error) {
	for _, tool := range []string{"apt-cache", "apt-get"} {
		if _, err := exec.LookPath(tool); err != nil {
			return "", fmt.Errorf("%w: there is no apt on this machine; unpack or download a kernel package "+
				"and name it: --kernel FILE.deb", ErrNotFound)
		}
	}
	name, err := newest(ctx, d)
	if err != nil {
		return "", err
	}
	tmp, err := os.MkdirTemp(dir, ".new-")
	if err != nil {
		return "", fmt.Errorf("make the cache: %w", err)
	}
	defer os.RemoveAll(tmp)
	// Without the sandbox user it works in a user namespace and in directories that
	// only their owner may enter.
	if _, err := apt(ctx, tmp, "apt-get", "download", "-q", "-o", "APT::Sandbox::User=root", name); err != nil {
		return "", fmt.Errorf("%w: download %s: %w; renew the package lists and see that the network works: %s",
			ErrNotFound, name, err, cure)
	}
	debs, err := filepath.Glob(filepath.Join(globEscape(tmp), "*.deb"))
	if err != nil || len(debs) != 1 {
		return "", fmt.Errorf("%w: apt-get left %d files for %s; try: %s", ErrNotFound, len(debs), name, cure)
	}
	file := filepath.Base(debs[0])
	if err := os.Rename(debs[0], filepath.Join(dir, file)); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", fmt.Errorf("keep %s: %w", file, err)
	}
	return file, nil
}

// newest asks apt for the newest kernel of the series and flavour.
func newest(ctx context.Context, d distro) (string, error) {
	out, err := apt(ctx, "", "apt-cache", "search", "--names-only", "^linux-image-[0-9.].*-"+string(d.flavour))
	if err != nil {
		return "", fmt.Errorf("%w: ask apt for kernels: %w; renew the package lists: %s", ErrNotFound, err, cure)
	}
	name := choose(out, d)
	if name == "" {
		return "", fmt.Errorf("%w: apt offers no %s; if it should, renew the package lists: %s", ErrNotFound, d.pattern(), cure)
	}
	return name, nil
}

var packageName = regexp.MustCompile(`^linux-image-([0-9]+\.[0-9]+)\.[0-9]+[^ ]*?-((?:cloud-|rt-)?amd64)(-unsigned)?$`)

// choose returns the newest kernel of a series and flavour out of the lines of
// apt-cache search, and an unsigned one only if there is no other.
func choose(lines string, d distro) string {
	var signed, unsigned []string
	for line := range strings.Lines(lines) {
		name, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		m := packageName.FindStringSubmatch(name)
		switch {
		case m == nil || m[2] != string(d.flavour) || d.series != "" && m[1] != d.series:
		case m[3] == "":
			signed = append(signed, name)
		default:
			unsigned = append(unsigned, name)
		}
	}
	if len(signed) == 0 {
		signed = unsigned
	}
	if len(signed) == 0 {
		return ""
	}
	return slices.MaxFunc(signed, compareVersions)
}

var chunks = regexp.MustCompile(`[0-9]+|[^0-9]+`)

// compareVersions orders names so that numbers in them count as numbers.
func compareVersions(a, b string) int {
	return slices.CompareFunc(chunks.FindAllString(a, -1), chunks.FindAllString(b, -1), func(x, y string) int {
		nx, errX := strconv.ParseUint(x, 10, 64)
		ny, errY := strconv.ParseUint(y, 10, 64)
		if errX != nil || errY != nil {
			return strings.Compare(x, y)
		}
		return cmp.Compare(nx, ny)
	})
}

// apt runs one of apt's tools in a directory and returns what it printed. Its
// errors carry what the tool complained of.
func apt(ctx context.Context, dir, tool string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, tool, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		if text := strings.Join(strings.Fields(errs.String()), " "); text != "" {
			return "", fmt.Errorf("%s: %w: %s", tool, err, text)
		}
		return "", fmt.Errorf("%s: %w", tool, err)
	}
	return out.String(), nil
}
