// Package cell runs a container engine where it can touch nothing of the machine: in
// the network namespace of a scenario's host, and in mount, PID, IPC, UTS and cgroup
// namespaces of its own. Its folders are in memory and go with the mounts.
//
// Three processes stand behind a cell, all of them this same binary, told apart by the
// name that they are called by (see [Main]):
//
//	keeper   waits until its standard input ends, which happens however the process ends
//	         that made the cell; kills init then, and removes the cell's control group
//	init     is process 1 of the cell: sets up the mounts, starts the engine, reaps
//	endpoint is what containers run: it waits to be ended
//
// When process 1 of a PID namespace ends, the kernel kills all others in it
// (kernel/pid_namespace.c:zap_pid_ns_processes); no daemon, shim or container outlives
// its cell, not even when the keeper is killed as well.
package cell

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lanproof/lanproof/engine"
	"github.com/lanproof/lanproof/internal/netns"
)

// Dir is a folder in memory that only the cell sees, for what its engine keeps.
const Dir = "/run/lanproof"

// Options say what runs in a cell.
type Options struct {
	// Host is the namespace that it works in.
	Host *netns.NS `json:"-"`
	// Program is the path of what is started, and Args follow its name.
	Program string
	Args    []string
	// Env is the whole environment of it, as os.Environ has it.
	Env []string
	// Hide are folders of the machine that are empty in the cell.
	Hide []string
	// Files are there when the program starts, by their names in Dir.
	Files map[string]string
}

// Cell is a running one. Close ends it.
type Cell struct {
	keeper *exec.Cmd
	alive  io.Closer // the keeper's standard input
	pid    int
	log    tail
	limit  time.Duration // for ending it; closeLimit if zero
	ended  chan struct{}
	err    error // how the keeper ended; for reading when ended is closed
}

// statusForbidden is the keeper's exit status where the machine lets no cell be set up.
const statusForbidden = 100

// killDelay is how long what was in a cell may hold on to its log after the keeper.
const killDelay = 5 * time.Second

// Start makes a cell and starts the program in it. The error is an *engine.Unavailable
// where the machine does not allow cells.
func Start(o Options) (*Cell, error) {
	text, err := json.Marshal(o)
	if err != nil {
		return nil, fmt.Errorf("describe a cell: %w", err)
	}
	c := &Cell{ended: make(chan struct{})}
	c.keeper = exec.Command("/proc/self/exe")
	c.keeper.Args = []string{keeperName, string(text)}
	c.keeper.Stdout, c.keeper.Stderr, c.keeper.WaitDelay = &c.log, &c.log, killDelay
	// Signals of the terminal are for lanproof, which then ends the cell.
	c.keeper.SysProcAttr = &unix.SysProcAttr{Setsid: true}
	if c.alive, err = c.keeper.StdinPipe(); err != nil {
		return nil, fmt.Errorf("make a cell: %w", err)
	}
	told, tell, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("make a cell: %w", errors.Join(err, c.alive.Close()))
	}
	defer told.Close() //nolint:errcheck // only read
	c.keeper.ExtraFiles = []*os.File{tell}
	err = errors.Join(o.Host.Do(c.keeper.Start), tell.Close())
	if err != nil {
		return nil, fmt.Errorf("start the keeper of a cell: %w", errors.Join(err, c.alive.Close()))
	}
	go func() {
		c.err = c.keeper.Wait()
		close(c.ended)
	}()
	line, err := bufio.NewReader(told).ReadString('\n')
	if err == nil {
		c.pid, err = strconv.Atoi(strings.TrimSpace(line))
	}
	if err != nil {
		return nil, errors.Join(c.broken("set up a cell"), c.Close())
	}
	return c, nil
}

// broken says why a cell is no more, once its keeper has ended.
func (c *Cell) broken(what string) error {
	<-c.ended
	var exit *exec.ExitError
	if errors.As(c.err, &exit) && exit.ExitCode() == statusForbidden {
		return &engine.Unavailable{Text: what, Err: errors.New(c.Log())}
	}
	err := c.err
	if err == nil {
		err = errors.New("it ended by itself")
	}
	return &engine.Failure{Err: fmt.Errorf("%s: %w", what, err), Log: c.Log()}
}

// Await waits until the program has written down a text. It returns an
// *engine.Failure when the program ends before, or the context does.
func (c *Cell) Await(ctx context.Context, text string) error {
	select {
	case <-c.log.await(text):
		return nil
	case <-c.ended:
		return c.broken("wait for the engine to start")
	case <-ctx.Done():
		return c.Stuck(fmt.Errorf("wait for the engine to start: %w", context.Cause(ctx)))
	}
}

// Stuck is the failure of a program that lives and does not do what it was waited for: with
// the cell's processes, and what each of them does.
func (c *Cell) Stuck(err error) *engine.Failure {
	return &engine.Failure{Err: fmt.Errorf("%w (%s)", err, strings.Join(c.processes(), ", ")), Log: c.Log()}
}

// Ended is closed when the program has ended, by itself or with the cell.
func (c *Cell) Ended() <-chan struct{} { return c.ended }

// PID is the number of the cell's first process, as the machine counts.
func (c *Cell) PID() int { return c.pid }

// Path is where this process finds a file of the cell.
func (c *Cell) Path(name string) string {
	return filepath.Join("/proc", strconv.Itoa(c.pid), "root", name)
}

// Namespace opens the network namespace of a process, by its number in the cell.
func (c *Cell) Namespace(pid int) (*netns.NS, error) {
	return netns.Open(c.Path(filepath.Join("/proc", strconv.Itoa(pid), "ns/net")))
}

// Log is the end of what the program has written to its output and error output.
func (c *Cell) Log() string { return c.log.String() }

// closeLimit is how long a cell may take to end: killing does not wait for anybody, but a
// process that is in a call of the kernel's first comes out of that.
const closeLimit = 30 * time.Second

// Close ends all that is in the cell and waits for it. Closing again does nothing.
func (c *Cell) Close() error {
	err := c.alive.Close()
	limit := cmp.Or(c.limit, closeLimit)
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-c.ended:
	case <-timer.C:
		return c.Stuck(fmt.Errorf("end a cell: it has not ended in %v", limit))
	}
	if err != nil && !errors.Is(err, os.ErrClosed) {
		return fmt.Errorf("end a cell: %w", err)
	}
	return nil
}
