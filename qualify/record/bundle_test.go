package record

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lanproof/lanproof/capture/frames"
)

var measured = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// planted is a qualification of a port that fails at one thing, with its captures.
func planted() (*Qualification, Contents) {
	var whole, leaky tape
	whole.pass(1, 12)
	leaky.pass(20, 31)
	trial := func(name string, want Want, first uint32) Trial {
		return Trial{Name: name, From: "peer/eth0", At: "dut/eth0", Want: want, First: first, Last: first + 9, CanaryFirst: first + 10, CanaryLast: first + 11, Proof: "fence"}
	}
	q := &Qualification{
		Tool: "test", Started: measured, Duration: 3 * time.Second, Profile: Core, Run: testRun, Restored: true,
		DUT:     Port{Name: "dut", Driver: "e1000e", MAC: "02:00:00:00:00:01", MTU: 1500},
		Peer:    Port{Name: "peer", Driver: "e1000e", MAC: "02:00:00:00:00:02", MTU: 1500},
		Machine: Machine{Kernel: "6.12.0", Arch: "x86_64", CPUs: 2},
		Results: []Result{
			{ID: "own-address", Title: "Own address", Profile: Core, Expected: "all frames come", Observed: "10 of 10 came", Source: "IEEE 802.3", Capture: "captures/own-address.pcapng", Trials: []Trial{trial("own", All, 1)}},
			{ID: "unknown-unicast", Title: "Unknown unicast", Profile: Core, Expected: "no frame comes", Observed: "all came", Source: "net/core/dev.c:__dev_set_rx_mode", Capture: "captures/unknown-unicast.pcapng", Trials: []Trial{trial("unknown", None, 20)}},
			{ID: "sr-iov", Title: "Virtual functions", Profile: Full, Status: Unsupported, Expected: "VFs", Reason: "sriov_totalvfs is missing", Source: "PCI"},
			{ID: "counters", Title: "Counters", Profile: Core, Expected: "they rise", Observed: "they rose", Facts: []Fact{{"rx_packets", "10", "10"}}, Source: "rtnl"},
		},
	}
	c := Contents{Captures: map[string]io.WriterTo{"captures/own-address.pcapng": &whole, "captures/unknown-unicast.pcapng": &leaky}}
	measure(q, map[string]*frames.Trace{"captures/own-address.pcapng": whole.Trace(), "captures/unknown-unicast.pcapng": leaky.Trace()})
	return q, c
}

// measure counts and judges a qualification by its captures.
func measure(q *Qualification, traces map[string]*frames.Trace, waivers ...Waiver) {
	for i := range q.Results {
		r := &q.Results[i]
		for n := range r.Trials {
			SightsOf(traces[r.Capture], q.Run).Count(&r.Trials[n])
		}
	}
	q.Finish(waivers)
}

func writePlanted(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	q, c := planted()
	if err := WriteBundle(dir, q, c); err != nil {
		t.Fatal(err)
	}
	return dir
}

// verified verifies a folder or an archive.
func verified(t *testing.T, name string) (*Verification, error) {
	t.Helper()
	b, err := OpenBundle(name)
	if err != nil {
		return nil, err
	}
	defer b.Close()
	return Verify(b, Asked{Now: measured})
}

