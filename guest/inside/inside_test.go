package inside

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What needs to be process 1 is tested by package guest, in real guests.

func TestIsInit(t *testing.T) {
	if IsInit() {
		t.Error("a test is not a guest's init")
	}
}

func TestCall(t *testing.T) {
	sentinel := errors.New("sentinel")
	var p panicked
	for name, tt := range map[string]struct {
		handler Handler
		good    func(error) bool
	}{
		"nil":   {func([]byte, Emitter) error { return nil }, func(err error) bool { return err == nil }},
		"error": {func([]byte, Emitter) error { return sentinel }, func(err error) bool { return errors.Is(err, sentinel) && !errors.As(err, &p) }},
		"panic": {func([]byte, Emitter) error { panic("x") }, func(err error) bool { return errors.As(err, &p) && strings.HasSuffix(err.Error(), ": x") }},
	} {
		if err := call(tt.handler, nil, nil); !tt.good(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestLoadModules goes on after a module that cannot be loaded.
func TestLoadModules(t *testing.T) {
	dir := t.TempDir()
	if err := loadModules(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no order file: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, OrderFile), []byte("one\ntwo\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	err := loadModules(dir)
	if err == nil || !strings.Contains(err.Error(), "one.ko") || !strings.Contains(err.Error(), "two.ko") {
		t.Errorf("missing modules: %v", err)
	}
}
