package reports

// PageStyle is the style that all of lanproof's pages share.
func PageStyle() string { return htmlStyle }

// PagePolicy is the content security policy of a page that loads nothing from
// anywhere: its style, and its script where it has one, are named by their hashes, so
// that nothing else in it can run.
func PagePolicy(style, script string) string {
	policy := "default-src 'none'; base-uri 'none'; form-action 'none'; img-src data:; style-src " + hash(style)
	if script != "" {
		policy += "; script-src " + hash(script)
	}
	return policy
}

// OneLine makes text from outside safe to show on one line: what could steer a
// terminal or turn the reading direction becomes a visible escape.
func OneLine(s string) string { return oneLine(s) }

// Block is OneLine for text of several lines.
func Block(s string) string { return block(s) }
