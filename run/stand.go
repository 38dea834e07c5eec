package run

import (
	"errors"
	"fmt"

	"github.com/lanproof/lanproof/internal/features"
	"github.com/lanproof/lanproof/topology/lab"
)

// Stand builds the LAN of a case on this kernel, as it is before its steps and
// without anything that probes it. The error names what the kernel lacks for it,
// or the command that failed; then nothing is left.
func Stand(p *Prepared) (*lab.Lab, error) {
	var k features.Kernel
	lacks, err := k.Missing(p.Needs)
	if err = errors.Join(err, k.Close()); err != nil {
		return nil, fmt.Errorf("find out what this kernel offers: %w", err)
	}
	for _, name := range sortedKeys(lacks) {
		return nil, fmt.Errorf("case %s cannot stand on this kernel: %w", p.Case.Name, lacks[name])
	}
	l, err := lab.Open(p.Plan, lab.Options{})
	if err != nil {
		return nil, fmt.Errorf("build the topology: %w", err)
	}
	return l, nil
}
