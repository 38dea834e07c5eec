package repro

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/scenarios"
	"github.com/lanproof/lanproof/topology"
)

// Link asks what the kernel reports of a device.
type Link struct{ Want *scenarios.LinkState }

func (l *Link) ref() topology.Ref { return topology.ParseRef(l.Want.Link, "") }

func (l *Link) nodes() []string {
	nodes := []string{l.ref().Node}
	for _, other := range []string{l.Want.MACOf, l.Want.Parent} {
		if other != "" {
			nodes = append(nodes, topology.ParseRef(other, "").Node)
		}
	}
	return nodes
}

// has reports what grep must find in one line of ip -d -o link, or must not.
type has struct {
	pattern string
	not     bool
}

// patterns are those for what is expected of a device.
func (l *Link) patterns(lan *topology.LAN) ([]has, error) {
	w, d := l.Want, lan.Device(l.ref())
	if other := l.others(); other != "" {
		return nil, unsayable("%s of a device", other)
	}
	var all []has
	add := func(set bool, format string, args ...any) {
		if set {
			all = append(all, has{pattern: fmt.Sprintf(format, args...)})
		}
	}
	truth := func(want *bool, pattern string) {
		if want != nil {
			all = append(all, has{pattern, !*want})
		}
	}
	number := func(want *int, name string) {
		if want != nil {
			add(true, " %s %d( |$)", name, *want)
		}
	}
	const end = `( |$)`
	add(w.Kind != "", `\\ +%s `, regexp.QuoteMeta(w.Kind))
	add(w.Mode != "", " mode %s"+end, regexp.QuoteMeta(w.Mode))
	add(w.Flag != "", " mode l[23]s? %s"+end, regexp.QuoteMeta(w.Flag))
	add(w.MAC != "", " link/ether %s ", regexp.QuoteMeta(strings.ToLower(w.MAC)))
	add(w.MTU != 0, " mtu %d ", w.MTU)
	add(len(w.Operstate) > 0, " state (%s) ", strings.ToUpper(strings.Join(w.Operstate, "|")))
	add(w.Protocol != "", " protocol %s ", regexp.QuoteMeta(w.Protocol))
	truth(w.Up, "<([A-Z_-]+,)*UP[,>]")
	truth(w.NoARP, "<([A-Z_-]+,)*NOARP[,>]")
	for _, flag := range []struct {
		want *bool
		name string
	}{
		{w.ReorderHdr, "REORDER_HDR"},
		{w.GVRP, "GVRP"},
		{w.MVRP, "MVRP"},
		{w.LooseBinding, "LOOSE_BINDING"},
		{w.BridgeBinding, "BRIDGE_BINDING"},
	} {
		truth(flag.want, " id [0-9]+ <([A-Z_]+,)*"+flag.name+"[,>]")
	}
	if w.Carrier != nil {
		if d == nil || !d.Up {
			return nil, unsayable("the carrier of a device that is down")
		}
		truth(w.Carrier, "<([A-Z_-]+,)*LOWER_UP[,>]")
	}
	if w.Flags != nil {
		for _, flag := range []string{"nopromisc", "nodst"} {
			all = append(all, has{" " + flag + end, !slices.Contains(*w.Flags, flag)})
		}
	}
	if w.Parent != "" {
		parent := lan.Device(topology.ParseRef(w.Parent, ""))
		switch {
		case parent == nil || parent.Kind == topology.KindNIC:
			return nil, unsayable("that %s is the parent", w.Parent)
		case parent.Node == l.ref().Node:
			add(true, "^[0-9]+: [^ ]*@%s: ", regexp.QuoteMeta(parent.Link))
		default: // of another namespace only its number is told
			add(true, "^[0-9]+: [^ ]*@if%d: ", parent.Index)
		}
	}
	number(w.AllMulticast, "allmulti")
	number(w.ID, "id")
	number(w.Promiscuity, "promiscuity")
	number(w.MinMTU, "minmtu")
	number(w.MaxMTU, "maxmtu")
	number(w.BCQueueLen, "bcqueuelen")
	number(w.BCQueueLenUsed, "usedbcqueuelen")
	if w.TxQueueLen != nil && *w.TxQueueLen == 0 {
		all = append(all, has{" qlen ", true}) // ip leaves it out
	} else if w.TxQueueLen != nil {
		add(true, ` qlen %d( |\\|$)`, *w.TxQueueLen)
	}
	return all, nil
}

