package command

import (
	"path"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/lanproof/lanproof/intent"
)

// globals are the flags before the command (docker/cli docs/reference/commandline/docker.md,
// containers/podman docs/source/markdown/podman.1.md).
var globals = table{
	"D=debug tls tlsverify v=version r=remote syslog noout help transient-store",
	"c=context config H=host l=log-level tlscacert tlscert tlskey " +
		"cgroup-manager cdi-spec-dir conmon connection db-backend events-backend hooks-dir identity imagestore module network-cmd-path network-config-dir out root runroot runtime runtime-flag ssh storage-driver storage-opt tmpdir url volumepath",
	false,
}

// engineOf returns whose program a word names; ok is false for any other word.
func engineOf(w word) (kind intent.Engine, ok bool) {
	name := strings.TrimSuffix(path.Base(strings.ReplaceAll(w.text, `\`, "/")), ".exe")
	switch name {
	case "docker":
		return intent.Docker, true
	case "podman", "podman-remote":
		return intent.Podman, true
	}
	return "", false
}

// makes reports whether the words behind docker or podman make a network or a container.
func makes(ws []word) bool {
	what, _ := subcommand(ws)
	switch what {
	case "network create", "network connect", "run", "create", "pod create":
		return true
	}
	return false
}

// subcommand returns which command it is, without the word container, and its words.
func subcommand(ws []word) (string, []word) {
	a := globals.parse(ws, 1)
	if len(a.rest) == 0 || !a.rest[0].known() {
		return "", nil
	}
	name, rest := a.rest[0].text, a.rest[1:]
	switch name {
	case "container":
		if len(rest) == 0 {
			return "", nil
		}
		name, rest = rest[0].text, rest[1:]
	case "network", "pod", "system":
		if len(rest) == 0 {
			return "", nil
		}
		name, rest = name+" "+rest[0].text, rest[1:]
	}
	return name, rest
}

// command carries out one command line of the engine, in what the file builds.
func (e *engine) command(ws []word) {
	what, rest := subcommand(ws)
	switch what {
	case "network create":
		e.createNetwork(rest)
	case "network connect":
		e.connect(rest)
	case "network disconnect":
		e.disconnect(rest)
	case "network rm", "network remove":
		e.removeNetwork(rest)
	case "network prune":
		e.pruneNetworks()
	case "run", "create":
		e.run(rest)
	case "rm", "remove", "pod rm":
		e.removeContainers(rest, false)
	case "stop", "kill":
		e.removeContainers(rest, true)
	case "prune", "system prune":
		e.prune(what == "system prune")
	case "pod create":
		if e.podman {
			e.createPod(rest)
		}
	}
}

// prune removes what no longer runs. Whether a container runs is not known here, except
// that people stop them before; they are all taken for stopped where any was.
func (e *engine) prune(system bool) {
	if e.stopped {
		e.removeEndpoints(func(*intent.Endpoint) bool { return true })
	}
	if system {
		e.pruneNetworks()
	}
}

// sentence reports whether the words are not a command that anybody means to run: a
// synopsis, or the beginning of a sentence.
func (e *engine) sentence(a *args, need int) bool {
	words := append([]word(nil), a.rest[:min(len(a.rest), need)]...)
	for _, f := range a.flags {
		words = append(words, f.value)
	}
	for _, w := range words {
		t := w.text
		if strings.HasPrefix(t, "[") && strings.HasSuffix(t, "]") && len(t) > 2 && unicode.IsLetter(rune(t[1])) ||
			t == "..." || t == "…" || strings.HasPrefix(t, "[OPTIONS") || strings.HasPrefix(t, "[options") {
			return true
		}
	}
	if !e.prose {
		return false
	}
	if len(a.flags) == 0 || len(a.rest) < need {
		return true
	}
	for _, w := range a.rest {
		for _, r := range w.symbol() {
			if r > unicode.MaxASCII && unicode.IsLetter(r) {
				return true
			}
		}
	}
	last, _ := utf8.DecodeLastRuneInString(a.rest[len(a.rest)-1].text)
	return strings.ContainsRune(".,:;!?。，：；！？、", last)
}
