package bench

import "context"

// Machine are the benchmarks of the machine itself, with which it shows how steady it is:
// what a loop without any system call takes says nothing of the kernel.
func Machine() []Benchmark {
	return []Benchmark{{
		Name:  "machine/loop",
		About: "A loop that leaves the kernel alone: how fast the machine is, and how steady.",
		Run:   func(_ context.Context, r Rules) ([]Figure, error) { return Loop(r, turns) },
	}}
}

// turns are some ms of a processor of today.
const turns = 10_000_000

// Loop measures a loop of n turns as if it had the usual number of them: with more it is
// a slowdown of known size.
func Loop(r Rules, n int) ([]Figure, error) {
	w := r.Watch()
	x := r.Seed
	for i := range n {
		x = x*6364136223846793005 + uint64(i) // each turn needs the one before
	}
	took, _, err := w.Took()
	if x == 0 { // which the compiler cannot know
		took++
	}
	return []Figure{r.Rate("turn", turns, took, "")}, err
}
