package capture_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// wireshark runs one of Wireshark's programs on a file and wants no complaint.
func wireshark(t *testing.T, program string, args ...string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Skipf("needs %s: %v", program, err)
	}
	var out, complaints bytes.Buffer
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir())
	cmd.Stdout, cmd.Stderr = &out, &complaints
	if err := cmd.Run(); err != nil {
		t.Errorf("%s: %v", program, err)
	}
	for line := range strings.Lines(complaints.String()) {
		if !strings.HasPrefix(line, "Running as user") {
			t.Errorf("%s complains: %s", program, line)
		}
	}
	return out.String()
}

func sampleFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sample.pcapng")
	check(t, os.WriteFile(path, write(t, sample(t)), 0o644))
	return path
}

func TestTsharkReadsWhatWeWrite(t *testing.T) {
	args := []string{"-r", sampleFile(t), "-T", "fields", "-E", "separator=|"}
	for _, field := range []string{
		"number", "interface_name", "packet_flags_direction", "packet_flags_reception_type", "packet_id", "len", "cap_len", "comment",
	} {
		args = append(args, "-e", "frame."+field)
	}
	got := wireshark(t, "tshark", append(args, "-e", "ieee8021ad.id", "-e", "vlan.id", "-e", "vlan.priority", "-e", "vlan.dei", "-e", "_ws.malformed")...)
	want := strings.Join([]string{
		"1|host/eth0|0x00000002|0|1|60|60|probe reach-1,arrived: ✓|||||",
		"2|c1/eth0|0x00000001|1|1|60|60||||||",
		"3|host/eth0|0x00000001|3||60|60||||||",
		"4|host/eth0|0x00000001|2||60|60|" + strings.Repeat("x", 1001) + "|||||",
		"5|c2/eth0|0x00000001|4||64|64|||10|5|0|",
		"6|host/eth0|0x00000001|1||68|68||20|10|5|1|",
		"7|c1/eth0|0x00000001|1||60|33||||||",
	}, "\n") + "\n"
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestCapinfosReadsWhatWeWrite(t *testing.T) {
	got := wireshark(t, "capinfos", "-M", sampleFile(t))
	for _, want := range []string{
		"Number of packets:   7", "Strict time order:   True", "Number of interfaces in file: 3",
		"Capture hardware:    x86_64", "Capture oper-sys:    Linux 6.1.0", "Capture application: lanproof test",
		"macvlan-bridge/mode=bridge", "Name = c1/eth0", "Description = macvlan bridge on host/eth0",
		"Time precision = nanoseconds (9)", "Number of stat entries = 1",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("capinfos does not say %q:\n%s", want, got)
		}
	}
}
