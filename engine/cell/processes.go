package cell

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// processes are those of the cell, by their numbers in it: what each is called, its state,
// and the function of the kernel that it waits in, as ps has them (proc(5): stat, wchan).
func (c *Cell) processes() []string {
	found, err := filepath.Glob(c.Path("/proc/[0-9]*/stat"))
	if err != nil || len(found) == 0 {
		return []string{"no processes"}
	}
	var all []string
	for _, path := range found {
		stat, err := os.ReadFile(path)
		if err != nil {
			continue // it has just ended
		}
		// The name is in parentheses and may have any in it.
		open, end := strings.IndexByte(string(stat), '('), strings.LastIndex(string(stat), ") ")
		if open < 0 || end < open || end+2 >= len(stat) {
			continue
		}
		said := fmt.Sprintf("%s %s: %c", filepath.Base(filepath.Dir(path)), stat[open+1:end], stat[end+2])
		if in, err := os.ReadFile(filepath.Join(filepath.Dir(path), "wchan")); err == nil && len(in) > 0 && string(in) != "0" {
			said += " in " + string(in)
		}
		all = append(all, said)
	}
	return all
}
