package history_test

import (
	"bufio"
	"bytes"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/bench/history"
)

// adder is set to the history that this process adds to in the place of tests, from the
// day that adderFrom says on.
const (
	adder     = "HISTORY_TEST_ADDER"
	adderFrom = "HISTORY_TEST_FROM"
	adderDays = "HISTORY_TEST_DAYS"
)

// TestAdder adds runs, and tells of each when it is in.
func TestAdder(t *testing.T) {
	path := os.Getenv(adder)
	if path == "" {
		t.Skip("for other tests")
	}
	from, err := strconv.Atoi(os.Getenv(adderFrom))
	if err != nil {
		t.Fatal(err)
	}
	days, err := strconv.Atoi(os.Getenv(adderDays))
	if err != nil {
		t.Fatal(err)
	}
	for day := range days {
		db, err := history.Create(t.Context(), path)
		if err != nil {
			fmt.Println("failed", err)
			os.Exit(3)
		}
		if _, _, err := db.Add(t.Context(), benchEntry(t, measured(from+day, 100, 200, 300))); err != nil {
			fmt.Println("failed", err)
			os.Exit(3)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		fmt.Println("added", from+day)
	}
	os.Exit(0)
}

func adding(t *testing.T, path string, from, days int) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestAdder$")
	cmd.Env = append(os.Environ(), adder+"="+path, fmt.Sprintf("%s=%d", adderFrom, from), fmt.Sprintf("%s=%d", adderDays, days))
	return cmd
}

// whole holds that a history is sound and has so many runs at least, each with all of its
// figures.
func whole(t *testing.T, path string, least int) {
	t.Helper()
	db := create(t, path)
	runs, err := db.Runs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(runs) < least {
		t.Errorf("%d runs are left of %d", len(runs), least)
	}
	for _, r := range runs {
		if r.Benchmarks != 6 || r.Problems != 1 || len(r.Systems) != 2 {
			t.Errorf("run %d is not whole: %+v", r.ID, r)
		}
	}
	raw, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	var said string
	if err := raw.QueryRow("PRAGMA integrity_check").Scan(&said); err != nil || said != "ok" {
		t.Errorf("the file is %q (%v)", said, err)
	}
}

// Several processes make a history and add to it at once.
func TestAddTogether(t *testing.T) {
	path := filepath.Join(t.TempDir(), "h.db")
	const processes, days = 4, 10
	var all []*exec.Cmd
	for i := range processes {
		cmd := adding(t, path, i*days/2, days) // half of the days are somebody else's, too
		cmd.Stdout = &bytes.Buffer{}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		all = append(all, cmd)
	}
	for _, cmd := range all {
		if err := cmd.Wait(); err != nil {
			t.Errorf("%v: %s", err, cmd.Stdout)
		}
	}
	whole(t, path, (processes+1)*days/2)
	runs, err := create(t, path).Runs(t.Context())
	if err != nil || len(runs) != (processes+1)*days/2 {
		t.Errorf("%d runs (%v), want each day once: %d", len(runs), err, (processes+1)*days/2)
	}
}

// A process that is killed while it adds leaves whatever it said was in.
func TestKilled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "h.db")
	said := 0
	for round := range 12 {
		cmd := adding(t, path, said, 1000)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 0; n <= round%4 && lines.Scan(); n++ {
			if !strings.HasPrefix(lines.Text(), "added ") {
				t.Fatalf("it says %q", lines.Text())
			}
			said++
		}
		if err := cmd.Process.Kill(); err != nil { // wherever it is by now
			t.Fatal(err)
		}
		for lines.Scan() {
			if strings.HasPrefix(lines.Text(), "added ") {
				said++
			}
		}
		if err := cmd.Wait(); err == nil {
			t.Fatal("it ended well, though it was killed")
		}
		whole(t, path, said)
	}
}

// inMounts runs a shell in a mount namespace with a file system of its own on /mnt.
func inMounts(t *testing.T, script string) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("a file system of its own takes root")
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-ec", script)
	cmd.Env = append(os.Environ(), "ADDER="+os.Args[0], adder+"=/mnt/h.db", adderFrom+"=0", adderDays+"=2000")
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: unix.CLONE_NEWNS}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}

// On a disk that is full nothing is lost of what was there, and one sentence says why.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	said := inMounts(t, `mount -t tmpfs -o size=300k none /mnt
"$ADDER" -test.run=^TestAdder$ || echo "status $?"
cp /mnt/h.db `+dir)
	if !strings.Contains(said, "the disk is full; what was in it is still there\nstatus 3") {
		t.Errorf("it says %q", said)
	}
	whole(t, filepath.Join(dir, "h.db"), max(strings.Count(said, "added "), 1))
}

// A history that may not be written can be read, and says that it may not be written.
func TestReadOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "h.db")
	add(t, create(t, path), benchEntry(t, measured(500, 1, 2, 3)))
	said := inMounts(t, `mount -t tmpfs none /mnt && cp `+path+` /mnt && mount -o remount,ro /mnt
"$ADDER" -test.run=^TestAdder$ || echo "status $?"
`+reader+`=/mnt/h.db "$ADDER" -test.run=^TestReader$`)
	if want := "failed add to the history /mnt/h.db: it may not be written\nstatus 3\n1 runs\n"; said != want {
		t.Errorf("it says %q, want %q", said, want)
	}
}

const reader = "HISTORY_TEST_READER"

// TestReader reads a history.
func TestReader(t *testing.T) {
	path := os.Getenv(reader)
	if path == "" {
		t.Skip("for other tests")
	}
	db, err := history.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	runs, err := db.Runs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println(len(runs), "runs")
	os.Exit(0)
}
