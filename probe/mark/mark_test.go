package mark

import (
	"bytes"
	"testing"
)

func TestFind(t *testing.T) {
	m := Mark{Run: 1, Seq: 2, Role: Fence}
	for name, c := range map[string]struct {
		before []byte
		after  []byte
	}{
		"alone":                   {},
		"behind a header":         {before: make([]byte, 42), after: []byte("x")},
		"behind half of another":  {before: []byte("lanproof")},
		"behind one of no role":   {before: append([]byte("lanproof"), make([]byte, 13)...)},
		"behind a stuttered word": {before: []byte("lanprolanpr")},
	} {
		b := append(append(bytes.Clone(c.before), m.Encode(0)...), c.after...)
		got, at, ok := Find(b)
		if !ok || got != m || at != len(c.before) {
			t.Errorf("%s: %+v at %d, %v", name, got, at, ok)
		}
	}
	for _, b := range [][]byte{nil, []byte("lanproof"), m.Encode(0)[1:], m.Encode(0)[:Size-1]} {
		if got, at, ok := Find(b); ok {
			t.Errorf("found %+v at %d of %q", got, at, b)
		}
	}
}

func FuzzFind(f *testing.F) {
	f.Add([]byte("xxlanproof"))
	f.Add(append([]byte("lanproof"), Mark{Run: 3, Seq: 4, Role: Tick}.Encode(30)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, at, ok := Find(b)
		if again, isOne := Decode(b[at:]); ok != isOne && ok || ok && again != m {
			t.Errorf("found %+v at %d, where %+v stands", m, at, again)
		}
	})
}
