package image

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"io"
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
