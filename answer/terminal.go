package answer

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/lanproof/lanproof/advice"
	"github.com/lanproof/lanproof/reports"
)

// Write writes the answer for people: networks, who gets which address, who reaches
// whom, and what to mind.
func Write(w io.Writer, a *Answer, color bool) error {
	t := &terminal{color: color}
	for i, before := range a.Earlier {
		t.head(fmt.Sprintf("Moment %d of %d, before something is taken apart again", i+1, len(a.Earlier)+1))
		t.all(before)
	}
	if n := len(a.Earlier) + 1; n > 1 {
		t.head(fmt.Sprintf("Moment %d of %d", n, n))
	}
	t.all(a)
	_, err := io.WriteString(w, t.String())
	return err
}

// all writes the parts of one answer.
func (t *terminal) all(a *Answer) {
	t.Answer = a
	if a.Engine != "" {
		t.line("Built by %s", a.Engine)
		t.line("")
	}
	t.networks()
	t.endpoints()
	t.table()
	for _, n := range t.Notes {
		t.line("  %s", t.paint(dim, reports.OneLine(n)))
	}
	t.notCovered()
	t.warnings()
}

// terminal writes an answer.
type terminal struct {
	*Answer
	strings.Builder
	color bool
}

// The colours, as other reports have them.
const (
	bold, red, yellow, green, dim = "1", "31", "33", "32", "2"
)

func (t *terminal) paint(style, s string) string {
	if !t.color || s == "" {
		return s
	}
	return "\x1b[" + style + "m" + s + "\x1b[0m"
}

func (t *terminal) line(format string, args ...any) {
	t.WriteString(strings.TrimRight(fmt.Sprintf(format, args...), " ") + "\n")
}

// head begins a part.
func (t *terminal) head(s string) {
	if t.Len() > 0 {
		t.line("")
	}
	t.line("%s", t.paint(bold, s))
}

// rows writes columns below each other; the first row is the head.
func (t *terminal) rows(rows [][]string) {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], reports.Columns(cell))
		}
	}
	for n, row := range rows {
		var b strings.Builder
		for i, cell := range row {
			if widths[i] == 0 {
				continue
			}
			b.WriteString("  " + cell + strings.Repeat(" ", widths[i]-reports.Columns(cell)))
		}
		line := strings.TrimRight(b.String(), " ")
		if n == 0 {
			line = t.paint(dim, line)
		}
		t.line("%s", line)
	}
}

func (t *terminal) networks() {
	if len(t.Networks) == 0 {
		return
	}
	t.head("Networks")
	rows := [][]string{{"name", "driver", "parent", "subnet", "gateway", "range"}}
	for i := range t.Networks {
		n := &t.Networks[i]
		driver := cmp.Or(strings.TrimSpace(n.Driver+" "+n.Mode+" "+n.Flag), "external")
		row := []string{reports.OneLine(n.Name), reports.OneLine(driver), reports.OneLine(n.Parent), "", "", ""}
		if n.Internal {
			row[4] = "internal"
		}
		for k, s := range n.Subnets {
			if k > 0 {
				rows, row = append(rows, row), []string{"", "", "", "", "", ""}
			}
			row[3], row[4], row[5] = reports.OneLine(s.Subnet), cmp.Or(reports.OneLine(s.Gateway), row[4]), reports.OneLine(s.IPRange)
			if s.Chosen {
				row[3] += " *"
			}
		}
		rows = append(rows, row)
	}
	t.rows(rows)
	if slices.ContainsFunc(t.Networks, func(n Network) bool { return slices.ContainsFunc(n.Subnets, func(s Subnet) bool { return s.Chosen }) }) {
		t.line("  %s", t.paint(dim, "* picked by the engine: another one where this is in use"))
	}
}

func (t *terminal) endpoints() {
	if len(t.Endpoints) == 0 {
		return
	}
	t.head("Endpoints")
	rows := [][]string{{"name", "network", "address", "MAC", "gateway"}}
	for i := range t.Endpoints {
		e := &t.Endpoints[i]
		network := e.Network
		switch {
		case e.Mode == "host" || e.Mode == "none":
			network = e.Mode
		case e.Mode != "":
			network = "with " + e.Mode
		}
		mac := e.MAC
		switch {
		case e.MACRandom:
			mac = "random"
		case e.MACParent:
			mac = "the parent's"
		}
		rows = append(rows, []string{reports.OneLine(e.Name), reports.OneLine(network), strings.Join(words(e.IPv4, e.IPv6), " "), mac, strings.Join(words(hop(e.Gateway), hop(e.Gateway6)), " ")})
	}
	t.rows(rows)
}

// hop is a default route in words.
func hop(gateway string) string {
	if gateway == "link" {
		return "direct"
	}
	return gateway
}

// words are those that are not empty.
func words(all ...string) []string {
	return slices.DeleteFunc(all, func(s string) bool { return s == "" })
}

