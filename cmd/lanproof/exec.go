package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"github.com/lanproof/lanproof/internal/netns"
	"github.com/lanproof/lanproof/internal/rootless"
	"github.com/lanproof/lanproof/run"
	"github.com/lanproof/lanproof/scenarios"
	"github.com/lanproof/lanproof/topology/lab"
)

// What shells end with when a command could not be run, and when a signal ended it.
const (
	exitNotRunnable = 126
	exitNotFound    = 127
	exitSignal      = 128
)

func newExec() *cobra.Command {
	e := &entry{}
	cmd := &cobra.Command{
		Use:   "exec CASE NODE -- COMMAND [ARGUMENT ...]",
		Short: "Run a command in a node of a case: of its kept topology, or of one built for it",
		Long: `Run a command in a node of a case: in the topology that run --keep or
--keep-on-failure has left standing, or else in one that is built as the scenario
says, before its steps, and that goes when the command ends.

The exit status is the command's; 127 and 126 when there is no such command or it
cannot be run, 128 and the signal's number when a signal ended it.`,
		Example: `  lanproof exec macvlan-two-endpoints c1 -- ip address
  lanproof exec macvlan-two-endpoints c1 -- ping -c 1 192.168.100.12`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) < 3 || args[2] == "--" && len(args) < 4 {
				return usage("lanproof exec takes a case, a node and a command")
			}
			return nil
		},
		ValidArgsFunction: completeNode,
		RunE: func(_ *cobra.Command, args []string) error {
			command := args[2:]
			if command[0] == "--" {
				command = command[1:]
			}
			return e.enter(args[0], args[1], command...)
		},
	}
	cmd.Flags().SetInterspersed(false) // the command's flags are its own
	e.flags(cmd)
	return cmd
}

// entry is the way into a node.
type entry struct {
	keep bool
	seed uint64
	note string // said to a person at a terminal
}

func (e *entry) flags(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&e.keep, "keep", false, "leave a topology standing that was built for this")
	cmd.Flags().Uint64Var(&e.seed, "seed", 0, "seed that names and addresses are derived from")
}

// enter runs a command in a node of a case.
func (e *entry) enter(name, node string, command ...string) error {
	if status, done, err := rootless.EnterForeground(); done || err != nil {
		return errors.Join(err, ended(status))
	}
	if err := canKeep(e.keep, "--keep"); err != nil {
		return err
	}
	ns, err := lab.OpenKept(name, node)
	if err == nil {
		return errors.Join(e.run(ns, name, node, command), ns.Close())
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return e.build(name, node, command)
}

// build runs a command in a topology that is built for it, if it is not kept under
// the case's whole name.
func (e *entry) build(name, node string, command []string) error {
	c, err := oneCase(name)
	if err != nil {
		return err
	}
	prepared, err := prepare([]*scenarios.Case{c}, e.seed)
	if err != nil {
		return err
	}
	lan := prepared[0].Plan.LAN
	var nodes []string
	for _, n := range lan.Nodes {
		nodes = append(nodes, n.Name)
	}
	if !slices.Contains(nodes, node) {
		return usage("case %s has no node %q; it has %s", c.Name, node, strings.Join(nodes, ", "))
	}
	if ns, err := lab.OpenKept(c.Name, node); err == nil {
		return errors.Join(e.run(ns, c.Name, node, command), ns.Close())
	}
	if len(lan.NICs()) > 0 {
		return usage("case %s needs a real port, and this command takes none", c.Name)
	}
	l, err := run.Stand(prepared[0])
	if err != nil {
		return err
	}
	err = e.run(l.Node(node).NS, c.Name, node, command)
	if e.keep {
		names, keepErr := l.Keep(c.Name)
		fmt.Fprintln(os.Stderr, "kept until lanproof clean --kept:", strings.Join(names, " "))
		err = errors.Join(err, keepErr)
	}
	return errors.Join(err, l.Close())
}

// oneCase finds the one case that is named.
func oneCase(name string) (*scenarios.Case, error) {
	files, err := scenarios.Find([]string{name})
	if err != nil {
		return nil, err
	}
	cases := casesOf(files)
	if len(cases) == 1 {
		return cases[0], nil
	}
	var names []string
	for _, c := range cases {
		names = append(names, c.Name)
	}
	return nil, usage("%s has %d cases; name one of %s", name, len(cases), strings.Join(names, ", "))
}

// run runs a command in a namespace and passes its exit status on. What is typed
// at the terminal is for the command; what else would end this process ends the
// command, and the topology goes after it.
func (e *entry) run(ns *netns.NS, name, node string, command []string) error {
	typed, sent := make(chan os.Signal, 1), make(chan os.Signal, 4)
	signal.Notify(typed, unix.SIGINT, unix.SIGQUIT) // caught and dropped: ignored ones would be inherited
	defer signal.Stop(typed)
	signal.Notify(sent, unix.SIGTERM, unix.SIGHUP)
	defer signal.Stop(sent)
	if e.note != "" && term.IsTerminal(unix.Stdin) {
		fmt.Fprintln(os.Stderr, "lanproof:", e.note)
	}
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), "LANPROOF_CASE="+name, "LANPROOF_NODE="+node)
	return commandStatus(command[0], ns.Run(cmd, sent))
}

// commandStatus is how lanproof ends after a command has.
func commandStatus(name string, err error) error {
	var exited *exec.ExitError
	switch {
	case errors.As(err, &exited):
		if w, ok := exited.Sys().(syscall.WaitStatus); ok && w.Signaled() {
			return ended(exitSignal + int(w.Signal()))
		}
		return ended(exited.ExitCode())
	case errors.Is(err, exec.ErrNotFound), errors.Is(err, fs.ErrNotExist):
		return &exit{exitNotFound, fmt.Errorf("run %s: there is no such command", name)}
	case errors.Is(err, fs.ErrPermission):
		return &exit{exitNotRunnable, fmt.Errorf("run %s: %w", name, err)}
	}
	return err
}
