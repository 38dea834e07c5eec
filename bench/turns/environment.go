package turns

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// described is what a system tells of itself.
type described struct {
	Kernel string            `json:"kernel"`
	Arch   string            `json:"arch"`
	Detail map[string]string `json:"detail"`
}

// describe looks at this kernel and its machine. What cannot be found out is left out.
func describe() (*described, error) {
	var uts unix.Utsname
	if err := unix.Uname(&uts); err != nil {
		return nil, fmt.Errorf("ask for the kernel's release: %w", err)
	}
	d := map[string]string{
		"cpu":         cpuModel(),
		"cpus":        strconv.Itoa(runtime.NumCPU()),
		"governor":    oneLine("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
		"mitigations": mitigations(),
		"clocksource": oneLine("/sys/devices/system/clocksource/clocksource0/current_clocksource"),
		"cmdline":     commandLine(),
	}
	for key, value := range d {
		if value == "" {
			delete(d, key)
		}
	}
	return &described{Kernel: unix.ByteSliceToString(uts.Release[:]), Arch: runtime.GOARCH, Detail: d}, nil
}

// oneLine is what a file of one line says.
func oneLine(name string) string {
	text, err := os.ReadFile(name)
	if err != nil {
		return ""
	}
	return string(bytes.TrimSpace(text))
}

// cpuModel is the processor's name (arch/x86/kernel/cpu/proc.c:show_cpuinfo; other
// architectures have other words or none).
func cpuModel() string {
	for line := range strings.Lines(oneLine("/proc/cpuinfo")) {
		key, value, _ := strings.Cut(line, ":")
		switch strings.TrimSpace(key) {
		case "model name", "Processor", "cpu model":
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// mitigations are the vulnerabilities that cost time here: those the processor has.
func mitigations() string {
	files, err := filepath.Glob("/sys/devices/system/cpu/vulnerabilities/*")
	if err != nil {
		return ""
	}
	var all []string
	for _, f := range files {
		if text := oneLine(f); text != "" && text != "Not affected" {
			all = append(all, filepath.Base(f)+": "+text)
		}
	}
	return strings.Join(all, "; ")
}

// commandLine is the kernel's, without what differs with each boot of a guest.
func commandLine() string {
	var words []string
	for word := range strings.FieldsSeq(oneLine("/proc/cmdline")) {
		if !strings.HasPrefix(word, "tsc_early_khz=") {
			words = append(words, word)
		}
	}
	return strings.Join(words, " ")
}

// load is how many processes have been running on average for the last minute.
func load() string {
	first, _, _ := strings.Cut(oneLine("/proc/loadavg"), " ")
	return first
}

// processors are those that this process may use, in their order.
func processors() ([]int, error) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return nil, fmt.Errorf("ask for this process's processors: %w", err)
	}
	var all []int
	for cpu := 0; len(all) < set.Count(); cpu++ {
		if set.IsSet(cpu) {
			all = append(all, cpu)
		}
	}
	return all, nil
}