func mustVerify(t *testing.T, name string) *Verification {
	t.Helper()
	v, err := verified(t, name)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestBundleAgrees(t *testing.T) {
	dir := writePlanted(t)
	archive := filepath.Join(t.TempDir(), "b.zip")
	writeArchive(t, archive, dir)
	for _, name := range []string{dir, archive} {
		v := mustVerify(t, name)
		for _, p := range v.Problems {
			t.Errorf("%s: %s", p.Where, p.Text)
		}
		want := []Step{
			{What: "files held against their SHA-256 sums", Done: 4},
			{What: "trials counted again from their captures", Done: 2},
			{What: "requirements judged again", Done: 3, Taken: 2},
			{What: "waivers held against them again"},
			{What: "sums, and whether it conforms", Done: 1},
			{What: "core requirements looked for"},
		}
		if d := cmp.Diff(want, v.Steps); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		if s := v.Qualification.Summary; s.Conformant || s.Fail != 1 || s.Pass != 2 || s.Unsupported != 1 {
			t.Errorf("summary %+v", s)
		}
	}
}

func writeArchive(t *testing.T, name, dir string) {
	t.Helper()
	var b bytes.Buffer
	if err := WriteArchive(&b, dir); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestArchiveIsReproducible(t *testing.T) {
	dir := writePlanted(t)
	var a, b bytes.Buffer
	if err := errors.Join(WriteArchive(&a, dir), os.Chtimes(filepath.Join(dir, FileReport), measured, measured), WriteArchive(&b, dir)); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a.Bytes(), b.Bytes()) {
		t.Error("two archives of one bundle differ")
	}
}

// TestEveryByte changes each byte of a bundle in turn, of large files some of them.
func TestEveryByte(t *testing.T) {
	dir := writePlanted(t)
	archive := filepath.Join(t.TempDir(), "b.zip")
	writeArchive(t, archive, dir)
	paths := []string{archive}
	b, err := openFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range b.names {
		paths = append(paths, filepath.Join(dir, name))
	}
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		bundle := dir
		if path == archive {
			bundle = archive
		}
		for at := 0; at < len(content); at += 1 + len(content)/400 {
			content[at] ^= 1 << (at % 8)
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
			if v, err := verified(t, bundle); err == nil && v.OK() {
				t.Errorf("byte %d of %s was changed, and nothing was found", at, path)
			} else if err != nil && !errors.Is(err, ErrNoBundle) {
				t.Errorf("byte %d of %s: %v", at, path, err)
			}
			content[at] ^= 1 << (at % 8)
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if v := mustVerify(t, dir); !v.OK() {
		t.Error("changed back, it still differs")
	}
}

// TestForged changes a bundle and makes its sums anew, as who knows how would.
func TestForged(t *testing.T) {
	replace := func(old, to string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			t.Helper()
			path := filepath.Join(dir, FileQualification)
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(text), old) {
				t.Fatalf("%q is not in there", old)
			}
			if err := os.WriteFile(path, []byte(strings.Replace(string(text), old, to, 1)), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	capture := func(t *testing.T, dir, name string, change func(*frames.Trace)) {
		t.Helper()
		path := filepath.Join(dir, "captures", name)
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		trace, err := frames.ReadNG(f)
		if err != nil {
			t.Fatal(err)
		}
		change(trace)
		var out bytes.Buffer
		if _, err := trace.WriteTo(&out); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, out.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		forge func(t *testing.T, dir string)
		where string // of the first problem
	}{
		"nothing":                  {func(*testing.T, string) {}, ""},
		"a verdict":                {replace(`"status": "fail"`, `"status": "pass"`), "unknown-unicast"},
		"a verdict, the other way": {replace(`"status": "pass"`, `"status": "fail"`), "own-address"},
		"an unsupported failure":   {replace(`"status": "fail"`, `"status": "unsupported"`), "unknown-unicast"},
		"an error of a failure":    {replace(`"status": "fail"`, `"status": "error"`), "unknown-unicast"},
		"a count":                  {replace(`"seen": 10`, `"seen": 0`), `own-address, trial "own"`},
		"conformance":              {replace(`"conformant": false`, `"conformant": true`), "qualification.json, summary"},
		"a sum":                    {replace(`"pass": 2`, `"pass": 3`), "qualification.json, summary"},
		"the wanted":               {replace(`"want": "none"`, `"want": "any"`), "unknown-unicast"},
		"numbers that are none":    {replace(`"first": 20`, `"first": 0`), `unknown-unicast, trial "unknown"`},
		"no capture":               {replace(`captures/unknown-unicast.pcapng`, ``), `unknown-unicast, trial "unknown"`},
		"a capture elsewhere":      {replace(`captures/unknown-unicast.pcapng`, `../x.pcapng`), `unknown-unicast, trial "unknown"`},
		"another schema":           {replace(Schema, "lanproof/qualification/v9"), "no bundle"},
		"no JSON":                  {replace("{", "["), "no bundle"},
		"a frame deleted": {func(t *testing.T, dir string) {
			capture(t, dir, "own-address.pcapng", func(tr *frames.Trace) { tr.Packets = tr.Packets[2:] })
		}, `own-address, trial "own"`},
		"two frames swapped": {func(t *testing.T, dir string) {
			capture(t, dir, "own-address.pcapng", func(tr *frames.Trace) { tr.Packets[1], tr.Packets[3] = tr.Packets[3], tr.Packets[1] })
		}, `own-address, trial "own"`},
		"a frame altered": {func(t *testing.T, dir string) {
			capture(t, dir, "own-address.pcapng", func(tr *frames.Trace) { tr.Packets[1].Frame.Data[50]++ })
		}, `own-address, trial "own"`},
		"a lossy tap": {func(t *testing.T, dir string) {
			capture(t, dir, "own-address.pcapng", func(tr *frames.Trace) { tr.Interfaces[1].Stats = &frames.Stats{Dropped: 1} })
		}, `own-address, trial "own"`},
		"no pcapng": {func(t *testing.T, dir string) {
			t.Helper()
			if err := os.WriteFile(filepath.Join(dir, "captures", "own-address.pcapng"), []byte("x"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, `own-address, trial "own"`},
	} {
		t.Run(name, func(t *testing.T) {
			dir := writePlanted(t)
			c.forge(t, dir)
			if err := os.Remove(filepath.Join(dir, FileManifest)); err != nil {
				t.Fatal(err)
			}
			if err := sealFolder(dir); err != nil {
				t.Fatal(err)
			}
			v, err := verified(t, dir)
			got := ""
			switch {
			case errors.Is(err, ErrNoBundle):
				got = "no bundle"
			case err != nil:
				t.Fatal(err)
			case len(v.Problems) > 0:
				got = v.Problems[0].Where
			}
			if got != c.where {
				t.Errorf("found %q, want %q", got, c.where)
			}
		})
	}
}
