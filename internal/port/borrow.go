package port

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/internal/netns"
	"github.com/lanproof/lanproof/internal/rtnl"
)

// Options are how a port is borrowed. The zero value is fine.
type Options struct {
	// Dir is the folder of the journals, [StateDir] when empty.
	Dir string
	// Name is what the port is to be called while it is away; empty keeps its name.
	Name string
	// Index is the ifindex that it is to have there (Linux 5.13), 0 leaves it to the
	// kernel.
	Index int
}

// Loan is a port that is away from home. It is not for concurrent use.
type Loan struct {
	// Was is the port before anything was changed.
	Was *State

	home, away *netns.NS
	index      int
	journal    *file
}

// Borrow moves a port of the calling thread's namespace into another one, where it is
// down, after it has written down everything about it. The namespace stays the
// caller's, and is to be closed after the port has gone back. The error wraps ENODEV
// when there is no such port, EINVAL when it is one that cannot be moved, EPERM
// without the rights, and a *[Refusal] when somebody else has borrowed it.
func Borrow(name string, to *netns.NS, o Options) (l *Loan, err error) {
	if o.Dir == "" {
		if o.Dir, err = StateDir(); err != nil {
			return nil, err
		}
	}
	home, err := netns.Current()
	if err != nil {
		return nil, err
	}
	l = &Loan{home: home, away: to}
	if err := l.borrow(name, o); err != nil {
		return nil, errors.Join(err, home.Close())
	}
	return l, nil
}

func (l *Loan) borrow(name string, o Options) (err error) {
	if l.Was, err = Snapshot(name); err != nil {
		if refusal := lent(o.Dir, l.home, name); refusal != nil {
			return refusal
		}
		return err
	}
	if o.Name == "" {
		o.Name = l.Was.Name
	}
	l.journal, err = write(o.Dir, newJournal(l.Was, l.home, l.away, o.Name))
	if errors.Is(err, os.ErrExist) {
		if refusal := lent(o.Dir, l.home, l.Was.Name); refusal != nil {
			return refusal
		}
	}
	if err != nil {
		return err
	}
	l.index, err = transfer(l.home, l.away, l.Was.Index, rtnl.Change{Name: o.Name, Index: o.Index})
	switch {
	case err == nil:
		return nil
	case l.index == 0:
		return errors.Join(fmt.Errorf("move port %s: %w", name, err), l.journal.remove())
	}
	_, back := l.Return()
	return errors.Join(fmt.Errorf("call port %s %s where it is to go: %w", name, o.Name, err), back)
}

// Index is the port's ifindex where it is.
func (l *Loan) Index() int { return l.index }

// Moved tells the loan that the caller has moved the port on.
func (l *Loan) Moved(to *netns.NS, index int) { l.away, l.index = to, index }

// Return brings the port home, without what was built on it there, makes it what it
// was, and says what is not as it was: nothing at best. Children in other namespaces
// must be gone by then. It is safe to call again: after an error it tries once more,
// and after that it does nothing. The error wraps [ErrGone] when the port is nowhere
// to be found; the journal is kept with any error.
func (l *Loan) Return() ([]string, error) {
	if l.journal == nil {
		return nil, nil
	}
	index, err := l.bring()
	if err != nil {
		return nil, fmt.Errorf("bring port %s back: %w", l.Was.Name, err)
	}
	var differences []string
	err = at(l.home, func(p *place) (err error) {
		differences, err = p.settle(l.Was, index)
		return err
	})
	if err != nil {
		return differences, err
	}
	err = errors.Join(l.journal.remove(), l.home.Close())
	l.journal = nil
	return differences, err
}

// bring moves the port home from where it is, and returns its ifindex there.
func (l *Loan) bring() (int, error) {
	where := candidate{ns: l.away, index: l.index}
	if !where.is(l.Was) {
		// Its driver may have been loaded anew: then it is a new device.
		found, err := search(l.Was, l.home, "", l.away)
		if err != nil {
			return 0, err
		}
		defer found.close()
		where = *found
	}
	return where.carry(l.home, l.Was)
}

// settle restores a port that is at home and returns what differs all the same.
func (p *place) settle(was *State, index int) ([]string, error) {
	failed := p.restore(was, index)
	s, err := p.conn.Link(index)
	if err != nil {
		return nil, errors.Join(failed, fmt.Errorf("look at port %s after its return: %w", was.Name, err))
	}
	now, err := p.snapshot(s.Name)
	if err != nil {
		return nil, errors.Join(failed, err)
	}
	if _, err := p.conn.Link(was.Index); now.Index != was.Index && err == nil {
		now.Index = was.Index // another device has its number by now
	}
	differences := Differences(was, now)
	if len(differences) == 0 {
		return nil, nil // what the kernel refused was not needed
	}
	return differences, failed
}

// clear deletes what sits on a device. A child that has changed its parent's address
// or promiscuity takes that back when it goes.
func (p *place) clear(index int) error {
	all, err := p.conn.Links()
	if err != nil {
		return err
	}
	for _, s := range all {
		if !sitsOn(s, index) {
			continue
		}
		if err := p.conn.DeleteLink(s.Index); err != nil && !errors.Is(err, unix.ENODEV) {
			return fmt.Errorf("delete %s, which sits on it: %w", s.Name, err)
		}
	}
	return nil
}

// sitsOn reports whether a device of the same namespace sits on the one with that
// ifindex. The other end of a veth names it as well, and does not.
func sitsOn(s *rtnl.State, index int) bool {
	return s.Parent == index && s.ParentNSID == -1 && s.Index != index && s.Kind != "" && s.Kind != "veth"
}
