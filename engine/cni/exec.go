package cni

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/containernetworking/cni/pkg/invoke"
	"github.com/containernetworking/cni/pkg/types"
	"github.com/containernetworking/cni/pkg/version"
	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/engine"
)

// runner runs plugins: libcni's invoke.Exec. A plugin is a child of the calling thread,
// is in that thread's namespaces, and is killed with it.
type runner struct{ version.PluginDecoder }

// drainDelay is how long something that a plugin has started may hold on to its output.
const drainDelay = time.Second

// longest is how much of what a plugin says on its error output is told, in bytes.
const longest = 4000

// ExecPlugin runs a plugin. A *types.Error is the plugin's own word; a plugin that ends
// without one has broken down, which is an *engine.Failure.
func (*runner) ExecPlugin(ctx context.Context, path string, stdin []byte, environ []string) ([]byte, error) {
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, path)
	cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = environ, bytes.NewReader(stdin), &stdout, &stderr
	cmd.SysProcAttr = &unix.SysProcAttr{Pdeathsig: unix.SIGKILL}
	cmd.WaitDelay = drainDelay
	err := cmd.Run()
	if err == nil {
		return stdout.Bytes(), nil
	}
	var said types.Error
	var exit *exec.ExitError
	if errors.As(err, &exit) && json.Unmarshal(stdout.Bytes(), &said) == nil && said.Msg != "" {
		return nil, &said
	}
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	log := append(stdout.Bytes(), stderr.Bytes()...)
	return nil, &engine.Failure{
		Err: fmt.Errorf("run CNI plugin %s: %w", filepath.Base(path), err),
		Log: string(bytes.TrimSpace(log[max(0, len(log)-longest):])),
	}
}

// FindInPath looks for a plugin.
func (*runner) FindInPath(name string, paths []string) (string, error) {
	return invoke.FindInPath(name, paths)
}
