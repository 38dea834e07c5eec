package suites

import (
	"errors"
	"flag"
	"fmt"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/lanproof/lanproof/run"
)

// Options are how a suite is run. The zero value runs every case on this kernel
// where it can, else in a guest.
type Options struct {
	// Name of the suite in reports; the test's name when empty.
	Name string
	// Dir stands before the names of files, so that they can be found from where
	// reports are read: the package's path in its repository, for example.
	Dir string
	// On is the ground; auto when empty.
	On run.Ground
	// Kernels for guests, as guest.Resolve knows them. With several, which need On
	// to be guest, every check is a spec of each.
	Kernels []string
	// Modules is a directory of modules for kernels that are a bare image.
	Modules string
	// NICs says which real port stands for a device of kind nic.
	NICs map[string]string
	// Seed is what everything that could differ is derived from.
	Seed uint64
	// Out is the directory for captures, results.json and the reports made from it;
	// with several kernels each has a folder in it. When empty, nothing is kept,
	// except under go test -artifacts: then it is the test's artifact directory.
	Out string
	// Parallel is how many cases run at once; as many as there are CPUs when 0.
	Parallel int
	// Init is the static binary that is /init in a guest. When empty it is the
	// test binary, or one that is built for it, see the package's text.
	Init string
	// NoSnapshot boots every guest cold and keeps none.
	NoSnapshot bool
	// GuestTimeout bounds one guest; 20 minutes when 0.
	GuestTimeout time.Duration
	// Ginkgo are further arguments for ginkgo.RunSpecs, such as labels.
	Ginkgo []any
}

// check says what is wrong with the options.
func (o *Options) check() error {
	switch o.On {
	case "", run.Auto, run.Host, run.Guest:
	default:
		return fmt.Errorf("there is no ground %q: it is %s, %s or %s", o.On, run.Auto, run.Host, run.Guest)
	}
	if len(o.Kernels) > 1 && o.On != run.Guest {
		return errors.New("several kernels need On: run.Guest, since other cases run on this one")
	}
	return nil
}

// complete fills in what depends on the test.
func (o *Options) complete(t *testing.T) {
	if o.Name == "" {
		o.Name = t.Name()
	}
	if f := flag.Lookup("test.artifacts"); o.Out == "" && f != nil && f.Value.String() == "true" {
		o.Out = t.ArtifactDir()
	}
}

// kernels are the parts of the suite: one of each kernel when there are several,
// else one without a name.
func (o *Options) kernels() []string {
	if len(o.Kernels) > 1 {
		return o.Kernels
	}
	return []string{""}
}

// run are the options of one part's run.
func (o *Options) run(kernel string) run.Options {
	r := run.Options{
		On: o.On, Kernels: o.Kernels, Modules: o.Modules, NICs: o.NICs, Seed: o.Seed, Out: o.Out, Parallel: o.Parallel,
		Init: o.Init, NoSnapshot: o.NoSnapshot, GuestTimeout: o.GuestTimeout, Version: version(),
	}
	if kernel != "" {
		r.Kernels = []string{kernel}
	}
	if kernel != "" && o.Out != "" {
		r.Out = filepath.Join(o.Out, strings.NewReplacer("/", "-", ":", "-").Replace(kernel))
	}
	return r
}

const module = "github.com/lanproof/lanproof"

// version is lanproof's as the test binary knows it; empty when it does not.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, m := range append([]*debug.Module{&info.Main}, info.Deps...) {
		if m.Path == module {
			return m.Version
		}
	}
	return ""
}
