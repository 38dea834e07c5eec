// Package image makes the image that endpoints of a real engine are containers of: one
// layer with a program in it, which waits until it is ended. No registry is asked.
package image

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path"
	"runtime"

	"github.com/lanproof/lanproof/engine"
	"github.com/lanproof/lanproof/engine/cell"
	"github.com/lanproof/lanproof/guest"
)

// Name is what the image is called.
const Name = "lanproof:endpoint"

// Write writes the image in the form of docker save, which Docker and Podman load. The
// program in it is a tiny one, or on architectures without one this program's own binary,
// which has to be static: an [*engine.Unavailable] says that it is not.
func Write(w io.Writer) error {
	binary, err := program()
	if err != nil {
		return fmt.Errorf("make an image: %w", err)
	}
	if err := write(w, binary); err != nil {
		return fmt.Errorf("make an image: %w", err)
	}
	return nil
}

func program() ([]byte, error) {
	if runtime.GOARCH == "amd64" {
		return tiny()
	}
	if static, err := guest.Static("/proc/self/exe"); err == nil && !static {
		return nil, &engine.Unavailable{Text: "containers are made of this program, which is not static: build it with CGO_ENABLED=0"}
	}
	return os.ReadFile("/proc/self/exe")
}

// manifest and config are what an archive says of itself (moby: image/spec/spec.md).
type manifest struct {
	Config           string
	RepoTags, Layers []string
}

type config struct {
	Architecture string `json:"architecture"`
	OS           string `json:"os"`
	Config       struct {
		Entrypoint []string
		StopSignal string
	} `json:"config"`
	RootFS struct {
		Type    string   `json:"type"`
		DiffIDs []string `json:"diff_ids"`
	} `json:"rootfs"`
}

func write(w io.Writer, binary []byte) error {
	layer, err := archive(file{path.Base(cell.Endpoint), binary, 0o755})
	if err != nil {
		return err
	}
	var c config
	c.Architecture, c.OS = runtime.GOARCH, "linux"
	c.Config.Entrypoint = []string{cell.Endpoint}
	c.Config.StopSignal = "SIGKILL" // the first process of a container gets no other by default
	c.RootFS.Type, c.RootFS.DiffIDs = "layers", []string{"sha256:" + digest(layer)}
	said, err := json.Marshal(c)
	if err != nil {
		return err
	}
	name := digest(said) + ".json"
	index, err := json.Marshal([]manifest{{Config: name, RepoTags: []string{Name}, Layers: []string{"layer.tar"}}})
	if err != nil {
		return err
	}
	whole, err := archive(file{"layer.tar", layer, 0o644}, file{name, said, 0o644}, file{"manifest.json", index, 0o644})
	if err != nil {
		return err
	}
	_, err = w.Write(whole)
	return err
}

type file struct {
	name string
	text []byte
	mode int64
}

func archive(files ...file) ([]byte, error) {
	var out bytes.Buffer
	t := tar.NewWriter(&out)
	for _, f := range files {
		if err := t.WriteHeader(&tar.Header{Name: f.name, Size: int64(len(f.text)), Mode: f.mode}); err != nil {
			return nil, err
		}
		if _, err := t.Write(f.text); err != nil {
			return nil, err
		}
	}
	if err := t.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
