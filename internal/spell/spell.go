// Package spell finds what a misspelt word was probably meant to be.
package spell

import (
	"slices"
	"strings"
)

// Closest returns the candidate that word was probably meant to be, or "".
// One slip in short words, two in longer ones; a swap of neighbours is one slip.
// Another number is another thing and no slip.
func Closest(word string, candidates []string) string {
	best, limit := "", 0
	switch n := len(word); {
	case n > 64:
		return ""
	case n > 4:
		limit = 2
	case n > 2:
		limit = 1
	}
	for _, c := range candidates {
		if d := slips(word, c); d <= limit && withoutDigits(word) != withoutDigits(c) {
			best, limit = c, d-1
		}
	}
	// Upper case by itself is no slip at all.
	if i := slices.IndexFunc(candidates, func(c string) bool { return strings.EqualFold(c, word) }); i >= 0 {
		return candidates[i]
	}
	return best
}

func withoutDigits(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return -1
		}
		return r
	}, s)
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
