package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lanproof/lanproof/advice"
	"github.com/lanproof/lanproof/answer"
	"github.com/lanproof/lanproof/intent"
	"github.com/lanproof/lanproof/internal/rootless"
	"github.com/lanproof/lanproof/reports"
	"github.com/lanproof/lanproof/run"
	"github.com/lanproof/lanproof/scenarios"
)

// checkFlags are the flags of lanproof check.
type checkFlags struct {
	read    answer.ReadOptions
	run     run.Options
	on      *choice
	docker  *choice
	engine  *choice
	parents []string
	here    bool
	emit    string
	explain string
	json    bool
}

func newCheck() *cobra.Command {
	f := &checkFlags{
		on:     oneOf(string(run.Auto), string(run.Host), string(run.Guest)),
		engine: newEngine(),
		docker: oneOf("29", "28", "27", "26", "25", "24", "23", "20.10"),
	}
	cmd := &cobra.Command{
		Use:   "check FILE...",
		Short: "Answer what would come of networks that are written down, before anything is deployed",
		Long: `Answer what would come of the networks in Compose files, in docker and podman
command lines of any text, or in CNI configurations, before anything is deployed:
who gets which address, MAC address and gateway, who reaches whom, and what to mind.
The networks are built in network namespaces, by the rules of the Docker version that
--docker names, and frames are sent through them. Nothing that a file says is
executed, and the machine's own network is not touched.

On the wire with the containers are the host that they are on, another machine
(lan), whoever has the gateways' addresses (gateway, which forwards nothing) and a
machine on each VLAN. --parent tells what a parent is plugged into, and its
addresses; --here has the devices of this machine heeded, and nothing changed.
Without it a note says where a parent is not there on this machine, Wi-Fi or a port
of a cloud; --here=false leaves these notes out.

Several Compose files are one project, of which later ones override earlier ones. A
network that one calls external is the one that a script beside it makes. The file -
is standard input.

Exit status: 0 there is an answer; 1 something in it is an error; 2 bad usage, or a
file that cannot be read; 3 the harness could not do its work.`,
		Example: `  lanproof check compose.yaml
  lanproof check create-networks.sh compose.yaml
  lanproof check --docker 26 --json compose.yaml
  lanproof check --parent eth0=wired,192.168.1.5/24 compose.yaml
  lanproof check --here compose.yaml
  lanproof check --engine docker compose.yaml
  lanproof check --emit scenario.yaml compose.yaml
  lanproof check --explain host-unreachable`,
		Args: func(cmd *cobra.Command, args []string) error {
			if f.explain != "" {
				return exactly()(cmd, args)
			}
			return atLeastOne("FILE")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error { return f.check(cmd, args) },
	}
	f.flags(cmd)
	return cmd
}

func (f *checkFlags) flags(cmd *cobra.Command) {
	o, flags := &f.run, cmd.Flags()
	flags.Var(f.docker, "docker", "version of Docker whose rules the networks follow")
	flags.Var(f.engine, "engine", "who builds the networks: netlink is lanproof itself, the others are real engines; Docker's version is the engine's then")
	flags.StringArrayVar(&f.parents, "parent", nil, "what a parent of the machine is like, as `NAME[=wired|wifi|cloud][,ADDRESS/LENGTH...]` (repeatable)")
	flags.BoolVar(&f.here, "here", false, "the files are for this machine: heed its devices, their addresses and routers, and whether it is in a cloud; --here=false says nothing of them")
	flags.StringArrayVar(&f.read.Compose.EnvFiles, "env-file", nil, "file of variables in place of .env, `FILE` (repeatable)")
	flags.StringArrayVar(&f.read.Compose.Profiles, "profile", nil, "Compose profile, `NAME`, that is switched on (repeatable)")
	flags.StringVar(&f.read.Compose.ProjectName, "project-name", "", "`NAME` of the Compose project")
	flags.StringVar(&f.emit, "emit", "", "write the scenario with what came of it as its checks to `FILE`, - is standard output")
	flags.StringVar(&f.explain, "explain", "", "say what a warning of kind `ID` is about, why it is so and what helps; without a FILE")
	flags.BoolVar(&f.json, "json", false, "write the answer as JSON")
	flags.Var(f.on, "on", "where the networks are built: auto is this kernel where it can, else a guest")
	flags.StringArrayVar(&o.Kernels, "kernel", nil, "guest kernel `K`, as lanproof run takes it")
	flags.StringVar(&o.Modules, "modules", "", "`DIR` of modules for a kernel that is a bare image")
	flags.StringVar(&o.Out, "out", "", "`DIR` for captures and a report of the run; none is kept without it")
}

func (f *checkFlags) check(cmd *cobra.Command, files []string) error {
	if f.explain != "" {
		e, ok := advice.Explain(f.explain)
		if !ok {
			return usage("%s", scenarios.Unknown("kind of warning", f.explain, advice.Kinds()))
		}
		return answer.Explain(cmd.OutOrStdout(), e, reports.Colored(cmd.OutOrStdout()))
	}
	o, err := f.options()
	if err != nil {
		return err
	}
	if o.Run.On != run.Guest {
		if status, done, err := rootless.Enter(); done || err != nil {
			return errors.Join(err, ended(status))
		}
	}
	if err := f.findEngine(cmd, &o); err != nil {
		return err
	}
	hint := func() map[string]advice.Parent { return nil }
	if !cmd.Flags().Changed("here") {
		hint = hintHere()
	}
	f.read.Stdin, f.read.Compose.Environ = cmd.InOrStdin(), os.Environ()
	in, err := answer.Read(cmd.Context(), files, f.read)
	if err != nil {
		return &exit{exitUsage, err}
	}
	o.Around.Here = hint()
	a, err := f.ask(cmd.Context(), in, o)
	if err != nil {
		return err
	}
	return f.deliver(cmd.OutOrStdout(), a)
}

// options makes the options out of the flags, or says what is wrong with them.
func (f *checkFlags) options() (answer.Options, error) {
	o := answer.Options{Run: f.run}
	o.Run.On, o.Run.Version = run.Ground(f.on.value), version()
	o.Around.Docker, o.Around.Parents = f.docker.value, map[string]advice.Parent{}
	if err := checkKernels(&o.Run); err != nil {
		return o, err
	}
	if o.Run.Out != "" {
		if err := writable(o.Run.Out); err != nil {
			return o, err
		}
	}
	if f.emit != "" && f.emit != answer.StandardInput {
		if _, err := scenarioName(f.emit); err != nil {
			return o, err
		}
	}
	for _, text := range f.parents {
		name, parent, err := parseParent(text)
		if err != nil {
			return o, err
		}
		o.Around.Parents[name] = parent
	}
	if !f.here {
		return o, nil
	}
	here, err := lookHere()
	if err != nil {
		return o, fmt.Errorf("look at this machine: %w", err)
	}
	maps.Copy(here.Parents, o.Around.Parents) // what is said comes before what is seen
	o.Around.Parents, o.Around.Complete = here.Parents, here.Complete
	return o, nil
}

// parseParent reads NAME[=MEDIUM][,ADDRESS/LENGTH...].
func parseParent(text string) (string, advice.Parent, error) {
	var p advice.Parent
	head, list, _ := strings.Cut(text, ",")
	name, medium, given := strings.Cut(head, "=")
	switch {
	case name == "":
		return "", p, usage("--parent %q: it begins with the name of a device", text)
	case medium == "wired" || !given:
	case medium == string(advice.WiFi) || medium == string(advice.Cloud):
		p.Medium = advice.Medium(medium)
	default:
		return "", p, usage("--parent %q: %q is none of wired, wifi, cloud", text, medium)
	}
	for word := range strings.SplitSeq(list, ",") {
		if word == "" {
			continue
		}
		a, err := netip.ParsePrefix(word)
		if err != nil {
			return "", p, usage("--parent %q: %q is no address with prefix length, as in 192.168.1.5/24", text, word)
		}
		p.Addresses = append(p.Addresses, a)
	}
	return name, p, nil
}

// deliver writes the answer wherever it is wanted.
func (f *checkFlags) deliver(stdout io.Writer, a *answer.Answer) error {
	var err error
	if f.emit != "" {
		err = f.writeScenario(stdout, a)
	}
	if f.run.Out != "" && a.Results != nil {
		err = errors.Join(err, reports.Save(f.run.Out, a.Results))
	}
	switch {
	case f.json:
		e := json.NewEncoder(stdout)
		e.SetIndent("", "  ")
		e.SetEscapeHTML(false)
		err = errors.Join(err, e.Encode(a))
	case f.emit != answer.StandardInput:
		err = errors.Join(err, answer.Write(stdout, a, reports.Colored(stdout)))
	}
	switch {
	case err != nil:
		return err
	case a.Trouble != "":
		return ended(exitHarness)
	case a.Failed():
		return ended(exitFail)
	}
	return nil
}

// scenarioName is the name that a scenario in a file has to have.
func scenarioName(file string) (string, error) {
	base := filepath.Base(file)
	name := strings.TrimSuffix(strings.TrimSuffix(base, ".yaml"), ".yml")
	if name == base || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || strings.HasPrefix(name, "-") || name == "" {
		return "", usage("--emit %q: a scenario's file is named with lower-case letters, digits and dashes, and ends in .yaml", file)
	}
	return name, nil
}

func (f *checkFlags) writeScenario(stdout io.Writer, a *answer.Answer) error {
	name := "checked"
	if f.emit != answer.StandardInput {
		name, _ = scenarioName(f.emit)
	}
	s, err := a.Scenario(name)
	if err != nil {
		return fmt.Errorf("--emit: %w", err)
	}
	text, err := scenarios.Write(s)
	if err != nil {
		return err
	}
	if f.emit == answer.StandardInput {
		_, err = stdout.Write(text)
		return err
	}
	return writeOut(stdout, f.emit, func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
}

// ask finds the answer. This is the place for an engine that builds the networks.
func (f *checkFlags) ask(ctx context.Context, in *intent.Intent, o answer.Options) (*answer.Answer, error) {
	return answer.Ask(ctx, in, o)
}
