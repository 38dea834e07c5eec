package reports

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
)

// kcidbOrigin names the system that reports come from. KCIDB wants lower-case
// letters, digits and underscores, and ids that begin with it and a colon.
const kcidbOrigin = "lanproof"

// kcidbExcerpt is the longest log excerpt that KCIDB takes, in characters.
const kcidbExcerpt = 16 << 10

// The parts of a KCIDB report that lanproof knows something about. What is not
// known is left out; nothing may be null (kcidb-io, kcidb_io/schema).
type (
	kcidbReport struct {
		Version   kcidbVersion    `json:"version"`
		Checkouts []kcidbCheckout `json:"checkouts"`
		Builds    []kcidbBuild    `json:"builds"`
		Tests     []kcidbTest     `json:"tests"`
	}
	kcidbVersion struct {
		Major int `json:"major"`
		Minor int `json:"minor"`
	}
	kcidbCheckout struct {
		ID      string `json:"id"`
		Origin  string `json:"origin"`
		Comment string `json:"comment"`
	}
	kcidbBuild struct {
		ID           string `json:"id"`
		Origin       string `json:"origin"`
		CheckoutID   string `json:"checkout_id"`
		Architecture string `json:"architecture,omitempty"`
		Comment      string `json:"comment"`
	}
	kcidbTest struct {
		ID          string           `json:"id"`
		Origin      string           `json:"origin"`
		BuildID     string           `json:"build_id"`
		Environment kcidbEnvironment `json:"environment"`
		Path        string           `json:"path"`
		Comment     string           `json:"comment"`
		LogExcerpt  string           `json:"log_excerpt,omitempty"`
		Status      string           `json:"status"`
		StartTime   string           `json:"start_time,omitempty"`
		Duration    float64          `json:"duration,omitempty"` // in seconds
		Misc        map[string]any   `json:"misc,omitempty"`
	}
	kcidbEnvironment struct {
		Comment string            `json:"comment"`
		Misc    map[string]string `json:"misc,omitempty"`
	}
)

// WriteKCIDB writes the results as a report for KCIDB, the kernel community's
// database of test results: JSON of its schema 5.0, which every later 5.x takes,
// too. Each check is a test; the kernels that cases ran on are the builds, of
// which no more is known than their release.
func WriteKCIDB(w io.Writer, r *Results) error {
	out := kcidbReport{Version: kcidbVersion{Major: 5}, Checkouts: []kcidbCheckout{}, Builds: []kcidbBuild{}, Tests: []kcidbTest{}}
	builds, names := map[string]string{}, unique{}
	for i := range r.Cases {
		c := &r.Cases[i]
		env := r.environmentOf(c)
		key := c.Kernel + "\x00" + env.Arch
		if builds[key] == "" {
			builds[key] = out.build(c.Kernel, env.Arch, names)
		}
		for _, e := range c.entries() {
			t := kcidbTestOf(r, c, &e, names)
			t.BuildID = builds[key]
			t.Environment = kcidbEnvironment{Comment: kcidbText(c.place() + ", lanproof " + env.Tool), Misc: kcidbDetail(env)}
			out.Tests = append(out.Tests, t)
		}
	}
	b := bufio.NewWriter(w)
	enc := json.NewEncoder(b)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(out); err != nil {
		return fmt.Errorf("write kcidb: %w", err)
	}
	if err := b.Flush(); err != nil {
		return fmt.Errorf("write kcidb: %w", err)
	}
	return nil
}

// environmentOf finds the ground that a case ran on; what is unknown stays empty.
func (r *Results) environmentOf(c *Case) Environment {
	for _, e := range r.Environment {
		if e.Ground == c.Ground && e.Kernel == c.Kernel {
			return e
		}
	}
	return Environment{Ground: c.Ground, Kernel: c.Kernel}
}

// build adds the checkout and the build of a kernel, and returns the build's id.
func (k *kcidbReport) build(kernel, arch string, names unique) string {
	checkout := kcidbCheckout{
		ID: kcidbID(names, "kernel", kernel), Origin: kcidbOrigin,
		Comment: kcidbText("kernel " + kernel + ", by its release alone"),
	}
	build := kcidbBuild{
		ID: kcidbID(names, "build", kernel, arch), Origin: kcidbOrigin, CheckoutID: checkout.ID,
		Architecture: kcidbArch(arch), Comment: checkout.Comment,
	}
	k.Checkouts, k.Builds = append(k.Checkouts, checkout), append(k.Builds, build)
	return build.ID
}

func kcidbTestOf(r *Results, c *Case, e *Check, names unique) kcidbTest {
	t := kcidbTest{
		Origin: kcidbOrigin, Path: kcidbPath("lanproof", c.Case, e.ID), Comment: kcidbText(e.Title),
		Status: kcidbStatus(e), Duration: e.Duration.Seconds(), Misc: map[string]any{},
	}
	started := "unknown"
	if !r.Started.IsZero() {
		started = r.Started.UTC().Format(time.RFC3339Nano)
		t.StartTime = started
	}
	t.ID = kcidbID(names, started, c.place(), c.Case, e.ID)
	if t.Status != "PASS" {
		t.LogExcerpt = strings.ReplaceAll(clip(story(c, e), kcidbExcerpt), "\x00", "")
	}
	for name, value := range map[string]string{
		"expected": e.Expected, "observed": e.Observed, "proof": string(e.Proof), "location": e.Location,
		"scenario": c.Scenario, "labels": strings.Join(c.Labels, ","),
		"claims": strings.Join(e.Claims, ","), "refutes": strings.Join(e.Refutes, ","),
	} {
		if value != "" {
			t.Misc[name] = kcidbText(value)
		}
	}
	return t
}

// kcidbStatus is KCIDB's word for a verdict. A case that came to no check was
// missed by its harness, which says nothing about the kernel.
func kcidbStatus(e *Check) string {
	switch e.Verdict.known() {
	case Pass:
		return "PASS"
	case Fail:
		return "FAIL"
	case Skip:
		return "SKIP"
	case Error:
	}
	if e.ID == caseCheck {
		return "MISS"
	}
	return "ERROR"
}

// kcidbID makes an id out of its parts. No two are the same.
func kcidbID(names unique, parts ...string) string {
	return names.name(kcidbOrigin + ":" + kcidbText(strings.Join(parts, ":")))
}

// kcidbText makes text fit for a field: no line of it is broken, no NUL is in it,
// and nobody's name is endless.
func kcidbText(s string) string { return clip(oneLine(s), 2000) }

// kcidbPath makes a dotted path; its parts have letters, digits, dashes and
// underscores only.
func kcidbPath(parts ...string) string {
	for i, p := range parts {
		parts[i] = strings.Map(func(r rune) rune {
			switch {
			case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_':
				return r
			}
			return '_'
		}, clip(p, 200))
	}
	return strings.Join(parts, ".")
}

// kcidbArch is the kernel's word for one of Go's architectures.
func kcidbArch(arch string) string {
	if arch == "amd64" {
		return "x86_64"
	}
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '_' {
			return r
		}
		return -1
	}, arch)
}

func kcidbDetail(env Environment) map[string]string {
	detail := map[string]string{}
	for name, value := range env.Detail {
		detail[kcidbText(name)] = kcidbText(value)
	}
	return detail
}
