package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"p2p/cmd/p2p/progress"
)

// help writes the help of one command in the language of the run. It takes the
// place of cobra's own, which is English only.
func (a *app) help(cmd *cobra.Command, _ []string) {
	out := cmd.OutOrStdout()
	long := cmd.Long
	if long == "" {
		long = cmd.Short
	}
	fmt.Fprintln(out, strings.TrimSpace(long))
	if !cmd.Runnable() && !cmd.HasAvailableSubCommands() {
		return // a topic is its text
	}
	a.heading(out, "help.usage")
	if cmd.Runnable() && cmd.HasAvailableSubCommands() && cmd.HasParent() {
		fmt.Fprintf(out, "  %s%s %s\n", cmd.CommandPath(), strings.TrimPrefix(cmd.Use, cmd.Name()), a.text.Say("help.flags_word"))
	}
	fmt.Fprintf(out, "  %s\n", a.useLine(cmd))
	if cmd.HasExample() {
		a.heading(out, "help.examples")
		fmt.Fprintln(out, indent(cmd.Example))
	}
	if cmd.HasAvailableSubCommands() {
		a.heading(out, "help.commands")
		listCommands(out, cmd, func(c *cobra.Command) bool { return c.IsAvailableCommand() })
	}
	if flags := cmd.LocalNonPersistentFlags(); cmd.HasParent() && flags.HasAvailableFlags() {
		a.listGroups(out, flags)
	}
	a.heading(out, "help.global_flags")
	if cmd.HasParent() {
		a.listFlags(out, cmd.InheritedFlags())
	} else {
		a.listFlags(out, cmd.Flags())
	}
	if cmd.HasHelpSubCommands() {
		a.heading(out, "help.topics")
		listCommands(out, cmd, func(c *cobra.Command) bool { return c.IsAdditionalHelpTopicCommand() })
	}
	if !cmd.HasParent() {
		fmt.Fprintf(out, "\n%s\n", a.text.Say("help.more"))
	}
}

func (a *app) heading(out io.Writer, key string) { fmt.Fprintf(out, "\n%s\n", a.text.Say(key)) }

func (a *app) useLine(cmd *cobra.Command) string {
	switch {
	case cmd.HasAvailableSubCommands():
		return cmd.CommandPath() + " " + a.text.Say("help.command_word")
	case strings.HasSuffix(cmd.UseLine(), "[flags]"):
		return strings.TrimSuffix(cmd.UseLine(), "[flags]") + a.text.Say("help.flags_word")
	}
	return cmd.UseLine()
}

func listCommands(out io.Writer, cmd *cobra.Command, wanted func(*cobra.Command) bool) {
	for _, c := range cmd.Commands() {
		if wanted(c) {
			fmt.Fprintf(out, "  %s%s\n", progress.Pad(c.Name(), 13), c.Short)
		}
	}
}

// groupOf is the annotation of a flag that names its group in the help, and its
// place among all that are in groups.
const groupOf = "p2p_group"

// groupedFlags puts the flags that are added to it into groups, in the order in
// which they are added. end belongs behind the last.
type groupedFlags struct {
	*pflag.FlagSet
	group string
	count int
}

// begin makes what follows a group of its own.
func (g *groupedFlags) begin(group string) {
	g.end()
	g.group = group
}

// end closes the group at hand.
func (g *groupedFlags) end() {
	g.SortFlags = false
	g.VisitAll(func(f *pflag.Flag) {
		if f.Annotations == nil {
			f.Annotations = map[string][]string{groupOf: {g.group, fmt.Sprintf("%03d", g.count)}}
			g.count++
		}
	})
}

// listGroups lists flags under the headings of their groups, and those without
// one last, under a heading for all.
func (a *app) listGroups(out io.Writer, flags *pflag.FlagSet) {
	var all []*pflag.Flag
	flags.VisitAll(func(f *pflag.Flag) { all = append(all, f) })
	place := func(f *pflag.Flag) string {
		if group := f.Annotations[groupOf]; len(group) == 2 {
			return group[1]
		}
		return "last"
	}
	slices.SortStableFunc(all, func(f, g *pflag.Flag) int { return strings.Compare(place(f), place(g)) })
	for len(all) > 0 {
		heading := a.groupHeading(all[0])
		group := pflag.NewFlagSet("", pflag.ContinueOnError)
		group.SortFlags = false
		for len(all) > 0 && a.groupHeading(all[0]) == heading {
			group.AddFlag(all[0])
			all = all[1:]
		}
		fmt.Fprintf(out, "\n%s\n", heading)
		a.listFlags(out, group)
	}
}

func (a *app) groupHeading(f *pflag.Flag) string {
	if group := f.Annotations[groupOf]; len(group) == 2 {
		return group[0]
	}
	return a.text.Say("help.flags")
}

