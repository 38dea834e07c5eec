package reports

import (
	"bufio"
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func jsonOf(t testing.TB, r *Results) []byte {
	t.Helper()
	return render(t, func(b *bytes.Buffer) error { return WriteJSON(b, r) })
}

func TestJSONGolden(t *testing.T) { held(t, "results.json", jsonOf(t, rich())) }

func TestJSONComesBackTheSame(t *testing.T) {
	first := jsonOf(t, rich())
	r, err := ReadJSON(bytes.NewReader(first))
	if err != nil {
		t.Fatal(err)
	}
	// A byte that is not UTF-8 is escaped once, and an ordinary rune from then on.
	want := strings.ReplaceAll(string(first), `\ufffd`, "\ufffd")
	if diff := cmp.Diff(want, string(jsonOf(t, r))); diff != "" {
		t.Errorf("written, read and written again (-first +second):\n%s", diff)
	}
	if got, want := r.Cases[0].Checks[1].Evidence[1].Packet, 14; got != want {
		t.Errorf("packet %d came back, want %d", got, want)
	}
}

func TestJSONListsAreNeverNull(t *testing.T) {
	empty := &Results{Cases: []Case{{Checks: []Check{{}}, Picture: &Picture{Nodes: []PictureNode{{}}}}, {}}}
	var got struct {
		Schema      string
		Environment []any
		Cases       []struct {
			Checks []struct{ Claims, Evidence []any }
		}
	}
	text := jsonOf(t, empty)
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if got.Schema != Schema || got.Environment == nil || got.Cases[1].Checks == nil ||
		got.Cases[0].Checks[0].Claims == nil || got.Cases[0].Checks[0].Evidence == nil || bytes.Contains(text, []byte("null")) {
		t.Errorf("a list is null or the schema is missing:\n%s", text)
	}
	if empty.Schema != "" || empty.Cases[1].Checks != nil || empty.Cases[0].Checks[0].Claims != nil {
		t.Error("writing changed the results")
	}
}

func TestReadJSONRefuses(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"a later schema":  {`{"schema":"lanproof/results/v2","cases":7}`, `their schema is "lanproof/results/v2", this lanproof reads "lanproof/results/v1" only`},
		"an older schema": {`{"schema":"lanproof/results/v0","cases":[]}`, `their schema is "lanproof/results/v0", this lanproof reads "lanproof/results/v1" only`},
		"no schema":       {`{}`, `their schema is ""`},
		"nothing":         {``, "not JSON as lanproof writes it"},
		"rubbish":         {"\x00\xff", "not JSON as lanproof writes it"},
		"a list":          {`[]`, "not JSON as lanproof writes it"},
		"two documents":   {`{"schema":"lanproof/results/v1"}{}`, "not JSON as lanproof writes it"},
		"a wrong type":    {`{"schema":"lanproof/results/v1","cases":7}`, "read results: json: cannot unmarshal number"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ReadJSON(strings.NewReader(c.in))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

// endless gives blanks for ever.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

func TestReadJSONIsBounded(t *testing.T) {
	if _, err := readJSON(endless{}, 1<<20); err == nil || !strings.Contains(err.Error(), "larger than 1 MiB") {
		t.Errorf("error %v", err)
	}
}

func TestReadJSONPassesOverNewFields(t *testing.T) {
	if _, err := ReadJSON(strings.NewReader(`{"schema":"lanproof/results/v1","drops":[{}]}`)); err != nil {
		t.Error(err)
	}
}

// FuzzReadJSON reads rubbish, and makes every report of what could be read.
func FuzzReadJSON(f *testing.F) {
	small := rich()
	small.Cases = []Case{trunkCase(), deadCase(), skippedCase()}
	f.Add(jsonOf(f, small))
	f.Add([]byte(`{"schema":"lanproof/results/v1","cases":[{"verdict":"odd","checks":[{}],"picture":{"nodes":[{"name":"a","links":[{"name":"b","parent":"a/b"}]}]}}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := ReadJSON(bytes.NewReader(data))
		if err != nil {
			return
		}
		again, err := ReadJSON(bytes.NewReader(jsonOf(t, r)))
		if err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
		checkKTAP(t, ktapOf(t, r))
		checkXML(t, junitOf(t, r))
		checkMarkdown(t, markdownOf(t, r))
		htmlOf(t, r)
		NewTerminal(&bytes.Buffer{}, TerminalOptions{}).Done(r)
		if d := Compare(r, again); len(d.All()) > 0 {
			t.Fatalf("the same run differs from itself: %+v", d)
		}
		for i := range r.Cases {
			if r.Cases[i].Picture != nil {
				checkXML(t, render(t, func(b *bytes.Buffer) error { return WriteSVG(b, r.Cases[i].Picture) }))
			}
		}
	})
}

// What is laid out for people is the same JSON, as json.Indent has it down to the
// pieces of evidence.
func FuzzIndent(f *testing.F) {
	for _, seed := range []string{`{}`, `[]`, `{"a":[],"b":{"c":[1,2,{"d":"e\"},\\"}]}}`, `[[[[[[[[1,2],{"x":[]}]]]]]]]`, `"a"`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var compact, got, again bytes.Buffer
		if json.Compact(&compact, []byte(s)) != nil {
			t.Skip()
		}
		w := bufio.NewWriter(&got)
		if _, err := (&indenter{w: w}).Write(compact.Bytes()); err != nil || w.Flush() != nil {
			t.Fatal(err)
		}
		if err := json.Compact(&again, got.Bytes()); err != nil || again.String() != compact.String() {
			t.Fatalf("%q became %q: %v", &compact, &got, err)
		}
		var want bytes.Buffer
		if err := json.Indent(&want, compact.Bytes(), "", "  "); err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(want.Bytes(), []byte(strings.Repeat("  ", maxIndent+1))) && want.String() != got.String() {
			t.Errorf("%s, want %s", &got, &want)
		}
	})
}
