// Command guestinit is /init of a guest, and nothing else. Package suites builds
// it for test binaries that cannot be that themselves.
package main

import (
	"fmt"
	"os"

	"github.com/lanproof/lanproof/guest"
	"github.com/lanproof/lanproof/run"
)

func main() {
	if guest.IsInit() {
		// It does not return: the machine ends with it.
		guest.Init(run.InGuest)
	}
	fmt.Fprintln(os.Stderr, "guestinit is of use as /init of a guest only")
	os.Exit(2)
}
