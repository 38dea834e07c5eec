package run

import (
	"runtime"
	"sync"
)

// runHere runs jobs on this kernel, as many at once as there are CPUs.
func (r *runner) runHere(jobs []*job) {
	if r.o.Drops && len(jobs) > 0 {
		var err error
		r.coroner, err = newCoroner(r.o.Blind)
		if err != nil {
			r.o.Events.Note(err.Error())
		}
		defer func() { r.noteClosed(r.coroner.Close()) }()
	}
	parallel := r.o.Parallel
	if parallel <= 0 {
		parallel = runtime.NumCPU()
	}
	// A slot is held by whoever works, and not while it waits for the kernel only.
	slots := make(chan struct{}, parallel)
	take, give := func() { slots <- struct{}{} }, func() { <-slots }
	if r.coroner != nil {
		r.coroner.away = func(wait func() error) error {
			give()
			defer take()
			return wait()
		}
	}
	var wg sync.WaitGroup
	for _, j := range jobs {
		take()
		wg.Go(func() {
			defer give()
			r.runOne(j)
		})
	}
	wg.Wait()
}
