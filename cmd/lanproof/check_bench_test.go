package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lanproof/lanproof/run"
)

// BenchmarkCheck measures lanproof check as a whole process, on a Compose file with ten
// services on a macvlan network, in turns with the same table asked of a real dockerd that
// is started for it, where there is one.
func BenchmarkCheck(b *testing.B) {
	if os.Getuid() != 0 {
		b.Skip("it takes root, or lanproof would start itself anew")
	}
	dir := b.TempDir()
	file, scenario := filepath.Join(dir, "compose.yaml"), filepath.Join(dir, "ten.yaml")
	if err := os.WriteFile(file, []byte(tenServices()), 0o644); err != nil {
		b.Fatal(err)
	}
	lanproof := filepath.Join(bin, "lanproof")
	output(b, lanproof, "check", "--on", "host", "--emit", scenario, file)
	_, err := run.FindEngine(b.Context(), "docker")
	var check, real []time.Duration
	for b.Loop() {
		check = append(check, process(b, lanproof, "check", "--on", "host", file))
		if err == nil {
			real = append(real, process(b, lanproof, "run", "--engine", "docker", "--out", dir, scenario))
		}
	}
	b.ReportMetric(ms(median(check)), "check-ms")
	if err == nil {
		b.ReportMetric(ms(median(real)), "dockerd-ms")
		b.ReportMetric(ms(median(real))/ms(median(check)), "dockerd/check")
	}
}

// tenServices is a Compose file with ten services on a macvlan network.
func tenServices() string {
	var text strings.Builder
	text.WriteString("services:\n")
	for i := range 10 {
		fmt.Fprintf(&text, "  s%d: {image: nginx, networks: [lan]}\n", i)
	}
	text.WriteString("networks:\n  lan:\n    driver: macvlan\n    driver_opts: {parent: eth0}\n")
	text.WriteString("    ipam: {config: [{subnet: 192.168.1.0/24, gateway: 192.168.1.1}]}\n")
	return text.String()
}
