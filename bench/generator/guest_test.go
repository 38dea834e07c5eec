package generator_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/lanproof/lanproof/guest"
)

// TestMain makes this test's binary /init of the guests that it boots, which run tests
// of it: a job is the arguments.
func TestMain(m *testing.M) {
	if guest.IsInit() {
		guest.Init(func(job []byte, out guest.Emitter) error { return testHere(m, strings.Fields(string(job)), out) })
	}
	os.Exit(m.Run())
}

// testHere runs tests in the guest and sends what they print.
func testHere(m *testing.M, args []string, out guest.Emitter) error {
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	os.Stdout, os.Args = w, append(os.Args[:1], args...)
	sent := make(chan error, 1)
	go func() {
		in := bufio.NewScanner(r)
		var err error
		for in.Scan() {
			err = errors.Join(err, out.Line(in.Bytes()))
		}
		sent <- err
	}()
	code := m.Run()
	err = errors.Join(w.Close(), <-sent)
	if code != 0 {
		err = errors.Join(err, fmt.Errorf("tests ended with status %d", code))
	}
	return err
}

// inGuest runs tests on another kernel and returns what they print.
func inGuest(tb testing.TB, spec, args string) string {
	tb.Helper()
	_, counts := tb.(*testing.B) // instructions, in a benchmark
	if testing.Short() {
		tb.Skip("booting a guest takes some seconds")
	}
	if ok, err := guest.Static("/proc/self/exe"); err != nil || !ok {
		tb.Skip("this test's binary is /init of the guest and has to be static: build it with CGO_ENABLED=0 and without -race")
	}
	k, err := guest.Resolve(tb.Context(), spec, "", "pktgen")
	if errors.Is(err, guest.ErrNoQEMU) || errors.Is(err, guest.ErrNoKernel) {
		tb.Skip(err)
	}
	if err != nil {
		tb.Fatal(err)
	}
	var text strings.Builder
	o := guest.Options{Kernel: k, Init: "/proc/self/exe", Idle: 2 * time.Minute, Count: counts, Cache: tb.TempDir()}
	err = guest.Run(tb.Context(), []byte(args), o, func(line []byte) { fmt.Fprintf(&text, "%s\n", line) }, func(string, []byte) error { return io.EOF })
	if err != nil {
		tb.Errorf("%v\n%s", err, text.String())
	}
	return text.String()
}

// TestOtherKernels runs this package's tests on kernels that have pktgen.
func TestOtherKernels(t *testing.T) {
	for _, spec := range []string{"debian:6.1", "debian:6.12"} {
		t.Run(spec, func(t *testing.T) {
			text := inGuest(t, spec, "-test.v -test.short -test.run=^Test/^(smallest|two_tags|AF_PACKET|BPF|pktgen|UDP|down|away)")
			for _, want := range []string{"--- PASS: TestSentIsCounted/smallest/pktgen", "--- PASS: TestDeviceGoes/down/pktgen", "--- PASS: TestCancel/pktgen", "--- PASS: TestTrips/UDP", "--- PASS: TestCancel/BPF_PROG_RUN_clones", "--- PASS: TestFramesAreWhatWasAskedFor/two_tags/pktgen"} {
				if !strings.Contains(text, want) {
					t.Errorf("there is no %q in\n%s", want, text)
				}
			}
		})
	}
}
