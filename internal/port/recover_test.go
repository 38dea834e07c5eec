package port_test

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lanproof/lanproof/guest"
	"github.com/lanproof/lanproof/internal/netns"
	"github.com/lanproof/lanproof/internal/port"
	"github.com/lanproof/lanproof/internal/rtnl"
)

// borrower is set in the environment of a process that borrows enp1s0 and keeps it
// until it is killed; its value says where it takes the port: a path, or "own".
const borrower = "LANPROOF_TEST_BORROWER"

// borrowed is set to the names of other ports.
const borrowed = "LANPROOF_TEST_BORROWED"

// written is set to files of the port's driver that the borrower tells of its device.
const written = "LANPROOF_TEST_WRITTEN"

func TestMain(m *testing.M) {
	if to := os.Getenv(borrower); to != "" {
		if err := borrowForever(to); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	}
	if guest.IsInit() {
		guest.Init(inGuest)
	}
	os.Exit(m.Run())
}

func borrowForever(to string) error {
	var ns *netns.NS
	var err error
	if to == "own" {
		ns, err = netns.New()
	} else {
		ns, err = netns.Open(to)
	}
	if err != nil {
		return err
	}
	var orders []port.Order
	for i, name := range strings.Fields(cmp.Or(os.Getenv(borrowed), "enp1s0")) {
		orders = append(orders, port.Order{Port: name, To: ns, Name: fmt.Sprintf("eth%d", i)})
	}
	loans, err := port.BorrowAll("", orders...)
	if err != nil {
		return err
	}
	for _, file := range strings.Fields(os.Getenv(written)) {
		d := loans[0].Was.Device
		if err := os.WriteFile(filepath.Join("/sys/bus", d.Bus, "drivers", d.Driver, file), []byte(d.Name), 0); err != nil {
			return err
		}
	}
	fmt.Println("borrowed")
	_, err = io.Copy(io.Discard, os.Stdin) // which nobody closes
	return err
}

// killed has another process borrow the port, and kills it.
func (m *machine) killed(to string) {
	m.t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), borrower+"="+to, "LANPROOF_STATE="+m.dir)
	in, err := cmd.StdinPipe()
	if err != nil {
		m.t.Fatal(err)
	}
	defer in.Close()
	out, err := cmd.StdoutPipe()
	if err != nil {
		m.t.Fatal(err)
	}
	m.do(m.home, cmd.Start)
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "borrowed\n" {
		m.t.Errorf("the borrower says %q, %v", line, err)
	}
	name := strings.Fields(cmp.Or(os.Getenv(borrowed), "enp1s0"))[:1]
	expectRefusal(m.t, m.check(name, nil), fmt.Sprintf("is borrowed by another lanproof, process %d", cmd.Process.Pid), false)
	if all, err := m.recover(); len(all) > 0 || err != nil {
		m.t.Errorf("while the borrower lives, recovery gives %v, %v", all, err)
	}
	if err := cmd.Process.Kill(); err != nil {
		m.t.Fatal(err)
	}
	_ = cmd.Wait()
	expectRefusal(m.t, m.check(name, nil), "was left behind by a lanproof that was killed: lanproof clean brings it back", false)
}

func (m *machine) recover() (all []port.Recovered, err error) {
	err = m.home.Do(func() (err error) { all, err = port.Recover(m.dir); return err })
	return all, err
}

// expectRecovered recovers and holds the port against what it was.
func (m *machine) expectRecovered(was *port.State) {
	m.t.Helper()
	all, err := m.recover()
	if err != nil || len(all) != 1 || all[0].Port != "enp1s0" || len(all[0].Differences) > 0 {
		m.t.Errorf("recovery gives %v, %v", all, err)
		return
	}
	if d := port.Differences(was, m.snapshot()); len(d) > 0 {
		m.t.Errorf("after it there are the differences\n%s", strings.Join(d, "\n"))
	}
	if len(m.journals()) > 0 {
		m.t.Errorf("after it there are the journals %v", m.journals())
	}
	if all, err := m.recover(); len(all) > 0 || err != nil {
		m.t.Errorf("recovering again gives %v, %v", all, err)
	}
}

func TestRecoverFromAnotherNamespace(t *testing.T) {
	m := newMachine(t)
	m.furnish()
	was := m.snapshot()
	m.killed(m.abroad.Path())
	keeper := exec.Command("sleep", "1000")
	m.do(m.abroad, keeper.Start)
	defer func() { _, _ = keeper.Process.Kill(), keeper.Wait() }()
	m.expectRecovered(was)
}

