package port

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lanproof/lanproof/internal/rtnl"
)

// Whatever is in a journal, reading it and working out what to restore does not crash.
func FuzzJournal(f *testing.F) {
	whole, err := json.Marshal(&Journal{Schema: journalSchema, State: &State{
		Name: "eth0", MAC: "02:00:00:00:00:01", Sysctls: map[string]string{"ipv6/conf/addr_gen_mode": "0"},
		Addresses: []Entry{{Text: "10.0.0.1/8", Message: []byte{2, 8, 0, 0, 0, 0, 0, 0, 8, 0, 2, 0, 10, 0, 0, 1}, Valid: 9}},
		Routes:    []Entry{{Text: "default", Message: []byte{2, 0, 0, 0, 254, 3, 0, 1, 0, 0, 0, 0, 12, 0, 9, 0, 8, 0, 0, 0, 0, 0, 0, 0}}},
	}})
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range [][]byte{whole, whole[:len(whole)-9], []byte("{}"), nil} {
		f.Add(seed)
	}
	path := filepath.Join(f.TempDir(), "port-1-x.json")
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		j, w, err := read(path)
		if err != nil {
			return
		}
		for _, e := range j.State.restorable() {
			if _, err := aim(e.Message, 7); err != nil {
				t.Errorf("a route is to be restored that cannot be read: %v", err)
			}
			waits(e)
		}
		for _, e := range j.State.Addresses {
			j.State.makes(e)
		}
		if d := Differences(j.State, j.State); len(d) > 0 {
			t.Errorf("it differs from itself: %v", d)
		}
		if err := w.f.Close(); err != nil {
			t.Error(err)
		}
	})
}

// Whatever a message holds, it can be said in words and made plain.
func FuzzMessages(f *testing.F) {
	f.Add([]byte{2, 0, 0, 0, 254, 3, 0, 1, 0, 0, 0, 0, 12, 0, 9, 0, 8, 0, 0, 0, 1, 0, 0, 0})
	f.Add([]byte{2, 8, 0, 0, 1, 0, 0, 0, 8, 0, 2, 0, 10, 0, 0, 1, 8, 0, 8, 0, 128, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		if m, err := rtnl.ParseMessage(b, routeHeader); err == nil {
			plainRoute(m, 1)
			_ = routeText(m)
			if again, err := rtnl.ParseMessage(m.Bytes(), routeHeader); err != nil || len(again.Attrs) != len(m.Attrs) {
				t.Errorf("put together, it reads as %v, %v", again, err)
			}
		}
		if m, err := rtnl.ParseMessage(b, addressHeader); err == nil {
			plainAddress(m)
		}
		if m, err := rtnl.ParseMessage(b, neighbourHeader); err == nil {
			_ = neighbourText(m)
		}
		if m, err := rtnl.ParseMessage(b, queueHeader); err == nil {
			_ = queueText(m)
		}
	})
}

func FuzzConnection(f *testing.F) {
	f.Add("   0: 0107A8C0:0016 0207A8C0:BEEF 01 00000000:00000000 00:00000000 00000000     0        0 1")
	f.Add("   0: B80D0120000000000000000001000000:0016 B80D0120000000000000000002000000:BEEF 01")
	f.Fuzz(func(_ *testing.T, line string) { parseConnection(line) })
}

// What a journal names is written to only where a driver's files are.
func TestStrangeDevice(t *testing.T) {
	for _, d := range []*Device{nil, {}, {"cpu", "..", "processor"}, {"cpu", "cpu0", "../../../../tmp"}, {"..", "bus", "x"}, {"cpu", ".", "x"}} {
		if d.orphan() {
			t.Errorf("%+v is one that nobody drives", d)
		}
		if d == nil {
			continue
		}
		if err := d.write("bind"); err == nil || !strings.Contains(err.Error(), "it names no driver") {
			t.Errorf("%+v: %v", d, err)
		}
	}
}