// others names an expectation that ip's output does not show as lanproof means it.
func (l *Link) others() string {
	w := l.Want
	for _, o := range []struct {
		set  bool
		name string
	}{
		{w.Filter != nil, "the filter"},
		{len(w.Groups) > 0 || len(w.NotGroups) > 0, "the groups"},
		{w.Sources != nil, "the sources"},
		{w.EgressQoS != nil || w.IngressQoS != nil, "the maps of priorities"},
		{w.BCCutoff != nil, "the broadcast cutoff"},
	} {
		if o.set {
			return o.name
		}
	}
	return ""
}

func (l *Link) write(w *writer) error {
	r := l.ref()
	if !plainName.MatchString(r.Link) {
		return unsayable("the name %q, which means something to a shell", r.Link)
	}
	show := w.ip(r.Node) + "-d -o link show dev " + r.Link
	if l.Want.Exists != nil && !*l.Want.Exists {
		w.line("holds() { ! %s; }", show)
		return nil
	}
	all, err := l.patterns(w.script.LAN)
	if err != nil {
		return err
	}
	w.line("is_so() {\n\tline=$(%s) || return 1", show)
	for _, h := range all {
		not := ""
		if h.not {
			not = "! "
		}
		w.line("\t%secho \"$line\" | grep -qE -e %s || return 1", not, quote(h.pattern))
	}
	if l.Want.MACOf != "" {
		other := topology.ParseRef(l.Want.MACOf, "")
		w.line("\tother=$(%s-o link show dev %s | sed -n 's/.* link.ether \\([^ ]*\\) .*/\\1/p')", w.ip(other.Node), other.Link)
		w.line("\techo \"$line\" | grep -qF -e \" link/ether $other \" || return 1")
	}
	w.line(`}
holds() { # within four seconds, for the kernel reports some changes late
	for _ in 1 2 3 4 5 6 7 8; do
		is_so && break
		sleep 0.5
	done
	%s || :
	is_so
}`, show)
	return nil
}

// Addresses asks which addresses a device has.
type Addresses struct {
	Want *scenarios.Addresses
	Of   topology.Ref
}

func (a *Addresses) nodes() []string { return []string{a.Of.Node} }

func (a *Addresses) write(w *writer) error {
	w.line(`holds() {
	all=$(%s-o address show dev %s) || return 2
	local=$(echo "$all" | awk '$4 ~ /^(fe80:|169\.254\.)/ { print $4 }')
	have=$(echo "$all" | awk '$4 !~ /^(fe80:|169\.254\.)/ { print $4 }' | sort | xargs)
	echo "addresses: $have; link-local: $local"`, w.ip(a.Of.Node), a.Of.Link)
	if a.Want.Are != nil {
		w.line("\t[ \"$have\" = %s ] || return 1", quote(strings.Join(slices.Sorted(slices.Values(*a.Want.Are)), " ")))
	}
	for _, addr := range a.Want.Include {
		w.line("\techo \" $have \" | grep -qF -e %s || return 1", quote(" "+addr+" "))
	}
	for _, addr := range a.Want.Exclude {
		w.line("\t! echo \" $have \" | grep -qF -e %s || return 1", quote(" "+addr+" "))
	}
	if l := a.Want.LinkLocal; l != nil {
		w.line("\t[ -%s \"$local\" ] || return 1", map[bool]string{true: "n", false: "z"}[*l])
	}
	w.line("}")
	return nil
}

// Route asks for a route.
type Route struct{ Want *scenarios.RouteState }

func (r *Route) nodes() []string { return []string{r.Want.Node} }

