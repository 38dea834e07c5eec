package advice_test

import (
	"strings"
	"testing"

	"github.com/lanproof/lanproof/advice"
)

// What this machine is like is told in notes, unless the surroundings know better.
func TestHere(t *testing.T) {
	file := func(parent string) string {
		return "network lan macvlan o:parent=" + parent + " subnet=192.168.1.0/24 gateway=192.168.1.1\nrun web on lan"
	}
	here := map[string]advice.Parent{"enp3s0": {}, "radio0": {Medium: advice.WiFi}, "ens5": {Medium: advice.Cloud, Provider: "Amazon EC2"}}
	tests := []struct {
		parent string
		around advice.Surroundings
		id     string // of the note; empty for none
		words  string
	}{
		{"eth9", advice.Surroundings{Here: here}, "parent-missing", "no device eth9;"},
		{"eth9.50", advice.Surroundings{Here: here}, "parent-missing", "no device eth9.50;"},
		{"enp3s0", advice.Surroundings{Here: here}, "", ""},
		{"enp3s0.50", advice.Surroundings{Here: here}, "", ""},
		{"radio0", advice.Surroundings{Here: here}, "wifi-one-mac", "radio0 is Wi-Fi"},
		{"radio0.50", advice.Surroundings{Here: here}, "wifi-one-mac", "radio0 is Wi-Fi"},
		{"ens5", advice.Surroundings{Here: here}, "cloud-one-mac", "a port of Amazon EC2"},
		{"eth9", advice.Surroundings{}, "", ""},
		{"eth9", advice.Surroundings{Here: here, Parents: map[string]advice.Parent{"eth9": {}}}, "", ""},
		{"ens5", advice.Surroundings{Here: here, Parents: map[string]advice.Parent{"ens5": {}}}, "", ""},
	}
	for _, tt := range tests {
		var notes []string
		for _, w := range advice.Of(written(t, file(tt.parent)), tt.around) {
			switch w.ID {
			case "parent-missing", "wifi-one-mac", "cloud-one-mac":
				if w.Severity != advice.Note || w.Trial != nil || !strings.Contains(w.Text, tt.words) || w.Place.Line != 1 {
					t.Errorf("%s: %+v", tt.parent, w)
				}
				notes = append(notes, w.ID)
			}
		}
		if got := strings.Join(notes, " "); got != tt.id {
			t.Errorf("%s: notes %q, want %q", tt.parent, got, tt.id)
		}
	}
}
