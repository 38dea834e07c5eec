package command

import (
	"fmt"
	"strings"
)

// table is what a command's flags are called, without dashes and between blanks: those
// that stand alone and those that take a value. Short ones are written "d=driver".
type table struct {
	bools, values string
	// mixed is set where flags may stand behind arguments, too.
	mixed bool
}

// has reports whether a list has a flag, and returns the flag's long name.
func has(list, name string) (string, bool) {
	for f := range strings.FieldsSeq(list) {
		short, long, both := strings.Cut(f, "=")
		if f == name && !both || both && (short == name || long == name) {
			if both {
				return long, true
			}
			return f, true
		}
	}
	return name, false
}

// flag is one flag of a command line.
type flag struct {
	name string
	// value is the flag's value; for a flag that stands alone it is "true" at its own place.
	value word
}

// problem is what a program would say about its command line.
type problem struct {
	at  word
	why string
}

// args is a command line taken apart.
type args struct {
	flags    []flag
	rest     []word
	problems []problem
	// unknown are words that may be flags and are not known.
	unknown []word
}

// get returns the last value of a flag, the one that counts where only one can.
func (a *args) get(name string) (word, bool) {
	for i := len(a.flags) - 1; i >= 0; i-- {
		if a.flags[i].name == name {
			return a.flags[i].value, true
		}
	}
	return word{}, false
}

// all returns every value of a flag.
func (a *args) all(name string) []word {
	var ws []word
	for _, f := range a.flags {
		if f.name == name {
			ws = append(ws, f.value)
		}
	}
	return ws
}

// is reports whether a flag that stands alone was given and is true.
func (a *args) is(name string) bool {
	w, ok := a.get(name)
	return ok && isTrue(w.text)
}

// isTrue is strconv.ParseBool's truth, which is pflag's.
func isTrue(s string) bool {
	switch s {
	case "1", "t", "T", "true", "TRUE", "True":
		return true
	}
	return false
}

// parse takes a command line apart as github.com/spf13/pflag does (flag.go:parseArgs), and
// keeps every word's place. need is how many arguments the command must have.
func (t table) parse(ws []word, need int) args {
	var a args
	for i := 0; i < len(ws); i++ {
		w := ws[i]
		switch {
		case w.text == "--":
			a.rest = append(a.rest, ws[i+1:]...)
			return a
		case strings.HasPrefix(w.text, "--"):
			i += t.long(&a, ws[i:])
		case strings.HasPrefix(w.text, "-") && len(w.text) > 1:
			i += t.short(&a, ws[i:])
		case w.bare && w.whole() && mayBeFlags(w, ws[i+1:], need-len(a.rest)):
			a.unknown = append(a.unknown, w)
		case t.mixed:
			a.rest = append(a.rest, w)
		default:
			a.rest = append(a.rest, ws[i:]...)
			return a
		}
	}
	return a
}

// mayBeFlags judges whether an unknown word stands for flags: by its name, or because
// there are enough arguments behind it.
func mayBeFlags(w word, behind []word, need int) bool {
	name := strings.ToUpper(w.text)
	for _, s := range []string{"OPT", "ARG", "FLAG", "PARAM", "EXTRA"} {
		if strings.Contains(name, s) {
			return true
		}
	}
	for _, s := range []string{"IMAGE", "IMG", "NAME", "TAG"} {
		if strings.Contains(name, s) {
			return false
		}
	}
	for i, b := range behind {
		if strings.HasPrefix(b.text, "-") {
			return i == 0
		}
		if need--; need == 0 {
			return true
		}
	}
	return false
}

// long reads a flag with two dashes and returns how many further words it took.
func (t table) long(a *args, ws []word) int {
	head, val, withValue := ws[0].split("=")
	name := strings.TrimPrefix(head.text, "--")
	if !head.known() {
		a.unknown = append(a.unknown, ws[0])
		return 0
	}
	if long, ok := has(t.bools, name); ok && len(name) > 1 {
		if !withValue {
			val = ws[0]
			val.text = "true"
		}
		a.flags = append(a.flags, flag{long, val})
		return 0
	}
	long, ok := has(t.values, name)
	if !ok || len(name) < 2 {
		a.problems = append(a.problems, problem{head, "unknown flag: " + head.text})
		long = name
		if !withValue && (len(ws) < 3 || strings.HasPrefix(ws[1].text, "-")) {
			return 0
		}
	}
	switch {
	case withValue:
		a.flags = append(a.flags, flag{long, val})
		return 0
	case len(ws) > 1:
		a.flags = append(a.flags, flag{long, ws[1]})
		return 1
	}
	a.problems = append(a.problems, problem{head, "flag needs an argument: " + head.text})
	return 0
}

