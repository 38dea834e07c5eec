package port_test

import (
	"errors"
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
