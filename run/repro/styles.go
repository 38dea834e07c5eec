package repro

import (
	"fmt"
	"strings"

	"github.com/lanproof/lanproof/topology"
)

// head writes what the script is about.
func (w *writer) head() {
	s := w.script
	w.line("# %s: %s", comment(s.Case), comment(s.Title))
	w.line("#")
	w.line("# Check %s (%s): %s", comment(s.Check), comment(s.Location), comment(s.Asks))
	w.line("#   expected: %s", comment(s.Expected))
	if s.Observed != "" {
		w.line("#   observed: %s (on %s)", comment(s.Observed), comment(s.Where))
	}
	w.line("#")
}

// sh writes a script for any shell.
func (w *writer) sh(kept map[string]bool) error {
	w.line("#!/bin/sh")
	w.head()
	w.WriteString(`# Run it as root, with iproute2, iputils and, to see the frames, tcpdump. It makes
# network namespaces of its own, touches nothing else, and deletes them at its end.
# Exit status: 0 it is as expected, 1 it is not, 2 that could not be found out.
`)
	w.line("# Written by lanproof %s.", comment(w.script.Tool))
	w.WriteString(`# shellcheck disable=SC2086,SC2317,SC2329 # no name has a space; tidy is called by the trap
set -eu
export LC_ALL=C

ns=lp$$ made='' watching='' verdict=2
tidy() {
	trap - EXIT
	for pid in $watching; do kill "$pid" 2>/dev/null || :; done
	for n in $made; do ip netns delete "$n" 2>/dev/null || :; done
	exit "$verdict"
}
trap tidy EXIT
trap 'exit 2' INT TERM HUP

`)
	w.WriteString(`node() { # NAME SETTING ...: one machine
	name=$1
	shift
	ip netns add "$name"
	made="$made $name"
	ip -n "$name" link set dev lo up
	ip netns exec "$name" sysctl -qew net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 "$@"
}

`)
	if err := w.body(kept); err != nil {
		return err
	}
	fmt.Fprintf(w, `
echo expected: %s
rc=0
holds || rc=$?
case $rc in
0) verdict=0; echo "it is as expected" ;;
1) verdict=1; echo "it is NOT as expected" ;;
*) echo "it could not be found out" >&2 ;;
esac
`, quote(w.script.Expected))
	return nil
}

// kselftest writes a script in the style of the kernel's own tests.
func (w *writer) kselftest(kept map[string]bool) error {
	w.line("#!/bin/bash")
	w.line("# SPDX-License-Identifier: GPL-2.0")
	w.line("#")
	w.head()
	w.line("# Written by lanproof %s.", comment(w.script.Tool))
	w.line("# shellcheck disable=SC2086,SC2154,SC2317,SC2329,SC1090,SC1091,SC2034")
	var vars []string
	for _, n := range w.nodes {
		vars = append(vars, strings.TrimPrefix(w.name(n.Name), "$"))
	}
	test := "test_" + strings.Trim(notInNames.ReplaceAllString(strings.ToLower(w.script.Check), "_"), "_")
	fmt.Fprintf(w, `
ALL_TESTS=%q
%s
set -e
watching=''
tidy() {
	for pid in $watching; do kill "$pid" 2>/dev/null || :; done
	cleanup_all_ns
}
trap tidy EXIT
export LC_ALL=C
setup_ns %s
node() { # NAME SETTING ...: one machine
	local name=$1

	shift
	ip -n "$name" link set dev lo up
	ip netns exec "$name" sysctl -qew net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 "$@"
}

`, test, fallback, strings.Join(vars, " "))
	if err := w.body(kept); err != nil {
		return err
	}
	fmt.Fprintf(w, `
%s() {
	local rc=0

	RET=0
	holds || rc=$?
	if [ $rc -gt 1 ]; then
		echo "SKIP: it could not be found out"
		exit $ksft_skip
	fi
	check_err $rc %s
	log_test %s
}

set +e
tests_run
exit $EXIT_STATUS
`, test, quote("expected: "+w.script.Expected), quote(w.script.Asks))
	return nil
}

// fallback is what of the kernel's lib.sh is used, for where there is none or an
// older one.
const fallback = `
lib=$(dirname "$(readlink -f "$0")")/lib.sh
if [ -f "$lib" ] && grep -q '^setup_ns()' "$lib" && grep -q '^tests_run()' "$lib"; then
	. "$lib"
else
	ksft_pass=0 ksft_fail=1 ksft_skip=4 EXIT_STATUS=0 RET=0 retmsg='' NS_LIST=''
	setup_ns() {
		local name ns

		for name in "$@"; do
			ns=$name-$(mktemp -u XXXXXX)
			ip netns add "$ns"
			printf -v "$name" '%s' "$ns"
			NS_LIST="$NS_LIST $ns"
		done
	}
	cleanup_all_ns() {
		local ns

		for ns in $NS_LIST; do ip netns delete "$ns" 2>/dev/null || :; done
	}
	check_err() {
		[ "$1" -eq 0 ] && return
		RET=$ksft_fail retmsg=$2
	}
	log_test() {
		if [ "$RET" -eq 0 ]; then
			printf 'TEST: %-60s  [ OK ]\n' "$1"
		else
			printf 'TEST: %-60s  [FAIL]\n\t%s\n' "$1" "$retmsg"
			EXIT_STATUS=$ksft_fail
		fi
	}
	tests_run() {
		local t

		for t in ${TESTS:-$ALL_TESTS}; do "$t"; done
	}
fi
if [ "$(id -u)" -ne 0 ]; then
	echo "SKIP: this takes root"
	exit $ksft_skip
fi
`

// makeNode is the command for a machine.
func (w *writer) makeNode(n topology.Node) string {
	settings := ""
	if n.Forwarding {
		settings += " net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1"
	}
	if w.v6(n.Name) {
		return "node " + w.name(n.Name) + settings + " net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.default.accept_ra=0"
	}
	return "node " + w.name(n.Name) + settings + " net.ipv6.conf.default.disable_ipv6=1"
}

// body writes the LAN, its changes, and the question.
func (w *writer) body(kept map[string]bool) error {
	w.line("# The LAN.")
	if err := w.ops(w.script.Build, kept); err != nil {
		return err
	}
	w.line("sleep 1 # until every device has its carrier")
	for _, step := range w.script.Steps {
		if len(step.Ops) == 0 {
			continue
		}
		w.line("\n# %s.", comment(step.Name))
		if err := w.ops(step.Ops, kept); err != nil {
			return err
		}
		w.line("sleep 1")
	}
	w.line("\n# The check.")
	return w.script.Ask.write(w)
}
