package run_test

import (
	"archive/tar"
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lanproof/lanproof/guest"
	"github.com/lanproof/lanproof/guest/program"
	"github.com/lanproof/lanproof/reports"
	"github.com/lanproof/lanproof/run"
	"github.com/lanproof/lanproof/run/repro"
)

// exportedVLANs and exportedIpvlans are like exported, on devices that many kernels
// lack, and few: where the CPU is emulated, a script takes some seconds of it.
const exportedVLANs = `
hosts: {host: {parents: {eth0: {}}}}
stations: {pc: {addresses: [192.168.10.9/24]}}
networks:
  v10: {driver: macvlan, parent: eth0.10, subnets: [{subnet: 192.168.10.0/24}]}
endpoints: {a: {network: v10, ip: 192.168.10.1}}
switch:
  ports: {host/eth0: {trunk: [10, 20]}, pc/eth0: {access: 10}}
checks:
  - {id: own, reach: {from: a, to: pc}}
  - {id: tag, tag: {from: a, tags: [{vid: 10}]}}
  - {id: not-tag, tag: {from: a, tags: [{vid: 20}]}}
steps:
  - name: another VLAN
    do: [{switch: {port: pc/eth0, access: 20}}]
    checks:
      - {id: not-moved, reach: {from: a, to: pc, kind: raw}}
`

const exportedIpvlans = `
hosts: {host: {parents: {eth0: {addresses: [192.168.1.10/24]}}}}
networks:
  net: {driver: ipvlan, parent: eth0, subnets: [{subnet: 192.168.1.0/24, aux_addresses: {host: 192.168.1.10}}]}
endpoints: {a: {network: net, ip: 192.168.1.11}, b: {network: net, ip: 192.168.1.12}}
checks:
  - {id: not-host, reach: {from: a, to: host}}
  - {id: macs, macs: {of: [a, b], are: shared}}
  - {id: refused, refused: {do: [{add: {node: host, name: m, kind: macvlan, parent: eth0}}], errno: EBUSY}}
steps:
  - name: private
    do: [{set: {link: a/eth0, flag: private}}]
    checks:
      - {id: private, blocked: {from: a, to: b}}
`

