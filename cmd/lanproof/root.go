package main

import (
	"strings"

	"github.com/spf13/cobra"
)

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "lanproof",
		Short: "Prove, frame by frame, what Linux's virtual LAN devices do",
		Long: `lanproof proves, frame by frame, what Linux's virtual LAN devices do: macvlan,
ipvlan and 802.1Q VLANs. A scenario file builds a small LAN out of network
namespaces, probes are sent through it, and every claim ends in a verdict that
carries its evidence. What this kernel lacks runs in a guest that lanproof boots.
The real network is never touched, but for ports that --nic names.

Exit status: 0 every check passed or was skipped; 1 a check failed; 2 bad usage
or a bad scenario; 3 the harness could not do its work.

Environment: LANPROOF_CACHE is the folder for guest kernels and snapshots (default:
lanproof in the user's cache folder). LANPROOF_QEMU is the QEMU that guests run in
(default: qemu-system-x86_64 in PATH). NO_COLOR and TERM=dumb leave colours out.
GITHUB_STEP_SUMMARY and GITHUB_ACTIONS are heeded as lanproof run says.`,
		Example: `  lanproof doctor
  lanproof run
  lanproof run macvlan-two-endpoints
  lanproof explain host-unreachable@mode=vepa/host-to-child-blocked-host-c1-icmp4`,
		SilenceUsage:               true,
		SuggestionsMinimumDistance: 2,
		SilenceErrors:              true,
		Args:                       cobra.ArbitraryArgs, // so that RunE tells of an unknown command
		RunE:                       unknownCommand,
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usage("%w (see: %s --help)", err, cmd.CommandPath())
	})
	root.AddCommand(
		newRun(), newCheck(), newExplain(), newSelftest(), newExplore(), newList(), newValidate(), newPlan(), newGraph(),
		newShell(), newExec(), newExport(), newReport(), newBench(), newCompare(), newHistory(), newQualify(), newVerify(),
		newDoctor(), newClean(), newSchema(), newVersion(), newCompletion(), newMan(),
	)
	completeFlags(root)
	return root
}

// unknownCommand is what lanproof does without a command that it knows.
func unknownCommand(root *cobra.Command, args []string) error {
	if len(args) == 0 {
		root.SetOut(root.ErrOrStderr())
		_ = root.Usage()
		return ended(exitUsage)
	}
	if similar := root.SuggestionsFor(args[0]); len(similar) > 0 {
		return usage("unknown command %q; did you mean %s?", args[0], strings.Join(similar, " or "))
	}
	return usage("unknown command %q (see: lanproof --help)", args[0])
}

// exactly is the rule for a command that takes the named arguments and no others.
func exactly(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == len(names) {
			return nil
		}
		if len(names) == 0 {
			return usage("%s takes no arguments, and got %q", cmd.CommandPath(), args[0])
		}
		return usage("%s takes %s, and got %d argument(s)", cmd.CommandPath(), strings.Join(names, " and "), len(args))
	}
}

// atLeastOne is the rule for a command that takes one argument or more.
func atLeastOne(name string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return usage("%s takes at least one %s", cmd.CommandPath(), name)
		}
		return nil
	}
}
