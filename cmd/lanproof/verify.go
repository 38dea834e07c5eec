package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lanproof/lanproof/qualify"
	"github.com/lanproof/lanproof/qualify/record"
)

func newVerify() *cobra.Command {
	return &cobra.Command{
		Use:   "verify BUNDLE",
		Short: "Check a qualification's bundle on any machine: recompute every verdict from its captures",
		Long: `Check the bundle of a qualification, a folder or an archive, on any machine and
without any rights: the sums of all files, the count of every trial from its
capture, every verdict, every waiver and the sum. Nothing of the machine that it
was measured on is needed.

Exit status: 0 all agrees; 1 something does not, told with its place; 2 it is no
bundle, an unfinished one, or one of another version.`,
		Example: `  lanproof verify qualification.zip`,
		Args:    exactly("a bundle"),
		RunE: func(cmd *cobra.Command, args []string) error {
			v, err := verifyBundle(args[0], time.Now())
			if err != nil {
				return err
			}
			if err := v.WriteText(cmd.OutOrStdout()); err != nil {
				return err
			}
			if !v.OK() {
				return ended(exitFail)
			}
			return nil
		},
	}
}

func verifyBundle(name string, now time.Time) (_ *record.Verification, err error) {
	b, err := record.OpenBundle(name)
	if err != nil {
		return nil, usage("verify: %w", err)
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	v, err := record.Verify(b, record.Asked{Now: now, Core: coreRequirements(), Tool: release()})
	if err != nil {
		return nil, usage("verify %s: %w", name, err)
	}
	return v, nil
}

// release is the version of a lanproof that can be told by it from all others: none for
// what was built from a changed or unnamed state of the source.
func release() string {
	if v := version(); v != "(devel)" && !strings.HasSuffix(v, "+dirty") {
		return v
	}
	return ""
}

// coreRequirements are those that every qualification must tell of.
func coreRequirements() []string {
	var ids []string
	for _, r := range qualify.Requirements() {
		if r.Profile == record.Core {
			ids = append(ids, r.ID)
		}
	}
	return ids
}

// isQualification reports whether a folder or an archive is the bundle of a
// qualification, and reads that.
func isQualification(name string) (*record.Qualification, bool) {
	b, err := record.OpenBundle(name)
	if err != nil {
		return nil, false
	}
	defer b.Close()
	q, err := b.Qualification()
	return q, err == nil
}

// reportQualification makes a report of a bundle.
func reportQualification(cmd *cobra.Command, q *record.Qualification, format, output string) error {
	write := map[string]func(io.Writer) error{
		"html": func(w io.Writer) error { return q.WriteHTML(w, nil) }, "json": q.WriteJSON, "markdown": q.WriteMarkdown,
	}[format]
	if write == nil {
		return usage("a qualification is reported as html, json or markdown, not as %s", format)
	}
	return writeOut(cmd.OutOrStdout(), output, write)
}

// compareQualifications puts bundles side by side.
func compareQualifications(cmd *cobra.Command, names []string, format, output string) error {
	var all []*record.Qualification
	for _, name := range names {
		q, ok := isQualification(name)
		if !ok {
			return usage("%s is not the bundle of a qualification, and %s is one", name, names[0])
		}
		all = append(all, q)
	}
	table := record.Compare(all...)
	write := map[string]func(io.Writer) error{"text": table.WriteText, "markdown": table.WriteMarkdown}[format]
	if write == nil {
		return usage("qualifications are compared as text or markdown, not as %s", format)
	}
	if err := writeOut(cmd.OutOrStdout(), output, write); err != nil {
		return fmt.Errorf("write the comparison: %w", err)
	}
	return nil
}
