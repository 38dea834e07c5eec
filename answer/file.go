package answer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/lanproof/lanproof/intent"
)

// readFile reads a file, no more of it than may be, and a pipe until its writers are gone.
func readFile(ctx context.Context, name string, stdin io.Reader) ([]byte, error) {
	from := stdin
	if name != StandardInput {
		f, err := openFile(ctx, name)
		if err != nil {
			return nil, intent.Reason(err)
		}
		defer f.Close()
		defer context.AfterFunc(ctx, func() { f.Close() })()
		from = f
	}
	if from == nil {
		return nil, errors.New("there is no standard input")
	}
	text, err := intent.ReadAll(from)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, err
	case len(bytes.TrimSpace(text)) == 0:
		return nil, errors.New("it is empty")
	}
	return text, nil
}

// openFile opens a plain file or a pipe, such as a shell makes of <(command), or whatever
// standard input is. Nothing else is touched, since opening some devices does something.
func openFile(ctx context.Context, name string) (*os.File, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	mode := info.Mode()
	switch {
	case mode.IsRegular():
		return os.Open(name)
	case mode.IsDir():
		return nil, syscall.EISDIR
	case mode&fs.ModeNamedPipe != 0:
		return openPipe(ctx, name)
	}
	if own, err := os.Stdin.Stat(); err == nil && os.SameFile(own, info) {
		return os.Open(name)
	}
	return nil, fmt.Errorf("it is a %s, neither a file nor a pipe", map[bool]string{true: "socket", false: "device"}[mode&fs.ModeSocket != 0])
}

// openPipe opens a pipe as soon as somebody writes to it.
func openPipe(ctx context.Context, name string) (*os.File, error) {
	type result struct {
		f   *os.File
		err error
	}
	opened := make(chan result, 1)
	go func() {
		f, err := os.Open(name)
		opened <- result{f, err}
	}()
	select {
	case r := <-opened:
		return r.f, r.err
	case <-ctx.Done():
		// A writer that comes and goes lets it open (linux: fs/pipe.c:fifo_open).
		if w, err := os.OpenFile(name, os.O_WRONLY|syscall.O_NONBLOCK, 0); err == nil {
			w.Close()
			if r := <-opened; r.f != nil {
				r.f.Close()
			}
		}
		return nil, ctx.Err()
	}
}

// projectDir is the folder of a project whose first file is that one: the current one for a
// file that is only a descriptor of this process; empty is that of the file.
func projectDir(name string) string {
	if dir := filepath.Dir(name); dir == "/dev" || dir == "/dev/fd" || strings.HasPrefix(dir, "/proc/") {
		return "."
	}
	return ""
}
