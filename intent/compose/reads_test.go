package compose

import (
	"context"
	"path/filepath"
	"slices"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// many are files that a project names, of which the networks depend on few.
const many = `-- c.yaml --
include: [sub/in.yaml]
services:
  web:
    extends: {file: base.yaml, service: web}
    env_file: [web.env, {path: more.env, required: false}]
    label_file: web.label
    build: {context: ./build, dockerfile: Dockerfile}
    configs: [conf]
    secrets: [key]
    volumes: ["./data:/data"]
    develop: {watch: [{path: ./build, action: rebuild}]}
    networks: [lan]
configs: {conf: {file: ./conf.txt}}
secrets: {key: {file: key.txt}}
-- base.yaml --
services:
  web: {image: x, env_file: base.env}
  other: {extends: {file: other.yaml, service: x}}
-- other.yaml --
services: {x: {image: x}}
-- sub/in.yaml --
networks: {lan: {driver: macvlan}}
-- sub/compose.override.yaml --
services: {}
-- compose.override.yaml --
services: {}
-- web.env --
A=1
-- more.env --
A=1
-- base.env --
A=1
-- web.label --
A=1
-- build/Dockerfile --
FROM x
-- conf.txt --
x
-- key.txt --
x
-- data/x --
x
-- .env --
A=1
`

// TestReadsNoMore has the kernel tell which files of a project are opened: those that the
// networks depend on, and none besides.
func TestReadsNoMore(t *testing.T) {
	dir := write(t, many)
	t.Chdir(dir)
	fd, err := unix.InotifyInit1(unix.IN_NONBLOCK | unix.IN_CLOEXEC)
	if err != nil {
		t.Skipf("no inotify here: %v", err)
	}
	defer unix.Close(fd)
	folders := map[int32]string{}
	for _, folder := range []string{".", "sub", "build", "data"} {
		w, err := unix.InotifyAddWatch(fd, folder, unix.IN_OPEN)
		if err != nil {
			t.Skipf("no inotify here: %v", err)
		}
		folders[int32(w)] = folder
	}
	if _, err := Load(context.Background(), []string{"c.yaml"}, Options{}); err != nil {
		t.Fatal(err)
	}
	want := []string{".env", "base.yaml", "c.yaml", "sub/in.yaml"}
	if diff := cmp.Diff(want, opened(t, fd, folders)); diff != "" {
		t.Error(diff)
	}
}

// opened are the files that were opened since the watches began.
func opened(t *testing.T, fd int, folders map[int32]string) []string {
	t.Helper()
	var all []string
	buf := make([]byte, 1<<16)
	n, err := unix.Read(fd, buf)
	if err != nil {
		t.Fatal(err)
	}
	for off := 0; off+unix.SizeofInotifyEvent <= n; {
		e := (*unix.InotifyEvent)(unsafe.Pointer(&buf[off]))
		name := buf[off+unix.SizeofInotifyEvent : off+unix.SizeofInotifyEvent+int(e.Len)]
		off += unix.SizeofInotifyEvent + int(e.Len)
		if e.Mask&unix.IN_ISDIR != 0 {
			continue
		}
		all = append(all, filepath.Join(folders[e.Wd], string(slices.DeleteFunc(name, func(b byte) bool { return b == 0 }))))
	}
	slices.Sort(all)
	return slices.Compact(all)
}
