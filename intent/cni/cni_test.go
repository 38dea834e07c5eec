package cni

import (
	"errors"
	"strings"
	"testing"

	"github.com/lanproof/lanproof/intent"
)

func TestBadFiles(t *testing.T) {
	for text, want := range map[string]string{
		"":                           "x.conf:1:1: the configuration ends before its end",
		"[]":                         "x.conf:1:1: a configuration is a JSON object",
		"{\n \"ä\": 1, x}":           "x.conf:2:10: invalid character 'x'",
		`{"type": "macvlan"}`:        "x.conf:1:1: the configuration has no name",
		`{"name": "a", "type": 1}`:   "x.conf:1:",
		`{"name": "a"} {}`:           "x.conf:1:15: invalid character '{' after top-level value",
		`{"name":"a","plugins":[]}`:  "x.conf:1:23: error parsing configuration list: no plugins in list",
		`{"name":"a","plugins":[1]}`: "x.conf:1:24: a plugin is a JSON object",
		strings.Repeat("[", 100) + strings.Repeat("]", 100): "x.conf:1:66: values are inside of each other more than 64 deep",
		strings.Repeat(" ", intent.MaxBytes+1):              "x.conf: larger than 1048576 bytes, the most that a file may have",
	} {
		_, err := Read("x.conf", []byte(text))
		var e *intent.Error
		if !errors.As(err, &e) || !strings.HasPrefix(e.Error(), want) {
			t.Errorf("%.40q: %v, want %s", text, err, want)
		}
	}
}

func TestLooks(t *testing.T) {
	for text, want := range map[string]bool{
		`{"cniVersion": "1.0.0"}`:            true,
		"\n {\"name\":\"a\",\"type\":\"b\"}": true,
		`{"services": {}}`:                   false,
		"docker run \"ipam\"":                false,
	} {
		if got := Looks([]byte(text)); got != want {
			t.Errorf("%q: %t", text, got)
		}
	}
}

// FuzzRead holds that no text makes the reader fail otherwise than with a place.
func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"cniVersion":"1.0.0","name":"a","plugins":[{"type":"macvlan","ipam":{"type":"host-local","ranges":[[{"subnet":"10.0.0.0/24"}]]}}]}`))
	f.Add([]byte(`{"name":"a","type":"vlan","ipam":{"type":"static","addresses":[{"address":"10.0.0.5/24"}],"routes":[null,{}]},"args":null}`))
	f.Add([]byte(`{"name":"\ud800","type":"x","ipam":{"type":1e400}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		in, err := Read("x.conf", text)
		if e := (*intent.Error)(nil); err != nil && !errors.As(err, &e) {
			t.Errorf("%T: %v", err, err)
		}
		if err == nil {
			_ = in.String()
		}
	})
}
