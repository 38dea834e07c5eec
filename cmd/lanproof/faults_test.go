package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/guest"
	"github.com/lanproof/lanproof/reports"
)

// TestNothingIsLeft ends runs in their middle, in every way and on every ground:
// no process, namespace, link or file is left behind.
func TestNothingIsLeft(t *testing.T) {
	for _, ground := range []string{"host", "guest"} {
		for _, s := range []unix.Signal{unix.SIGINT, unix.SIGTERM, unix.SIGKILL} {
			t.Run(ground+" "+unix.SignalName(s), func(t *testing.T) {
				if ground == "guest" {
					needGuest(t)
				}
				endInTheMiddle(t, ground, s)
			})
		}
	}
}

func needGuest(t *testing.T) {
	t.Helper()
	if _, err := guest.Resolve(t.Context(), "debian", ""); err != nil {
		t.Skip(err)
	}
}

func endInTheMiddle(t *testing.T, ground string, s unix.Signal) {
	links, mark, temp := names(t), "LANPROOF_TEST="+t.Name(), t.TempDir()
	out := filepath.Join(temp, "out")
	cmd := exec.Command(filepath.Join(bin, "lanproof"), "run", "--verbose", "--on", ground, "--repeat", "2000", "--out", out, "macvlan-two-endpoints")
	cmd.Env = append(os.Environ(), mark, "TMPDIR="+temp)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	lines := startAndWaitFor(t, cmd, "pass ")
	family := processes(t, mark)
	if want := map[string]int{"host": 1, "guest": 2}[ground]; len(family) < want {
		t.Errorf("%d processes belong to the run, want lanproof and what its ground takes", len(family))
	}
	spaces := map[namespace]bool{}
	for _, p := range family {
		for _, ns := range p.namespaces() {
			spaces[ns] = true
		}
	}
	if ground == "host" && len(spaces) < 2 {
		t.Errorf("the run holds %d namespaces in its middle", len(spaces))
	}
	if err := cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
	rest, _ := io.ReadAll(lines)
	_ = cmd.Wait()
	for _, p := range family {
		p.awaitEnd(t)
	}
	checkGone(t, mark, spaces)
	if now := names(t); !slices.Equal(now, links) {
		t.Errorf("links of this namespace are %q, and were %q", now, links)
	}
	if s == unix.SIGKILL {
		return
	}
	if status := cmd.ProcessState.ExitCode(); status != exitHarness {
		t.Errorf("exit status %d, want %d; said %s\n%s", status, exitHarness, rest, &stderr)
	}
	r, err := reports.Load(out)
	if err != nil {
		t.Fatal(err)
	}
	if r.Summary.Pass == 0 || len(r.Cases) != 2000 || r.Cases[1999].Verdict != reports.Error {
		t.Errorf("of what had been found out %+v is left, in %d cases", r.Summary, len(r.Cases))
	}
	if left, err := filepath.Glob(temp + "/*"); err != nil || !slices.Equal(left, []string{out}) {
		t.Errorf("files %q are left (%v), want the results alone", left, err)
	}
}

// startAndWaitFor starts a command, and returns its output behind the first line
// that contains the text.
func startAndWaitFor(t *testing.T, cmd *exec.Cmd, text string) *bufio.Reader {
	t.Helper()
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	guard := time.AfterFunc(2*time.Minute, func() { _ = cmd.Process.Kill() })
	t.Cleanup(func() { guard.Stop() })
	out := bufio.NewReader(pipe)
	var said strings.Builder
	for {
		line, err := out.ReadString('\n')
		said.WriteString(line)
		if err != nil {
			_ = cmd.Wait()
			t.Fatalf("no line with %q came: %v; said\n%s%s", text, err, &said, cmd.Stderr)
		}
		if strings.Contains(line, text) {
			return out
		}
	}
}

func names(t *testing.T) []string {
	t.Helper()
	interfaces, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, i := range interfaces {
		all = append(all, i.Name)
	}
	return all
}

// member is a process of a run, by its folder in /proc and a handle that tells of its
// end.
type member struct {
	dir string
	fd  int
}

