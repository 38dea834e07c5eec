package scenarios

import (
	"fmt"
	"strings"
)

// closest returns the candidate that word was probably meant to be, or "".
// One slip in short words, two in longer ones; a swap of neighbours is one slip.
func closest(word string, candidates []string) string {
	if len(word) > 64 {
		return ""
	}
	best, limit := "", 1
	if len(word) > 4 {
		limit = 2
	}
	for _, c := range candidates {
		if d := slips(strings.ToLower(word), c); d <= limit && d < len(c) {
			best, limit = c, d-1
		}
	}
	return best
}

// slips is the optimal string alignment distance between two words.
func slips(a, b string) int {
	if d := len(a) - len(b); d > 2 || d < -2 {
		return 3
	}
	var last, before []int
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, last, row = last, row, make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
	}
	return row[len(b)]
}

// unknown says that word is none of the candidates, and which one was meant.
func unknown(what, word string, candidates []string) (text, meant string) {
	text = fmt.Sprintf("unknown %s %s", what, quote(word))
	if meant = closest(word, candidates); meant != "" {
		return text + fmt.Sprintf(" (did you mean %q?)", meant), meant
	}
	if n := len(candidates); n > 0 && n <= 12 {
		text += "; known: " + strings.Join(candidates, ", ")
	}
	return text, ""
}

// quote shows a word from outside, cut to a length that fits a line.
func quote(word string) string {
	if r := []rune(word); len(r) > 60 {
		word = string(r[:60]) + "…"
	}
	return fmt.Sprintf("%q", word)
}
