package scenarios

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Error is one thing wrong in a scenario file.
type Error struct {
	// File as it was named by the caller.
	File string
	// Line and Column count from 1, columns in characters; both are 0 when the
	// error has no place in a file.
	Line, Column int
	// Text is one sentence without position.
	Text string
}

// Error returns file:line:column: text.
func (e *Error) Error() string {
	switch {
	case e.File == "":
		return e.Text
	case e.Line == 0:
		return e.File + ": " + e.Text
	}
	return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Text)
}

// Errors are all that is wrong, by file as they were read, then by position.
type Errors []*Error

// Error returns one line each.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, one := range e {
		lines[i] = one.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap lets errors.As find each *Error.
func (e Errors) Unwrap() []error {
	all := make([]error, len(e))
	for i, one := range e {
		all[i] = one
	}
	return all
}

// fault is an error that does not know its file yet.
type fault struct {
	pos  Position
	text string
}

// faults collects what is wrong, each thing once.
type faults struct {
	list []fault
	seen map[fault]bool
}

func (f *faults) add(pos Position, format string, args ...any) {
	// A text may quote the file, and is one line all the same.
	one := fault{pos, strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", `\n`)}
	if f.seen[one] {
		return
	}
	if f.seen == nil {
		f.seen = map[fault]bool{}
	}
	f.seen[one] = true
	f.list = append(f.list, one)
}

// ledger joins the faults of a file with those of its cases: what is wrong in
// every case is said once, what is wrong in some names the first of them.
type ledger struct {
	file  faults
	cases []string
	count map[fault]int
	first map[fault]string
	order []fault
}

func (l *ledger) addCase(name string, found []fault) {
	if l.count == nil {
		l.count, l.first = map[fault]int{}, map[fault]string{}
	}
	l.cases = append(l.cases, name)
	for _, one := range found {
		if l.count[one] == 0 {
			l.first[one] = name
			l.order = append(l.order, one)
		}
		l.count[one]++
	}
}

// errors returns everything sorted by position, or nil.
func (l *ledger) errors(file string) error {
	all := l.file
	for _, one := range l.order {
		if all.seen[one] {
			continue
		}
		switch n := l.count[one]; {
		case n == len(l.cases):
			all.add(one.pos, "%s", one.text)
		case n == 1:
			all.add(one.pos, "%s (in case %s)", one.text, l.first[one])
		default:
			all.add(one.pos, "%s (in %d cases, the first is %s)", one.text, n, l.first[one])
		}
	}
	if len(all.list) == 0 {
		return nil
	}
	slices.SortStableFunc(all.list, func(a, b fault) int {
		return cmp.Or(cmp.Compare(a.pos.Line, b.pos.Line), cmp.Compare(a.pos.Column, b.pos.Column), cmp.Compare(a.text, b.text))
	})
	out := make(Errors, len(all.list))
	for i, one := range all.list {
		out[i] = &Error{File: file, Line: one.pos.Line, Column: one.pos.Column, Text: one.text}
	}
	return out
}
