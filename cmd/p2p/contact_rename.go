package main

import (
	"context"

	"github.com/spf13/cobra"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
)

// contactRenameCommand gives a contact another name, which only this person sees.
func (a *app) contactRenameCommand(p *profileFlags) *cobra.Command {
	var none bool
	cmd := &cobra.Command{
		Use: "rename WHO [NAME]", Short: a.text.Say("contact.rename.short"), Long: a.text.Say("contact.rename.long"),
		Example: "p2p contact rename bob 'Bob from the market'\np2p contact rename bob --none", Args: a.these("WHO [NAME]", 1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			name := append(args, "")[1]
			if none == (name != "") {
				return a.usage("usage.contact_rename")
			}
			return a.withNode(cmd, p, func(ctx context.Context, c *api.Client) error {
				r, err := c.RenameContact(ctx, request(&p2pv1.RenameContactRequest{Who: args[0], Name: name}))
				if err != nil {
					return err
				}
				if a.globals.json {
					return a.emitMessage("contact", r.Msg.Contact)
				}
				a.say("contact.renamed", safe(r.Msg.Contact.GetName()))
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&none, "none", false, a.text.Say("contact.rename.none"))
	return cmd
}
