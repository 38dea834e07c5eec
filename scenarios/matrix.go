package scenarios

import (
	"fmt"
	"slices"
	"strings"
)

// Limits of a matrix.
const (
	// MaxCases of a scenario.
	MaxCases = 1000
	// maxWork bounds the values of all cases together.
	maxWork = 2_000_000
	// maxCaseName leaves room for an ending within the 255 bytes of a file name.
	maxCaseName = 200
)

// Var is one variable of a case with its value, as written in the file.
type Var struct {
	Name, Value string
}

// variable is one row of the matrix.
type variable struct {
	name   string
	pos    Position
	values []*node
}

// binding is what each variable stands for in a case.
type binding []struct {
	name  string
	value *node
}

func (b binding) get(name string) *node {
	for _, v := range b {
		if v.name == name {
			return v.value
		}
	}
	return nil
}

// caseName is the scenario's name, then the variables: safe as a file name.
func (b binding) caseName(scenario string) string {
	if len(b) == 0 {
		return scenario
	}
	parts := make([]string, len(b))
	for i, v := range b {
		parts[i] = v.name + "=" + v.value.value
	}
	return scenario + "@" + strings.Join(parts, ",")
}

func (b binding) vars() []Var {
	vars := make([]Var, len(b))
	for i, v := range b {
		vars[i] = Var{v.name, v.value.value}
	}
	return vars
}

// matrix is the variables of a file and the combinations left out.
type matrix struct {
	variables []variable
	exclude   []*node
	to        *faults
}

// readMatrix reads what it can; everything wrong is reported.
func readMatrix(root *node, to *faults) *matrix {
	m := &matrix{to: to}
	if _, rows := root.get("matrix"); rows != nil && rows.kind == mapping {
		for i := 0; i < len(rows.items); i += 2 {
			m.addVariable(rows.items[i], rows.items[i+1])
		}
	}
	if _, excluded := root.get("exclude"); excluded != nil && excluded.kind == list {
		for _, entry := range excluded.items {
			if entry.kind == mapping && len(entry.items) == 0 {
				to.add(entry.pos, "no variable is named, so this would leave out everything")
			} else if entry.kind == mapping && m.checkWhen(entry) {
				m.exclude = append(m.exclude, entry)
			}
		}
	}
	return m
}

// addVariable takes one row. A row of the wrong type is the binder's to report.
func (m *matrix) addVariable(key, values *node) {
	if key.kind != scalar || values.kind != list || m.variable(key.value) != nil {
		return
	}
	v := variable{name: key.value, pos: key.pos}
	if len(values.items) == 0 {
		m.to.add(values.pos, "variable %s has no values", quote(key.value))
	}
	for _, value := range values.items {
		switch {
		case value.kind != scalar || value.tag == "!!null":
			continue // the binder's to report
		case !valuePattern.MatchString(value.value):
			m.to.add(value.pos, "%s cannot be a value: it becomes part of a file name, so only letters, digits, dot, dash and underscore", quote(value.value))
		case slices.ContainsFunc(v.values, func(o *node) bool { return o.value == value.value }):
			m.to.add(value.pos, "value %s comes twice", quote(value.value))
		default:
			v.values = append(v.values, value)
		}
	}
	if len(v.values) > 0 {
		m.variables = append(m.variables, v)
	}
}

func (m *matrix) variable(name string) *variable {
	for i := range m.variables {
		if m.variables[i].name == name {
			return &m.variables[i]
		}
	}
	return nil
}

func (m *matrix) names() []string {
	var names []string
	for _, v := range m.variables {
		names = append(names, v.name)
	}
	return names
}

// checkWhen reports variables and values that the matrix does not have.
func (m *matrix) checkWhen(when *node) bool {
	good := true
	for i := 0; i < len(when.items); i += 2 {
		key := when.items[i]
		v := m.variable(key.value)
		if v == nil {
			m.unknown(key.pos, key.value)
			good = false
			continue
		}
		var known []string
		for _, value := range v.values {
			known = append(known, value.value)
		}
		for _, value := range scalars(when.items[i+1]) {
			if !slices.Contains(known, value.value) {
				text, _ := unknown("value of "+v.name, value.value, known)
				m.to.add(value.pos, "%s", text)
				good = false
			}
		}
	}
	return good
}

// unknown reports a variable that the matrix does not have.
func (m *matrix) unknown(pos Position, name string) {
	text, _ := unknown("variable", name, m.names())
	if len(m.variables) == 0 {
		text += ": the file has no matrix"
	}
	m.to.add(pos, "%s", text)
}

// scalars are a value, or the values of a list.
func scalars(n *node) []*node {
	if n.kind == scalar {
		return []*node{n}
	}
	return slices.DeleteFunc(slices.Clone(n.items), func(item *node) bool { return item.kind != scalar })
}

// matches reports whether every variable that a when or exclude names has one
// of its values there.
func (b binding) matches(when *node) bool {
	for i := 0; i+1 < len(when.items); i += 2 {
		mine := b.get(when.items[i].value)
		if mine == nil || !slices.ContainsFunc(scalars(when.items[i+1]), func(v *node) bool { return v.value == mine.value }) {
			return false
		}
	}
	return true
}

// bindings are the combinations in the file's order, the last variable turning
// fastest. There is always one to go on with, even when the matrix is wrong.
func (m *matrix) bindings(root *node) []binding {
	first := make(binding, len(m.variables))
	total := 1
	for i, v := range m.variables {
		first[i].name, first[i].value = v.name, v.values[0]
		if total *= len(v.values); total > MaxCases {
			m.to.add(v.pos, "the matrix makes more than %d cases", MaxCases)
			return []binding{first}
		}
	}
	if total*root.count() > maxWork {
		m.to.add(Position{1, 1}, "%d cases of %d values each are too many: split the file", total, root.count())
		return []binding{first}
	}
	used := make([]bool, len(m.exclude))
	all := slices.DeleteFunc(m.product(total), func(b binding) bool { return m.excluded(b, used) })
	for i, u := range used {
		if !u {
			m.to.add(m.exclude[i].pos, "this leaves nothing out that is not left out already")
		}
	}
	if len(all) == 0 {
		m.to.add(m.exclude[0].pos, "exclude leaves no case")
		return []binding{first}
	}
	return all
}

func (m *matrix) product(total int) []binding {
	all := make([]binding, total)
	for i := range all {
		all[i] = make(binding, len(m.variables))
		rest := i
		for j, v := range slices.Backward(m.variables) {
			all[i][j].name, all[i][j].value = v.name, v.values[rest%len(v.values)]
			rest /= len(v.values)
		}
	}
	return all
}

func (m *matrix) excluded(b binding, used []bool) bool {
	for i, e := range m.exclude {
		if b.matches(e) {
			used[i] = true
			return true
		}
	}
	return false
}

// checkCaseName reports a case whose name is too long for a file.
func checkCaseName(name string, pos Position, to *faults) {
	if len(name) > maxCaseName {
		to.add(pos, "the name of case %s… is longer than %d bytes", fmt.Sprintf("%.40s", name), maxCaseName)
	}
}
