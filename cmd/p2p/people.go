package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"
	"unicode/utf8"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/people"
	"p2p/cmd/p2p/units"
)

// profileFlags say which node a command asks, and how it is started.
type profileFlags struct {
	profile    string
	linger     units.Duration
	asked      bool // for that time, and not only by default
	passphrase string
	typed      []byte // the passphrase, at the terminal
}

func (a *app) profileFlags(flags *pflag.FlagSet, p *profileFlags) {
	p.linger = units.Duration(30 * time.Minute)
	flags.StringVar(&p.profile, "profile", "", a.text.Say("people.profile"))
	flags.Var(&p.linger, "linger", a.text.Say("people.linger"))
	flags.StringVar(&p.passphrase, "passphrase-file", "", a.text.Say("people.passphrase_file"))
}

// grouped makes cmd the parent of commands that ask the node.
func (a *app) grouped(cmd *cobra.Command, p *profileFlags, subs ...*cobra.Command) *cobra.Command {
	for _, sub := range subs {
		a.profileFlags(sub.Flags(), p)
	}
	a.profileFlags(cmd.Flags(), p) // so that a word after them that is no command is told as that
	for _, name := range []string{"profile", "linger", "passphrase-file"} {
		_ = cmd.Flags().MarkHidden(name) // it was defined a line ago
	}
	cmd.Args, cmd.RunE = a.subcommand, func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	cmd.AddCommand(subs...)
	return cmd
}

// attach returns a client of the node of the profile, which it starts if there is none.
func (a *app) attach(ctx context.Context, p *profileFlags) (*api.Client, error) {
	profile, err := a.profileDir(p.profile)
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	args, err := a.serveArgs(profile, p)
	if err != nil {
		return nil, err
	}
	return api.Attach(ctx, profile, append([]string{self}, args...), p.typed)
}

// attachAsking is attach for who may be at a terminal: a history that has a passphrase is one more reason for a node not to
// come up, and nobody should have to leave it in a file. What was typed is kept for a node that dies meanwhile.
func (a *app) attachAsking(ctx context.Context, p *profileFlags) (*api.Client, error) {
	c, err := a.attachSaying(ctx, p)
	e, ok := errors.AsType[*api.StartError](err)
	if !ok || startCode(e) != exitRefused || p.passphrase != "" || a.secret == nil {
		return c, err
	}
	profile, wrong := a.profileDir(p.profile)
	if wrong != nil {
		return nil, wrong
	}
	if encrypted, e := people.Encrypted(profile); e != nil || !encrypted {
		return nil, err
	}
	typed, err := a.askSecret(a.text.Say("serve.passphrase"), false)
	if err != nil {
		return nil, err
	}
	p.typed = []byte(typed + "\n")
	return a.attachSaying(ctx, p)
}

// attachSaying is attach for who would otherwise wait without a word.
func (a *app) attachSaying(ctx context.Context, p *profileFlags) (c *api.Client, err error) {
	profile, err := a.profileDir(p.profile)
	if err != nil {
		return nil, err
	}
	a.sayingWait(profile, func() { c, err = a.attach(ctx, p) })
	return c, err
}

// silence is how long a command waits for the node before it says so: one that starts answers sooner, unless its history is migrated.
const silence = 4 * time.Second

// sayingWait does what asks the node of a profile, and says that this waits when it takes long: a node that hangs takes calls and answers none.
func (a *app) sayingWait(profile string, do func()) {
	answered, said := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(said)
		select {
		case <-answered:
		case <-time.After(silence):
			a.say("people.silent", api.LogPath(profile))
		}
	}()
	do()
	close(answered)
	<-said // what is printed next stands below it
}

// serveArgs returns the arguments of the node that a command starts: of several that say the same the last counts.
func (a *app) serveArgs(profile string, p *profileFlags) ([]string, error) {
	linger := "--linger=" + p.linger.String()
	args := []string{"serve", "--profile", profile, linger, "--lang", a.text.Lang(), "--log-level", "info", "--json=false"}
	args = append(args, keptFlags(profile)...)
	if p.asked {
		args = append(args, linger)
	}
	switch {
	case p.typed != nil:
		args = append(args, "--passphrase-file=-")
	case p.passphrase == "-": // what stdin has is said, not a secret
		return nil, a.usage("usage.passphrase_input")
	case p.passphrase != "":
		file, err := filepath.Abs(p.passphrase) // the node is in another folder
		if err != nil {
			return nil, err
		}
		args = append(args, "--passphrase-file="+file)
	}
	return args, nil
}

// withNode runs do with the node of the profile, which it starts if there is none.
func (a *app) withNode(cmd *cobra.Command, p *profileFlags, do func(ctx context.Context, c *api.Client) error) error {
	for _, s := range cmd.Flags().Args() {
		if !utf8.ValidString(s) {
			return a.usage("usage.no_text", s)
		}
	}
	p.asked = cmd.Flags().Changed("linger")
	ctx, release, _ := a.interruptible(cmd.Context())
	defer release()
	c, err := a.attachAsking(ctx, p)
	if err != nil {
		return a.nodeFailure(ctx, err)
	}
	defer c.Close()
	if c.Node.Version != version {
		a.say("serve.version", c.Node.Version, version)
	}
	return a.nodeFailure(ctx, do(ctx, c))
}

// request is connect.NewRequest, whose name says little and would be everywhere.
func request[T any](message *T) *connect.Request[T] { return connect.NewRequest(message) }

// these requires from low to high arguments and says what they are.
func (a *app) these(what string, low, high int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < low || len(args) > high {
			return a.usage("usage.these_args", what, len(args), cmd.CommandPath())
		}
		return nil
	}
}