// TestScriptsAgreeInGuest is TestScriptsAgree for kinds of device that this kernel may
// lack: lanproof and the scripts run in guests of one kernel.
func TestScriptsAgreeInGuest(t *testing.T) {
	needRoot(t)
	if testing.Short() {
		t.Skip("booting a guest takes some seconds")
	}
	needStatic(t)
	names := []string{
		"sh", "bash", "ip", "bridge", "ping", "arping", "tcpdump", "nstat", "sysctl", "sleep", "awk", "grep", "timeout",
		"cat", "id", "mktemp", "readlink", "dirname", "tr", "head", "sed",
	}
	needTools(t, names...)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	files := programs(t, names)
	files["etc/passwd"] = []byte("root:x:0:0::/:/bin/sh\ntcpdump:x:1:1::/:/bin/sh\n") // as whom it looks
	files["etc/group"] = []byte("root:x:0:\ntcpdump:x:1:\n")
	scenarios := map[string]string{"vlans": exportedVLANs, "ipvlans": exportedIpvlans}
	for name, text := range scenarios {
		for i, c := range prepared(t, name, text).Checks() {
			style := repro.Sh
			if i%4 == 0 {
				style = repro.Kselftest
			}
			files["scripts/"+name+"/"+c.ID] = []byte(scriptOf(t, prepared(t, name, text), c.ID, style))
		}
	}
	const kernel = "debian:6.12"
	k, err := guest.Resolve(ctx, kernel, "")
	if errors.Is(err, guest.ErrNoKernel) || errors.Is(err, guest.ErrNoQEMU) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	said, begin := map[string]scriptEnd{}, time.Now()
	err = guest.Run(ctx, packed(t, files), guest.Options{Kernel: k, Init: "/proc/self/exe", Idle: 5 * time.Minute}, func(line []byte) {
		var end scriptEnd
		if err := json.Unmarshal(line, &end); err != nil {
			t.Error(err)
		}
		said[end.Name] = end
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d scripts in %v", len(said), time.Since(begin).Round(time.Second/10))
	res := results(t, ctx, run.Options{On: run.Guest, Kernels: []string{kernel}, NoSnapshot: true}, exportedVLANs, exportedIpvlans)
	for i, name := range []string{"vlans", "ipvlans"} {
		checks := res.Cases[i].Checks
		if len(checks) != len(prepared(t, name, scenarios[name]).Checks()) {
			t.Errorf("%s: %s %s", name, res.Cases[i].Verdict, res.Cases[i].Reason)
		}
		for _, c := range checks {
			agree(t, &c, said["scripts/"+name+"/"+c.ID])
		}
	}
}

// scriptEnd is what became of a script.
type scriptEnd struct {
	Name   string
	Status int
	Said   string
}

// agree holds a script against lanproof's verdict, and the verdict against the check's name.
func agree(t *testing.T, c *reports.Check, end scriptEnd) {
	t.Helper()
	want := map[reports.Verdict]int{reports.Pass: 0, reports.Fail: 1}[c.Verdict]
	if end.Name == "" || end.Status != want || c.Verdict == reports.Error {
		t.Errorf("%s: lanproof says %s (%s), and the script %d:\n%s", c.ID, c.Verdict, c.Observed, end.Status, end.Said)
	}
	if opposite := strings.Contains(c.ID, "not-") || strings.HasSuffix(c.ID, "then-reach"); opposite != (c.Verdict == reports.Fail) {
		t.Errorf("%s is no test: %s (%s)", c.ID, c.Verdict, c.Observed)
	}
}

// runScripts is the guest's side: it unpacks programs and scripts, and runs the
// scripts, a few at a time.
func runScripts(job []byte, out guest.Emitter) error {
	scripts, err := unpack(job)
	if err != nil {
		return err
	}
	var g errgroup.Group
	g.SetLimit(4)
	for _, name := range scripts {
		g.Go(func() error {
			shell := "/bin/sh"
			if text, err := os.ReadFile("/" + name); err == nil && bytes.HasPrefix(text, []byte("#!/bin/bash")) {
				shell = "/bin/bash"
			}
			cmd := exec.Command(shell, "/"+name)
			cmd.Env = []string{"PATH=/bin"}
			said, err := cmd.CombinedOutput()
			line, err := json.Marshal(scriptEnd{name, cmd.ProcessState.ExitCode(), fmt.Sprintf("%s(%v)", said, err)})
			return errors.Join(err, out.Line(line))
		})
	}
	return g.Wait()
}

// unpack writes an archive's files into the root and returns the names of scripts.
func unpack(job []byte) ([]string, error) {
	z, err := gzip.NewReader(bytes.NewReader(job))
	if err != nil {
		return nil, err
	}
	var scripts []string
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return scripts, nil
		}
		if err != nil {
			return nil, err
		}
		data, err := io.ReadAll(r)
		if err != nil {
			return nil, err
		}
		if err := os.MkdirAll(filepath.Dir("/"+h.Name), 0o755); err != nil {
			return nil, err
		}
		if err := os.WriteFile("/"+h.Name, data, 0o755); err != nil {
			return nil, err
		}
		if strings.HasPrefix(h.Name, "scripts/") {
			scripts = append(scripts, h.Name)
		}
	}
}

// packed is an archive of files.
func packed(t *testing.T, files map[string][]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for name, data := range files {
		err := w.WriteHeader(&tar.Header{Name: name, Size: int64(len(data)), Mode: 0o755})
		if err == nil {
			_, err = w.Write(data)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// programs are this machine's programs with all that they need, by where a guest is to
// have them: the programs themselves in /bin.
func programs(t *testing.T, names []string) map[string][]byte {
	t.Helper()
	at := map[string]string{}
	for _, name := range names {
		path, err := exec.LookPath(name)
		if err != nil {
			t.Fatal(err)
		}
		at[path] = "bin/" + name
	}
	gathered, err := program.Files(slices.Collect(maps.Keys(at))...)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, f := range gathered {
		files[cmp.Or(at["/"+f.Path], f.Path)] = f.Data
	}
	return files
}
