package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/lanproof/lanproof/qualify/record"
)

// writePage writes the page of the handbook.
func writePage(w io.Writer, all []*record.Qualification, absent, skipped []string) error {
	if len(all) == 0 {
		return errors.New("no card was qualified")
	}
	var b strings.Builder
	first := all[0]
	fmt.Fprintf(&b, `# Emulated cards side by side

Written by `+"`make qualify-all`"+`, from one run of `+"`lanproof qualify --emulate MODEL --profile %s`"+` for each model, in guests with Linux %s under %s on %s.
Each bundle was verified before it came in here.

These are real drivers on devices that QEMU imitates. What fails here is the driver's fault or the imitation's, and which of the two stands in [Findings](findings.md#emulated-cards-and-their-drivers); it says nothing about silicon.
%s
`, first.Profile, first.Machine.Kernel, emulators(all), first.Started.Format(time.DateOnly), left(absent, skipped))
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write the table: %w", err)
	}
	if err := record.Compare(all...).WriteMarkdown(w); err != nil {
		return fmt.Errorf("write the table: %w", err)
	}
	return nil
}

// emulators says what the cards were emulated by: all by one, or some by another.
func emulators(all []*record.Qualification) string {
	first := all[0].Machine.Emulator
	text := first
	for _, q := range all {
		if q.Machine.Emulator != first {
			text += fmt.Sprintf(" (%s: %s)", q.DUT.Model, q.Machine.Emulator)
		}
	}
	return text
}

// left says what is missing in the table.
func left(absent, skipped []string) string {
	var text string
	if len(absent) > 0 {
		text += "Not in the table, because this QEMU has them not: " + strings.Join(absent, ", ") + ".\n"
	}
	if len(skipped) > 0 {
		text += "Left out, because it takes minutes under emulation: " + strings.Join(skipped, ", ") + ".\n"
	}
	return text
}
