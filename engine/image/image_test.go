package image

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
)

// TestWrite reads what is written as an engine does.
func TestWrite(t *testing.T) {
	var out bytes.Buffer
	if err := write(&out, []byte("a program")); err != nil {
		t.Fatal(err)
	}
	files := untar(t, out.Bytes())
	var index []manifest
	if err := json.Unmarshal(files["manifest.json"], &index); err != nil || len(index) != 1 {
		t.Fatalf("the manifest is %s: %v", files["manifest.json"], err)
	}
	var c config
	if err := json.Unmarshal(files[index[0].Config], &c); err != nil {
		t.Fatal(err)
	}
	layer := files[index[0].Layers[0]]
	if c.RootFS.DiffIDs[0] != "sha256:"+digest(layer) || index[0].Config != digest(files[index[0].Config])+".json" {
		t.Error("a digest is not that of what it stands for")
	}
	if got := untar(t, layer)["lanproof-endpoint"]; string(got) != "a program" || c.Config.Entrypoint[0] != "/lanproof-endpoint" {
		t.Errorf("the layer has %q, and is started by %v", got, c.Config.Entrypoint)
	}
}

// TestTiny starts the tiny program, which waits, and ends it.
func TestTiny(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("the tiny program is for amd64")
	}
	text, err := tiny()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "tiny")
	if err := os.WriteFile(path, text, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // by a signal it ends with an error
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGTERM {
		t.Errorf("it ended with %v, and not by SIGTERM", cmd.ProcessState)
	}
}

func untar(t *testing.T, archive []byte) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	for in := tar.NewReader(bytes.NewReader(archive)); ; {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if files[h.Name], err = io.ReadAll(in); err != nil {
			t.Fatal(err)
		}
	}
}