// table shows who reaches whom: once, where both families agree.
func (t *terminal) table() {
	if len(t.Reach) == 0 {
		return
	}
	v4, v6 := t.cells("ipv4"), t.cells("ipv6")
	switch {
	case len(v6) == 0:
		t.grid("Who reaches whom", v4)
	case len(v4) == 0:
		t.grid("Who reaches whom (IPv6)", v6)
	case agree(v4, v6):
		all := v4
		for k, v := range v6 {
			all[k] = v
		}
		t.grid("Who reaches whom (IPv4 and IPv6)", all)
	default:
		t.grid("Who reaches whom (IPv4)", v4)
		t.grid("Who reaches whom (IPv6)", v6)
	}
}

// cells are a family's, by sender and target.
func (t *terminal) cells(family string) map[[2]string]string {
	cells := map[[2]string]string{}
	for i := range t.Reach {
		r := &t.Reach[i]
		if r.Family != family {
			continue
		}
		word := "?"
		if r.Reached != nil {
			word = map[bool]string{true: "yes", false: "no"}[*r.Reached]
		}
		if slices.ContainsFunc(r.By, func(b Attempt) bool { return b.Reached == nil || *b.Reached != r.reached() }) {
			word = "part"
		}
		cells[[2]string{r.From, r.To}] = word
	}
	return cells
}

// agree reports whether two tables say the same wherever both say something.
func agree(a, b map[[2]string]string) bool {
	for k, v := range a {
		if w, ok := b[k]; ok && w != v {
			return false
		}
	}
	return true
}

// grid draws a table with senders in rows.
func (t *terminal) grid(title string, cells map[[2]string]string) {
	var in []*Machine
	for i := range t.Machines {
		m := &t.Machines[i]
		for k := range cells {
			if k[0] == m.Name || k[1] == m.Name {
				in = append(in, m)
				break
			}
		}
	}
	t.head(title)
	label, widths := 0, make([]int, len(in))
	for i, m := range in {
		label, widths[i] = max(label, reports.Columns(m.label())), max(reports.Columns(reports.OneLine(m.Name)), 4)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "  %*s", label, "")
	for i, m := range in {
		name := reports.OneLine(m.Name)
		b.WriteString("  " + name + strings.Repeat(" ", widths[i]-reports.Columns(name)))
	}
	t.line("%s", t.paint(dim, strings.TrimRight(b.String(), " ")))
	for _, from := range in {
		b.Reset()
		name := from.label()
		b.WriteString("  " + name + strings.Repeat(" ", label-reports.Columns(name)))
		for i, to := range in {
			word := cells[[2]string{from.Name, to.Name}]
			switch {
			case from == to:
				word = "-"
			case word == "":
				word = "."
			}
			style := map[string]string{"yes": green, "no": red, "?": yellow, "part": yellow}[word]
			b.WriteString("  " + t.paint(style, word) + strings.Repeat(" ", widths[i]-len(word)))
		}
		t.line("%s", b.String())
	}
	t.partly(cells)
}

// partly says which address is reached and which is not.
func (t *terminal) partly(cells map[[2]string]string) {
	for i := range t.Reach {
		r := &t.Reach[i]
		if cells[[2]string{r.From, r.To}] != "part" || len(r.By) == 0 {
			continue
		}
		var by []string
		for _, b := range r.By {
			word := "?"
			if b.Reached != nil {
				word = map[bool]string{true: "yes", false: "no"}[*b.Reached]
			}
			by = append(by, b.Address+" "+word)
		}
		t.line("  %s", t.paint(dim, reports.OneLine(fmt.Sprintf("%s to %s: %s", r.From, r.To, strings.Join(by, ", ")))))
	}
}

// label is a machine's name with those that share its network.
func (m *Machine) label() string {
	return reports.OneLine(strings.Join(append([]string{m.Name}, m.Shared...), ", "))
}

func (t *terminal) notCovered() {
	if len(t.LeftOut) == 0 && len(t.Unread) == 0 && t.Trouble == "" {
		return
	}
	t.head("Not covered")
	for _, l := range t.LeftOut {
		t.line("  %s%s: %s", reports.OneLine(at(l.File, l.Line)), reports.OneLine(l.Name), reports.OneLine(l.Why))
	}
	for _, u := range t.Unread {
		t.line("  %s%s: %s", reports.OneLine(at(u.File, u.Line)), reports.OneLine(u.Text), reports.OneLine(u.Why))
	}
	if t.Trouble != "" {
		t.line("  %s", t.paint(red, reports.OneLine(t.Trouble)))
	}
}

func at(file string, line int) string {
	switch {
	case file == "":
		return ""
	case line == 0:
		return file + ": "
	}
	return fmt.Sprintf("%s:%d: ", file, line)
}

func (t *terminal) warnings() {
	if len(t.Warnings) == 0 {
		return
	}
	t.head("What to mind")
	for i := range t.Warnings {
		w := &t.Warnings[i]
		style := map[advice.Severity]string{advice.Error: red, advice.Caution: yellow, advice.Note: dim}[w.Severity]
		t.line("  %s%s: %s [%s]", reports.OneLine(at(w.File, w.Line)), t.paint(style, string(w.Severity)), reports.OneLine(w.Text), w.ID)
	}
	t.line("")
	t.line("  %s", t.paint(dim, "lanproof check --explain "+t.Warnings[0].ID+" tells why, and what helps"))
}