// processes are those whose environment has the mark.
func processes(t *testing.T, mark string) []member {
	t.Helper()
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	var all []member
	for _, dir := range dirs {
		env, err := os.ReadFile(dir + "/environ")
		if err != nil || !slices.Contains(strings.Split(string(env), "\x00"), mark) {
			continue // it is gone, or none of ours
		}
		var pid int
		if _, err := fmt.Sscanf(dir, "/proc/%d", &pid); err != nil {
			t.Fatal(err)
		}
		fd, err := unix.PidfdOpen(pid, 0)
		if err != nil {
			continue // it has just ended
		}
		t.Cleanup(func() { _ = unix.Close(fd) })
		all = append(all, member{dir, fd})
	}
	return all
}

// namespaces are the network namespaces that the process has a handle of.
func (p member) namespaces() []namespace {
	fds, _ := filepath.Glob(p.dir + "/fd/*")
	var all []namespace
	for _, fd := range fds {
		if ns, ok := namespaceAt(fd); ok {
			all = append(all, ns)
		}
	}
	return all
}

// namespace is one network namespace. Kernels use the names of those that are gone
// again, and other tests run at the same time, so that its age belongs to it.
type namespace struct {
	name string
	born unix.Timespec
}

// namespaceAt is the network namespace that a path of /proc leads to; false where it
// leads to something else or nowhere any more.
func namespaceAt(path string) (namespace, bool) {
	to, err := os.Readlink(path)
	if err != nil || !strings.HasPrefix(to, "net:[") {
		return namespace{}, false
	}
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return namespace{}, false
	}
	return namespace{to, st.Ctim}, true
}

// awaitEnd waits until the process has ended; pidfd_open(2).
func (p member) awaitEnd(t *testing.T) {
	t.Helper()
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(p.fd), Events: unix.POLLIN}}, 10_000)
		if err == unix.EINTR {
			continue
		}
		if n != 1 || err != nil {
			t.Errorf("%s is still there (%v)", p.dir, err)
		}
		return
	}
}

