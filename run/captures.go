package run

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/lanproof/lanproof/reports"
)

// captureName is a case's capture, relative to the out directory. Only a run
// with several kernels, or that repeats, has more than one of a case.
func (r *runner) captureName(j *job) string {
	name := j.p.Case.Name
	switch {
	case r.onAll() && j.kernel == "":
		name += "@kernel=" + ThisKernel // a guest's may be of the same release
	case len(r.o.Kernels) > 1:
		name += "@kernel=" + j.result.Kernel
	}
	if j.repeat > 0 {
		name += fmt.Sprintf("@repeat=%d", j.repeat)
	}
	return filepath.Join("captures", name+".pcapng")
}

func (r *runner) saveCapture(j *job, capture []byte) {
	if len(capture) == 0 {
		return
	}
	name := r.captureName(j)
	if r.o.Capture != nil {
		r.o.Capture(name, capture)
		j.result.Capture = name
	}
	if r.o.Out == "" {
		return
	}
	path := filepath.Join(r.o.Out, name)
	err := os.MkdirAll(filepath.Dir(path), 0o755)
	if err == nil {
		err = os.WriteFile(path, capture, 0o644)
	}
	if err != nil {
		j.result.Verdict, j.result.Reason = reports.Error, fmt.Sprintf("keep the capture: %v", err)
		return
	}
	j.result.Capture = name
}