func (r *Route) write(w *writer) error {
	q := r.Want
	show := w.ip(q.Node)
	switch {
	case q.To == "default":
		show += "route show default"
	case q.To == "default6":
		show += "-6 route show default"
	case strings.Contains(q.To, ":"):
		show += "-6 route show exact " + q.To
	default:
		show += "route show exact " + q.To
	}
	if q.Exists != nil && !*q.Exists {
		w.line("holds() {\n\tall=$(%s) || return 2\n\techo \"routes: $all\"\n\t[ -z \"$all\" ]\n}", show)
		return nil
	}
	filter := ""
	add := func(word, value string) {
		switch value {
		case "":
		case "none":
			filter += fmt.Sprintf(" | grep -vE ' %s '", word)
		default:
			filter += fmt.Sprintf(" | grep -E %s", quote(" "+word+" "+regexp.QuoteMeta(value)+"( |$)"))
		}
	}
	add("via", q.Via)
	add("dev", q.Dev)
	add("src", q.Source)
	switch q.Scope {
	case "global":
		filter += " | grep -vE ' scope '"
	case "link":
		add("scope", "link")
	}
	w.line("holds() {\n\tall=$(%s) || return 2\n\techo \"routes: $all\"\n\techo \"$all\"%s | grep -q .\n}", show, filter)
	return nil
}

// Counters asks how counters of a device move while a flow is sent.
type Counters struct {
	Want *scenarios.Counters
	Send *Flow
}

func (c *Counters) nodes() []string {
	return append(c.Send.nodes(), topology.ParseRef(c.Want.Link, "").Node)
}

func (c *Counters) write(w *writer) error {
	if c.Want.Exact {
		return unsayable("that a counter rises by so much and no more: ping's own requests are counted, too")
	}
	if err := c.Send.sayable(w); err != nil {
		return err
	}
	r := topology.ParseRef(c.Want.Link, "")
	if !plainName.MatchString(r.Link) {
		return unsayable("the name %q, which means something to a shell", r.Link)
	}
	c.Send.prepare(w)
	command, _, err := c.Send.command(w, max(c.Want.Times, 1))
	if err != nil {
		return err
	}
	w.line("count() { %scat /sys/class/net/%s/statistics/\"$1\"; }", w.in(r.Node), r.Link)
	var before, after []string
	compare := func(name, op string, n int) {
		v := notInNames.ReplaceAllString(name, "_")
		before = append(before, fmt.Sprintf("\t%s=$(count %s) || return 2", v, quote(name)))
		after = append(after, fmt.Sprintf("\trose=$(($(count %s) - %s))\n\techo %s \"rose by $rose\"\n\t[ \"$rose\" %s %d ] || return 1", quote(name), v, quote(name), op, n))
	}
	for _, name := range slices.Sorted(func(yield func(string) bool) {
		for k := range c.Want.Rise {
			if !yield(k) {
				return
			}
		}
	}) {
		compare(name, "-ge", c.Want.Rise[name])
	}
	for _, name := range c.Want.Still {
		compare(name, "-eq", 0)
	}
	w.line("holds() {\n%s\n\t%s || :\n%s\n}", strings.Join(before, "\n"), command, strings.Join(after, "\n"))
	return nil
}

// Refused asks whether the last of some changes is refused.
type Refused struct {
	Prepare []topology.Op
	Last    []topology.Op
	Errno   unix.Errno
	Reason  string
}

func (r *Refused) nodes() []string {
	var all []string
	for _, op := range append(slices.Clone(r.Prepare), r.Last...) {
		all = append(all, nodesOf(op)...)
	}
	return all
}

func (r *Refused) write(w *writer) error {
	for _, op := range r.Prepare {
		commands, err := w.commands(op)
		if err != nil {
			return err
		}
		for _, c := range commands {
			w.line("%s", c)
		}
	}
	var last []string
	for _, op := range r.Last {
		commands, err := w.commands(op)
		if err != nil {
			return err
		}
		last = append(last, commands...)
	}
	if len(last) == 0 {
		return unsayable("a change that takes no command")
	}
	w.failsWith(r.Reason == "")
	text := r.Reason
	if text == "" {
		text = r.Errno.Error()
	}
	w.line("attempt() {\n\t%s\n}", strings.Join(last, " &&\n\t\t"))
	w.line("holds() { fails_with %s attempt; }", quote(text))
	return nil
}
