package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/lanproof/lanproof/bench/record"
	"github.com/lanproof/lanproof/scenarios"
)

// onlyResolved are the examples of help texts that take long, a guest, a real port, or a
// person, or that leave something or take away what others have left. The commands,
// flags and scenarios that they name are there.
var onlyResolved = regexp.MustCompile(`^lanproof (run$|run .*--(kernel|keep-on-failure|label) |shell |clean |verify |qualify |explore |selftest --|bench .*--kernel )`)

// TestExamples runs the examples of all help texts, in a folder with what they name.
func TestExamples(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("it takes root, or lanproof would start itself anew for each")
	}
	dir := t.TempDir()
	shell(t, dir, 0, "mkdir scenarios && cp two-modes.yaml scenarios/one.yaml && sed -i 's/two-modes/one/' scenarios/one.yaml")
	shell(t, dir, 1, "lanproof run --drops failing.yaml macvlan-two-endpoints")
	shell(t, dir, 0, "mv lanproof-out before && cp -r before after")
	turns := map[string]string{"turns": "", "samples": "10", "clock": "time"}
	if err := record.Save(filepath.Join(dir, "figures"), runOfFigures(turns)); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	run := 0
	for _, c := range documented(newRoot()) {
		if c.Example == "" {
			t.Errorf("%s has no example", c.CommandPath())
		}
		for line := range strings.SplitSeq(c.Example, "\n") {
			line = strings.TrimSpace(line)
			switch {
			case !strings.HasPrefix(line, "lanproof "):
				t.Errorf("%s: %q is no example of lanproof", c.CommandPath(), line)
			case onlyResolved.MatchString(line):
				resolveExample(t, line)
			default:
				run++
				shell(t, dir, 0, "rm -rf lanproof-out && cp -r before lanproof-out")
				shell(t, dir, 0, line)
			}
		}
	}
	if run < 20 {
		t.Errorf("%d examples are run", run)
	}
}

// shell runs a line in a folder with two scenarios.
func shell(t *testing.T, dir string, want int, line string) {
	t.Helper()
	const two = `name: two-modes
matrix: {mode: [bridge, private]}
hosts: {host: {parents: {eth0: {addresses: [192.168.1.10/24]}}}}
networks: {lan: {driver: macvlan, parent: eth0, macvlan_mode: "${mode}", subnets: [{subnet: 192.168.1.0/24, aux_addresses: {host: 192.168.1.10, pc: 192.168.1.20}}]}}
endpoints: {a: {network: lan}, b: {network: lan}}
stations: {pc: {addresses: [192.168.1.20/24]}}
checks: [{reach: {from: pc, to: [a, b, host]}}, {when: {mode: bridge}, reach: {from: a, to: b}}, {when: {mode: private}, blocked: {from: a, to: b}}]
`
	const failing = `name: failing
hosts: {host: {parents: {eth0: {}}}}
networks: {lan: {driver: macvlan, parent: eth0, subnets: [{subnet: 192.168.1.0/24}]}}
endpoints: {a: {network: lan}, b: {network: lan}}
checks: [{blocked: {from: a, to: b}}]
`
	const compose = `services: {web: {image: nginx, networks: [lan]}, db: {image: postgres, networks: [lan]}}
networks: {lan: {driver: macvlan, driver_opts: {parent: eth0}, ipam: {config: [{subnet: 192.168.1.0/24, gateway: 192.168.1.1, ip_range: 192.168.1.192/27}]}}}
`
	for name, text := range map[string]string{"two-modes.yaml": two, "failing.yaml": failing, "compose.yaml": compose, "create-networks.sh": "docker network create -d macvlan -o parent=eth0 --subnet 10.0.0.0/24 other"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", line)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"))
	if said, err := cmd.CombinedOutput(); cmd.ProcessState.ExitCode() != want {
		t.Errorf("%s: %v\n%s", line, err, said)
	}
}

// resolveExample holds that a line's command, flags, files and scenarios exist.
func resolveExample(t *testing.T, line string) {
	t.Helper()
	var words []string
	for _, m := range regexp.MustCompile(`'([^']*)'|(\S+)`).FindAllStringSubmatch(line, -1) {
		words = append(words, m[1]+m[2])
	}
	cmd, rest, err := newRoot().Find(words[1:])
	if err == nil {
		err = cmd.ParseFlags(rest)
	}
	if err == nil {
		err = cmd.ValidateArgs(cmd.Flags().Args())
	}
	if err != nil {
		t.Errorf("%s: %v", line, err)
		return
	}
	args := cmd.Flags().Args()
	switch cmd.Name() {
	case "bench":
		if _, err := selectBenchmarks(args); err != nil {
			t.Errorf("%s: %v", line, err)
		}
		return
	case "verify", "qualify":
		return // they name no scenarios
	case "shell":
		nodes, _ := completeNode(&cobra.Command{}, args[:1], args[1])
		if !slices.Contains(nodes, args[1]) {
			t.Errorf("%s: there is no such node", line)
		}
		args = args[:1]
	}
	if _, err := scenarios.Find(args); err != nil {
		t.Errorf("%s: %v", line, err)
	}
}
