package reports

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// WriteOpenMetrics writes the results as OpenMetrics text 1.0, for a Prometheus
// that reads files (node_exporter's textfile collector) or a push gateway: the
// run, how many checks of each case and of each ground came to which verdict, and
// how long cases took in seconds. Single checks are left out: a series each would
// be thousands.
func WriteOpenMetrics(w io.Writer, r *Results) error {
	m := &metrics{w: bufio.NewWriter(w)} // it keeps the first error until Flush
	m.family("lanproof_run", "info", "", "The run.")
	tool := ""
	if len(r.Environment) > 0 {
		tool = r.Environment[0].Tool
	}
	m.sample("lanproof_run_info", "1", metricLabel{"tool", tool}, metricLabel{"seed", strconv.FormatUint(r.Seed, 10)})
	m.family("lanproof_run_verdict", "stateset", "", "The verdict of the whole run.")
	m.states("lanproof_run_verdict", r.Verdict())
	if !r.Started.IsZero() {
		m.family("lanproof_run_started_seconds", "gauge", "seconds", "When the run began, in seconds since 1970.")
		m.sample("lanproof_run_started_seconds", fmt.Sprintf("%.3f", float64(r.Started.UnixMilli())/1000))
	}
	m.family("lanproof_run_duration_seconds", "gauge", "seconds", "How long the run took.")
	m.sample("lanproof_run_duration_seconds", seconds(r.Duration))
	m.grounds(r)
	m.cases(r)
	_, _ = m.w.WriteString("# EOF\n")
	if err := m.w.Flush(); err != nil {
		return fmt.Errorf("write openmetrics: %w", err)
	}
	return nil
}

type metrics struct{ w *bufio.Writer }

// metricLabel is a label's name and value.
type metricLabel struct{ name, value string }

func (m *metrics) family(name, kind, unit, help string) {
	fmt.Fprintf(m.w, "# TYPE %s %s\n", name, kind)
	if unit != "" {
		fmt.Fprintf(m.w, "# UNIT %s %s\n", name, unit)
	}
	fmt.Fprintf(m.w, "# HELP %s %s\n", name, help)
}

func (m *metrics) sample(name, value string, labels ...metricLabel) {
	_, _ = m.w.WriteString(name)
	for i, l := range labels {
		fmt.Fprintf(m.w, `%s%s="%s"`, map[bool]string{true: "{", false: ","}[i == 0], l.name, metricText(l.value))
	}
	if len(labels) > 0 {
		_ = m.w.WriteByte('}')
	}
	fmt.Fprintf(m.w, " %s\n", value)
}

// verdicts are all that there are.
func verdicts() []Verdict { return []Verdict{Pass, Fail, Skip, Error} }

// states writes one verdict as a state set: 1 for it, 0 for the others.
func (m *metrics) states(name string, is Verdict, labels ...metricLabel) {
	for _, v := range verdicts() {
		value := "0"
		if v == is.known() {
			value = "1"
		}
		m.sample(name, value, append(labels[:len(labels):len(labels)], metricLabel{name, string(v)})...)
	}
}

// grounds writes the sums of each ground and kernel.
func (m *metrics) grounds(r *Results) {
	type ground struct{ ground, kernel string }
	var order []ground
	sums := map[ground]*Results{}
	for i := range r.Cases {
		g := ground{metricText(r.Cases[i].Ground), metricText(r.Cases[i].Kernel)}
		if sums[g] == nil {
			sums[g] = &Results{}
			order = append(order, g)
		}
		sums[g].Cases = append(sums[g].Cases, r.Cases[i])
	}
	m.family("lanproof_checks", "gauge", "", "Checks by verdict on each ground.")
	for _, g := range order {
		c := sums[g].Cases[0]
		m.counts("lanproof_checks", sums[g].tally(), metricLabel{"ground", c.Ground}, metricLabel{"kernel", c.Kernel})
	}
}

func (m *metrics) counts(name string, s Summary, labels ...metricLabel) {
	for _, v := range verdicts() {
		n := map[Verdict]int{Pass: s.Pass, Fail: s.Fail, Skip: s.Skip, Error: s.Error}[v]
		m.sample(name, strconv.Itoa(n), append(labels[:len(labels):len(labels)], metricLabel{"verdict", string(v)})...)
	}
}

// cases writes what there is to say of each case. A series may be there once only,
// so that of two cases that nothing tells apart the second gets a number.
func (m *metrics) cases(r *Results) {
	names := unique{}
	labels := make([][]metricLabel, len(r.Cases))
	for i := range r.Cases {
		c := &r.Cases[i]
		prefix := metricText(c.place()) + "\x00"
		name := strings.TrimPrefix(names.name(prefix+oneLine(clip(c.Case, maxCell))), prefix)
		labels[i] = []metricLabel{{"scenario", clip(c.Scenario, maxCell)}, {"case", name}, {"ground", c.Ground}, {"kernel", c.Kernel}, {"repeat", strconv.Itoa(c.Repeat)}}
	}
	m.family("lanproof_case_verdict", "stateset", "", "The verdict of each case.")
	for i := range r.Cases {
		m.states("lanproof_case_verdict", r.Cases[i].outcome(), labels[i]...)
	}
	m.family("lanproof_case_checks", "gauge", "", "Checks of each case by verdict.")
	for i := range r.Cases {
		m.counts("lanproof_case_checks", (&Results{Cases: r.Cases[i : i+1]}).tally(), labels[i]...)
	}
	m.family("lanproof_case_duration_seconds", "gauge", "seconds", "How long each case took.")
	for i := range r.Cases {
		m.sample("lanproof_case_duration_seconds", seconds(r.Cases[i].Duration), labels[i]...)
	}
}

// metricText makes text fit for the value of a label (OpenMetrics 1.0, escaped-char).
func metricText(s string) string {
	s = oneLine(s)
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(s)
}
