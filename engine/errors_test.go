package engine

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
)

func TestErrors(t *testing.T) {
	for _, c := range []struct {
		err  error
		text string
		wrap error
	}{
		{&Refusal{Text: "no such parent"}, "no such parent", nil},
		{&Cannot{Text: "docker 20.10.24 has no macvlan mode source"}, "docker 20.10.24 has no macvlan mode source", nil},
		{&Unavailable{Text: "docker needs dockerd"}, "docker needs dockerd", nil},
		{&Unavailable{Text: "docker needs dockerd", Err: fs.ErrNotExist}, "docker needs dockerd: file does not exist", fs.ErrNotExist},
		{&Failure{Err: fs.ErrClosed}, "file already closed", fs.ErrClosed},
		{&Failure{Err: fs.ErrClosed, Log: "last words"}, "file already closed; its log ends with:\nlast words", fs.ErrClosed},
	} {
		if c.err.Error() != c.text || c.wrap != nil && !errors.Is(c.err, c.wrap) {
			t.Errorf("got %q, want %q wrapping %v", strings.ReplaceAll(c.err.Error(), "\n", `\n`), c.text, c.wrap)
		}
	}
}
