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
	ask   func(ctx context.Context, c *api.Client, before []string) ([]name, error)
}

// name is one that somebody may mean, and what a shell that can says of it. Several that are the same are told apart by their ids.
type name struct {
	name, id, about string
	not             bool // it is not offered, but has the name
}

func fixed(words ...string) names { return names{fixed: words} }

var (
	friends = names{ask: contactsThat(p2pv1.ContactState_CONTACT_STATE_FRIEND)}
	rooms   = names{ask: roomNames}
	anybody = names{ask: contactsThat(
		p2pv1.ContactState_CONTACT_STATE_FRIEND, p2pv1.ContactState_CONTACT_STATE_ASKED, p2pv1.ContactState_CONTACT_STATE_ASKS,
		p2pv1.ContactState_CONTACT_STATE_REFUSED)}
	askers  = names{ask: contactsThat(p2pv1.ContactState_CONTACT_STATE_ASKS)}
	blocked = names{ask: contactsThat(p2pv1.ContactState_CONTACT_STATE_BLOCKED)}
	members = names{ask: memberNames}
	devices = names{ask: deviceNames}
	offers  = names{ask: fileMessages(p2pv1.Transfer_STATE_OFFERED, p2pv1.Transfer_STATE_CANCELLED)}
	moving  = names{ask: fileMessages(
		p2pv1.Transfer_STATE_WAITING, p2pv1.Transfer_STATE_DOWNLOADING, p2pv1.Transfer_STATE_CHECKING, p2pv1.Transfer_STATE_FINISHING, p2pv1.Transfer_STATE_SHARING,
		p2pv1.Transfer_STATE_DONE, p2pv1.Transfer_STATE_FAILED)}
)

// argumentNames are what arguments can be, by the words that stand for them in Use; those of one command come before those of all.
var argumentNames = map[string][]names{
	"WHO": {friends}, "WHERE": {friends, rooms}, "NAME|ROOM": {friends, rooms}, "ROOM": {rooms}, "DEVICE": {devices},
	"ROLE":               {fixed("owner", "moderator", "member")},
	"contact accept WHO": {askers}, "contact refuse WHO": {askers}, "contact unblock WHO": {blocked}, "contact block WHO": {anybody},
	"contact remove WHO": {anybody}, "contact rename WHO": {anybody}, "room kick WHO": {members}, "room role WHO": {members},
	"chat accept MESSAGE": {offers}, "chat cancel MESSAGE": {moving},
}

// argumentsOf returns what the argument of a command can be that word stands for.
func argumentsOf(cmd *cobra.Command, word string) []names {
	word = strings.Trim(word, "[]")
	if own, ok := argumentNames[strings.TrimPrefix(cmd.CommandPath(), cmd.Root().Name()+" ")+" "+word]; ok {
		return own
	}
	return argumentNames[word]
}

// flagValues are what flags can be, whatever command has them.
var flagValues = map[string][]names{
	"scheme": {fixed("auto", "dark", "light", "contrast", "none")}, "notify": {fixed("auto", "off", "osc9", "osc777")},
	"lang": {fixed("en", "zh")}, "color": {fixed("auto", "always", "never")}, "invite": {friends}, "history": {fixed("all", "none")}, "in": {friends, rooms},
}

// completes has the shell complete the arguments and flags of all commands. The names of people and rooms come from the node of
// the profile, if it runs: to press Tab does not start one.
func (a *app) completes(root *cobra.Command) {
	var visit func(*cobra.Command)
	visit = func(c *cobra.Command) {
		for name, from := range flagValues {
			if c.Flags().Lookup(name) != nil || c.PersistentFlags().Lookup(name) != nil {
				_ = c.RegisterFlagCompletionFunc(name, func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
					return a.beginning(cmd, from, args, begun)
				})
			}
		}
		if words := strings.Fields(c.Use)[1:]; c.Flags().Lookup("profile") != nil && !c.HasSubCommands() || c.Name() == "chat" {
			c.ValidArgsFunction = func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
				if len(args) >= len(words) {
					return nil, cobra.ShellCompDirectiveNoFileComp
				}
				return a.beginning(cmd, argumentsOf(cmd, words[len(args)]), args, begun)
			}
		}
		for _, sub := range c.Commands() {
			visit(sub)
		}
	}
	visit(root)
}

