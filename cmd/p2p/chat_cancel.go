package main

import (
	"context"

	"github.com/spf13/cobra"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
)

func (a *app) chatCancelCommand(p *profileFlags) *cobra.Command {
	return &cobra.Command{
		Use: "cancel MESSAGE", Short: a.text.Say("chat.cancel.short"), Long: a.text.Say("chat.cancel.long"),
		Example: "p2p chat cancel 5f3c...\np2p chat files -j | jq -r 'select(.state==\"waiting\").message' | xargs -n 1 p2p chat cancel",
		Args:    a.one("MESSAGE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withNode(cmd, p, func(ctx context.Context, c *api.Client) error {
				r, err := c.Cancel(ctx, request(&p2pv1.CancelRequest{Message: args[0]}))
				if err != nil {
					return err
				}
				return a.printCancelled(r.Msg)
			})
		},
	}
}

// lying returns where what there is of a transfer lies, "" if nothing is there.
func lying(t *p2pv1.Transfer) string {
	for _, path := range []string{t.Path, t.Path + ".part"} {
		if t.Path != "" && exists(path) {
			return path
		}
	}
	return ""
}

// printCancelled says what became of a transfer: that there was none is what was wanted, too.
func (a *app) printCancelled(r *p2pv1.CancelResponse) error {
	if a.globals.json {
		return a.emitMessage("cancelled", r)
	}
	if t := r.Transfer; t != nil {
		why, over := "", t.Problem.GetKey() == api.OfferBack
		if over {
			why, _ = api.ExplainReason(a.text, t.Problem)
		}
		switch {
		case over:
			a.say("chat.cancelled.over", safe(t.File.GetName()), why)
		case t.File.GetTakenBack():
			a.say("chat.cancelled.back", safe(t.File.GetName()))
		default:
			a.say("chat.cancelled", safe(t.File.GetName()))
		}
		if !over && t.Problem != nil {
			why, _ = api.ExplainReason(a.text, t.Problem)
			a.say("chat.cancelled.untold", why)
		}
		switch at := lying(t); {
		case at == "":
		case over:
			a.say("chat.cancelled.rest", safe(at))
		case t.Done < t.File.GetSize():
			a.say("chat.cancelled.part", safe(at))
		default:
			a.say("chat.cancelled.stays", safe(at))
		}
	} else {
		a.say("chat.cancel.nothing")
	}
	return nil
}
