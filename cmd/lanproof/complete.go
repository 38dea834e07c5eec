package main

import (
	"net"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/lanproof/lanproof/advice"
	"github.com/lanproof/lanproof/guest/cards"
	"github.com/lanproof/lanproof/run"
	"github.com/lanproof/lanproof/scenarios"
)

// some are the completions that begin with the word.
func some(word string, all []cobra.Completion) []cobra.Completion {
	return slices.DeleteFunc(slices.Clone(all), func(c cobra.Completion) bool { return !strings.HasPrefix(c, word) })
}

// completeScenarios completes names of built-in scenarios, those of the cases of one
// where one alone is meant, and files.
func completeScenarios(_ *cobra.Command, _ []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if name, _, isCase := strings.Cut(word, "@"); isCase {
		return some(word, casesIn(name)), cobra.ShellCompDirectiveNoFileComp
	}
	files, err := scenarios.Builtin()
	if err != nil {
		return nil, cobra.ShellCompDirectiveDefault
	}
	files = slices.DeleteFunc(files, func(f *scenarios.File) bool { return !strings.HasPrefix(f.Name, word) })
	var names []cobra.Completion
	for _, f := range files {
		names = append(names, cobra.CompletionWithDesc(f.Name, f.Cases()[0].Title))
		if f.Name == word || len(files) == 1 {
			names = append(names, some(word+"@", casesIn(f.Name))...)
		}
	}
	return names, cobra.ShellCompDirectiveDefault
}

// completeOneScenario is completeScenarios for a command that takes one.
func completeOneScenario(cmd *cobra.Command, args []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return completeScenarios(cmd, args, word)
}

// completeCase completes the name of one case, and files.
func completeCase(_ *cobra.Command, args []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	name, _, isCase := strings.Cut(word, "@")
	if !isCase {
		name = ""
	}
	return some(word, casesIn(name)), cobra.ShellCompDirectiveDefault
}

// casesIn are the cases of a file or built-in scenario, or of the whole catalogue.
// Those of a file are named by the file.
func casesIn(name string) []cobra.Completion {
	var args []string
	if name != "" {
		args = []string{name}
	}
	files, err := scenarios.Find(args)
	if err != nil {
		return nil
	}
	var names []cobra.Completion
	for _, c := range casesOf(files) {
		shown := c.Name
		if _, vars, ok := strings.Cut(c.Name, "@"); ok && name != "" {
			shown = name + "@" + vars
		}
		names = append(names, cobra.CompletionWithDesc(shown, c.Scenario.Title))
	}
	return names
}

// completeNode completes a case, and then one of its nodes. What follows is left to
// the shell.
func completeNode(cmd *cobra.Command, args []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
	switch len(args) {
	case 0:
		return completeCase(cmd, args, word)
	case 1:
		p := preparedCase(args[0])
		if p == nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var nodes []cobra.Completion
		for _, n := range p.Plan.LAN.Nodes {
			nodes = append(nodes, n.Name)
		}
		return some(word, nodes), cobra.ShellCompDirectiveNoFileComp
	}
	return nil, cobra.ShellCompDirectiveDefault
}

// completeCheck completes CASE/CHECK. A case alone is not yet the end of it.
func completeCheck(cmd *cobra.Command, args []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	if head, _, ok := cutLast(word, "/"); ok {
		if p := preparedCase(head); p != nil {
			var names []cobra.Completion
			for _, c := range p.Checks() {
				names = append(names, cobra.CompletionWithDesc(head+"/"+c.ID, c.Title))
			}
			return some(word, names), cobra.ShellCompDirectiveNoFileComp
		}
	}
	names, directive := completeCase(cmd, args, word)
	for i, name := range names {
		name, title, _ := strings.Cut(name, "\t")
		names[i] = cobra.CompletionWithDesc(name+"/", title)
	}
	return names, directive | cobra.ShellCompDirectiveNoSpace
}

// preparedCase is the one case of that name, or nil.
func preparedCase(name string) *run.Prepared {
	c, err := oneCase(name)
	if err != nil {
		return nil
	}
	p, err := run.Prepare(c, 0)
	if err != nil {
		return nil
	}
	return p
}

