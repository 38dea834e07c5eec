package main

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// completed asks the program for completions, as the shells' scripts do, and returns
// them without descriptions, and cobra's directive.
func completed(t *testing.T, dir string, args ...string) ([]string, string) {
	t.Helper()
	cmd := exec.Command(filepath.Join(bin, "lanproof"), append([]string{"__complete"}, args...)...)
	cmd.Dir = dir
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%q: %v", args, err)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	var words []string
	for _, line := range lines[:len(lines)-1] {
		word, _, _ := strings.Cut(line, "\t")
		words = append(words, word)
	}
	return words, lines[len(lines)-1]
}

// The directives of cobra's protocol.
const (
	thenFiles   = ":0"
	thenNoSpace = ":2"
	thenNothing = ":4"
	// A word that another one follows at once, and no file.
	thenNoSpaceNothing = ":6"
	thenFolders        = ":16"
)

func TestCompletion(t *testing.T) {
	dir := t.TempDir()
	const scenario = "name: mine\ntitle: In ${mode}\nmatrix: {mode: [bridge, private]}\nhosts: {h: {parents: {eth0: {}}}}\nchecks: [{id: there, link: {link: h/eth0}}]\n"
	if err := os.WriteFile(filepath.Join(dir, "mine.yaml"), []byte(scenario), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		line string // the last word is the one to complete
		want string // all of them
		then string
	}{
		{"expl", "explain explore", thenNothing},
		{"run macvlan-two", "macvlan-two-endpoints", thenFiles},
		{"run host-unreachable", "host-unreachable host-unreachable@mode=bridge host-unreachable@mode=private host-unreachable@mode=vepa host-unreachable@mode=passthru", thenFiles},
		{"run host-unreachable@mode=v", "host-unreachable@mode=vepa", thenNothing},
		{"run mine.yaml@", "mine.yaml@mode=bridge mine.yaml@mode=private", thenNothing},
		{"run nowhere@", "", thenNothing},
		{"list macvlan-bridge docker-macvlan-t", "docker-macvlan-trunk docker-macvlan-two-parents", thenFiles},
		{"plan macvlan-bridge ", "", thenNothing},
		{"graph --format ", "svg dot mermaid", thenNothing},
		{"graph mine.yaml --case ", "mine@mode=bridge mine@mode=private", thenNothing},
		{"run --on g", "guest", thenNothing},
		{"run --on=", "auto host guest nic", thenNothing},
		{"run --format k", "ktap kcidb", thenNothing},
		{"report --format ktap ", "", thenFiles},
		{"report --format k", "ktap kcidb", thenNothing},
		{"compare --format m", "markdown", thenNothing},
		{"export --as k", "kselftest", thenNothing},
		{"export macvlan-two-endpoints --check s", "siblings", thenNothing},
		{"export --check s", "", thenNothing},
		{"run --label ip", "ipv6 ipvlan", thenNothing},
		{"run --label docker&&!ipv", "docker&&!ipv6 docker&&!ipvlan", thenNothing},
		{"run --out ", "", thenFolders},
		{"explain --from ", "", thenFolders},
		{"run --seed ", "", thenNothing},
		{"run --kernel ./k", "", thenFiles},
		{"bench machi", "machine/", thenNoSpaceNothing},
		{"bench machine/", "machine/loop", thenNothing},
		{"bench tcp/vlan-macvlan/", "tcp/vlan-macvlan/in tcp/vlan-macvlan/in/ tcp/vlan-macvlan/out tcp/vlan-macvlan/out/ tcp/vlan-macvlan/side tcp/vlan-macvlan/side/", thenNoSpaceNothing},
		{"bench udp/veth/gso=on/", "udp/veth/gso=on/family=ipv6", thenNothing},
		{"bench nothing", "", thenNothing},
		{"bench --clock ", "auto time instructions", thenNothing},
		{"bench --kernel ho", "host", thenNothing},
		{"run --kernel ho", "host", thenNothing},
		{"explain --kernel ho", "", thenFiles},
		{"explain macvlan-two", "macvlan-two-endpoints/", thenNoSpace},
		{"explain macvlan-two-endpoints/s", "macvlan-two-endpoints/siblings", thenNothing},
		{"explain mine.yaml@mode=bridge/", "mine.yaml@mode=bridge/there", thenNothing},
		{"shell host-unreachable@mode=p", "host-unreachable@mode=private host-unreachable@mode=passthru", thenFiles},
		{"shell host-unreachable@mode=vepa h", "host", thenNothing},
		{"shell mine.yaml ", "", thenNothing}, // which of its cases?
		{"exec macvlan-two-endpoints ", "switch host c1 c2", thenNothing},
		{"exec macvlan-two-endpoints c1 ", "", thenFiles},
		{"qualify --emulate ne", "ne2k_pci", thenNothing},
		{"qualify --inventory ", "", thenFiles},
		{"qualify --label m", "", thenNothing},
		{"qualify --dut lo", "", thenNothing},
		{"schema ", "qualification", thenNothing},
		{"completion ", "bash zsh fish", thenNothing},
		{"doctor ", "", thenNothing},
	} {
		words := strings.Split(c.line, " ")
		got, then := completed(t, dir, words...)
		if then != c.then || !slices.Equal(sorted(got), sorted(strings.Fields(c.want))) {
			t.Errorf("%s: %s, then %s, want %s, then %s", c.line, got, then, c.want, c.then)
		}
	}
}