// listFlags writes one line for each flag. The words for their values are in
// capitals, as in the text around them, and a default is shown where there is
// one; 0 is none, what it stands for is said by the text.
func (a *app) listFlags(out io.Writer, flags *pflag.FlagSet) {
	type row struct{ left, right string }
	var rows []row
	width := 0
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		left := "      --" + f.Name
		if f.Shorthand != "" {
			left = "  -" + f.Shorthand + ", --" + f.Name
		}
		value, usage := pflag.UnquoteUsage(f)
		value = valueWord(f, value)
		if value != "" && f.NoOptDefVal == "" {
			left += " " + strings.ToUpper(value)
		}
		if shown := f.DefValue; value != "" && shown != "" && shown != "0" && shown != "[]" && f.NoOptDefVal == "" {
			usage += a.text.Say("help.default", shown)
		}
		rows = append(rows, row{left, usage})
		width = max(width, progress.Width(left))
	})
	for _, r := range rows {
		fmt.Fprintf(out, "%s  %s\n", progress.Pad(r.left, width), r.right)
	}
}

// valueWord returns the word for what a flag takes. Where its text has none there is the name of a type, which is one of a programmer.
func valueWord(f *pflag.Flag, word string) string {
	switch f.Value.Type() {
	case "int", "int32", "int64", "uint", "uint32", "uint64", "float64":
		if word == f.Value.Type() || word == "int" || word == "uint" || word == "float" {
			return "N"
		}
	case "string":
		if word == "string" {
			return "TEXT"
		}
	}
	return word
}

func indent(s string) string {
	return "  " + strings.ReplaceAll(strings.TrimSpace(s), "\n", "\n  ")
}

// describeHelp puts the help flags and cobra's own commands in the language of
// the run.
func (a *app) describeHelp(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	var visit func(*cobra.Command)
	visit = func(c *cobra.Command) {
		c.InitDefaultHelpFlag()
		c.Flags().Lookup("help").Usage = a.text.Say("flag.help")
		for _, sub := range c.Commands() {
			visit(sub)
		}
	}
	visit(root)
	for _, c := range root.Commands() {
		switch c.Name() {
		case "help":
			c.Short = a.text.Say("help.short")
			c.Example = "p2p help get\np2p help exitcodes"
			c.Run, c.RunE = nil, a.helpOn
		case "completion":
			c.Short = a.text.Say("completion.short")
			c.Example = "source <(p2p completion bash)"
			a.describeCompletion(c)
		}
	}
}

// completionUse is how the scripts of cobra are used: now, and in every shell that is opened later.
var completionUse = map[string]string{
	"bash":       "source <(p2p completion bash)\np2p completion bash >> ~/.bash_completion",
	"zsh":        "source <(p2p completion zsh)\np2p completion zsh > \"${fpath[1]}/_p2p\"",
	"fish":       "p2p completion fish | source\np2p completion fish > ~/.config/fish/completions/p2p.fish",
	"powershell": "p2p completion powershell | Out-String | Invoke-Expression\np2p completion powershell >> $PROFILE",
}

func (a *app) describeCompletion(completion *cobra.Command) {
	for _, c := range completion.Commands() {
		c.Short, c.Long, c.Example = a.text.Say("completion.shell", c.Name()), a.text.Say("completion.long", c.Name()), completionUse[c.Name()]
		if f := c.Flags().Lookup("no-descriptions"); f != nil {
			f.Usage = a.text.Say("completion.no_descriptions")
		}
	}
}

// helpOn is the help command. Cobra's takes a word that is no command for a wish to
// see them all, and says so with exit code 0.
func (a *app) helpOn(cmd *cobra.Command, args []string) error {
	about, rest, err := cmd.Root().Find(args)
	if err != nil || len(rest) > 0 {
		return a.usage("usage.unknown_command", strings.Join(args, " "), "p2p")
	}
	return about.Help()
}

// topics are the help pages that belong to no command.
func (a *app) topics() []*cobra.Command {
	topic := func(name, short, long string) *cobra.Command {
		return &cobra.Command{Use: name, Short: short, Long: long}
	}
	say := a.text.Say
	return []*cobra.Command{
		topic("exitcodes", say("topic.exitcodes.short"), a.exitCodes()),
		topic("units", say("topic.units.short"), say("topic.units.long")),
		topic("environment", say("topic.environment.short"), say("topic.environment.long")),
		topic("json", say("topic.json.short"), say("topic.json.long")),
	}
}

// exitCodes is the table of the exit codes for people.
func (a *app) exitCodes() string {
	var b strings.Builder
	b.WriteString(a.text.Say("topic.exitcodes.long"))
	for _, row := range []struct {
		code int
		key  string
	}{
		{exitDone, "exit.0"}, {exitOther, "exit.1"}, {exitUsage, "exit.2"}, {exitNotFound, "exit.3"},
		{exitNetwork, "exit.6"}, {exitUnfinished, "exit.7"}, {exitDiskFull, "exit.9"}, {exitBusy, "exit.11"}, {exitExists, "exit.13"},
		{exitIO, "exit.17"}, {exitRefused, "exit.24"}, {exitNotBencode, "exit.25"}, {exitInvalid, "exit.26"},
		{exitMagnet, "exit.27"}, {exitMismatch, "exit.32"}, {exitPortBusy, "exit.41"}, {exitWaiting, "exit.42"},
		{exitFirst, "exit.43"}, {exitFull, "exit.44"}, {exitDoubt, "exit.45"}, {exitUnknown, "exit.46"},
		{exitSignal + 2, "exit.130"}, {exitPipe, "exit.141"}, {exitSignal + 15, "exit.143"},
	} {
		fmt.Fprintf(&b, "\n  %3d  %s", row.code, a.text.Say(row.key))
	}
	return b.String()
}
