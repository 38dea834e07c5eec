package scenarios

import (
	"slices"
	"strings"
)

// substituter copies a tree and puts a case's values in place of ${variable}.
// $${ stands for ${ itself.
type substituter struct {
	vars binding
	m    *matrix
	to   *faults
	// used are the variables that occurred, for those that never do.
	used map[string]bool
	// spoiled are values that came to nothing.
	spoiled map[*node]bool
}

// literal are the top fields that speak about the whole file.
func literal(field string) bool {
	return slices.Contains([]string{"name", "matrix", "exclude"}, field)
}

// file copies the whole tree.
func (s *substituter) file(root *node) *node {
	if root.kind != mapping {
		return s.copy(root)
	}
	whole := *root
	whole.items = make([]*node, len(root.items))
	for i := 0; i < len(root.items); i += 2 {
		key, value := root.items[i], root.items[i+1]
		if literal(key.value) {
			// The binder may mend what it reads, so that even these are copied.
			whole.items[i], whole.items[i+1] = clone(key), clone(value)
			continue
		}
		whole.items[i], whole.items[i+1] = s.copy(key), s.copy(value)
		s.markWhen(value)
	}
	return &whole
}

// markWhen notes the variables that a when of a check or step asks for.
func (s *substituter) markWhen(value *node) {
	for _, item := range value.items {
		if _, when := item.get("when"); when != nil {
			for i := 0; i+1 < len(when.items); i += 2 {
				s.used[when.items[i].value] = true
			}
		}
		if _, checks := item.get("checks"); checks != nil {
			s.markWhen(checks)
		}
	}
}

func clone(n *node) *node {
	c := *n
	c.items = make([]*node, len(n.items))
	for i, item := range n.items {
		c.items[i] = clone(item)
	}
	return &c
}

func (s *substituter) copy(n *node) *node {
	c := *n
	if n.kind == scalar {
		s.scalar(&c)
		return &c
	}
	c.items = make([]*node, len(n.items))
	for i, item := range n.items {
		c.items[i] = s.copy(item)
	}
	return &c
}

// scalar replaces what stands in one value. A scalar that is nothing but a
// variable takes the variable's type, in quotes too: YAML demands them inside
// brackets.
func (s *substituter) scalar(n *node) {
	if !strings.Contains(n.value, "${") {
		return
	}
	var out strings.Builder
	rest := n.value
	for {
		before, after, found := strings.Cut(rest, "${")
		if !found {
			break
		}
		if strings.HasSuffix(before, "$") {
			out.WriteString(before[:len(before)-1] + "${")
			rest = after
			continue
		}
		name, tail, closed := strings.Cut(after, "}")
		if !closed {
			s.to.add(n.pos, "${ is not closed (write $${ for the characters themselves)")
			s.spoiled[n] = true
			break
		}
		out.WriteString(before)
		value := s.value(n, name)
		if value != nil && before == "" && tail == "" && out.Len() == 0 {
			n.tag, n.value, n.plain = value.tag, value.value, value.plain
			return
		}
		if value != nil {
			out.WriteString(value.value)
		}
		rest = tail
	}
	out.WriteString(rest)
	n.value, n.tag = out.String(), "!!str"
}

func (s *substituter) value(n *node, name string) *node {
	value := s.vars.get(name)
	if value == nil {
		s.m.unknown(n.pos, name)
		s.spoiled[n] = true
		return nil
	}
	s.used[name] = true
	return value
}
