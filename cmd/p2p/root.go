package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// Commands are listed in the order in which people meet them.
func init() { cobra.EnableCommandSorting = false }

func (a *app) rootCommand() *cobra.Command {
	var showVersion bool
	root := &cobra.Command{
		Use:               "p2p",
		Short:             a.text.Say("root.short"),
		Long:              a.text.Say("root.long"),
		SilenceErrors:     true,
		SilenceUsage:      true,
		PersistentPreRunE: a.setUp,
		Args:              a.subcommand,
		RunE: func(cmd *cobra.Command, args []string) error {
			if showVersion {
				return a.printVersion()
			}
			return cmd.Help()
		},
	}
	root.SuggestionsMinimumDistance = 2
	root.SetArgs(a.args)
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.errs)
	root.SetHelpFunc(a.help)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		if words := cmd.Flags().Args(); cmd.HasSubCommands() && len(words) > 0 && cmd.Name() != "chat" {
			return a.subcommand(cmd, words) // a flag of the command that was meant
		}
		return a.usage("usage.flag", oneLine(a.flagProblem(err)), cmd.CommandPath())
	})
	root.Flags().BoolVarP(&showVersion, "version", "V", false, a.text.Say("flag.version"))
	a.addGlobalFlags(root)
	root.AddCommand(a.commands()...)
	root.AddCommand(a.topics()...)
	a.describeHelp(root)
	a.completes(root)
	return root
}

func (a *app) commands() []*cobra.Command {
	return []*cobra.Command{
		a.getCommand(),
		a.seedCommand(),
		a.limitCommand(),
		a.trackerCommand(),
		a.chatCommand(),
		a.contactCommand(),
		a.roomCommand(),
		a.accountCommand(),
		a.serveCommand(),
		a.createCommand(),
		a.showCommand(),
		a.verifyCommand(),
		a.magnetCommand(),
		a.demoCommand(),
		a.benchCommand(),
		a.versionCommand(),
	}
}

func (a *app) addGlobalFlags(root *cobra.Command) {
	f, g, say := root.PersistentFlags(), &a.globals, a.text.Say
	f.BoolVarP(&g.quiet, "quiet", "q", false, say("flag.quiet"))
	f.CountVarP(&g.verbose, "verbose", "v", say("flag.verbose"))
	f.BoolVarP(&g.json, "json", "j", false, say("flag.json"))
	f.StringVar(&g.colour, "color", "auto", say("flag.color"))
	f.StringVar(&g.lang, "lang", "auto", say("flag.lang"))
	f.StringVar(&g.logLevel, "log-level", "", say("flag.log_level"))
	f.StringVar(&g.logFormat, "log-format", "", say("flag.log_format"))
	f.StringVar(&g.logFile, "log-file", "", say("flag.log_file"))
	f.StringVar(&g.profile, "cpu-profile", "", say("flag.cpu_profile"))
	_ = f.MarkHidden("cpu-profile") // it was defined a line ago
}

// one requires one argument and says what it is.
func (a *app) one(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		given := slices.DeleteFunc(slices.Clone(args), func(s string) bool { return strings.TrimSpace(s) == "" }) // a variable that is not set
		if len(args) != 1 || len(given) == 0 {
			return a.usage("usage.args", what, len(given), cmd.CommandPath())
		}
		return nil
	}
}

// none allows no arguments.
func (a *app) none(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return a.usage("usage.no_args", args[0], cmd.CommandPath())
	}
	return nil
}

// subcommand says that there is no command of that name, and which one may be meant.
func (a *app) subcommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		return a.usage("usage.unknown_command_near", args[0], near[0])
	}
	if !cmd.HasParent() {
		return a.usage("usage.unknown_command", args[0], cmd.CommandPath())
	}
	return a.usage("usage.unknown_command_of", args[0], commandsOf(cmd))
}

// commandsOf names the commands that belong to one.
func commandsOf(cmd *cobra.Command) string {
	var names []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	return strings.Join(names, ", ")
}

// completeTorrents makes shells complete the names of torrents.
func completeTorrents(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return []string{"torrent"}, cobra.ShellCompDirectiveFilterFileExt
}
