package run

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lanproof/lanproof/engine"
	"github.com/lanproof/lanproof/internal/features"
	"github.com/lanproof/lanproof/reports"
)

// place decides where a job runs, and says why. A job that can run nowhere gets
// its verdict here.
func (r *runner) place(j *job) {
	j.result = newResult(j.p)
	j.result.Repeat = j.repeat
	j.result.Ground, j.result.Kernel = string(Host), r.release
	if r.o.Engine != nil && !r.engineFollows(j) {
		return
	}
	if r.cable != nil || r.o.Emulate != "" {
		r.placeOnCable(j)
		return
	}
	if nics := j.p.Plan.LAN.NICs(); len(nics) > 0 {
		r.placeNIC(j, nics)
		return
	}
	if r.o.On == Guest || r.onAll() {
		j.result.Ground = string(Guest)
		return
	}
	lacks, err := r.kernel.Missing(j.p.Needs)
	switch {
	case err != nil:
		j.result.Verdict, j.result.Reason = reports.Error, fmt.Sprintf("find out what this kernel offers: %v", err)
	case len(lacks) == 0:
	case r.o.On == Host:
		skip(&j.result, r.release, lacks)
	default:
		j.result.Ground = string(Guest)
		j.result.Placement = fmt.Sprintf("in a guest, since kernel %s has no %s", r.release, strings.Join(sortedKeys(lacks), ", "))
	}
}

// engineFollows reports whether the engine goes wherever the job does. Else the job is
// placed: on this kernel, or nowhere.
func (r *runner) engineFollows(j *job) bool {
	if j.unfit != "" {
		j.result.Verdict, j.result.Reason = reports.Skip, j.unfit
		return false
	}
	if _, ok := r.o.Engine.(engine.Portable); ok {
		return true
	}
	r.placeHere(j)
	return false
}

// spread makes a job of every guest kernel out of one that runs in a guest.
func (r *runner) spread(j *job) []*job {
	if j.result.Ground != string(Guest) && r.o.Emulate == "" {
		return []*job{j}
	}
	var all []*job
	for _, kernel := range r.kernels() {
		k := *j
		if kernel == ThisKernel {
			k.result.Ground = string(Host)
			r.placeHere(&k)
		} else {
			k.kernel, k.result.Kernel = kernel, kernel
		}
		all = append(all, &k)
	}
	return all
}

// onAll reports whether every case runs on all kernels that are named.
func (r *runner) onAll() bool { return r.o.On == Auto && slices.Contains(r.o.Kernels, ThisKernel) }

func (r *runner) placeNIC(j *job, nics []string) {
	j.result.Ground = string(GroundNIC)
	for _, name := range nics {
		if r.o.NICs[name] == "" {
			j.result.Verdict = reports.Skip
			j.result.Reason = fmt.Sprintf("needs a real port for %s: name one with --nic %s=PORT", name, name)
			return
		}
	}
	r.placeHere(j)
}

// placeHere skips a job that this kernel cannot carry.
func (r *runner) placeHere(j *job) {
	lacks, err := r.kernel.Missing(j.p.Needs)
	switch {
	case err != nil:
		j.result.Verdict, j.result.Reason = reports.Error, fmt.Sprintf("find out what this kernel offers: %v", err)
	case len(lacks) > 0:
		skip(&j.result, r.release, lacks)
	}
}

// skip gives a result the verdict of a case that a kernel cannot carry: a skip
// that names what is missing, or a failure where every kernel of that version
// has it.
func skip(c *reports.Case, release string, lacks map[string]error) {
	c.Verdict = reports.Skip
	var why []string
	for _, name := range sortedKeys(lacks) {
		why = append(why, lacks[name].Error())
		if major, minor, ok := features.Since(name); ok && !olderThan(release, major, minor) {
			c.Verdict = reports.Fail
			why = append(why, fmt.Sprintf("every kernel from %d.%d on has it, and this is %s", major, minor, release))
		}
	}
	c.Reason = "needs " + strings.Join(why, "; ")
}

func olderThan(release string, major, minor int) bool {
	var a, b int
	if _, err := fmt.Sscanf(release, "%d.%d", &a, &b); err != nil {
		return true
	}
	return a < major || a == major && b < minor
}
