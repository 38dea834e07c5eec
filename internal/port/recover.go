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
	nested := lentOn(paths)
	var back []*found
	var errs []error
	for _, path := range paths {
		f, err := begin(path, nested)
		switch {
		case errors.Is(err, errLiving), errors.Is(err, os.ErrNotExist):
		case err != nil:
			errs = append(errs, err)
		case f != nil:
			back = append(back, f)
		}
	}
	// Two that a cable joins get their carrier together.
	var all []Recovered
	for _, f := range back {
		differences, err := f.finish()
		if err != nil {
			errs = append(errs, err)
			continue
		}
		all = append(all, Recovered{Port: f.was.Name, Differences: differences})
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

// found is a port of a dead process that is at home.
type found struct {
	returned
	w    *file
	path string
	done bool // it had not been moved yet
}

// begin brings one port home and up. There is nothing to tell of one that was lent on.
func begin(path string, lentOn map[stay]bool) (*found, error) {
	j, w, err := read(path)
	if err != nil {
		return nil, err
	}
	if lentOn[stay{j.Boot, j.Home}] {
		return nil, w.remove()
	}
	f := &found{returned: returned{was: j.State}, w: w, path: path}
	if err := f.bringBack(j); err != nil {
		return nil, f.give(fmt.Errorf("bring port %s back: %w", j.State.Name, err))
	}
	return f, nil
}

// give lets go of the journal, and keeps it.
func (f *found) give(err error) error {
	return errors.Join(fmt.Errorf("%w; what it was is kept in %s", err, f.path), f.home.Close(), f.w.f.Close())
}

// finish does the rest and deletes the journal.
func (f *found) finish() (differences []string, err error) {
	if !f.done {
		if differences, err = f.returned.finish(); err != nil {
			return nil, f.give(err)
		}
	}
	return differences, errors.Join(f.w.remove(), f.home.Close())
}

// bringBack finds a journal's port, brings it home and begins to restore it.
func (f *found) bringBack(j *Journal) (err error) {
	if f.home, err = j.openHome(); err != nil {
		return err
	}
	var away *netns.NS
	if j.Boot == bootID() {
		away = openInode(j.Away) // when somebody else has kept it
	}
	defer func() { err = errors.Join(err, away.Close()) }()
	look := search
	if j.Boot == bootID() {
		look = seek // after a boot, what has no driver was not left so by us
	}
	c, err := look(j.State, f.home, j.AwayName, away)
	if err != nil {
		return err
	}
	defer c.close()
	if j.Boot != bootID() {
		j.State.Index = c.index // numbers are given anew
	}
	if f.index, err = c.carry(f.home, j.State); err != nil {
		return err
	}
	err = at(f.home, func(p *place) error {
		f.done = p.untouched(j.State, f.index)
		return nil
	})
	if err != nil || f.done {
		return err
	}
	return f.begin()
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
		return nil, errors.Join(errors.New("the network namespace that it came from is gone"), err)
	}
	return home, err
}
