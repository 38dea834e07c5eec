package reports

import (
	"bufio"
	"encoding/xml"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// maxBody bounds the text of one failure in formats that readers load as a
// whole; GitLab refuses a JUnit file of 30 MB. Everything stays in results.json.
const maxBody = 16 << 10

type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Name     string       `xml:"name,attr"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Errors   int          `xml:"errors,attr"`
	Skipped  int          `xml:"skipped,attr"`
	Time     string       `xml:"time,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name       string          `xml:"name,attr"`
	Tests      int             `xml:"tests,attr"`
	Failures   int             `xml:"failures,attr"`
	Errors     int             `xml:"errors,attr"`
	Skipped    int             `xml:"skipped,attr"`
	Time       string          `xml:"time,attr"`
	Timestamp  string          `xml:"timestamp,attr,omitempty"`
	File       string          `xml:"file,attr,omitempty"`
	Properties []junitProperty `xml:"properties>property"`
	Cases      []junitCase     `xml:"testcase"`
	Console    *junitText      `xml:"system-out"`
}

type junitProperty struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

type junitCase struct {
	Name       string           `xml:"name,attr"`
	Class      string           `xml:"classname,attr"`
	File       string           `xml:"file,attr,omitempty"`
	Line       int              `xml:"line,attr,omitempty"`
	Time       string           `xml:"time,attr"`
	Properties *junitProperties `xml:"properties"`
	Failure    *junitMessage    `xml:"failure"`
	Error      *junitMessage    `xml:"error"`
	Skipped    *junitMessage    `xml:"skipped"`
}

type junitProperties struct {
	List []junitProperty `xml:"property"`
}

// junitText is sent as it stands, so that the file can be read without a parser;
// what XML cannot hold was taken out of it before.
type junitText struct {
	Text string `xml:",cdata"`
}

type junitMessage struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr,omitempty"`
	Body    string `xml:",cdata"`
}

// WriteJUnit writes the results as JUnit XML, as GitLab, Jenkins and the usual
// GitHub actions read it: one testsuite a case, one testcase a check.
//
// The class name is "ground-kernel.case" with no other dot in it, so that
// Jenkins takes ground and kernel for the package; the name is the check's id.
// Neither changes with titles or labels, and no pair of them comes twice, since
// GitLab keeps only the first of two.
func WriteJUnit(w io.Writer, r *Results) error {
	sum := r.tally()
	doc := junitSuites{
		Name: "lanproof", Tests: sum.Total(), Failures: sum.Fail, Errors: sum.Error, Skipped: sum.Skip,
		Time: seconds(r.Duration),
	}
	names := unique{}
	for i := range r.Cases {
		doc.Suites = append(doc.Suites, junitSuiteOf(r, &r.Cases[i], names))
	}
	buffered := bufio.NewWriter(w)
	_, _ = buffered.WriteString(xml.Header) // the first error stays until Flush
	enc := xml.NewEncoder(buffered)
	enc.Indent("", "  ")
	if err := enc.Encode(doc); err != nil {
		return fmt.Errorf("write junit: %w", err)
	}
	_ = buffered.WriteByte('\n')
	if err := buffered.Flush(); err != nil {
		return fmt.Errorf("write junit: %w", err)
	}
	return nil
}

