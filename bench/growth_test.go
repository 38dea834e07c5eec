package bench

import (
	"context"
	"os"
	"strings"
	"testing"
)

// TestFramesLost sends frames to nobody, and has the count of the children refuse the
// figure.
func TestFramesLost(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("making network namespaces needs root")
	}
	lost := false
	_, err := onSite(t.Context(), Rules{}, func(ctx context.Context, s *site) ([]Figure, error) {
		c, err := s.crowd("bridge")
		if err != nil {
			return nil, err
		}
		for range 3 {
			if err := c.add(); err != nil {
				return nil, err
			}
		}
		nobody := frameTo(hostMAC(), nil, probeType, nil) // the port's own: the bridge keeps it
		frames := []wireFrame{{probeType, nobody}, {probeType, nobody}, {fenceType, c.toOne(2, true)}}
		if _, err := c.send(ctx, frames, 10, fenceType, 10); err != nil {
			t.Errorf("the fences alone: %v", err)
		}
		_, err = c.send(ctx, frames, 10, fenceType, 30)
		lost = err != nil && strings.Contains(err.Error(), "30 frames were sent to 3 children, which counted 10 instead of 30")
		if !lost {
			t.Errorf("20 of 30 frames were lost: %v", err)
		}
		return nil, nil
	})
	if err != nil || !lost {
		t.Errorf("%v, found out %v", err, lost)
	}
}

// TestNoGrowth has nothing made, and something for which there is no room.
func TestNoGrowth(t *testing.T) {
	if figures, err := taken("child", 1000, func() error { return nil }); err == nil && figures[0].Value > 1000 {
		t.Errorf("nothing was made, and took %+v", figures)
	}
	if err := enough("macvlan-bridge", 1<<40); err == nil || !strings.Contains(err.Error(), ErrSkip.Error()) {
		t.Errorf("a million million children: %v", err)
	}
	if err := enough("macvlan-bridge", 1); err != nil {
		t.Errorf("one child: %v", err)
	}
}

func FuzzMeminfo(f *testing.F) {
	f.Add([]byte("MemTotal:       24684096 kB\nHugePages_Total:       0\n"))
	f.Add([]byte("SUnreclaim: -1 kB\nPercpu: 99999999999999999999 kB\n:  1 kB"))
	f.Fuzz(func(t *testing.T, text []byte) {
		for k, v := range meminfo(text) {
			if v < 0 {
				t.Errorf("%q is %d", k, v)
			}
		}
	})
}
