package main

import (
	"fmt"
	"slices"
	"strings"
)

// choice is the value of a flag that takes one of a few words.
type choice struct {
	value string
	words []string
}

// oneOf is a choice whose default is the first word.
func oneOf(words ...string) *choice { return &choice{words[0], words} }

// String returns the word that was chosen.
func (c *choice) String() string { return c.value }

// Type is what help shows for the value.
func (c *choice) Type() string { return strings.Join(c.words, "|") }

// Set chooses a word.
func (c *choice) Set(word string) error {
	if !slices.Contains(c.words, word) {
		last := len(c.words) - 1
		return fmt.Errorf("it is one of %s and %s", strings.Join(c.words[:last], ", "), c.words[last])
	}
	c.value = word
	return nil
}