// beginning returns what begins as the word does that is completed, after the arguments before; nothing where the node cannot be asked.
func (a *app) beginning(cmd *cobra.Command, from []names, before []string, begun string) ([]string, cobra.ShellCompDirective) {
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
	var words []string
	var all []name
	for _, f := range from {
		words = append(words, f.fixed...)
		if f.ask == nil || client == nil {
			continue
		}
		found, err := f.ask(ctx, client, before)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		all = append(all, found...)
	}
	words = append(words, apart(all)...)
	words = slices.DeleteFunc(words, func(s string) bool { return !strings.HasPrefix(s, begun) })
	return words, cobra.ShellCompDirectiveNoFileComp
}

// apart returns names as shells complete them: of those that are the same, the ids.
func apart(all []name) (words []string) {
	times := map[string]int{}
	for _, n := range all {
		times[strings.ToLower(n.name)]++
	}
	for _, n := range all {
		word, about := n.name, n.about
		if times[strings.ToLower(n.name)] > 1 && n.id != "" {
			word, about = n.id[:min(len(n.id), shownID)], strings.TrimSpace(n.name+" "+about)
		}
		if n.not || word == "" || safe(word) != word {
			continue
		}
		if about != "" {
			word += "\t" + safe(about)
		}
		words = append(words, word)
	}
	return words
}

func contactsThat(are ...p2pv1.ContactState) func(context.Context, *api.Client, []string) ([]name, error) {
	return func(ctx context.Context, c *api.Client, _ []string) (all []name, err error) {
		r, err := c.ListContacts(ctx, request(&p2pv1.ListContactsRequest{}))
		if err == nil {
			for _, k := range r.Msg.Contacts {
				if slices.Contains(are, k.State) {
					all = append(all, name{name: k.Name, id: k.Account})
				}
			}
		}
		return all, err
	}
}

func roomNames(ctx context.Context, c *api.Client, _ []string) (all []name, err error) {
	r, err := c.ListConversations(ctx, request(&p2pv1.ListConversationsRequest{}))
	if err == nil {
		for _, k := range r.Msg.Conversations {
			if !k.Direct && !k.Left {
				all = append(all, name{name: k.Name, id: k.Id})
			}
		}
	}
	return all, err
}

// memberNames returns who is in the room that stands before.
func memberNames(ctx context.Context, c *api.Client, before []string) (all []name, err error) {
	if len(before) == 0 {
		return nil, nil
	}
	r, err := c.ListConversations(ctx, request(&p2pv1.ListConversationsRequest{Where: before[0]}))
	if err == nil {
		for _, k := range r.Msg.Conversations {
			for _, m := range k.Members {
				all = append(all, name{name: m.Name, id: m.Account})
			}
		}
	}
	return all, err
}

// deviceNames returns the devices that can be revoked: neither this one nor those that are. A label that this one has too does not
// tell them apart.
func deviceNames(ctx context.Context, c *api.Client, _ []string) (all []name, err error) {
	r, err := c.ListDevices(ctx, request(&p2pv1.ListDevicesRequest{}))
	if err == nil {
		for _, d := range r.Msg.Devices {
			switch {
			case d.ThisOne:
				all = append(all, name{name: d.Label, not: true})
			case !d.Revoked:
				all = append(all, name{name: d.Label, id: d.Key})
			}
		}
	}
	return all, err
}

// fileMessages returns the messages whose files are in one of the states.
func fileMessages(are ...p2pv1.Transfer_State) func(context.Context, *api.Client, []string) ([]name, error) {
	return func(ctx context.Context, c *api.Client, _ []string) (all []name, err error) {
		r, err := c.ListTransfers(ctx, request(&p2pv1.ListTransfersRequest{Offers: true}))
		if err == nil {
			for _, t := range r.Msg.Transfers {
				if slices.Contains(are, t.State) {
					all = append(all, name{name: t.Message, about: t.File.GetName()})
				}
			}
		}
		return all, err
	}
}