// short reads flags with one dash and returns how many further words they took.
func (t table) short(a *args, ws []word) int {
	all := ws[0].text
	for i := 1; i < len(all); i++ {
		name := all[i : i+1]
		if strings.HasPrefix(all[i:], holeOpen) {
			a.unknown = append(a.unknown, ws[0])
			return 0
		}
		if long, ok := has(t.bools, name); ok {
			val := ws[0]
			val.text = "true"
			if i+1 < len(all) && all[i+1] == '=' {
				val.text = all[i+2:]
				a.flags = append(a.flags, flag{long, val})
				return 0
			}
			a.flags = append(a.flags, flag{long, val})
			continue
		}
		long, ok := has(t.values, name)
		if !ok {
			a.problems = append(a.problems, problem{ws[0], fmt.Sprintf("unknown shorthand flag: %q in %s", all[i], all)})
			return 0
		}
		if i+1 == len(all) {
			if len(ws) < 2 {
				a.problems = append(a.problems, problem{ws[0], fmt.Sprintf("flag needs an argument: %q in %s", all[i], all)})
				return 0
			}
			a.flags = append(a.flags, flag{long, ws[1]})
			return 1
		}
		val := ws[0].after(all[:i+1])
		if strings.HasPrefix(val.text, "=") {
			_, val, _ = val.split("=")
		}
		a.flags = append(a.flags, flag{long, val})
		return 0
	}
	return 0
}

// after returns the word without what it begins with.
func (w word) after(prefix string) word {
	w.text = strings.TrimPrefix(w.text, prefix)
	if strings.HasPrefix(w.src, prefix) {
		w = w.skip(len(prefix))
	}
	return w
}

// The flags of the commands that are read. docker/cli: docs/reference/commandline/
// {network_create,network_connect,container_run,container_create}.md; podman:
// docs/source/markdown/podman-{network-create,network-connect,run,create,pod-create}.1.md.
const (
	dockerRunBools  = "d=detach disable-content-trust help init i=interactive no-healthcheck oom-kill-disable privileged P=publish-all q=quiet read-only rm sig-proxy t=tty use-api-socket"
	dockerRunValues = "add-host annotation a=attach blkio-weight blkio-weight-device cap-add cap-drop cgroup-parent cgroupns cidfile cpu-count cpu-percent cpu-period cpu-quota cpu-rt-period cpu-rt-runtime c=cpu-shares cpus cpuset-cpus cpuset-mems detach-keys device device-cgroup-rule device-read-bps device-read-iops device-write-bps device-write-iops dns dns-opt dns-option dns-search domainname entrypoint e=env env-file expose gpus group-add health-cmd health-interval health-retries health-start-interval health-start-period health-timeout h=hostname io-maxbandwidth io-maxiops ip ip6 ipc isolation kernel-memory l=label label-file link link-local-ip log-driver log-opt mac-address m=memory memory-reservation memory-swap memory-swappiness mount name net network net-alias network-alias oom-score-adj pid pids-limit platform p=publish pull restart runtime security-opt shm-size stop-signal stop-timeout storage-opt sysctl tmpfs ulimit u=user userns uts v=volume volume-driver volumes-from w=workdir"

	podmanRunBools  = "d=detach disable-content-trust env-host help http-proxy init i=interactive no-healthcheck no-hostname no-hosts oom-kill-disable passwd privileged P=publish-all q=quiet read-only read-only-tmpfs replace rm rmi rootfs sig-proxy tls-verify t=tty unsetenv-all"
	podmanRunValues = "add-host annotation arch a=attach authfile blkio-weight blkio-weight-device cap-add cap-drop cert-dir cgroup-conf cgroup-parent cgroupns cgroups chrootdirs cidfile conmon-pidfile cpu-period cpu-quota cpu-rt-period cpu-rt-runtime c=cpu-shares cpus cpuset-cpus cpuset-mems creds decryption-key detach-keys device device-cgroup-rule device-read-bps device-read-iops device-write-bps device-write-iops dns dns-opt dns-option dns-search entrypoint e=env env-file env-merge expose gidmap gpus group-add group-entry health-cmd health-interval health-log-destination health-max-log-count health-max-log-size health-on-failure health-retries health-start-period health-startup-cmd health-startup-interval health-startup-retries health-startup-success health-startup-timeout health-timeout h=hostname hosts-file hostuser image-volume init-ctr init-path ip ip6 ipc kernel-memory l=label label-file link-local-ip log-driver log-opt mac-address m=memory memory-reservation memory-swap memory-swappiness mount name net network network-alias oom-score-adj os passwd-entry personality pid pidfile pids-limit platform pod pod-id-file preserve-fd preserve-fds p=publish pull rdt-class requires restart retry retry-delay sdnotify seccomp-policy secret security-opt shm-size shm-size-systemd stop-signal stop-timeout subgidname subuidname sysctl systemd timeout tmpfs tz uidmap ulimit umask unsetenv u=user userns uts variant v=volume volumes-from w=workdir"
)

// tables returns what each command's flags are called.
func tables(podman bool) (create, connect, run table) {
	if podman {
		return table{"disable-dns help ignore internal ipv6", "dns d=driver gateway interface-name ip-range ipam-driver label macvlan o=opt route subnet", true},
			table{"help", "alias ip ip6 mac-address", true},
			table{podmanRunBools, podmanRunValues, false}
	}
	return table{"attachable config-only help ingress internal ipv4 ipv6", "aux-address config-from d=driver gateway ip-range ipam-driver ipam-opt label o=opt scope subnet", true},
		table{"help", "alias driver-opt gw-priority ip ip6 link link-local-ip", true},
		table{dockerRunBools, dockerRunValues, false}
}