func sorted(words []string) []string { return slices.Sorted(slices.Values(words)) }

// TestCompletionOfKernels asks apt.
func TestCompletionOfKernels(t *testing.T) {
	if _, err := offered(t.Context()); err != nil {
		t.Skip(err)
	}
	got, _ := completed(t, "", "run", "--kernel", "debian:6.1")
	if len(got) == 0 || !strings.HasPrefix(got[0], "debian:6.1") {
		t.Errorf("apt offers kernels, and the completions are %q", got)
	}
}

// inShells are lines as they are typed, with a tab at their end, and the words that a
// command then gets.
var inShells = map[string]string{
	"run macvlan-two-end\t":          "run macvlan-two-endpoints",
	"run host-unreachable@mode=ve\t": "run host-unreachable@mode=vepa",
	"explain host-unreachable@mode=vepa/host-to-child-blocked-host-c1-a\t": "explain host-unreachable@mode=vepa/host-to-child-blocked-host-c1-arp",
	"shell host-unreachable@mode=vepa ho\t":                                "shell host-unreachable@mode=vepa host",
	"run --on gu\t":                                                        "run --on guest",
	"run --label=ipvl\t":                                                   "run --label=ipvlan",
	"expo\t":                                                               "export",
}

// TestCompletionInShells types into bash and zsh at a terminal, whose line editors
// have rules of their own about what a word is.
func TestCompletionInShells(t *testing.T) {
	const probe = "lanproof() { case $1 in __complete*) command lanproof \"$@\";; *) echo \"got: $*\";; esac; }\n"
	for shell, setup := range map[string]string{
		"bash --norc --noprofile -i": ". /usr/share/bash-completion/bash_completion\n. <(command lanproof completion bash)\n",
		"zsh -f -i":                  "autoload -U compinit; compinit -u -D\n. <(command lanproof completion zsh)\n",
	} {
		name, _, _ := strings.Cut(shell, " ")
		t.Run(name, func(t *testing.T) {
			for _, tool := range []string{name, "script"} {
				if _, err := exec.LookPath(tool); err != nil {
					t.Skipf("%s is not installed", tool)
				}
			}
			if _, err := os.Stat("/usr/share/bash-completion/bash_completion"); name == "bash" && err != nil {
				t.Skip("the package bash-completion is not installed")
			}
			file := filepath.Join(t.TempDir(), "setup")
			if err := os.WriteFile(file, []byte(setup+probe), 0o644); err != nil {
				t.Fatal(err)
			}
			lines := maps.Clone(inShells)
			lines["run host-unreachable@m\t"] = "run host-unreachable@mode=" // as far as it is sure
			typed := ". " + file + "\n"
			for line := range lines {
				typed += "lanproof " + line + "\n"
			}
			cmd := exec.Command("script", "-qec", shell, "/dev/null")
			cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "TERM=dumb", "HOME="+t.TempDir())
			cmd.Stdin = strings.NewReader(typed + "exit\n")
			said, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, said)
			}
			text := strings.ReplaceAll(string(said), "\r", "")
			for line, want := range lines {
				if !strings.Contains(text, "got: "+want+"\n") {
					t.Errorf("%q is not completed to %q:\n%s", line, want, text)
				}
			}
		})
	}
}

func TestCompletionInFish(t *testing.T) {
	if _, err := exec.LookPath("fish"); err != nil {
		t.Skip("fish is not installed")
	}
	for line, want := range inShells {
		ask := "lanproof completion fish | source; complete -C '" + strings.TrimSuffix("lanproof "+line, "\t") + "'"
		cmd := exec.Command("fish", "--no-config", "-c", ask)
		cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "HOME="+t.TempDir())
		said, err := cmd.CombinedOutput()
		word := want[strings.LastIndex(want, " ")+1:]
		first, _, _ := strings.Cut(string(said), "\t")
		if err != nil || strings.TrimSpace(first) != word {
			t.Errorf("%q is completed to %q, not to %q: %v", line, said, word, err)
		}
	}
}
