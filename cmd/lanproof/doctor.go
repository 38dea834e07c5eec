package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/guest"
	"github.com/lanproof/lanproof/guest/kernel"
	"github.com/lanproof/lanproof/internal/features"
	"github.com/lanproof/lanproof/internal/rootless"
)

func newDoctor() *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Tell what this machine can do, and the cure for what it cannot",
		Long: `Tell what this machine can do, and the cure for what it cannot: the kernel and
which kinds of device it has (each is made in a scratch namespace, for a version
says too little), the privileges, the emulator and the kernels for guests, and the
cache.

The exit status is 0 when cases can run on this kernel, and 3 when they cannot.`,
		Example: `  lanproof doctor`,
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			status, done, err := rootless.Enter()
			if done {
				return ended(status)
			}
			d := &doctor{forbidden: err}
			d.examine(cmd.Context())
			if err := d.write(cmd.OutOrStdout()); err != nil {
				return err
			}
			if !d.host {
				return ended(exitHarness)
			}
			return nil
		},
	}
}

// doctor looks at this machine.
type doctor struct {
	forbidden error // why there are no privileges
	found     []finding
	host      bool // cases can run on this kernel
}

// finding is one thing that is there, or that is not and what would help.
type finding struct {
	what string
	err  error
	text string
}

func (d *doctor) add(what string, err error, text string) {
	d.found = append(d.found, finding{what, err, text})
}

func (d *doctor) examine(ctx context.Context) {
	d.kernel()
	d.privileges()
	d.features()
	version, err := guest.HaveQEMU(ctx)
	d.add("qemu", err, version)
	kernels, err := offered(ctx)
	d.add("kernels", err, strings.Join(kernels, ", "))
	cache := kernel.DefaultCache()
	d.add("cache", writable(cache), cache)
}

func (d *doctor) kernel() {
	var u unix.Utsname
	err := unix.Uname(&u)
	d.add("kernel", err, unix.ByteSliceToString(u.Release[:])+" "+runtime.GOARCH)
}

func (d *doctor) privileges() {
	text := "root"
	if rootless.Inside() {
		text = "an ordinary user, in a user namespace"
	}
	d.add("privileges", d.forbidden, text)
}

// features tries what this kernel offers. Every case takes veth; the switch takes
// a bridge.
func (d *doctor) features() {
	if d.forbidden != nil {
		return // there is no namespace to try them in
	}
	var k features.Kernel
	defer k.Close() // what is left goes with the process
	d.host = true
	for _, name := range features.Names() {
		err := k.Have(name)
		if err != nil && (name == "veth" || name == "bridge" || !errors.Is(err, features.ErrNotSupported)) {
			d.host = false
		} else if err != nil {
			err = fmt.Errorf("%w; cases that need it run in a guest", err)
		}
		d.add(name, err, "")
	}
}

// offered returns the guest kernels that apt has, as --kernel takes them.
func offered(ctx context.Context) ([]string, error) {
	if _, err := exec.LookPath("apt-cache"); err != nil {
		return nil, errors.New("there is no apt on this machine; download a kernel package and name it: --kernel FILE.deb")
	}
	out, err := exec.CommandContext(ctx, "apt-cache", "search", "--names-only", "^linux-image-[0-9.].*-cloud-amd64").Output()
	if err != nil {
		return nil, fmt.Errorf("ask apt for kernels: %w; renew the package lists: apt-get update", err)
	}
	series := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^linux-image-([0-9]+\.[0-9]+)\.[^ ]*-cloud-amd64`).FindAllStringSubmatch(string(out), -1) {
		series["debian:"+m[1]] = true
	}
	if len(series) == 0 {
		return nil, errors.New("apt offers no cloud kernel; renew the package lists: apt-get update")
	}
	return slices.Sorted(maps.Keys(series)), nil
}

func (d *doctor) write(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	for _, f := range d.found {
		state, text := "ok", f.text
		if f.err != nil {
			state, text = "missing", strings.TrimPrefix(f.err.Error(), f.what+": ")
		}
		fmt.Fprintln(t, strings.TrimRight(f.what+"\t"+state+"\t"+text, "\t"))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	verdict := "cases can run on this kernel"
	if !d.host {
		verdict = "cases cannot run on this kernel"
	}
	_, err := fmt.Fprintln(w, verdict)
	return err
}
