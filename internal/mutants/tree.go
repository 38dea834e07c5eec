package main

import (
	"bytes"
	"context"
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

// series is the kernel series whose drivers are mutated.
const series = "6.1"

// Tree is a kernel taken apart: what modules are built from and what boots.
type Tree struct {
	dir     string
	release string // as uname -r says it
}

// source is the kernel's source tree, of which there are the drivers only.
func (t Tree) source() string { return filepath.Join(t.dir, "source") }

// headers is what modules are built against.
func (t Tree) headers() string { return filepath.Join(t.dir, "usr/src/linux-headers-"+t.release) }

// cacheDir is where trees are kept: beside lanproof's own kernels.
func cacheDir() (string, error) {
	if dir := os.Getenv("LANPROOF_CACHE"); dir != "" {
		return filepath.Join(dir, "mutants"), nil
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the cache: %w", err)
	}
	return filepath.Join(dir, "lanproof", "mutants"), nil
}

// keptTrees are the trees that the cache has.
func keptTrees() ([]Tree, error) {
	cache, err := cacheDir()
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(cache)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("look for kernels in the cache: %w", err)
	}
	var all []Tree
	for _, e := range entries {
		if e.IsDir() && !strings.HasPrefix(e.Name(), ".") {
			all = append(all, Tree{dir: filepath.Join(cache, e.Name()), release: e.Name()})
		}
	}
	return all, nil
}

// openTree returns the newest cloud kernel of the series that apt offers headers
// for, which is what lanproof knows as debian:6.1. It is fetched if the cache does
// not have it. Nothing is installed.
func openTree(ctx context.Context) (Tree, error) {
	release, err := newestRelease(ctx)
	if err != nil {
		return Tree{}, err
	}
	kept, err := keptTrees()
	if err != nil {
		return Tree{}, err
	}
	if i := slices.IndexFunc(kept, func(t Tree) bool { return t.release == release }); i >= 0 {
		return kept[i], nil
	}
	cache, err := cacheDir()
	if err != nil {
		return Tree{}, err
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return Tree{}, fmt.Errorf("make the cache: %w", err)
	}
	tmp, err := os.MkdirTemp(cache, ".new-")
	if err != nil {
		return Tree{}, fmt.Errorf("make the cache: %w", err)
	}
	defer os.RemoveAll(tmp)
	t := Tree{dir: tmp, release: release}
	if err := t.fill(ctx); err != nil {
		return Tree{}, err
	}
	dir := filepath.Join(cache, release)
	if err := os.Rename(tmp, dir); err != nil && !errors.Is(err, fs.ErrExist) {
		return Tree{}, fmt.Errorf("keep kernel %s: %w", release, err)
	}
	return Tree{dir: dir, release: release}, nil
}

var headersName = regexp.MustCompile(`(?m)^linux-headers-([0-9][0-9.-]*-cloud-amd64) `)

// newestRelease asks apt for the newest cloud kernel of the series.
func newestRelease(ctx context.Context) (string, error) {
	out, err := output(ctx, "", "apt-cache", "search", "--names-only", `^linux-headers-`+regexp.QuoteMeta(series+".")+`.*-cloud-amd64$`)
	if err != nil {
		return "", err
	}
	var all []string
	for _, m := range headersName.FindAllStringSubmatch(out, -1) {
		all = append(all, m[1])
	}
	if len(all) == 0 {
		return "", fmt.Errorf("apt offers no linux-headers-%s*-cloud-amd64: apt-get update may help", series)
	}
	return slices.MaxFunc(all, func(a, b string) int { return slices.Compare(numbers(a), numbers(b)) }), nil
}

var digits = regexp.MustCompile(`[0-9]+`)

// numbers are the numbers in a version, by which versions of one form are ordered.
func numbers(version string) []int {
	var all []int
	for _, text := range digits.FindAllString(version, -1) {
		n, err := strconv.Atoi(text)
		if err != nil {
			n = 0 // too long to be part of a version
		}
		all = append(all, n)
	}
	return all
}

var versionField = regexp.MustCompile(`(?m)^Version: (\S+)$`)

// fill fetches the packages of one build of the kernel and takes them apart.
func (t Tree) fill(ctx context.Context) error {
	headers := "linux-headers-" + t.release
	about, err := output(ctx, "", "apt-cache", "show", "--no-all-versions", headers)
	if err != nil {
		return err
	}
	m := versionField.FindStringSubmatch(about)
	if m == nil {
		return fmt.Errorf("apt-cache shows no version of %s", headers)
	}
	common := "linux-headers-" + strings.TrimSuffix(t.release, "-cloud-amd64") + "-common"
	fetch := []string{"download", "-q", "-o", "APT::Sandbox::User=root"}
	for _, name := range []string{headers, common, "linux-kbuild-" + series, "linux-source-" + series, "linux-image-" + t.release} {
		fetch = append(fetch, name+"="+m[1])
	}
	if _, err := output(ctx, t.dir, "apt-get", fetch...); err != nil {
		return err
	}
	debs, err := filepath.Glob(filepath.Join(t.dir, "*.deb"))
	if err != nil {
		return err
	}
	for _, deb := range debs {
		if err := t.unpack(ctx, deb); err != nil {
			return err
		}
		if err := os.Remove(deb); err != nil {
			return fmt.Errorf("remove a package: %w", err)
		}
	}
	// The package names the place where it would be installed.
	makefile := "include ../" + common + "/Makefile\n"
	if err := os.WriteFile(filepath.Join(t.headers(), "Makefile"), []byte(makefile), 0o644); err != nil {
		return fmt.Errorf("adapt the headers: %w", err)
	}
	return nil
}

// unpack takes one package apart; of the source, the drivers only.
func (t Tree) unpack(ctx context.Context, deb string) error {
	if !strings.HasPrefix(filepath.Base(deb), "linux-source-") {
		_, err := output(ctx, "", "dpkg-deb", "-x", deb, t.dir)
		return err
	}
	if err := os.Mkdir(t.source(), 0o755); err != nil {
		return fmt.Errorf("unpack the source: %w", err)
	}
	const top = "linux-source-" + series
	script := `dpkg-deb --fsys-tarfile "$1" | tar -xO ./usr/src/` + top + `.tar.xz | tar -xJ --strip-components=1 -C "$2" ` +
		top + "/drivers/net/macvlan.c " + top + "/drivers/net/ipvlan " + top + "/net/8021q"
	_, err := output(ctx, "", "sh", "-c", script, "unpack", deb, t.source())
	return err
}

// output runs a program and returns what it prints. Its errors carry what it
// complained of.
func output(ctx context.Context, dir, program string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", program, strings.Join(args, " "), err, strings.TrimSpace(errs.String()))
	}
	return out.String(), nil
}
