package main

import (
	"context"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
)

// What a script does with messages that are there already: the same as the terminal.

func (a *app) chatEditCommand(p *profileFlags) *cobra.Command {
	var despite []string
	cmd := &cobra.Command{
		Use: "edit MESSAGE TEXT|-", Short: a.text.Say("chat.edit.short"),
		Example: "p2p chat edit 5f3c... 'at nine, not at ten'", Args: a.these("MESSAGE TEXT|-", 2, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			said, err := a.messageInput(args[1:])
			if err != nil {
				return err
			}
			return a.withNode(cmd, p, func(ctx context.Context, c *api.Client) error {
				r, err := c.Edit(ctx, request(&p2pv1.EditRequest{Message: args[0], Text: said, Despite: despite}))
				if err != nil {
					return err
				}
				return a.altered("chat.edit.done", "message", r.Msg.Message)
			})
		},
	}
	cmd.Flags().StringArrayVar(&despite, "despite", nil, a.text.Say("chat.send.despite"))
	return cmd
}

func (a *app) chatDeleteCommand(p *profileFlags) *cobra.Command {
	return &cobra.Command{
		Use: "delete MESSAGE", Short: a.text.Say("chat.delete.short"), Long: a.text.Say("chat.delete.long"),
		Example: "p2p chat delete 5f3c...", Args: a.one("MESSAGE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withNode(cmd, p, func(ctx context.Context, c *api.Client) error {
				r, err := c.Delete(ctx, request(&p2pv1.DeleteRequest{Message: args[0]}))
				if err != nil {
					return err
				}
				return a.altered("chat.delete.done", "deleted", r.Msg)
			})
		},
	}
}

func (a *app) chatReactCommand(p *profileFlags) *cobra.Command {
	var undo bool
	cmd := &cobra.Command{
		Use: "react MESSAGE EMOJI", Short: a.text.Say("chat.react.short"),
		Example: "p2p chat react 5f3c... 👍\np2p chat react --undo 5f3c... 👍", Args: a.these("MESSAGE EMOJI", 2, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withNode(cmd, p, func(ctx context.Context, c *api.Client) error {
				r, err := c.React(ctx, request(&p2pv1.ReactRequest{Message: args[0], Emoji: args[1], TakeBack: undo}))
				if err != nil {
					return err
				}
				return a.altered("chat.reacted", "message", r.Msg.Message)
			})
		},
	}
	cmd.Flags().BoolVar(&undo, "undo", false, a.text.Say("chat.react.undo"))
	return cmd
}

func (a *app) chatReadCommand(p *profileFlags) *cobra.Command {
	return &cobra.Command{
		Use: "read WHERE [MESSAGE]", Short: a.text.Say("chat.read.short"), Long: a.text.Say("chat.read.long"),
		Example: "p2p chat log lab && p2p chat read lab", Args: a.these("WHERE [MESSAGE]", 1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withNode(cmd, p, func(ctx context.Context, c *api.Client) error {
				r, err := c.MarkRead(ctx, request(&p2pv1.MarkReadRequest{Where: args[0], Message: append(args, "")[1]}))
				if err != nil {
					return err
				}
				return a.altered("chat.read.done", "read", r.Msg)
			})
		},
	}
}

// altered says what was done.
func (a *app) altered(key, kind string, m proto.Message) error {
	if a.globals.json {
		return a.emitMessage(kind, m)
	}
	a.say(key)
	return nil
}
