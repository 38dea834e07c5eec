package ethtool

import (
	"encoding/binary"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func spreadOf(table, key uint32, rest ...byte) []byte {
	b := make([]byte, spreadHeader)
	binary.NativeEndian.PutUint32(b[spreadTable:], table)
	binary.NativeEndian.PutUint32(b[spreadKey:], key)
	b[spreadFunction] = 1
	return append(b, rest...)
}

func TestParseSpread(t *testing.T) {
	two := binary.NativeEndian.AppendUint32(binary.NativeEndian.AppendUint32(nil, 3), 1)
	got, err := parseSpread(spreadOf(2, 3, append(two, 7, 8, 9)...))
	if err != nil {
		t.Fatal(err)
	}
	want := &Spread{Function: 1, Table: []uint32{3, 1}, Key: []byte{7, 8, 9}}
	if diff := cmp.Diff(want, got); diff != "" || !got.Equal(want) {
		t.Error(diff)
	}
	for _, other := range []*Spread{{}, {1, want.Table, nil}, {1, nil, want.Key}, {0, want.Table, want.Key}} {
		if got.Equal(other) {
			t.Errorf("it equals %+v", other)
		}
	}
}

// Whatever a driver answers is read or refused.
func FuzzSpread(f *testing.F) {
	f.Add(spreadOf(2, 3, 0, 0, 0, 0, 1, 0, 0, 0, 7, 8, 9))
	f.Add(spreadOf(0xffffffff, 4))
	f.Add(spreadOf(1, 0xfffffff0, 1, 2, 3, 4))
	f.Add([]byte{1})
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := parseSpread(b)
		if err == nil && spreadHeader+4*len(s.Table)+len(s.Key) > len(b) {
			t.Errorf("%+v is in %d bytes", s, len(b))
		}
	})
}
