package suites

import (
	"context"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/lanproof/lanproof/guest"
	"github.com/lanproof/lanproof/internal/features"
	"github.com/lanproof/lanproof/run"
)

// self is this process's binary.
const self = "/proc/self/exe"

// errDynamic is for a case that needs a guest where nothing can be its /init.
var errDynamic = errors.New("the test binary is not static, so that it cannot be /init of the guest that this needs: build it with CGO_ENABLED=0, and without -race")

// findInit returns a binary that can be /init, made in dir: of this process's own
// where that is static, else one that is built.
func findInit(ctx context.Context, dir string) (string, error) {
	ok, err := guest.Static(self)
	switch {
	case err != nil:
		return "", err
	case ok:
		return slim(self, dir)
	default:
		return buildInit(ctx, dir)
	}
}

// slim copies a static binary without what only debuggers read, which is a third of
// it and more: a guest has little memory, and all of it is in there twice while it
// boots. What a kernel loads are the segments (execve(2), binfmt_elf.c), and they
// come first in the file.
func slim(name, dir string) (string, error) {
	f, err := elf.Open(name)
	if err != nil {
		return "", fmt.Errorf("read %s: %w", name, err)
	}
	defer f.Close()
	var end uint64
	for _, p := range f.Progs {
		end = max(end, p.Off+p.Filesz)
	}
	whole, err := os.ReadFile(name)
	if err != nil {
		return "", fmt.Errorf("read the test binary: %w", err)
	}
	var header elf.Header64
	size := binary.Size(header)
	if f.Class != elf.ELFCLASS64 || end > uint64(len(whole)) || end < uint64(size) {
		return name, nil // unlike what Go's linker writes: left as it is
	}
	if _, err := binary.Decode(whole, f.ByteOrder, &header); err != nil {
		return "", fmt.Errorf("read the header of %s: %w", name, err)
	}
	header.Shoff, header.Shnum, header.Shstrndx = 0, 0, 0
	if _, err := binary.Encode(whole, f.ByteOrder, &header); err != nil {
		return "", fmt.Errorf("write the header of %s: %w", name, err)
	}
	copied := filepath.Join(dir, "init")
	if err := os.WriteFile(copied, whole[:end], 0o755); err != nil {
		return "", fmt.Errorf("copy the test binary: %w", err)
	}
	return copied, nil
}

// buildInit builds a static binary that can be /init into a directory, for a test
// binary that cannot, as under go test -race. It takes the go command, and the
// module's source, which go test has.
func buildInit(ctx context.Context, dir string) (string, error) {
	name := filepath.Join(dir, "init")
	// Neither paths nor commits get into the binary: guests are kept by what it is.
	cmd := exec.CommandContext(ctx, "go", "build", "-race=false", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", name, module+"/suites/guestinit")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w (to build one did not work: %w: %s)", errDynamic, err, strings.TrimSpace(string(out)))
	}
	return name, nil
}

// needGuest are the cases that this kernel cannot carry, by name.
func needGuest(cases []*run.Prepared, on run.Ground) (map[string]bool, error) {
	var kernel features.Kernel
	defer kernel.Close() // what is left goes with the process
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
