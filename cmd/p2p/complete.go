package main

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
)

// completeFor is how long a shell that completes a word waits for the node.
const completeFor = time.Second

// names are what an argument or a flag can be: those that ask returns, which asks the node, or the fixed ones.
type names struct {
	fixed []string
	ask   func(ctx context.Context, c *api.Client) ([]string, error)
}

func fixed(words ...string) names { return names{fixed: words} }

var (
	contacts = names{ask: contactNames}
	rooms    = names{ask: roomNames}
	devices  = names{ask: deviceNames}
	files    = names{ask: fileMessages}
)

// argumentNames are what arguments can be, by the words that stand for them in Use.
var argumentNames = map[string][]names{
	"WHO": {contacts}, "WHERE": {contacts, rooms}, "NAME|ROOM": {contacts, rooms}, "ROOM": {rooms}, "DEVICE": {devices}, "MESSAGE": {files},
	"ROLE": {fixed("owner", "moderator", "member")},
}

// flagValues are what flags can be, whatever command has them.
var flagValues = map[string][]names{
	"scheme": {fixed("auto", "dark", "light", "contrast", "none")}, "notify": {fixed("auto", "off", "osc9", "osc777")},
	"lang": {fixed("en", "zh")}, "color": {fixed("auto", "always", "never")}, "invite": {contacts}, "history": {fixed("all", "none")}, "in": {contacts, rooms},
}

// completes has the shell complete the arguments and flags of all commands. The names of people and rooms come from the node of
// the profile, if it runs: to press Tab does not start one.
func (a *app) completes(root *cobra.Command) {
	var visit func(*cobra.Command)
	visit = func(c *cobra.Command) {
		for name, from := range flagValues {
			if c.Flags().Lookup(name) != nil || c.PersistentFlags().Lookup(name) != nil {
				_ = c.RegisterFlagCompletionFunc(name, func(cmd *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
					return a.beginning(cmd, from, begun)
				})
			}
		}
		if words := strings.Fields(c.Use)[1:]; c.Flags().Lookup("profile") != nil && !c.HasSubCommands() || c.Name() == "chat" {
			c.ValidArgsFunction = func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
				if len(args) >= len(words) {
					return nil, cobra.ShellCompDirectiveNoFileComp
				}
				return a.beginning(cmd, argumentNames[strings.Trim(words[len(args)], "[]")], begun)
			}
		}
		for _, sub := range c.Commands() {
			visit(sub)
		}
	}
	visit(root)
}

// beginning returns what begins as the word does that is completed; nothing where the node cannot be asked.
func (a *app) beginning(cmd *cobra.Command, from []names, begun string) (all []string, _ cobra.ShellCompDirective) {
	ctx, cancel := context.WithTimeout(cmd.Context(), completeFor)
	defer cancel()
	_ = a.applyEnvironment(cmd) //nolint:errcheck // the command itself tells it
	var client *api.Client
	if profile := cmd.Flag("profile"); profile != nil {
		if dir, err := a.profileDir(profile.Value.String()); err == nil {
			if client, err = api.Dial(ctx, dir); err == nil {
				defer client.Close()
			}
		}
	}
	for _, f := range from {
		if f.ask == nil {
			all = append(all, f.fixed...)
			continue
		} else if client == nil {
			continue
		}
		found, err := f.ask(ctx, client)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		all = append(all, found...)
	}
	all = slices.DeleteFunc(all, func(s string) bool { return !strings.HasPrefix(s, begun) || safe(s) != s })
	return all, cobra.ShellCompDirectiveNoFileComp
}

func contactNames(ctx context.Context, c *api.Client) (all []string, err error) {
	r, err := c.ListContacts(ctx, request(&p2pv1.ListContactsRequest{}))
	if err == nil {
		for _, k := range r.Msg.Contacts {
			all = append(all, k.Name)
		}
	}
	return all, err
}

func roomNames(ctx context.Context, c *api.Client) (all []string, err error) {
	r, err := c.ListConversations(ctx, request(&p2pv1.ListConversationsRequest{}))
	if err == nil {
		for _, k := range r.Msg.Conversations {
			if !k.Direct && !k.Left {
				all = append(all, k.Name)
			}
		}
	}
	return all, err
}

func deviceNames(ctx context.Context, c *api.Client) (all []string, err error) {
	r, err := c.ListDevices(ctx, request(&p2pv1.ListDevicesRequest{}))
	if err == nil {
		for _, d := range r.Msg.Devices {
			all = append(all, d.Label)
		}
	}
	return all, err
}

// fileMessages returns the messages that offer what may be accepted, or cancelled.
func fileMessages(ctx context.Context, c *api.Client) (all []string, err error) {
	r, err := c.ListTransfers(ctx, request(&p2pv1.ListTransfersRequest{Offers: true}))
	if err == nil {
		for _, t := range r.Msg.Transfers {
			if t.State != p2pv1.Transfer_STATE_CANCELLED {
				all = append(all, t.Message)
			}
		}
	}
	return all, err
}
