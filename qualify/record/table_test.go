package record

import (
	"bytes"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// two are qualifications of two ports.
func two() []*Qualification {
	a, _ := planted()
	b, _ := planted()
	b.DUT.Driver, b.DUT.Model = "virtio_net", "virtio-net-pci"
	b.Results = append(b.Results[1:], Result{ID: "mtu", Profile: Core, Facts: []Fact{{"x", "1", "1"}}, Measured: map[string]string{"largest": "9000"}})
	b.Results[0].Trials[0].Seen = 0
	b.Cases = []CaseResult{{Case: "a", Verdict: "pass"}, {Case: "b", Verdict: "skip"}, {Case: "c|d", Verdict: "fail", Fail: 2, Reason: "<b>"}}
	b.Restored, b.Differences = false, []string{"mtu was 1500 and is 1400"}
	b.Finish([]Waiver{{ID: "mtu", Reason: "r", Who: "w", Until: "2027-01-01"}})
	return []*Qualification{a, b}
}

func TestCompare(t *testing.T) {
	table := Compare(two()...)
	for name, c := range map[string]struct {
		write func(io.Writer) error
		want  string
	}{
		"text": {table.WriteText, `requirement                     e1000e       virtio-net-pci (virtio_net)
own-address *                   pass         –
unknown-unicast *               fail         pass
sr-iov                          unsupported  unsupported
counters *                      pass         pass
mtu *                           –            pass
cases of the catalogue          0 of 0       1 of 2
ports came back as they were    yes          no
conformant                      no           no

* of the core profile
`},
		"markdown": {table.WriteMarkdown, `| requirement | e1000e | virtio-net-pci (virtio_net) |
|---|---|---|
| **own-address** | pass | – |
| **unknown-unicast** | **fail** | pass |
| sr-iov | unsupported | unsupported |
| **counters** | pass | pass |
| **mtu** | – | pass |
| cases of the catalogue | 0 of 0 | 1 of 2 |
| ports came back as they were | yes | **no** |
| conformant | **no** | **no** |

Requirements of the core profile are bold.

**unknown-unicast**

- e1000e: unknown: 10 of 10 frames came to dut/eth0 and none may

**sr-iov**

- e1000e: sriov_totalvfs is missing
- virtio-net-pci (virtio_net): sriov_totalvfs is missing

**mtu**

- virtio-net-pci (virtio_net): largest 9000
`},
	} {
		var b bytes.Buffer
		if err := c.write(&b); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(c.want, b.String()); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

func TestVerdictInWords(t *testing.T) {
	all := two()
	good, _ := planted()
	good.Results = good.Results[:1]
	good.Finish(nil)
	for want, q := range map[string]*Qualification{
		"Not conformant: 1 core requirement fails on e1000e dut.":                                                                     all[0],
		"Not conformant: 1 case of the catalogue fails on virtio-net-pci (virtio_net) dut; the ports did not come back as they were.": all[1],
		"Conformant: e1000e dut has passed every core requirement.":                                                                   good,
		"Not conformant: no core requirement was measured on e1000.":                                                                  {DUT: Port{Driver: "e1000"}, Restored: true},
	} {
		if got := q.Verdict(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestKnownFaults has a fault that is known stand beside the failure, which stays one.
func TestKnownFaults(t *testing.T) {
	q := two()[0]
	for i := range q.Results {
		q.Results[i].Known = []Known{{ID: "deaf", Fault: "driver", Text: "it hears nothing", Source: "d.c:f"}}
	}
	q.Finish(nil)
	const want = "known: deaf (driver): it hears nothing"
	for name, c := range map[string]struct {
		write func(io.Writer) error
		want  string
	}{
		"text":  {q.WriteText, want},
		"table": {Compare(q).WriteMarkdown, want},
		"page":  {func(w io.Writer) error { return q.WriteHTML(w, nil) }, "deaf (driver): it hears nothing. d.c:f"},
	} {
		var b bytes.Buffer
		if err := c.write(&b); err != nil || !bytes.Contains(b.Bytes(), []byte(c.want)) {
			t.Errorf("%s: %v: no %q in\n%s", name, err, c.want, b.Bytes()[:min(b.Len(), 3000)])
		}
	}
	if q.Summary.Fail == 0 || q.Summary.Conformant {
		t.Errorf("what is known is no failure: %+v", q.Summary)
	}
}