// completeFlags says for a command and those below it what the values of flags may
// be, and that there is nothing else where it takes no arguments. A flag of one name takes the same everywhere.
func completeFlags(cmd *cobra.Command) {
	if cmd.Use == cmd.Name() && cmd.HasParent() {
		cmd.ValidArgsFunction = cobra.NoFileCompletions // it takes no arguments
	}
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
		complete := completeValue(f)
		switch {
		case f.Name == "label" && cmd.Flags().Lookup("inventory") == nil: // whose labels are others
			complete = completeLabel
		case f.Name == "case":
			complete = completeCaseOf
		case f.Name == "check":
			complete = completeCheckOf
		}
		// It fails where the command itself has said what the values are.
		_ = cmd.RegisterFlagCompletionFunc(f.Name, complete)
	})
	for _, c := range cmd.Commands() {
		completeFlags(c)
	}
}

// completeValue completes what help calls a flag's value.
func completeValue(f *pflag.Flag) cobra.CompletionFunc {
	if c, ok := f.Value.(*choice); ok {
		return completeWord(c.words)
	}
	switch value, _ := pflag.UnquoteUsage(f); value {
	case "FILE":
		return cobra.FixedCompletions(nil, cobra.ShellCompDirectiveDefault)
	case "DIR":
		return cobra.FixedCompletions(nil, cobra.ShellCompDirectiveFilterDirs)
	case "F":
		return completeWord(formatNames())
	case "K":
		return completeKernel
	case "MODEL":
		return completeWord(strings.Split(cards.Models(), ", "))
	case "IFACE":
		return completePort
	case "ID":
		return completeWord(advice.Kinds())
	}
	return cobra.NoFileCompletions
}

// completePort completes the names of this machine's ports.
func completePort(_ *cobra.Command, _ []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
	ports, err := net.Interfaces()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []cobra.Completion
	for _, p := range ports {
		if p.Flags&net.FlagLoopback == 0 {
			names = append(names, p.Name)
		}
	}
	return some(word, names), cobra.ShellCompDirectiveNoFileComp
}

// completeWord completes one of a few words.
func completeWord(words []string) cobra.CompletionFunc {
	return func(_ *cobra.Command, _ []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return some(word, words), cobra.ShellCompDirectiveNoFileComp
	}
}

// completeKernel completes the kernels that apt offers, this one where it is among them,
// and files.
func completeKernel(cmd *cobra.Command, _ []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if word != "" && strings.HasPrefix(run.ThisKernel, word) && slices.Contains([]string{"run", "bench"}, cmd.Name()) {
		return []cobra.Completion{run.ThisKernel}, cobra.ShellCompDirectiveNoFileComp
	}
	if !strings.HasPrefix("debian:", word) && !strings.HasPrefix(word, "debian:") {
		return nil, cobra.ShellCompDirectiveDefault
	}
	kernels, err := offered(cmd.Context())
	if err != nil {
		return nil, cobra.ShellCompDirectiveDefault
	}
	return some(word, kernels), cobra.ShellCompDirectiveDefault
}

// completeLabel completes the last label of a filter.
func completeLabel(_ *cobra.Command, args []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
	files, err := scenarios.Find(args)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	begin := strings.LastIndexAny(word, "&|!(, ") + 1
	var labels []cobra.Completion
	for label := range strings.SplitSeq(labelsOf(casesOf(files)), ", ") {
		labels = append(labels, word[:begin]+label)
	}
	return some(word, labels), cobra.ShellCompDirectiveNoFileComp
}

// completeCaseOf completes a case of the scenario that is named.
func completeCaseOf(_ *cobra.Command, args []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
	files, err := scenarios.Find(args)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []cobra.Completion
	for _, c := range casesOf(files) {
		names = append(names, c.Name)
	}
	return some(word, names), cobra.ShellCompDirectiveNoFileComp
}

// completeCheckOf completes a check of the case that is named.
func completeCheckOf(_ *cobra.Command, args []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var names []cobra.Completion
	if len(args) > 0 {
		if p := preparedCase(args[0]); p != nil {
			for _, c := range p.Checks() {
				names = append(names, cobra.CompletionWithDesc(c.ID, c.Title))
			}
		}
	}
	return some(word, names), cobra.ShellCompDirectiveNoFileComp
}
