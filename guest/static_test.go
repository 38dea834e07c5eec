package guest_test

import (
	"context"
	"errors"
	"os/exec"
	"testing"

	"github.com/lanproof/lanproof/guest"
)

// TestDynamicInit gives a guest a program that it has no loader for.
func TestDynamicInit(t *testing.T) {
	if _, err := guest.HaveQEMU(t.Context()); err != nil {
		t.Skip(err)
	}
	program, err := exec.LookPath("sh")
	if err != nil {
		t.Skip(err)
	}
	if static, err := guest.Static(program); err != nil || static {
		t.Skipf("%s is static: %t, %v", program, static, err)
	}
	err = guest.Run(context.Background(), nil, guest.Options{Kernel: guest.Kernel{Image: program}, Init: program}, nil, nil)
	if !errors.Is(err, guest.ErrDynamic) {
		t.Errorf("a guest with a dynamic init: %v, want %v", err, guest.ErrDynamic)
	}
}
