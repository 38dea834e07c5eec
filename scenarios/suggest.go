package scenarios

import (
	"fmt"
	"strings"

	"github.com/lanproof/lanproof/internal/spell"
)

// unknown says that word is none of the candidates, and which one was meant.
func unknown(what, word string, candidates []string) (text, meant string) {
	hint, meant := suggest(word, candidates)
	return fmt.Sprintf("unknown %s %s%s", what, quote(word), hint), meant
}

// suggest ends a sentence about a word that is none of the candidates.
func suggest(word string, candidates []string) (hint, meant string) {
	if meant = spell.Closest(word, candidates); meant != "" {
		return fmt.Sprintf(" (did you mean %q?)", meant), meant
	}
	if n := len(candidates); n > 0 && n <= 12 {
		hint = "; known: " + strings.Join(candidates, ", ")
	}
	return hint, ""
}

// quote shows a word from outside, cut to a length that fits a line.
func quote(word string) string {
	if r := []rune(word); len(r) > 60 {
		word = string(r[:60]) + "…"
	}
	return fmt.Sprintf("%q", word)
}

// Unknown says that word is none of the candidates, and which one may have been meant.
func Unknown(what, word string, candidates []string) string {
	text, _ := unknown(what, word, candidates)
	return text
}
