package topology_test

import (
	"testing"

	"github.com/lanproof/lanproof/topology"
)

func TestKernel(t *testing.T) {
	for release, want := range map[string]topology.Kernel{
		"6.1.0-56-cloud-amd64": {Major: 6, Minor: 1}, "6.12.117+deb12": {Major: 6, Minor: 12}, "7.0-rc1": {Major: 7}, "6.18": {Major: 6, Minor: 18},
	} {
		if got, err := topology.ParseKernel(release); err != nil || got != want {
			t.Errorf("%s: %v, %v; want %v", release, got, err, want)
		}
	}
	for _, release := range []string{"", "six", "6", "6.", "6.x", ".1"} {
		if k, err := topology.ParseKernel(release); err == nil {
			t.Errorf("%q is %v", release, k)
		}
	}
	for k, want := range map[topology.Kernel]bool{{}: false, {Major: 6, Minor: 1}: true, {Major: 6, Minor: 12}: false, {Major: 5, Minor: 19}: true, {Major: 7}: false} {
		if k.Before(6, 12) != want {
			t.Errorf("%v is before 6.12: %t", k, !want)
		}
	}
}
