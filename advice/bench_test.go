package advice_test

import (
	"fmt"
	"testing"

	"github.com/lanproof/lanproof/advice"
)

// BenchmarkOf warns about a file with ten endpoints, trials put together.
func BenchmarkOf(b *testing.B) {
	text := lan + " range=192.168.1.128/25 o:macvlan-mode=private\nnetwork back bridge subnet=10.1.0.0/24 gateway=10.1.0.1"
	for i := range 10 {
		text += fmt.Sprintf("\nrun web%d port=80:80 on lan ip=192.168.1.%d", i, 20+i)
	}
	in := written(b, text)
	for b.Loop() {
		advice.Of(in, advice.Surroundings{})
	}
}
