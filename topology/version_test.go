package topology

import "testing"

// TestParseDocker: lines and the releases that daemons report, and nothing else.
func TestParseDocker(t *testing.T) {
	for version, want := range map[string]Docker{
		"20.10": 20, "23": 23, "29": 29, "20.10.24+dfsg1": 20, "v28.5.2": 28, "28.5.2": 28, "29.0.0-beta.24": 29, "27.5.1~rc1": 27,
	} {
		if got, err := ParseDocker(version); got != want || err != nil {
			t.Errorf("%q is %v (%v), want %v", version, got, err, want)
		}
	}
	for _, version := range []string{"", "v", "20", "20.1", "20.101", "19.03", "19.03.15", "22", "30", "280", "28x", "latest", "-28"} {
		want := "unknown version of Docker \"" + version + "\": there are rules for 20.10, 23, 24, 25, 26, 27, 28, 29"
		if got, err := ParseDocker(version); err == nil || err.Error() != want {
			t.Errorf("%q is %v (%v), want the error %s", version, got, err, want)
		}
	}
	for _, line := range Dockers() {
		if d, err := ParseDocker(line); err != nil || d.String() != line {
			t.Errorf("line %s is %v (%v)", line, d, err)
		}
	}
}

// TestDockerOrder: the zero value is the newest line.
func TestDockerOrder(t *testing.T) {
	var newest Docker
	if newest.String() != "29" || newest.Before(29) || !Docker(20).Before(23) || Docker(28).Before(28) || !Docker(28).Before(29) {
		t.Errorf("the order of lines is wrong: the zero value is %v", newest)
	}
}
