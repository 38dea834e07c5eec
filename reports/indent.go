package reports

import "bufio"

// maxIndent is how many levels of results.json stand on lines of their own: down to
// the pieces of evidence of a check. What is within a piece stands in one line, which
// makes the file half as long.
const maxIndent = 6

// indenter lays JSON out for people while it is written. It takes compact JSON, as
// encoding/json writes it. Errors are kept by its writer until that is flushed.
type indenter struct {
	w       *bufio.Writer
	depth   int
	quoted  bool // within a string
	escaped bool // behind a backslash in it
	opened  bool // just behind the bracket that opens a list or an object
}

// Write never fails.
func (d *indenter) Write(p []byte) (int, error) {
	for _, c := range p {
		switch {
		case d.quoted:
			d.quoted = d.escaped || c != '"'
			d.escaped = !d.escaped && c == '\\'
			_ = d.w.WriteByte(c)
		case c == '}' || c == ']':
			d.shut(c)
		default:
			d.put(c)
		}
	}
	return len(p), nil
}

// shut ends a list or an object; an empty one stays in its line.
func (d *indenter) shut(c byte) {
	inside := d.depth
	d.depth--
	if !d.opened {
		d.line(inside)
	}
	d.opened = false
	_ = d.w.WriteByte(c)
}

func (d *indenter) put(c byte) {
	if d.opened {
		d.opened = false
		d.line(d.depth)
	}
	_ = d.w.WriteByte(c)
	switch c {
	case '"':
		d.quoted = true
	case '{', '[':
		d.depth++
		d.opened = true
	case ',':
		d.line(d.depth)
	case ':':
		if d.depth <= maxIndent {
			_ = d.w.WriteByte(' ')
		}
	}
}

// line begins a new line, unless what is at that depth stands in one.
func (d *indenter) line(depth int) {
	if depth > maxIndent {
		return
	}
	_ = d.w.WriteByte('\n')
	for range d.depth {
		_, _ = d.w.WriteString("  ")
	}
}
