package reports

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"slices"
)

// maxJSON bounds how many bytes of results ReadJSON takes in: some 100,000
// checks with all their evidence.
const maxJSON = 256 << 20

// WriteJSON writes the results as results.json. Lists that a reader may count
// on are never null, and the schema is always this package's own.
func WriteJSON(w io.Writer, r *Results) error {
	buffered := bufio.NewWriter(w)
	enc := json.NewEncoder(&indenter{w: buffered})
	enc.SetEscapeHTML(false)
	if err := enc.Encode(r.whole()); err != nil {
		return fmt.Errorf("write results: %w", err)
	}
	if err := buffered.Flush(); err != nil {
		return fmt.Errorf("write results: %w", err)
	}
	return nil
}

// ReadJSON reads what WriteJSON wrote. Results of another schema are refused by
// name; fields it does not know are passed over, since fields may be added.
func ReadJSON(r io.Reader) (*Results, error) { return readJSON(r, maxJSON) }

// readJSON is ReadJSON for results of at most limit bytes.
func readJSON(r io.Reader, limit int64) (*Results, error) {
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, fmt.Errorf("read results: %w", err)
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("read results: they are larger than %d MiB", limit>>20)
	}
	var head struct {
		Schema string `json:"schema"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return nil, fmt.Errorf("read results: not JSON as lanproof writes it: %w", err)
	}
	if head.Schema != Schema {
		return nil, fmt.Errorf("read results: their schema is %q, this lanproof reads %q only", clip(head.Schema, 80), Schema)
	}
	var got Results
	if err := json.Unmarshal(data, &got); err != nil {
		return nil, fmt.Errorf("read results: %w", err)
	}
	return got.whole(), nil
}

// whole returns a copy that carries the schema and has no nil where the schema
// promises a list, with its verdicts settled and counted. The original is left
// as it is.
func (r *Results) whole() *Results {
	c := *r
	c.Schema = Schema
	c.Environment = full(slices.Clone(c.Environment))
	c.Cases = full(slices.Clone(c.Cases))
	for i := range c.Cases {
		c.Cases[i] = c.Cases[i].whole()
	}
	c.Summarize()
	return &c
}

func (c Case) whole() Case {
	c.Settle()
	c.Checks = full(slices.Clone(c.Checks))
	for i := range c.Checks {
		c.Checks[i].Claims = full(c.Checks[i].Claims)
		c.Checks[i].Evidence = full(c.Checks[i].Evidence)
	}
	if c.Picture != nil {
		p := *c.Picture
		p.Nodes = full(slices.Clone(p.Nodes))
		for i := range p.Nodes {
			p.Nodes[i].Links = full(p.Nodes[i].Links)
		}
		c.Picture = &p
	}
	return c
}

// full turns a nil list into an empty one.
func full[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}
