// Package suites makes Ginkgo specs of scenario files: one of every check, named
// and labelled from its file, failing at the file's line. Another module's LAN
// suite is a folder of scenarios and one test file:
//
//	//go:embed scenarios
//	var files embed.FS
//
//	func TestMain(m *testing.M) { suites.Main(m) }
//	func TestLAN(t *testing.T)  { suites.Run(t, files, suites.Options{}) }
//
// It runs under go test and under the ginkgo command with all of their flags:
//
//	go test . -ginkgo.label-filter='macvlan && mode: containsAny {bridge, vepa}'
//	ginkgo -p --junit-report=junit.xml --focus='host-unreachable'
//
// [Run] takes the place of ginkgo.RunSpecs, so that a program's own specs, suite
// nodes and labels (Options.Ginkgo) go along. A suite without any spec to run fails.
//
// # Specs
//
// A spec's name is its case's and its check's id, which stay when titles and
// labels change. Its labels are the file's, the scenario's name, the case's
// variables (mode:bridge), the kernel features that it takes (needs:vlan), and
// with several kernels the kernel (kernel:debian-6.1). In reports it carries the
// ground, the capture, the proof, and the claims that its check speaks about.
//
// A check that passed is a passed spec; one that was skipped is skipped with the
// reason. One that failed fails with what was expected, what was seen and the
// evidence; and one of which the harness could not find out the truth fails too,
// with "could not find out". The spec's place, and the first words of its message,
// are file:line. Ginkgo lets nobody choose the place that it prints besides as that
// of the call to Fail: it is in this package, but in the JUnit report it is
// the file's, too.
//
// # How cases are run
//
// Building the tree loads files and works out checks, and asks no kernel. The
// cases with a spec to run, by Ginkgo's own word after all of its filters, are run
// together when the first of their specs begins: so there is one boot for all that
// need a guest, cases run side by side on all CPUs, and each spec waits for its own
// case only. That is why all specs stand in one Ordered container, which ginkgo -p
// gives to one process, while a program's other specs go to the others. To run
// each case with its own specs would spread over processes what one run does as
// fast, and boot a guest in each; to run all in BeforeSuite would take from the
// program the only one that it may have, and show nothing until the end.
//
// A case is run once, however often Ginkgo asks for its specs: FlakeAttempts and
// MustPassRepeatedly see the same result again. To run it again run the suite
// again, with ginkgo --repeat or go test -count.
//
// # Guests
//
// What this kernel cannot carry runs in a guest, whose /init is the test binary:
// that is what [Main] is for, and why the binary has to be static (CGO_ENABLED=0).
// One that is not, as with -race, has a small static one built beside it, which
// takes the go command; where that does not work either, the checks that need a
// guest fail with the cure, and the others run. Without QEMU or a kernel package
// they are skipped with the cure.
//
// # Clean ends
//
// When Run returns, nothing that it started is left: it waits for the run's end,
// fails the test for what could not be cleaned up, and looks for goroutines that
// were forgotten.
package suites
