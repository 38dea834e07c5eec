package advice

import (
	_ "embed"
	"fmt"
	"io"
	"strings"

	"github.com/lanproof/lanproof/scenarios"
)

//go:embed explanations.yaml
var explanations []byte

// Explanation says what a kind of warning is about.
type Explanation struct {
	// ID is the warning's.
	ID string `yaml:"id,required"`
	// Severity that such warnings have; some are less certain, and milder.
	Severity Severity `yaml:"-"`
	// Title is one line.
	Title string `yaml:"title,required"`
	// Cause is why it is so, Proof what frames or answers show it; where no frame can,
	// Proof is empty.
	Cause string `yaml:"cause,required"`
	Proof string `yaml:"proof"`
	// Scenarios of the catalogue that prove the same.
	Scenarios []string `yaml:"scenarios"`
	// Remedy is what to do, with something to type in lines that are indented.
	Remedy string `yaml:"remedy,required"`
	// Sources are where it is written, or done.
	Sources []string `yaml:"sources,required"`
}

// All are the explanations of all kinds of warnings, related ones beside each other; nil
// where the table cannot be read, which a test holds never to be.
func All() []Explanation {
	var all []Explanation
	if err := scenarios.Bind("explanations.yaml", explanations, &all); err != nil {
		return nil
	}
	for i := range all {
		all[i].Severity = severityOf(all[i].ID)
		all[i].Remedy = strings.TrimSpace(all[i].Remedy)
	}
	return all
}

// severityOf is the severity of a rule; whatever is refused is an error.
func severityOf(id string) Severity {
	for _, r := range rules {
		if r.id == id {
			return r.severity
		}
	}
	return Error
}

// Explain returns the explanation of a kind of warning; it is false when there is no such
// kind.
func Explain(id string) (*Explanation, bool) {
	all := All()
	for i := range all {
		if all[i].ID == id {
			return &all[i], true
		}
	}
	return nil, false
}

// WriteMarkdown writes all explanations as a page of the handbook.
func WriteMarkdown(w io.Writer) error {
	all := All()
	var b strings.Builder
	b.WriteString(`# Warnings

What ` + "`lanproof check`" + ` warns of, why, what shows it, and what to do.
This page is made from the table in [advice/explanations.yaml](../advice/explanations.yaml); ` + "`lanproof check --explain ID`" + ` prints one entry of it.

An *error* is what the engine or the kernel refuses, or what can never work; a *warning* is what works otherwise than most people expect; a *note* is good to know.

| warning | severity | |
|---|---|---|
`)
	for _, e := range all {
		fmt.Fprintf(&b, "| [%s](#%s) | %s | %s |\n", e.ID, e.ID, e.Severity, e.Title)
	}
	for _, e := range all {
		e.markdown(&b)
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write the page of warnings: %w", err)
	}
	return nil
}

func (e *Explanation) markdown(b *strings.Builder) {
	fmt.Fprintf(b, "\n## %s\n\n**%s** (%s)\n\n%s\n", e.ID, e.Title, e.Severity, sentences(e.Cause))
	proof := e.Proof
	if proof == "" {
		proof = "No frame can show it."
	}
	fmt.Fprintf(b, "\n*What shows it:* %s\n", sentences(proof))
	for i, s := range e.Scenarios {
		if i == 0 {
			b.WriteString("The catalogue has it, too: ")
		} else {
			b.WriteString(", ")
		}
		fmt.Fprintf(b, "[%s](../scenarios/catalogue/%s.yaml)", s, s)
	}
	if len(e.Scenarios) > 0 {
		b.WriteString(".\n")
	}
	b.WriteString("\n*What to do:*\n\n" + e.remedy())
	fmt.Fprintf(b, "\n*Sources:* %s\n", strings.Join(e.Sources, "; "))
}

// remedy is the text with lines to type set off, as Markdown wants them.
func (e *Explanation) remedy() string {
	var b strings.Builder
	typed := false
	for line := range strings.Lines(e.Remedy + "\n") {
		if code := strings.HasPrefix(line, "    "); code != typed {
			b.WriteString("\n")
			typed = code
		}
		if !typed {
			line = sentences(strings.TrimSpace(line)) + "\n"
		}
		b.WriteString(line)
	}
	return strings.TrimPrefix(b.String(), "\n")
}

// sentences puts each sentence on a line.
func sentences(s string) string { return strings.ReplaceAll(strings.TrimSpace(s), ". ", ".\n") }
