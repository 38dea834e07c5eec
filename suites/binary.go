package suites

import (
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/lanproof/lanproof/internal/features"
	"github.com/lanproof/lanproof/run"
)

// self is this process's binary.
const self = "/proc/self/exe"

// errDynamic is for a case that needs a guest where nothing can be its /init.
var errDynamic = errors.New("the test binary is not static, so that it cannot be /init of the guest that this needs: build it with CGO_ENABLED=0, and without -race")

// static reports whether a binary asks for no loader, which a guest has not got.
func static(name string) (bool, error) {
	f, err := elf.Open(name)
	if err != nil {
		return false, fmt.Errorf("find out whether %s is static: %w", name, err)
	}
	defer f.Close()
	return !slices.ContainsFunc(f.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP }), nil
}

// buildInit builds a static binary that can be /init into a directory, for a test
// binary that cannot, as under go test -race. It takes the go command, and the
// module's source, which go test has.
func buildInit(ctx context.Context, dir string) (string, error) {
	name := filepath.Join(dir, "init")
	// Neither paths nor commits get into the binary: guests are kept by what it is.
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-o", name, module+"/suites/guestinit")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w (to build one did not work: %w: %s)", errDynamic, err, strings.TrimSpace(string(out)))
	}
	return name, nil
}

// needGuest are the cases that this kernel cannot carry, by name.
func needGuest(cases []*run.Prepared, on run.Ground) (map[string]bool, error) {
	var kernel features.Kernel
	need := map[string]bool{}
	for _, p := range cases {
		if on == run.Host || len(p.Plan.LAN.NICs()) > 0 {
			continue
		}
		if on == run.Guest {
			need[p.Case.Name] = true
			continue
		}
		lacks, err := kernel.Missing(p.Needs)
		if err != nil {
			return nil, fmt.Errorf("find out what this kernel offers: %w", err)
		}
		if len(lacks) > 0 {
			need[p.Case.Name] = true
		}
	}
	return need, nil
}