func junitSuiteOf(r *Results, c *Case, names unique) junitSuite {
	file, _ := splitLocation(c.Location)
	suite := junitSuite{
		Name: oneLine(c.Case + " on " + c.place()), Time: seconds(c.Duration), File: oneLine(file),
		Properties: []junitProperty{
			{"scenario", oneLine(c.Scenario)},
			{"ground", oneLine(c.Ground)},
			{"kernel", oneLine(c.Kernel)},
			{"labels", oneLine(strings.Join(c.Labels, ","))},
			{"seed", strconv.FormatUint(r.Seed, 10)},
		},
	}
	if c.Console != "" {
		suite.Console = &junitText{clip(block(c.Console), maxBody)}
	}
	if !r.Started.IsZero() {
		suite.Timestamp = r.Started.UTC().Format("2006-01-02T15:04:05")
	}
	for _, more := range []junitProperty{{"title", c.Title}, {"placement", c.Placement}, {"capture", c.Capture}} {
		if more.Value != "" {
			suite.Properties = append(suite.Properties, junitProperty{more.Name, oneLine(more.Value)})
		}
	}
	class := undotted(c.Ground+"-"+c.Kernel) + "." + undotted(c.Case)
	for _, e := range c.entries() {
		suite.Tests++
		switch e.Verdict.known() {
		case Fail:
			suite.Failures++
		case Error:
			suite.Errors++
		case Skip:
			suite.Skipped++
		case Pass:
		}
		suite.Cases = append(suite.Cases, junitCaseOf(c, &e, class, names))
	}
	return suite
}

func junitCaseOf(c *Case, e *Check, class string, names unique) junitCase {
	file, line := splitLocation(e.Location)
	name := oneLine(e.ID)
	if c.Repeat > 1 {
		name += fmt.Sprintf(" #%d", c.Repeat)
	}
	out := junitCase{
		Name: strings.TrimPrefix(names.name(class+"\x00"+name), class+"\x00"), Class: class,
		File: oneLine(file), Line: line, Time: seconds(e.Duration),
	}
	var properties []junitProperty
	for _, p := range []junitProperty{
		{"title", e.Title},
		{"step", e.Step},
		{"proof", string(e.Proof)},
		{"claims", strings.Join(e.Claims, ",")},
		{"refutes", strings.Join(e.Refutes, ",")},
	} {
		if p.Value != "" {
			properties = append(properties, junitProperty{p.Name, oneLine(p.Value)})
		}
	}
	if properties != nil {
		out.Properties = &junitProperties{properties}
	}
	message := &junitMessage{Message: clip(oneLine(e.Title)+": "+e.why(), 500), Body: clip(story(c, e), maxBody)}
	switch e.Verdict.known() {
	case Fail:
		message.Type = "failure"
		out.Failure = message
	case Error:
		message.Type = "error"
		out.Error = message
	case Skip:
		// Jenkins shows the message only, and wants it short.
		out.Skipped = &junitMessage{Message: clip(oneLine(e.Observed), 500)}
	case Pass:
	}
	return out
}

// story tells all that is known of a check in lines of plain text.
func story(c *Case, e *Check) string {
	var b strings.Builder
	field := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%-9s %s\n", name, strings.ReplaceAll(block(value), "\n", "\n          "))
		}
	}
	b.WriteByte('\n')
	field("check", e.Title)
	field("case", c.Case+" on "+c.place())
	field("location", e.Location)
	field("step", e.Step)
	field("expected", e.Expected)
	field("observed", e.Observed)
	field("proof", string(e.Proof))
	for _, v := range e.Evidence {
		field("evidence", v.line())
	}
	if c.Capture != "" {
		line := c.Capture
		if p := e.packets(); len(p) > 0 {
			line += ", " + numbers(p)
		}
		field("capture", line)
	}
	return b.String()
}

// line writes a piece of evidence as one line: "frame c1/eth0 #12: ...".
func (v Evidence) line() string {
	head := v.Kind
	if v.At != "" {
		head += " " + v.At
	}
	if v.Packet > 0 {
		head += fmt.Sprintf(" #%d", v.Packet)
	}
	if head == "" {
		return v.Text
	}
	return head + ": " + v.Text
}

// seconds writes a duration as the formats of other tools want it.
func seconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', 6, 64) }

// undotted takes the dots out of one part of a dotted name.
func undotted(s string) string { return strings.ReplaceAll(oneLine(s), ".", "_") }

// unique hands out each name once: a second "a" becomes "a (2)".
type unique map[string]int

func (u unique) name(s string) string {
	u[s]++
	for n := u[s]; n > 1; n++ {
		next := fmt.Sprintf("%s (%d)", s, n)
		if u[next] == 0 {
			u[s], u[next] = n, 1
			return next
		}
	}
	return s
}
