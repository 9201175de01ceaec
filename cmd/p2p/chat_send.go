package main

import (
	"context"
	"crypto/rand"
	"io"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
)

// maxInput is the most that is read of a message, in bytes; the node's own limit is lower, and it says so.
const maxInput = 512 << 10

func (a *app) chatSendCommand(p *profileFlags) *cobra.Command {
	var file, reply string
	var despite []string
	cmd := &cobra.Command{
		Use: "send WHERE [TEXT|-]", Short: a.text.Say("chat.send.short"), Long: a.text.Say("chat.send.long"),
		Example: "p2p chat send bob 'hello'\nuptime | p2p chat send lab -\np2p chat send bob --file photos 'from the weekend'",
		Args:    a.these("WHERE [TEXT|-]", 1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			said, err := a.messageInput(args[1:])
			if err != nil {
				return err
			}
			switch {
			case file == "" && said == "":
				return a.usage("usage.chat_send")
			case file != "" && reply != "":
				return a.usage("usage.chat_send_reply")
			}
			return a.withNode(cmd, p, func(ctx context.Context, c *api.Client) error {
				m, err := send(ctx, c, args[0], said, file, reply, despite)
				if err != nil {
					return err
				}
				if a.globals.json {
					return a.emitMessage("message", m)
				}
				a.say("chat.sent", m.Id)
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&file, "file", "", a.text.Say("chat.send.file"))
	cmd.Flags().StringVar(&reply, "reply", "", a.text.Say("chat.send.reply"))
	cmd.Flags().StringArrayVar(&despite, "despite", nil, a.text.Say("chat.send.despite"))
	return cmd
}

// messageInput returns the text of a message: an argument, or what stdin has for "-".
func (a *app) messageInput(args []string) (string, error) {
	if len(args) == 0 || args[0] != "-" {
		return append(args, "")[0], nil
	}
	b, err := io.ReadAll(io.LimitReader(a.in, maxInput+1))
	if err != nil {
		return "", err
	}
	if len(b) > maxInput {
		return "", a.usage("usage.chat_send_long", maxInput)
	}
	if !utf8.Valid(b) {
		return "", a.usage("usage.chat_send_bytes")
	}
	return strings.TrimRight(string(b), "\r\n"), nil // as what a shell puts into a variable
}

// send sends a text, or offers a file with it.
func send(ctx context.Context, c *api.Client, where, said, file, reply string, despite []string) (*p2pv1.Message, error) {
	if file == "" {
		// The key makes it one message, however often the request arrives.
		r, err := c.Send(ctx, request(&p2pv1.SendRequest{Where: where, Text: said, ReplyTo: reply, Key: rand.Text(), Despite: despite}))
		if err != nil {
			return nil, err
		}
		return r.Msg.Message, nil
	}
	path, err := filepath.Abs(file) // the node stands in another folder
	if err != nil {
		return nil, err
	}
	r, err := c.Offer(ctx, request(&p2pv1.OfferRequest{Where: where, Path: path, Text: said, Despite: despite}))
	if err != nil {
		return nil, err
	}
	return r.Msg.Message, nil
}
