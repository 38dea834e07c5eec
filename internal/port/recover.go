package port

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/lanproof/lanproof/internal/netns"
)

// Recovered is a port that was left by a process that was killed, and is back.
type Recovered struct {
	Port string
	// Differences says what is not as it was.
	Differences []string
}

// Recover reads the journals in a folder, [StateDir] when empty, whose processes are
// gone, and restores each port. One that is nowhere to be found is told by an error
// that wraps [ErrGone], and its journal is kept, as with any error. Journals of
// living processes are left alone.
func Recover(dir string) ([]Recovered, error) {
	if dir == "" {
		var err error
		if dir, err = StateDir(); err != nil {
			return nil, err
		}
	}
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look for journals of borrowed ports: %w", err)
	}
	var paths []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), journalPrefix) && strings.HasSuffix(e.Name(), journalSuffix) {
			paths = append(paths, filepath.Join(dir, e.Name()))
		}
	}
	var all []Recovered
	var errs []error
	nested := lentOn(paths)
	for _, path := range paths {
		r, err := recoverOne(path, nested)
		switch {
		case errors.Is(err, errLiving), errors.Is(err, os.ErrNotExist):
		case err != nil:
			errs = append(errs, err)
		case r != nil:
			all = append(all, *r)
		}
	}
	return all, errors.Join(errs...)
}

// stay is a namespace of a boot.
type stay struct {
	boot string
	ns   uint32
}

// lentOn returns the namespaces to which ports were lent. A port that was lent on from
// there goes back to where it came from first, and the other journal is of no use.
func lentOn(paths []string) map[stay]bool {
	all := map[stay]bool{}
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		if j, err := parse(b); err == nil {
			all[stay{j.Boot, j.Away}] = true
		}
	}
	return all
}

// recoverOne brings one port back and deletes its journal. There is nothing to tell of
// one that was lent on.
func recoverOne(path string, lentOn map[stay]bool) (*Recovered, error) {
	j, w, err := read(path)
	if err != nil {
		return nil, err
	}
	if lentOn[stay{j.Boot, j.Home}] {
		return nil, w.remove()
	}
	differences, err := j.bringBack()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%w; what it was is kept in %s", err, path), w.f.Close())
	}
	return &Recovered{Port: j.State.Name, Differences: differences}, w.remove()
}

// bringBack restores a journal's port.
func (j *Journal) bringBack() (differences []string, err error) {
	home, err := j.openHome()
	if err != nil {
		return nil, err
	}
	var away *netns.NS
	if j.Boot == bootID() {
		away = openInode(j.Away) // when somebody else has kept it
	}
	defer func() { err = errors.Join(err, home.Close(), away.Close()) }()
	found, err := search(j.State, home, j.AwayName, away)
	if err != nil {
		return nil, err
	}
	defer found.close()
	if j.Boot != bootID() {
		j.State.Index = found.index // numbers are given anew
	}
	index, err := found.carry(home, j.State)
	if err != nil {
		return nil, fmt.Errorf("bring port %s back: %w", j.State.Name, err)
	}
	err = at(home, func(p *place) error {
		if p.untouched(j.State, index) {
			return nil // it had not been moved yet
		}
		differences, err = p.settle(j.State, index)
		return err
	})
	return differences, err
}

// untouched reports whether a port at home is as it was already.
func (p *place) untouched(was *State, index int) bool {
	s, err := p.conn.Link(index)
	if err != nil {
		return false
	}
	now, err := p.snapshot(s.Name)
	return err == nil && len(Differences(was, now)) == 0
}

// openHome opens the namespace that the port came from. After a boot that is the one
// that we are in.
func (j *Journal) openHome() (*netns.NS, error) {
	here, err := netns.Current()
	if err != nil {
		return nil, err
	}
	if j.Boot != bootID() || here.Inode() == j.Home {
		return here, nil
	}
	err = here.Close()
	home := openInode(j.Home)
	if home == nil {
		return nil, errors.Join(fmt.Errorf("bring port %s back: the network namespace that it came from is gone", j.State.Name), err)
	}
	return home, err
}
