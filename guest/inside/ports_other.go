//go:build !amd64

package inside

import "errors"

const (
	bellPort = 0
	exitPort = 0
)

// writePort fails: guests are x86-64 machines.
func writePort(uint16, byte) error { return errors.ErrUnsupported }
