package reports

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/mattn/go-runewidth"
)

// oneLine makes text from outside safe to show on one line: white space becomes
// a blank, and whatever could steer a terminal, turn the reading direction or
// break an XML parser becomes a visible escape.
func oneLine(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' && steers(r) }) {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == '\n' || r == '\t' || r == '\r':
			b.WriteByte(' ')
		default:
			writeRune(&b, s, i, r)
		}
	}
	return b.String()
}

// block is oneLine for text of several lines: it keeps line breaks and tabs.
func block(s string) string {
	if plain(s) {
		return s
	}
	s = strings.ReplaceAll(s, "\r\n", "\n")
	var b strings.Builder
	for i, r := range s {
		switch r {
		case '\n', '\t':
			b.WriteRune(r)
		default:
			writeRune(&b, s, i, r)
		}
	}
	return b.String()
}

// plain reports whether s is printable ASCII only, as most text is.
func plain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// writeRune writes r, which stands at s[i:], or an escape in its place.
func writeRune(b *strings.Builder, s string, i int, r rune) {
	switch {
	case r == utf8.RuneError && !strings.HasPrefix(s[i:], "\uFFFD"):
		b.WriteRune(utf8.RuneError)
	case r < 0x100 && unicode.IsControl(r):
		fmt.Fprintf(b, `\x%02x`, r)
	case hidden(r):
		fmt.Fprintf(b, `\u%04x`, r)
	default:
		b.WriteRune(r)
	}
}

// steers reports whether writeRune may have to write something else for a rune.
func steers(r rune) bool { return r == utf8.RuneError || unicode.IsControl(r) || hidden(r) }

// hidden reports whether a rune has no picture of its own but changes how the
// text around it looks, or may not stand in XML at all. The two joiners stay,
// because words and emoji are written with them.
func hidden(r rune) bool {
	const nonJoiner, joiner = 0x200C, 0x200D
	switch {
	case r == nonJoiner || r == joiner:
		return false
	case r == 0x2028 || r == 0x2029: // line and paragraph separator
		return true
	case r&0xFFFE == 0xFFFE: // the non-characters at the end of each plane
		return true
	}
	return unicode.Is(unicode.Cf, r) || unicode.IsControl(r)
}

// clip shortens s to at most limit runes, the last of which then is an ellipsis.
func clip(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	n := 0
	cut := 0
	for i := range s {
		n++
		if n == limit {
			cut = i
		}
		if n > limit {
			return s[:cut] + "…"
		}
	}
	return s
}

// columns is the number of terminal columns that s takes.
func columns(s string) int {
	if plain(s) {
		return len(s)
	}
	// A condition of our own: the package's default one depends on the locale.
	c := runewidth.Condition{StrictEmojiNeutral: true}
	return c.StringWidth(s)
}

// clipColumns shortens s to at most limit terminal columns.
func clipColumns(s string, limit int) string {
	if columns(s) <= limit {
		return s
	}
	c := runewidth.Condition{StrictEmojiNeutral: true}
	return c.Truncate(s, max(limit, 0), "…")
}

// plural counts things in words: "1 check", "2 checks".
func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return count(n) + " " + word + "s"
}

// count writes a number with its thousands set off by commas.
func count(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// humane writes a duration with three digits at most, as a person would say it.
func humane(d time.Duration) string {
	switch {
	case d < 0:
		return d.String()
	case d < time.Microsecond:
		return fmt.Sprintf("%d ns", d)
	case d < time.Millisecond:
		return digits(float64(d)/float64(time.Microsecond)) + " µs"
	case d < time.Second:
		return digits(float64(d)/float64(time.Millisecond)) + " ms"
	case d < time.Minute:
		return digits(d.Seconds()) + " s"
	case d < time.Hour:
		return fmt.Sprintf("%d min %d s", d/time.Minute, d%time.Minute/time.Second)
	}
	return fmt.Sprintf("%d h %d min", d/time.Hour, d%time.Hour/time.Minute)
}

// spent is humane for what took any time.
func spent(d time.Duration) string {
	if d <= 0 {
		return ""
	}
	return humane(d)
}

// digits writes a number below 1000 with three digits, and without zeros at its end.
func digits(v float64) string {
	decimals := 2
	switch {
	case v >= 99.95:
		decimals = 0
	case v >= 9.995:
		decimals = 1
	}
	s := fmt.Sprintf("%.*f", decimals, v)
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s
}

// splitLocation takes "file:line" apart; line is 0 when there is none.
func splitLocation(s string) (file string, line int) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 {
		return s, 0
	}
	for _, r := range s[i+1:] {
		if r < '0' || r > '9' || line > 1<<24 {
			return s, 0
		}
		line = line*10 + int(r-'0')
	}
	if line == 0 {
		return s, 0
	}
	return s[:i], line
}
