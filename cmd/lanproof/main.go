// Command lanproof proves, frame by frame, what Linux's virtual LAN devices do.
//
// This package is the command line: flags, progress, exit statuses. What the
// commands do is done by the packages of the module.
package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"

	cells "github.com/lanproof/lanproof/engine/cell"
	"github.com/lanproof/lanproof/guest"
)

func main() {
	cells.Main() // it does not return where a role of a cell is played, as process 1 of it for one
	if guest.IsInit() {
		// Neither does this: the machine ends with it.
		guest.Init(inGuest)
	}
	tune()
	os.Exit(execute(context.Background(), os.Args[1:]))
}

// tune sets the runtime up for short runs that mostly wait. What the environment
// says goes first.
func tune() {
	// Where goroutines wait in the kernel, Go notices only after up to 10 ms that
	// others could go on (runtime/proc.go:retake): let more of them run at once.
	const most = 8
	if os.Getenv("GOMAXPROCS") == "" && runtime.GOMAXPROCS(0) < most {
		runtime.GOMAXPROCS(most)
	}
	// Little lives long, and little is live: collecting it seldom costs nothing.
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
}

// execute runs the command line and returns the exit status.
func execute(ctx context.Context, args []string) int {
	root := newRoot()
	root.SetArgs(args)
	status, text := judge(root.ExecuteContext(ctx))
	if text != "" {
		fmt.Fprintln(os.Stderr, text)
	}
	return status
}
