package reports

import "io"

// Format is a report that can be made of results.
type Format struct {
	Name string // what it is called on the command line
	File string // what it is called in a run's folder; empty where it belongs into a log
	// Write makes the report. Its errors are those of the writer.
	Write func(io.Writer, *Results) error
}

// Formats lists all reports, the default one first.
func Formats() []Format {
	return []Format{
		{"html", FileHTML, WriteHTML},
		{"json", FileJSON, WriteJSON},
		{"junit", FileJUnit, WriteJUnit},
		{"ktap", FileKTAP, WriteKTAP},
		{"markdown", FileMarkdown, WriteMarkdown},
		{"github", "", WriteAnnotations},
		{"kcidb", FileKCIDB, WriteKCIDB},
		{"openmetrics", FileOpenMetrics, WriteOpenMetrics},
	}
}
