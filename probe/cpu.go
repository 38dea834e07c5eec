package probe

import (
	"fmt"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"
)

// allowedCPUs are the CPUs that this thread may run on, each of which has a
// backlog of its own.
func allowedCPUs() ([]int, error) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return nil, fmt.Errorf("ask for the CPUs to run on: %w", err)
	}
	var cpus []int
	for cpu := range len(set) * 64 {
		if set.IsSet(cpu) {
			cpus = append(cpus, cpu)
		}
	}
	return cpus, nil
}

// settleIn puts the CPU that the thread is on first: the home of the window that
// begins. Fields that all had the same would stand in each other's way, and leave
// other CPUs idle.
func (f *Field) settleIn() error {
	var cpu uint32
	if _, _, errno := unix.Syscall(unix.SYS_GETCPU, uintptr(unsafe.Pointer(&cpu)), 0, 0); errno != 0 {
		return fmt.Errorf("ask for the CPU: %w", errno)
	}
	if i := slices.Index(f.cpus, int(cpu)); i > 0 {
		f.cpus = slices.Insert(slices.Delete(f.cpus, i, i+1), 0, int(cpu))
	}
	return nil
}

// onCPU moves the thread to a CPU and runs f there.
func (f *Field) onCPU(cpu int, do func() error) error {
	if len(f.cpus) > 1 {
		var set unix.CPUSet
		set.Set(cpu)
		if err := unix.SchedSetaffinity(0, &set); err != nil {
			return fmt.Errorf("move to CPU %d: %w", cpu, err)
		}
	}
	return do()
}

// free lets the thread run anywhere again.
func (f *Field) free() {
	if len(f.cpus) < 2 {
		return
	}
	var set unix.CPUSet
	for _, cpu := range f.cpus {
		set.Set(cpu)
	}
	// Failing leaves the thread where it is, which is slower but not wrong.
	_ = unix.SchedSetaffinity(0, &set)
}

// loopback is lo's ifindex in every namespace (net/core/net_namespace.c).
const loopback = 1
