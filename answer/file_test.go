package answer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

const small = `services: {web: {image: x, networks: [lan]}}
networks: {lan: {driver: macvlan, driver_opts: {parent: eth0}}}
`

// Pipes are read to their end, whatever is in them, by the name of a file and by that of
// a descriptor.
func TestReadPipe(t *testing.T) {
	for name, text := range map[string]string{
		"compose":  small,
		"commands": "docker network create -d macvlan -o parent=eth0 lan\n",
	} {
		t.Run(name, func(t *testing.T) {
			fifo := filepath.Join(t.TempDir(), "fifo")
			if err := syscall.Mkfifo(fifo, 0o600); err != nil {
				t.Fatal(err)
			}
			go func() {
				if err := os.WriteFile(fifo, []byte(text), 0); err != nil {
					t.Error(err)
				}
			}()
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			if _, err := w.WriteString(text); err != nil {
				t.Fatal(err)
			}
			w.Close()
			for _, file := range []string{fifo, fmt.Sprintf("/dev/fd/%d", r.Fd())} {
				in, err := Read(t.Context(), []string{file}, ReadOptions{})
				if err != nil || len(in.Networks) != 1 || in.Networks[0].Name != "lan" || in.Networks[0].Place.File != file {
					t.Errorf("%s: %v %v", file, in, err)
				}
			}
		})
	}
}

// A pipe that nobody writes to, or whose writer does not end, holds nobody up who does not
// want to wait any longer.
func TestReadPipeCancelled(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Read(ctx, []string{fifo}, ReadOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("without a writer: %v", err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	go func() {
		w, err := os.OpenFile(fifo, os.O_WRONLY, 0)
		if err != nil {
			t.Error(err)
			return
		}
		defer w.Close()
		cancel()
		<-t.Context().Done()
	}()
	if _, err := Read(ctx, []string{fifo}, ReadOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("with a writer: %v", err)
	}
}

// What is neither a file nor a pipe is not opened.
func TestReadNoFile(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "socket")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for file, want := range map[string]string{
		"/dev/zero": "/dev/zero: it is a device, neither a file nor a pipe",
		socket:      socket + ": it is a socket, neither a file nor a pipe",
		"/dev":      "/dev: is a directory",
	} {
		_, err := Read(t.Context(), []string{file}, ReadOptions{})
		if err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", file, err, want)
		}
	}
}

// The folder of a project that comes by a descriptor is the current one.
func TestProjectDir(t *testing.T) {
	for name, want := range map[string]string{"/dev/stdin": ".", "/dev/fd/63": ".", "/proc/self/fd/3": ".", "a/compose.yaml": "", "fifo": ""} {
		if got := projectDir(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}
