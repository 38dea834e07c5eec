package kernel

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestChoose(t *testing.T) {
	const offer = `linux-image-6.1.0-9-cloud-amd64 - Linux 6.1 (signed)
linux-image-6.1.0-56-cloud-amd64 - Linux 6.1 (signed)
linux-image-6.1.0-57-cloud-amd64-unsigned - Linux 6.1
linux-image-6.1.0-58-cloud-amd64-dbg - Debug symbols
linux-image-6.12-cloud-amd64 - meta-package
linux-image-6.12.100+deb12-cloud-amd64 - Linux 6.12
linux-image-6.12.99+deb12-cloud-amd64 - Linux 6.12
linux-image-6.12.101+deb12-rt-amd64 - Linux 6.12
linux-image-6.7.1-cloud-amd64-unsigned - Linux 6.7
linux-image-6.1.0-55-amd64 - Linux 6.1
linux-image-6.12.98+deb12-amd64 - Linux 6.12
linux-image-6.12.99+deb12-amd64-unsigned - Linux 6.12
linux-image-6.12-amd64 - meta-package
linux-image-cloud-amd64 - meta-package
rubbish
`
	for d, want := range map[distro]string{
		{"6.1", cloud}:       "linux-image-6.1.0-56-cloud-amd64",
		{"6.12", cloud}:      "linux-image-6.12.100+deb12-cloud-amd64",
		{"", cloud}:          "linux-image-6.12.100+deb12-cloud-amd64",
		{"6.7", cloud}:       "linux-image-6.7.1-cloud-amd64-unsigned",
		{"6.12", "amd64"}:    "linux-image-6.12.98+deb12-amd64",
		{"6.1", "amd64"}:     "linux-image-6.1.0-55-amd64",
		{"6.12", "rt-amd64"}: "linux-image-6.12.101+deb12-rt-amd64",
		{"6", cloud}:         "", {"6.11", cloud}: "", {"6.7", "amd64"}: "",
	} {
		if got := choose(offer, d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}

// fakeApt puts shell scripts in apt's place: what it offers, and whether a download
// works, is up to the test.
func fakeApt(t *testing.T, search, download string) {
	t.Helper()
	dir := t.TempDir()
	for name, script := range map[string]string{"apt-cache": search, "apt-get": download} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir+":/bin:/usr/bin")
}

func TestDebian(t *testing.T) {
	file := write(t, filepath.Join(t.TempDir(), "k.deb"), deb(packageFiles(), "data.tar.gz", gz))
	const offer = "echo linux-image-6.99.1-test-cloud-amd64 - x"
	cache := Options{Cache: t.TempDir()}
	for _, tt := range []struct{ name, search, download, want string }{
		{"none offered", "echo nothing", "exit 9", "apt offers no linux-image-6.99*"},
		{"apt broken", "echo broken >&2; exit 1", "exit 9", "broken"},
		{"no network", offer, "echo E: no network >&2; exit 100", "no network"},
		{"nothing comes", offer, "true", "left 0 files"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			fakeApt(t, tt.search, tt.download)
			_, err := Resolve(t.Context(), "debian:6.99", cache)
			if !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), tt.want) || !strings.HasSuffix(err.Error(), cure) {
				t.Errorf("error %v", err)
			}
		})
	}
	fakeApt(t, offer, "cp "+file+" ./k_1_amd64.deb")
	k, err := Resolve(t.Context(), "debian:6.99", cache)
	if err != nil {
		t.Fatal(err)
	}
	checkKernel(t, k)
	// A damaged package is fetched anew.
	got := filepath.Join(cache.Cache, "debian", "k_1_amd64.deb")
	if err := os.Truncate(got, 100); err != nil {
		t.Fatal(err)
	}
	if _, err := Resolve(t.Context(), "debian:6.99", cache); err != nil {
		t.Error(err)
	}
	// What apt no longer offers is still there.
	write(t, filepath.Join(cache.Cache, "debian", "series-6.99.json"), []byte(`{"stamp":"old","file":"k_1_amd64.deb"}`))
	fakeApt(t, "exit 1", "exit 1")
	if _, err := Resolve(t.Context(), "debian:6.99", cache); err != nil {
		t.Error(err)
	}
}

// TestRealPackages compares a package of Debian's with the same, unpacked by dpkg.
func TestRealPackages(t *testing.T) {
	if _, err := exec.LookPath("dpkg-deb"); err != nil {
		t.Skip("no dpkg-deb; install it with: apt-get install dpkg")
	}
	for _, series := range []string{"6.1", "6.12"} {
		k, err := Resolve(t.Context(), "debian:"+series, Options{})
		if errors.Is(err, ErrNotFound) {
			t.Skip(err)
		}
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(k.Release, series+".") || len(k.Missing) > 0 {
			t.Errorf("release %s, missing %v", k.Release, k.Missing)
		}
		file, err := Cache{DefaultCache()}.debian(t.Context(), distro{series, cloud})
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		if out, err := exec.Command("dpkg-deb", "-x", file, dir).CombinedOutput(); err != nil {
			t.Fatal(err, string(out))
		}
		unpacked, err := Resolve(t.Context(), dir, Options{Cache: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		if unpacked.ID != k.ID || unpacked.Release != k.Release || !slices.Equal(names(unpacked.Modules), names(k.Modules)) {
			t.Errorf("%s %s %v differs from %s %s %v", k.ID, k.Release, names(k.Modules),
				unpacked.ID, unpacked.Release, names(unpacked.Modules))
		}
	}
}
