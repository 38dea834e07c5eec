package run

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/lanproof/lanproof/probe"
)

// neighbourTables are the files that count how often there was no room for a neighbour.
// A kernel has one table a family for all namespaces together, 1024 entries by
// default (net/core/neighbour.c:neigh_alloc, net.ipv4.neigh.default.gc_thresh3), so
// that others can fill it. Guests have their own.
// Only a network namespace that the machine began with has them, and /proc/net is the
// one of the process's first thread, which may have been thrown away in another.
func neighbourTables() []string {
	return []string{"/proc/thread-self/net/stat/arp_cache", "/proc/thread-self/net/stat/ndisc_cache"}
}

// neighboursTurnedAway is how often there was no room so far, on all CPUs; 0 where the
// kernel does not tell.
func neighboursTurnedAway() (n uint64) {
	for _, name := range neighbourTables() {
		if b, err := os.ReadFile(name); err == nil {
			n += tableFulls(b)
		}
	}
	return n
}

// tableFulls sums a column of a statistics file: a line of names, then one of
// hexadecimal numbers for each CPU (net/core/neighbour.c:neigh_stat_seq_show).
func tableFulls(b []byte) (sum uint64) {
	lines := bufio.NewScanner(bytes.NewReader(b))
	if !lines.Scan() {
		return 0
	}
	column := slices.Index(strings.Fields(lines.Text()), "table_fulls")
	for column >= 0 && lines.Scan() {
		if values := strings.Fields(lines.Text()); column < len(values) {
			n, _ := strconv.ParseUint(values[column], 16, 64) // what is no number counts nothing
			sum += n
		}
	}
	return sum
}

// doubted takes a failure back that a full neighbour table may have made: a kernel that
// cannot note an address sends nothing, whatever its drivers do.
func doubted(f probe.Finding, before, now uint64) probe.Finding {
	if f.Held || f.Trouble != nil || now <= before { // less where it was not to be read
		return f
	}
	f.Trouble = fmt.Errorf("the kernel's neighbour table, which all namespaces share, was full %d times during this case (see net.ipv4.neigh.default.gc_thresh3), so that nothing can be said", now-before)
	f.Observed += "; " + f.Trouble.Error()
	return f
}