// Where a physical port falls back to: home, under the name that it had away.
func TestRecoverFromHome(t *testing.T) {
	m := newMachine(t)
	m.furnish()
	was := m.snapshot()
	m.killed(m.abroad.Path())
	m.sh(m.abroad, fmt.Sprintf("ip link set eth0 netns %s", m.home.Path()))
	m.expectRecovered(was)
}

func TestRecoverAfterBoot(t *testing.T) {
	m := newMachine(t)
	m.furnish()
	was := m.snapshot()
	m.killed(m.abroad.Path())
	m.edit(func(s string) string {
		boot := strings.TrimSpace(m.sh(m.home, "cat /proc/sys/kernel/random/boot_id"))
		return regexp.MustCompile(`"home": \d+`).ReplaceAllString(strings.Replace(s, boot, "0", 1), `"home": 1`)
	})
	m.sh(m.abroad, fmt.Sprintf("ip link set eth0 name enp1s0; ip link set enp1s0 netns %s", m.home.Path()))
	m.expectRecovered(was)
}

// edit changes the one journal.
func (m *machine) edit(change func(string) string) {
	m.t.Helper()
	path := filepath.Join(m.dir, m.journals()[0])
	b, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, []byte(change(string(b))), 0o600)
	}
	if err != nil {
		m.t.Fatal(err)
	}
}

// Killed between the journal and the move: nothing is to be done, and nothing is.
func TestRecoverWhatWasNotMoved(t *testing.T) {
	m := newMachine(t)
	m.furnish()
	was := m.snapshot()
	l := m.borrow(port.Options{})
	path := filepath.Join(m.dir, m.journals()[0])
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d, err := l.Return(); err != nil || len(d) > 0 {
		t.Fatal(d, err)
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	m.expectRecovered(was)
}

// A veth dies with the namespace of its borrower.
func TestRecoverWhatIsGone(t *testing.T) {
	m := newMachine(t)
	m.killed("own")
	// The kernel takes the namespace away in its own time, and with it the far end.
	m.do(m.far, func() error {
		e, err := rtnl.WatchLinksHere()
		if err != nil {
			return err
		}
		defer e.Close()
		for m.try(m.far, "ip link show cable") {
			if err := e.Wait(time.Minute); err != nil {
				return err
			}
		}
		return nil
	})
	for range 2 {
		all, err := m.recover()
		if !errors.Is(err, port.ErrGone) || len(all) > 0 || !strings.Contains(err.Error(), m.journals()[0]) {
			t.Errorf("recovery gives %v, %v", all, err)
		}
	}
}

// A port that was borrowed, and lent on from where it was, goes back to its first home.
func TestRecoverWhatWasLentOn(t *testing.T) {
	m := newMachine(t)
	m.furnish()
	was := m.snapshot()
	m.killed(m.abroad.Path())
	first := m.journals()
	// As a borrower that is killed leaves it: another journal, whose home is away.
	text, err := os.ReadFile(filepath.Join(m.dir, first[0]))
	if err != nil {
		t.Fatal(err)
	}
	home, away := strconv.Itoa(int(m.home.Inode())), strconv.Itoa(int(m.abroad.Inode()))
	onwards := strings.Replace(strings.Replace(string(text), `"away": `+away, `"away": 1`, 1), `"home": `+home, `"home": `+away, 1)
	for _, name := range []string{"port-0-first.json", "port-9-last.json"} {
		if err := os.WriteFile(filepath.Join(m.dir, name), []byte(onwards), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	m.sh(m.abroad, fmt.Sprintf("ip link set eth0 netns %s", m.home.Path()))
	m.expectRecovered(was)
}

func TestRecoverFromRubbish(t *testing.T) {
	m := newMachine(t)
	l := m.borrow(port.Options{})
	whole, err := os.ReadFile(filepath.Join(m.dir, m.journals()[0]))
	if err != nil {
		t.Fatal(err)
	}
	if d, err := l.Return(); err != nil || len(d) > 0 {
		t.Fatal(d, err)
	}
	for name, text := range map[string]string{
		"empty": "", "cut": string(whole[:len(whole)/2]), "no JSON": "rubbish", "null": "null", "another": `{"schema": "other"}`,
		"no port": `{"schema": "lanproof/port/v1", "state": {}}`,
	} {
		path := filepath.Join(m.dir, "port-1-x.json")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		all, err := m.recover()
		if len(all) > 0 || err == nil || !strings.Contains(err.Error(), "port-1-x.json") {
			t.Errorf("%s: recovery gives %v, %v", name, all, err)
		}
		if len(m.journals()) != 1 {
			t.Errorf("%s: it is gone", name)
		}
	}
	if all, err := port.Recover(filepath.Join(m.dir, "nowhere")); all != nil || err != nil {
		t.Errorf("a folder that is not there: %v, %v", all, err)
	}
}
