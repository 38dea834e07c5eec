package guest

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/lanproof/lanproof/guest/qemu"
)

// died ends the guest and says what is known of its death.
func died(vm *qemu.VM, begun bool, when string, cause error) error {
	if errors.Is(cause, io.EOF) || errors.Is(cause, io.ErrUnexpectedEOF) {
		vm.Wait(grace) // its end has been heard; let it take place
	}
	state, console := vm.Autopsy()
	why := cause.Error()
	switch {
	case errors.Is(cause, os.ErrDeadlineExceeded):
		why = "it sent nothing for too long"
	case errors.Is(cause, io.EOF), errors.Is(cause, io.ErrUnexpectedEOF):
		why = state
		if p := lastPanic(console); p != "" {
			why = p
		}
	}
	return &Died{Reason: fmt.Sprintf("%s: %s", when, why), Console: console, Begun: begun}
}

// lastPanic finds the line in which the kernel says why it gave up.
func lastPanic(console string) string {
	const mark = "Kernel panic - not syncing: "
	at := strings.LastIndex(console, mark)
	if at < 0 {
		return ""
	}
	text, _, _ := strings.Cut(console[at:], "\n")
	return strings.TrimSpace(text)
}