// checkGone looks through the whole machine for processes with the mark, and for
// whoever holds one of the namespaces.
func checkGone(t *testing.T, mark string, spaces map[namespace]bool) {
	t.Helper()
	for _, p := range processes(t, mark) {
		t.Errorf("%s is left of the run", p.dir)
	}
	handles, err := filepath.Glob("/proc/[0-9]*/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	own, err := filepath.Glob("/proc/[0-9]*/task/*/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range append(handles, own...) {
		if ns, ok := namespaceAt(path); ok && spaces[ns] {
			t.Errorf("%s holds %s of the run", path, ns.name)
		}
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		const root, at = 3, 4 // proc_pid_mountinfo(5)
		if f := strings.Fields(line); len(f) > at && strings.HasPrefix(f[root], "net:[") {
			var st unix.Stat_t
			if err := unix.Stat(f[at], &st); err == nil && spaces[namespace{f[root], st.Ctim}] {
				t.Errorf("%s is mounted at %s", f[root], f[at])
			}
		}
	}
}

// nobody is an ordinary user.
var nobody = &syscall.Credential{Uid: 65534, Gid: 65534}

// TestOrdinaryUser runs a case here and one in a guest without any privilege.
func TestOrdinaryUser(t *testing.T) {
	for _, ground := range []string{"host", "guest"} {
		t.Run(ground, func(t *testing.T) {
			if ground == "guest" {
				needGuest(t)
			}
			dir := everybodys(t)
			cmd := exec.Command(filepath.Join(bin, "lanproof"), "run", "--on", ground, "macvlan-two-endpoints")
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "HOME="+dir, "TMPDIR="+dir)
			if os.Geteuid() == 0 {
				cmd.SysProcAttr = &syscall.SysProcAttr{Credential: nobody}
			}
			said, err := cmd.CombinedOutput()
			if bytes.Contains(said, []byte("needs a user namespace here")) {
				t.Skipf("%s", said)
			}
			if err != nil || !bytes.Contains(said, []byte("✓ PASS")) {
				t.Errorf("%v\n%s", err, said)
			}
			if _, err := reports.Load(filepath.Join(dir, "lanproof-out")); err != nil {
				t.Error(err)
			}
		})
	}
}

// everybodys is a folder that every user can write to.
func everybodys(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "lanproof-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestForbiddenUserNamespace takes user namespaces from an ordinary user: one
// sentence says what is missing and what would help, and nothing is built.
func TestForbiddenUserNamespace(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("to forbid user namespaces takes root")
	}
	dir := everybodys(t)
	const script = `echo 0 >/proc/sys/user/max_user_namespaces && exec setpriv --reuid 65534 --regid 65534 --clear-groups "$0" "$@"`
	for args, want := range map[string]int{"run macvlan-two-endpoints": exitHarness, "doctor": exitHarness, "list": exitGood} {
		cmd := exec.Command("sh", append([]string{"-c", script, filepath.Join(bin, "lanproof")}, strings.Fields(args)...)...)
		cmd.Dir = dir
		all := []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 65536}}
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWUSER, UidMappings: all, GidMappings: all, GidMappingsEnableSetgroups: true}
		said, err := cmd.CombinedOutput()
		if cmd.ProcessState == nil {
			t.Skipf("a user namespace for the test: %v", err)
		}
		if got := cmd.ProcessState.ExitCode(); got != want {
			t.Errorf("lanproof %s: exit status %d, want %d\n%s", args, got, want, said)
		}
		if args == "list" {
			continue
		}
		if n := bytes.Count(said, []byte("an ordinary user needs a user namespace here")); n != 1 {
			t.Errorf("lanproof %s: said %d times what is missing\n%s", args, n, said)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind are %v (%v)", left, err)
	}
}

// TestKeepAndClean leaves a topology standing, looks into it as a person would,
// and lets go of it again, in a mount namespace of its own.
func TestKeepAndClean(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("names for namespaces take root")
	}
	const script = `set -e
mount -t tmpfs none /run
lanproof run --keep --out "$OUT" macvlan-two-endpoints
ip netns list
ip -n lanproof-macvlan-two-endpoints-c1 -br link show eth0
lanproof exec macvlan-two-endpoints c1 -- ip address add 10.9.8.7/32 dev eth0
lanproof exec macvlan-two-endpoints c1 ip -br address show dev eth0
lanproof run --keep-on-failure --out "$OUT" red.yaml green.yaml || echo "status $?"
lanproof exec red b -- ip -br link show eth0
ip netns list | grep green || true
lanproof run --keep-on-failure --out "$OUT" red.yaml || true
lanproof clean --kept
lanproof exec --keep green.yaml a -- true
ip -n lanproof-green-a -br address show dev eth0
lanproof clean
echo "left: $(ls /run/netns)"`
	dir := t.TempDir()
	for name, check := range map[string]string{"red": "blocked", "green": "reach"} {
		text := "name: " + name + "\ntitle: One check\nhosts: {host: {parents: {eth0: {}}}}\n" +
			"networks: {lan: {driver: macvlan, parent: eth0, subnets: [{subnet: 192.168.1.0/24}]}}\n" +
			"endpoints: {a: {network: lan}, b: {network: lan}}\nchecks: [{" + check + ": {from: a, to: b}}]\n"
		if err := os.WriteFile(filepath.Join(dir, name+".yaml"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("sh", "-c", script)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "OUT="+t.TempDir(), "LANPROOF_CACHE="+t.TempDir(), "LANPROOF_STATE="+t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: unix.CLONE_NEWNS}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{
		"kept: enter with lanproof shell macvlan-two-endpoints NODE, or ip netns exec NAME; let go with lanproof clean --kept: ",
		" 10.9.8.7/32",
		"\nstatus 1\n",
		"kept: enter with lanproof shell red NODE",
		"file exists; lanproof clean --kept lets go of what was kept before",
		"\nkept until lanproof clean --kept: lanproof-green-switch ",
		" 192.168.1.1/24",
		"\nlanproof-macvlan-two-endpoints-c1",
		"\neth0@",
		"\nlet go of namespace lanproof-macvlan-two-endpoints-c1\n",
		"\nleft: \n",
	} {
		if !strings.Contains(string(out), want) {
			t.Errorf("%q is missing in\n%s", want, out)
		}
	}
	if strings.Contains(string(out), "shell green NODE") {
		t.Errorf("a case without failures was kept\n%s", out)
	}
}

// TestOrdinaryUserEnters has an ordinary user enter a node.
func TestOrdinaryUserEnters(t *testing.T) {
	cmd := exec.Command(filepath.Join(bin, "lanproof"), "exec", "macvlan-two-endpoints", "c2", "--", "ls", "/sys/class/net")
	cmd.Dir = everybodys(t)
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: nobody}
	}
	said, err := cmd.CombinedOutput()
	if bytes.Contains(said, []byte("needs a user namespace here")) {
		t.Skipf("%s", said)
	}
	if err != nil || string(said) != "eth0\nlo\n" {
		t.Errorf("%v\n%s", err, said)
	}
	cmd = exec.Command(filepath.Join(bin, "lanproof"), "exec", "--keep", "macvlan-two-endpoints", "c2", "--", "true")
	cmd.Dir, cmd.SysProcAttr = everybodys(t), &syscall.SysProcAttr{Credential: nobody}
	if said, err := cmd.CombinedOutput(); err == nil || !bytes.Contains(said, []byte("--keep needs root")) {
		t.Errorf("%v\n%s", err, said)
	}
}

// TestShellOnTerminal types into a shell at a terminal of its own, as root and as an
// ordinary user, who has a user namespace between the terminal and the shell.
func TestShellOnTerminal(t *testing.T) {
	if _, err := exec.LookPath("script"); err != nil {
		t.Skip("there is no script(1) here, which makes a terminal")
	}
	for name, who := range map[string]*syscall.Credential{"root": nil, "nobody": nobody} {
		if os.Geteuid() != 0 && who != nil {
			continue
		}
		cmd := exec.Command("script", "-qec", filepath.Join(bin, "lanproof")+" shell macvlan-two-endpoints c1", "/dev/null")
		cmd.Dir = everybodys(t)
		cmd.Env = append(os.Environ(), "SHELL=/bin/sh", "HOME="+cmd.Dir)
		cmd.Stdin = strings.NewReader("echo in $LANPROOF_NODE\ncat /proc/net/dev | grep -c eth0\nexit 5\n")
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: who}
		said, err := cmd.CombinedOutput()
		if bytes.Contains(said, []byte("needs a user namespace here")) {
			t.Skipf("%s", said)
		}
		text := strings.ReplaceAll(string(said), "\r", "")
		if cmd.ProcessState.ExitCode() != 5 || !strings.Contains(text, "\nin c1\n") && !strings.Contains(text, "# in c1\n") || !strings.Contains(text, "this is node c1 of macvlan-two-endpoints; exit ends it") {
			t.Errorf("%s: %v\n%s", name, err, said)
		}
	}
}

// TestDropsOfAnOrdinaryUser: who may not load a program is told once, and gets
// counters.
func TestDropsOfAnOrdinaryUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("becoming an ordinary user takes root")
	}
	cmd := exec.Command(filepath.Join(bin, "lanproof"), "run", "--on", "host", "--drops", "--out", "out", "macvlan-private")
	cmd.Dir, cmd.SysProcAttr = everybodys(t), &syscall.SysProcAttr{Credential: nobody}
	cmd.Env = append(os.Environ(), "HOME="+cmd.Dir)
	said, err := cmd.CombinedOutput()
	if bytes.Contains(said, []byte("needs a user namespace here")) {
		t.Skipf("%s", said)
	}
	if n := bytes.Count(said, []byte("counters are compared instead")); err != nil || n != 1 {
		t.Errorf("it is told %d times, %v\n%s", n, err, said)
	}
	results, err := reports.Load(filepath.Join(cmd.Dir, "out"))
	if err != nil {
		t.Fatal(err)
	}
	how := map[reports.How]int{}
	for _, c := range results.Cases {
		for _, k := range c.Checks {
			if k.Drops != nil {
				how[k.Drops.How]++
			}
		}
	}
	if how[reports.Counted] == 0 || how[reports.NotObserved] == 0 || how[reports.Traced] != 0 {
		t.Errorf("found out %v", how)
	}
}
