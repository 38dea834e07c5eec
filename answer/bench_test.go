package answer

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lanproof/lanproof/internal/features"
	"github.com/lanproof/lanproof/run"
)

// BenchmarkCheck answers for a Compose file with ten services on a macvlan network, from
// its reading to the last line of the answer: what a person waits for.
func BenchmarkCheck(b *testing.B) {
	needBench(b)
	var text strings.Builder
	text.WriteString("services:\n")
	for i := range 10 {
		fmt.Fprintf(&text, "  s%d: {image: nginx, networks: [lan]}\n", i)
	}
	text.WriteString("networks:\n  lan:\n    driver: macvlan\n    driver_opts: {parent: eth0}\n")
	text.WriteString("    ipam: {config: [{subnet: 192.168.1.0/24, gateway: 192.168.1.1}]}\n")
	file := filepath.Join(b.TempDir(), "compose.yaml")
	if err := os.WriteFile(file, []byte(text.String()), 0o644); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		in, err := Read(b.Context(), []string{file}, ReadOptions{})
		if err != nil {
			b.Fatal(err)
		}
		a, err := Ask(b.Context(), in, Options{Run: run.Options{On: run.Host}})
		if err != nil {
			b.Fatal(err)
		}
		if a.Trouble != "" || len(a.Reach) != 156 {
			b.Fatalf("%d pairs of 156: %s", len(a.Reach), a.Trouble)
		}
		if err := Write(io.Discard, a, false); err != nil {
			b.Fatal(err)
		}
	}
}

// needBench skips where networks cannot be built.
func needBench(b *testing.B) {
	b.Helper()
	if os.Geteuid() != 0 {
		b.Skip("building networks takes root")
	}
	var kernel features.Kernel
	defer kernel.Close()
	lacks, err := kernel.Missing([]string{"macvlan"})
	if err != nil {
		b.Fatal(err)
	}
	for _, why := range lacks {
		b.Skip(why)
	}
}
