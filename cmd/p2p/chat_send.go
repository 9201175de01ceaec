package main

import (
	"context"
	"crypto/rand"
	"io"
	"strings"
	"unicode/utf8"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
)

// maxInput is the most that is read of a message, in bytes; the node's own limit is lower, and it says so.
const maxInput = 512 << 10

func (a *app) chatSendCommand(p *profileFlags) *cobra.Command {
	var file, reply, key string
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
			case key == "" && cmd.Flags().Changed("id"): // a variable of a script that is not set
				return a.usage("usage.chat_send_id")
			case key == "":
				key = rand.Text()
			}
			return a.withNode(cmd, p, func(ctx context.Context, c *api.Client) error {
				return a.once(ctx, c, p, key, func(c *api.Client) error {
					if file != "" {
						return a.offer(ctx, c, &p2pv1.OfferRequest{Where: args[0], Path: file, Text: said, Despite: despite, Key: key})
					}
					r, err := c.Send(ctx, request(&p2pv1.SendRequest{Where: args[0], Text: said, ReplyTo: reply, Key: key, Despite: despite}))
					if err != nil {
						return err
					}
					return a.sent(r.Msg.Message)
				})
			})
		},
	}
	cmd.Flags().StringVar(&file, "file", "", a.text.Say("chat.send.file"))
	cmd.Flags().StringVar(&reply, "reply", "", a.text.Say("chat.send.reply"))
	cmd.Flags().StringVar(&key, "id", "", a.text.Say("chat.send.id"))
	cmd.Flags().StringArrayVar(&despite, "despite", nil, a.text.Say("chat.send.despite"))
	return cmd
}

// once sends what a node sends once under a key, however often it is asked to. When the node dies before it has answered, another one
// is asked; without any answer only who repeats it with that key can know that it is sent once.
func (a *app) once(ctx context.Context, c *api.Client, p *profileFlags, key string, send func(*api.Client) error) error {
	err := send(c)
	if !api.Gone(err) || ctx.Err() != nil {
		return err
	}
	if c, err = a.attach(ctx, p); err == nil {
		err = send(c)
		c.Close()
	}
	if err != nil && api.ReasonOf(err) == nil && ctx.Err() == nil {
		return api.Fail(connect.CodeUnavailable, api.OutcomeUnknown, "id", key)
	}
	return err
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

// sent says that a message is on its way.
func (a *app) sent(m *p2pv1.Message) error {
	if a.globals.json {
		return a.emitMessage("message", m)
	}
	a.say("chat.sent", m.Id)
	return nil
}
