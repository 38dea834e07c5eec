package features_test

import (
	"errors"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/internal/features"
)

func needRoot(t *testing.T) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("making a network namespace needs root")
	}
}

func TestEveryFeatureCanBeFoundOut(t *testing.T) {
	needRoot(t)
	var k features.Kernel
	for _, name := range features.Names() {
		if err := k.Have(name); err != nil && !errors.Is(err, features.ErrNotSupported) {
			t.Errorf("Have(%q) could not find out: %v", name, err)
		}
	}
	if err := k.Have("veth"); err != nil {
		t.Errorf("Have(veth) = %v, and without it nothing works", err)
	}
}

func TestAnUnknownKindIsNotSupported(t *testing.T) {
	needRoot(t)
	var k features.Kernel
	err := k.Have("no-such-kind")
	if !errors.Is(err, features.ErrNotSupported) || !errors.Is(err, unix.EOPNOTSUPP) {
		t.Errorf("Have(no-such-kind) = %v, want ErrNotSupported and EOPNOTSUPP", err)
	}
	missing, err := k.Missing([]string{"veth", "no-such-kind"})
	if err != nil || len(missing) != 1 || missing["no-such-kind"] == nil {
		t.Errorf("Missing = %v, %v; want the unknown kind alone", missing, err)
	}
}
