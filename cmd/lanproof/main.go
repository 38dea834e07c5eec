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

	"github.com/lanproof/lanproof/guest"
	"github.com/lanproof/lanproof/run"
)

func main() {
	if guest.IsInit() {
		// It does not return: the machine ends with it.
		guest.Init(run.InGuest)
	}
	spread()
	os.Exit(execute(context.Background(), os.Args[1:]))
}

// spread lets more goroutines run at once than there are CPUs, for most of ours
// wait in the kernel, where Go notices only after up to 10 ms that another one
// could go on (runtime/proc.go:retake).
func spread() {
	const most = 8
	if os.Getenv("GOMAXPROCS") == "" && runtime.GOMAXPROCS(0) < most {
		runtime.GOMAXPROCS(most)
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
