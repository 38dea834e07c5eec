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
	name       string // there
	journal    *file
}

// Order says which port is to be borrowed, and where it is to go. The namespace stays
// the caller's, and is to be closed after the port has gone back.
type Order struct {
	Port string
	To   *netns.NS
	// Name and Index are as those of [Options].
	Name  string
	Index int
}

// Borrow moves a port of the calling thread's namespace into another one, where it is
// down, after it has written down everything about it. The namespace stays the
// caller's, and is to be closed after the port has gone back. The error wraps ENODEV
// when there is no such port, EINVAL when it is one that cannot be moved, EPERM
// without the rights, and a *[Refusal] when somebody else has borrowed it.
func Borrow(name string, to *netns.NS, o Options) (*Loan, error) {
	loans, err := BorrowAll(o.Dir, Order{Port: name, To: to, Name: o.Name, Index: o.Index})
	if err != nil {
		return nil, err
	}
	return loans[0], nil
}

// BorrowAll borrows ports together, each as [Borrow] does, or none of them. All are
// written down before the first is moved: of two that a cable joins, the other one
// loses its carrier with it. dir is the folder of the journals, [StateDir] when empty.
func BorrowAll(dir string, orders ...Order) (loans []*Loan, err error) {
	if dir == "" {
		if dir, err = StateDir(); err != nil {
			return nil, err
		}
	}
	defer func() {
		if err != nil {
			_, back := ReturnAll(loans...)
			loans, err = nil, errors.Join(err, back)
		}
	}()
	for _, o := range orders {
		l, err := note(dir, o)
		if err != nil {
			return loans, err
		}
		loans = append(loans, l)
	}
	for i, l := range loans {
		if err := l.take(dir, orders[i]); err != nil {
			return loans, err
		}
	}
	return loans, nil
}

// note writes down everything about a port. Nothing is on the disk yet.
func note(dir string, o Order) (*Loan, error) {
	home, err := netns.Current()
	if err != nil {
		return nil, err
	}
	was, err := Snapshot(o.Port)
	if err == nil {
		return &Loan{Was: was, home: home, away: o.To}, nil
	}
	if refusal := lent(dir, home, o.Port); refusal != nil {
		err = refusal
	}
	return nil, errors.Join(err, home.Close())
}

// take writes the journal and moves the port.
func (l *Loan) take(dir string, o Order) (err error) {
	if o.Name == "" {
		o.Name = l.Was.Name
	}
	l.name = o.Name
	l.journal, err = write(dir, newJournal(l.Was, l.home, l.away, o.Name))
	if errors.Is(err, os.ErrExist) {
		if refusal := lent(dir, l.home, l.Was.Name); refusal != nil {
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
		err = errors.Join(fmt.Errorf("move port %s: %w", o.Port, err), l.journal.remove())
		l.journal = nil
		return err
	}
	return fmt.Errorf("call port %s %s where it is to go: %w", o.Port, o.Name, err)
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
func (l *Loan) Return() ([]string, error) { return ReturnAll(l) }

// ReturnAll brings ports home together, each as [Loan.Return] does: all come up before
// the first is waited for, since two that a cable joins get their carrier together.
// One that does not come home keeps no other from it.
func ReturnAll(loans ...*Loan) (differences []string, err error) {
	var errs []error
	var back []*returned
	for _, l := range loans {
		r, err := l.begin()
		if err != nil {
			errs = append(errs, fmt.Errorf("bring port %s back: %w", l.Was.Name, err))
			continue
		}
		if r != nil {
			back = append(back, r)
		}
	}
	for _, r := range back {
		some, err := r.finish()
		differences = append(differences, some...)
		if err == nil {
			err = r.loan.end()
		}
		errs = append(errs, err)
	}
	return differences, errors.Join(errs...)
}

// begin brings the port home and up. There is nothing to be done of one that has gone
// back already.
func (l *Loan) begin() (*returned, error) {
	if l.journal == nil {
		return nil, l.home.Close()
	}
	index, err := l.bring()
	if err != nil {
		return nil, err
	}
	r := &returned{was: l.Was, home: l.home, index: index, loan: l}
	return r, r.begin()
}

// end deletes the journal.
func (l *Loan) end() error {
	err := errors.Join(l.journal.remove(), l.home.Close())
	l.journal = nil
	return err
}

// bring moves the port home from where it is, and returns its ifindex there.
func (l *Loan) bring() (int, error) {
	where := candidate{ns: l.away, index: l.index}
	if !where.is(l.Was) {
		// Its driver may have been loaded anew: then it is a new device.
		found, err := seek(l.Was, l.home, l.name, l.away)
		if err != nil {
			return 0, err
		}
		defer found.close()
		where = *found
	}
	return where.carry(l.home, l.Was)
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
