package port_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lanproof/lanproof/internal/port"
)

// A veth is on no bus, and stays where it is when its driver is to be taken away.
func TestUnbindVirtual(t *testing.T) {
	m := newMachine(t)
	l := m.borrow(port.Options{})
	if err := l.Unbind(); !errors.Is(err, errors.ErrUnsupported) || !strings.Contains(err.Error(), "it is on no bus") {
		t.Errorf("unbind: %v", err)
	}
	if d, err := l.Return(); err != nil || len(d) > 0 {
		t.Error(d, err)
	}
}

// A journal that names files outside of its bus's folder makes nothing be written.
func TestRecoverStrangeDevice(t *testing.T) {
	m := newMachine(t)
	m.killed("own")
	away := t.TempDir()
	file := filepath.Join(away, "bind")
	if err := os.WriteFile(file, []byte("kept"), 0o600); err != nil {
		t.Fatal(err)
	}
	m.edit(func(s string) string {
		return strings.Replace(s, `"state": {`, `"state": {"device": {"bus": "cpu", "name": "..", "driver": "../../../..`+away+`"},`, 1)
	})
	if all, err := m.recover(); !errors.Is(err, port.ErrGone) || len(all) > 0 {
		t.Errorf("recovery gives %v, %v", all, err)
	}
	if b, err := os.ReadFile(file); string(b) != "kept" {
		t.Errorf("the file says %q, %v", b, err)
	}
}
