package guest

import (
	"debug/elf"
	"errors"
	"fmt"
	"slices"
)

// ErrDynamic is the error for a binary that cannot be a guest's /init.
var ErrDynamic = errors.New("it is not static, and a guest has no loader: build it with CGO_ENABLED=0")

// Static reports whether a binary asks for no loader, which a guest has not got
// (fs/binfmt_elf.c:load_elf_binary).
func Static(name string) (bool, error) {
	f, err := elf.Open(name)
	if err != nil {
		return false, fmt.Errorf("find out whether %s is static: %w", name, err)
	}
	defer f.Close()
	return !slices.ContainsFunc(f.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP }), nil
}
