package intent

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// MaxBytes is the size of a file that is read. A large project's files have a hundredth
// of it.
const MaxBytes = 1 << 20

// ErrTooLarge is what is wrong with a larger one.
var ErrTooLarge = fmt.Errorf("larger than %d bytes, the most that a file may have", MaxBytes)

// ReadAll reads a file, and no more of it than may be. The error is ErrTooLarge, or the
// reader's without the file's path.
func ReadAll(r io.Reader) ([]byte, error) {
	content, err := io.ReadAll(io.LimitReader(r, MaxBytes+1))
	if err == nil && len(content) > MaxBytes {
		return nil, ErrTooLarge
	}
	return content, Reason(err)
}

// Reason is what the system said of a file, without its path, which a place says already.
func Reason(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}
