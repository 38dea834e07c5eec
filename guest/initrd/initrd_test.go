package initrd

import (
	"bytes"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// parse reads an archive back: "mode path size" of each entry.
func parse(t *testing.T, archive []byte) (list []string, content map[string]string) {
	t.Helper()
	content = make(map[string]string)
	for at := 0; ; {
		if len(archive)-at < 110 || string(archive[at:at+6]) != "070701" {
			t.Fatalf("no header at %d", at)
		}
		field := func(i int) int {
			n, err := strconv.ParseUint(string(archive[at+6+8*i:at+14+8*i]), 16, 32)
			if err != nil {
				t.Fatal(err)
			}
			return int(n)
		}
		mode, size, nameLen, mtime := field(1), field(6), field(11), field(5)
		name := string(archive[at+110 : at+110+nameLen-1])
		if name == trailer {
			return list, content
		}
		data := (at + 110 + nameLen + 3) &^ 3
		content[name] = string(archive[data : data+size])
		list = append(list, fmt.Sprintf("%o %s %d", mode, name, mtime))
		at = (data + size + 3) &^ 3
	}
}

var sample = []File{
	{Path: "modules/b.ko", Mode: 0o444, Data: []byte("12345")},
	{Path: "init", Mode: 0o755, Data: []byte("#!")},
	{Path: "a/b/c", Data: nil},
}

func TestWrite(t *testing.T) {
	var one, two bytes.Buffer
	if err := Write(&one, sample); err != nil {
		t.Fatal(err)
	}
	if err := Write(&two, []File{sample[2], sample[0], sample[1]}); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(one.Bytes(), two.Bytes()) {
		t.Error("the order of the files shows in the archive")
	}
	list, content := parse(t, one.Bytes())
	want := []string{"40755 a 0", "40755 a/b 0", "100000 a/b/c 0", "100755 init 0", "40755 modules 0", "100444 modules/b.ko 0"}
	if diff := cmp.Diff(want, list); diff != "" {
		t.Error(diff)
	}
	if content["modules/b.ko"] != "12345" || content["init"] != "#!" {
		t.Errorf("content %q", content)
	}
}

// TestCpio has cpio(1), where there is one, read the archive.
func TestCpio(t *testing.T) {
	tool, err := exec.LookPath("cpio")
	if err != nil {
		t.Skip("no cpio; install it with: apt-get install cpio")
	}
	var archive bytes.Buffer
	if err := Write(&archive, sample); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(tool, "-it", "--quiet")
	cmd.Stdin = &archive
	out, err := cmd.CombinedOutput()
	if want := "a a/b a/b/c init modules modules/b.ko"; err != nil || strings.Join(strings.Fields(string(out)), " ") != want {
		t.Errorf("cpio: %v\n%s", err, out)
	}
}

func TestBadPaths(t *testing.T) {
	for _, paths := range [][]string{
		{""}, {"/a"}, {"../a"}, {"a/../b"}, {"a/"}, {"."}, {trailer}, {"a\x00b"}, {"a", "a"}, {"a", "a/b"}, {"a/b", "a"},
	} {
		var files []File
		for _, p := range paths {
			files = append(files, File{Path: p})
		}
		if err := Write(&bytes.Buffer{}, files); err == nil {
			t.Errorf("%q is taken", paths)
		}
	}
}

func FuzzWrite(f *testing.F) {
	f.Add("a/b", []byte("x"), "a/c")
	f.Fuzz(func(t *testing.T, a string, data []byte, b string) {
		var out bytes.Buffer
		if Write(&out, []File{{Path: a, Data: data}, {Path: b}}) != nil {
			return
		}
		if _, content := parse(t, out.Bytes()); content[a] != string(data) {
			t.Errorf("%q came back as %q", data, content[a])
		}
	})
}
