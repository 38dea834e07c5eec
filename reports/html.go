package reports

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
)

//go:embed report.html.tmpl
var htmlPage string

//go:embed report.css
var htmlStyle string

//go:embed report.js
var htmlScript string

// WriteHTML writes the report as one page that loads nothing from anywhere. It
// can be read without its script, which only adds filters; its content
// security policy names style and script by their hashes, so that nothing else
// in the page can run, whatever a scenario calls itself.
func WriteHTML(w io.Writer, r *Results) error {
	page, err := template.New("report").Parse(htmlPage)
	if err != nil {
		return fmt.Errorf("write html: %w", err)
	}
	view, err := newHTMLView(r)
	if err != nil {
		return fmt.Errorf("write html: %w", err)
	}
	style := htmlStyle + svgStyle
	view.Style, view.Script = template.CSS(style), template.JS(htmlScript)
	view.Policy = PagePolicy(style, htmlScript)
	buffered := bufio.NewWriterSize(w, 1<<16)
	if err := page.Execute(buffered, view); err != nil {
		return fmt.Errorf("write html: %w", err)
	}
	if err := buffered.Flush(); err != nil {
		return fmt.Errorf("write html: %w", err)
	}
	return nil
}

// hash names a piece of the page as a content security policy does
// (W3C Content Security Policy Level 3, 2.3.1).
func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// svgOf draws a picture for the page, which holds the style for all of them.
func svgOf(p *Picture) template.HTML {
	var b bytes.Buffer
	drawSVG(&b, p, false)
	return template.HTML(b.String()) // every text in it went through escape
}
