package compose

import (
	"errors"
	"strconv"
	"strings"

	"github.com/lanproof/lanproof/intent"
)

// broken turns the YAML library's error into one with a place.
func (s *source) broken(err error) error {
	line, text := lineOf(err.Error())
	return &intent.Error{Place: intent.Place{File: s.shown, Line: line}, Err: errors.New("not YAML: " + text)}
}

// lineOf takes a "line 3: " out of a text.
func lineOf(text string) (int, string) {
	before, after, ok := strings.Cut(text, "line ")
	number, rest, found := strings.Cut(after, ": ")
	line, err := strconv.Atoi(number)
	if !ok || !found || err != nil {
		return 0, text
	}
	return line, strings.TrimPrefix(before, "yaml: ") + rest
}

// explain gives the library's error its place.
func (b *book) explain(err error) error {
	return &intent.Error{Place: intent.Place{File: b.main.files[0].shown}, Err: err}
}
