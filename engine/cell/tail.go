package cell

import (
	"bytes"
	"slices"
	"strings"
	"sync"
)

// kept is how many lines of a log are kept, and longest how many bytes of each.
const (
	kept    = 40
	longest = 1000
)

// tail is the end of a log. The zero value is an empty one.
type tail struct {
	mu      sync.Mutex
	lines   []string
	partial []byte
	waiting []waiter
}

// waiter waits for a text.
type waiter struct {
	text string
	come chan struct{}
}

// Write adds to the log. It never fails.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.partial = append(t.partial, p...)
	for {
		line, rest, whole := bytes.Cut(t.partial, []byte("\n"))
		if !whole {
			break
		}
		t.add(string(line))
		t.partial = rest
	}
	if len(t.partial) > longest {
		t.partial = t.partial[:longest]
	}
	return len(p), nil
}

func (t *tail) add(line string) {
	t.waiting = slices.DeleteFunc(t.waiting, func(w waiter) bool {
		there := strings.Contains(line, w.text)
		if there {
			close(w.come)
		}
		return there
	})
	t.lines = append(t.lines, line[:min(len(line), longest)])
	if n := len(t.lines); n > kept {
		t.lines = slices.Clone(t.lines[n-kept:])
	}
}

// await returns a channel that is closed when a line has the text in it, or had.
func (t *tail) await(text string) <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	come := make(chan struct{})
	if slices.ContainsFunc(t.lines, func(line string) bool { return strings.Contains(line, text) }) {
		close(come)
		return come
	}
	t.waiting = append(t.waiting, waiter{text, come})
	return come
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.Join(append(slices.Clone(t.lines), string(t.partial)), "\n")
}
