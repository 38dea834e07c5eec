package main

import (
	"bytes"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

func newCompletion() *cobra.Command {
	shells := map[string]func(*cobra.Command, io.Writer) error{
		"bash": completeBash,
		"zsh":  completeZsh,
		"fish": completeFish,
	}
	return &cobra.Command{
		Use:   "completion bash|zsh|fish",
		Short: "Print a script by which a shell completes commands, flags, scenarios, cases, checks and nodes",
		Long: `Print a script by which a shell completes commands, flags, scenarios, cases,
checks, nodes, labels and kernels. make install puts it where the shell finds it;
otherwise load it in one shell, or keep it:

    source <(lanproof completion bash)            # needs the package bash-completion
    lanproof completion bash > ~/.local/share/bash-completion/completions/lanproof
    lanproof completion zsh > "${fpath[1]}/_lanproof"
    lanproof completion fish > ~/.config/fish/completions/lanproof.fish`,
		Example:               `  lanproof completion bash`,
		DisableFlagsInUseLine: true,
		ValidArgs:             []cobra.Completion{"bash", "zsh", "fish"},
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 || shells[args[0]] == nil {
				return usage("%s takes one of bash, zsh and fish", cmd.CommandPath())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return shells[args[0]](cmd.Root(), cmd.OutOrStdout())
		},
	}
}

func completeBash(root *cobra.Command, w io.Writer) error { return root.GenBashCompletionV2(w, true) }

// completeZsh and completeFish mend what cobra's scripts take for a flag with its
// value: any word with a dash before a =, and names of cases have both.
func completeZsh(root *cobra.Command, w io.Writer) error {
	return mended(w, root.GenZshCompletion, `=~ '-.*='`, `=~ '^-.*='`)
}

func completeFish(root *cobra.Command, w io.Writer) error {
	return mended(w, func(w io.Writer) error { return root.GenFishCompletion(w, true) },
		`match -r -- '-.*='`, `match -r -- '^-.*='`)
}

// mended writes a script of cobra's with a part of it replaced.
func mended(w io.Writer, write func(io.Writer) error, was, is string) error {
	var b bytes.Buffer
	if err := write(&b); err != nil {
		return err
	}
	_, err := io.WriteString(w, strings.ReplaceAll(b.String(), was, is))
	return err
}
