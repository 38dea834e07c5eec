package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cpuguy83/go-md2man/v2/md2man"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func newMan() *cobra.Command {
	return &cobra.Command{
		Use:   "man DIR",
		Short: "Write the manual pages into a folder",
		Long: `Write a manual page of every command into a folder, as make install and those
who make packages want them: lanproof.1, lanproof-run.1, and so on. The pages bear
the date that SOURCE_DATE_EPOCH has, else that of the commit that lanproof was built
from, so that the same program writes the same pages.`,
		Example: `  lanproof man man1`,
		Args:    exactly("a folder"),
		Hidden:  true, // people read the pages; only what installs them calls this
		RunE: func(cmd *cobra.Command, args []string) error {
			date, err := pageDate(os.Getenv("SOURCE_DATE_EPOCH"))
			if err != nil {
				return err
			}
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return fmt.Errorf("write manual pages: %w", err)
			}
			for _, c := range documented(cmd.Root()) {
				name := filepath.Join(args[0], pageName(c)+".1")
				if err := os.WriteFile(name, md2man.Render([]byte(manPage(c, date))), 0o644); err != nil {
					return fmt.Errorf("write manual pages: %w", err)
				}
			}
			return nil
		},
	}
}

// documented are a command and those below it that have pages.
func documented(cmd *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{cmd}
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() && c.Name() != "help" {
			all = append(all, documented(c)...)
		}
	}
	return all
}

func pageName(cmd *cobra.Command) string { return strings.ReplaceAll(cmd.CommandPath(), " ", "-") }

// pageDate is the date that pages bear, in UTC: the one asked for in seconds since
// 1970, else the commit's.
func pageDate(epoch string) (time.Time, error) {
	if epoch != "" {
		seconds, err := strconv.ParseInt(epoch, 10, 64)
		if err != nil {
			return time.Time{}, usage("SOURCE_DATE_EPOCH is %q: it is seconds since 1970", epoch)
		}
		return time.Unix(seconds, 0).UTC(), nil
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if at, err := time.Parse(time.RFC3339, s.Value); s.Key == "vcs.time" && err == nil {
				return at.UTC(), nil
			}
		}
	}
	return time.Unix(0, 0).UTC(), nil
}

// manPage is a command's page in the Markdown that md2man reads. The pages of cobra's
// own package have no lists of options, and readers of man pages complain of them.
func manPage(cmd *cobra.Command, date time.Time) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%% %q \"1\" %q %q \"User Commands\"\n", strings.ToUpper(pageName(cmd)), date.Format(time.DateOnly), "lanproof "+version())
	fmt.Fprintf(&b, "# NAME\n%s - %s\n", pageName(cmd), literal(cmd.Short))
	arguments := strings.TrimPrefix(cmd.UseLine(), cmd.CommandPath())
	if cmd.HasAvailableSubCommands() {
		arguments = " COMMAND"
	}
	fmt.Fprintf(&b, "# SYNOPSIS\n**%s**%s\n", cmd.CommandPath(), literal(arguments))
	fmt.Fprintf(&b, "# DESCRIPTION\n%s\n", literal(cmd.Long))
	if cmd.LocalFlags().HasAvailableFlags() {
		b.WriteString("# OPTIONS\n")
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) { b.WriteString(option(f)) })
	}
	if cmd.Example != "" {
		fmt.Fprintf(&b, "# EXAMPLES\n```\n%s\n```\n", cmd.Example)
	}
	var others []string
	for _, c := range append(documented(cmd)[1:], cmd.Parent()) {
		if c != nil {
			others = append(others, "**"+pageName(c)+"**(1)")
		}
	}
	slices.Sort(others)
	fmt.Fprintf(&b, "# SEE ALSO\n%s\n", strings.Join(others, ", "))
	return b.String()
}

// option is a flag as an entry of a list.
func option(f *pflag.Flag) string {
	value, text := pflag.UnquoteUsage(f)
	name := "**--" + f.Name + "**"
	if f.Shorthand != "" {
		name = "**-" + f.Shorthand + "**, " + name
	}
	if value != "" {
		name += " *" + literal(value) + "*"
	}
	if !slices.Contains([]string{"", "0", "false", "[]"}, f.DefValue) {
		text += " (default " + f.DefValue + ")"
	}
	return fmt.Sprintf("\n%s\n: %s\n", name, literal(text))
}

// literal keeps what stands in a text from being read as Markdown, but for what is
// indented.
func literal(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if !strings.HasPrefix(line, "    ") {
			lines[i] = strings.NewReplacer(`\`, `\\`, "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`, "<", `\<`, ">", `\>`, "`", "\\`").Replace(line)
		}
	}
	return strings.Join(lines, "\n")
}
