package port

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/internal/netns"
)

// journalSchema is the version of a journal.
const journalSchema = "lanproof/port/v1"

// Journal is what is on the disk while a port is lent out.
type Journal struct {
	Schema string `json:"schema"`
	// PID is the process that has the port, for people: whether it lives is told by
	// its lock on the file, which also holds across PID namespaces and where a number
	// is given to another process.
	PID  int    `json:"pid"`
	Boot string `json:"boot"` // /proc/sys/kernel/random/boot_id
	// Home is where the port comes from, Away where it is: numbers of namespaces.
	Home uint32 `json:"home"`
	Away uint32 `json:"away"`
	// AwayName is what it is called there.
	AwayName string `json:"away_name"`
	State    *State `json:"state"`
}

// StateDir returns the folder of the journals: $LANPROOF_STATE, /var/lib/lanproof
// for root, else the user's own folder for such things.
func StateDir() (string, error) {
	if dir := os.Getenv("LANPROOF_STATE"); dir != "" {
		return dir, nil
	}
	if os.Geteuid() == 0 {
		return "/var/lib/lanproof", nil
	}
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "lanproof"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("find the folder for the state of borrowed ports: %w", err)
	}
	return filepath.Join(home, ".local/state/lanproof"), nil
}

const (
	journalPrefix = "port-"
	journalSuffix = ".json"
)

// journalPath is the one file for a port of a namespace, so that nobody can borrow
// it twice.
func journalPath(dir string, home uint32, name string) string {
	return filepath.Join(dir, fmt.Sprintf("%s%d-%s%s", journalPrefix, home, strings.ReplaceAll(name, "/", "_"), journalSuffix))
}

// file is a journal on the disk with our lock on it.
type file struct {
	path string
	f    *os.File
}

// write puts a journal on the disk. It is whole and locked from the moment that it
// has its name. The error wraps fs.ErrExist when there is one for that port.
func write(dir string, j *Journal) (*file, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder for the journals of borrowed ports: %w", err)
	}
	b, err := json.MarshalIndent(j, "", "\t")
	if err != nil {
		return nil, fmt.Errorf("write the journal of port %s: %w", j.State.Name, err)
	}
	f, err := os.CreateTemp(dir, "new-*")
	if err != nil {
		return nil, fmt.Errorf("write the journal of port %s: %w", j.State.Name, err)
	}
	w := &file{path: journalPath(dir, j.Home, j.State.Name), f: f}
	_, err = f.Write(append(b, '\n'))
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	}
	if err == nil {
		err = os.Link(f.Name(), w.path)
	}
	gone := os.Remove(f.Name())
	if err == nil {
		err = errors.Join(gone, syncDir(dir))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("write the journal of port %s: %w", j.State.Name, err), f.Close())
	}
	return w, nil
}

// syncDir makes sure that a file's name is on the disk, too.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// remove deletes the journal; the port is home.
func (w *file) remove() error {
	if err := os.Remove(w.path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("delete the journal of a port that is back: %w", err)
	}
	return errors.Join(syncDir(filepath.Dir(w.path)), w.f.Close())
}

// errLiving is of a journal whose process lives.
var errLiving = errors.New("its process lives")

// read opens a journal and takes it over. The error wraps errLiving when its process
// lives, which j tells all the same.
func read(path string) (j *Journal, w *file, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, fmt.Errorf("open the journal of a port: %w", err)
	}
	b, err := os.ReadFile(path)
	if err == nil {
		j, err = parse(b)
	}
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("read the journal %s: %w", path, err), f.Close())
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		if errors.Is(err, unix.EWOULDBLOCK) {
			err = errLiving
		}
		return j, nil, errors.Join(fmt.Errorf("take over the journal %s: %w", path, err), f.Close())
	}
	return j, &file{path: path, f: f}, nil
}

// parse reads a journal's bytes.
func parse(b []byte) (*Journal, error) {
	j := &Journal{}
	if err := json.Unmarshal(b, j); err != nil {
		return nil, fmt.Errorf("it is not a journal: %w", err)
	}
	switch {
	case j.Schema != journalSchema:
		return nil, fmt.Errorf("its schema is %q, not %q", j.Schema, journalSchema)
	case j.State == nil || j.State.Name == "":
		return nil, errors.New("it names no port")
	}
	return j, nil
}

// bootID tells boots apart.
func bootID() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

func newJournal(s *State, home, away *netns.NS, awayName string) *Journal {
	return &Journal{
		Schema: journalSchema, PID: os.Getpid(), Boot: bootID(), Home: home.Inode(), Away: away.Inode(),
		AwayName: awayName, State: s,
	}
}
