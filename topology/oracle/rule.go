package oracle

// Rule is a row of a table: what happens, when, and where that is written.
type Rule struct {
	// ID of the rule, table and row.
	ID string
	// When and Then say in words when the row fits, and what happens then.
	When, Then string
	// Source is a kernel file with its function, or a document's clause.
	Source string
	// Claim is the id of the sentence in the claims registry that speaks about it,
	// where a document has one.
	Claim string
}

// Table is a table of rules under a title.
type Table struct {
	Title string
	Rules []Rule
}

// Tables are all tables, for documentation.
func Tables() []Table {
	return []Table{
		{"macvlan: a child sends", rulesOf(macvlanSends())},
		{"macvlan: a parent receives", append([]Rule{ruleSource}, rulesOf(macvlanReceives())...)},
		{"ipvlan: a child sends", rulesOf(ipvlanSends())},
		{"ipvlan: a parent receives", rulesOf(ipvlanReceives())},
		{"VLAN devices", []Rule{ruleTag, ruleKeepsTag, ruleUntag, ruleVLANDown, rulePriority, ruleForeignVID}},
		{"Bridges, and the switch", []Rule{ruleBridgeDown, ruleLocked, ruleIngressVLAN, ruleTableFull, ruleFlood, ruleUnknown, ruleNoFlood, ruleLearned, rulePortDown, ruleNotBack, ruleIsolated, ruleEgressVLAN, ruleBridgeOwn, ruleBridgeSends, ruleSendsOwn}},
		{"Every device", []Rule{ruleDown, ruleNoCarrier, ruleDummy, rulePortFilter, ruleTaken, ruleForOthers}},
	}
}

// row is a rule that decides: it fits when its condition holds, and the first one
// that fits is carried out.
type row[C any] struct {
	Rule
	fits func(C) bool
	then func(C)
}

func rulesOf[C any](table []row[C]) []Rule {
	var rules []Rule
	for _, r := range table {
		rules = append(rules, r.Rule)
	}
	return rules
}

// decide carries out the first row that fits, and notes it.
func decide[C any](w *walk, table []row[C], at *device, c C) {
	for i := range table {
		if table[i].fits(c) {
			w.note(at, table[i].Rule)
			table[i].then(c)
			return
		}
	}
}
