package main

import (
	"context"

	"github.com/spf13/cobra"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
	"p2p/cmd/p2p/progress"
	"p2p/cmd/p2p/text"
	"p2p/cmd/p2p/units"
)

// fileText returns what is offered, for people.
func (a *app) fileText(f *p2pv1.File) string {
	if f.Folder {
		return a.text.Say("message.offers_folder", safe(f.Name), a.text.Count("count.files", int(f.Files)), units.FormatBytes(f.Size))
	}
	return a.text.Say("message.offers", safe(f.Name), units.FormatBytes(f.Size))
}

func (a *app) chatFilesCommand(p *profileFlags) *cobra.Command {
	return &cobra.Command{
		Use: "files", Short: a.text.Say("chat.files.short"), Example: "p2p chat files\np2p chat files -j | jq -r 'select(.state==\"offered\").message'", Args: a.none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withNode(cmd, p, func(ctx context.Context, c *api.Client) error {
				r, err := c.ListTransfers(ctx, request(&p2pv1.ListTransfersRequest{Offers: true}))
				if err != nil {
					return err
				}
				return a.printTransfers(r.Msg.Transfers)
			})
		},
	}
}

func (a *app) printTransfers(all []*p2pv1.Transfer) error {
	rows := [][]string{{a.text.Say("transfer.head.file"), a.text.Say("transfer.head.done"), a.text.Say("transfer.head.state"), "", a.text.Say("transfer.head.message")}}
	for _, t := range all {
		if a.globals.json {
			if err := a.emitMessage("transfer", t); err != nil {
				return err
			}
			continue
		}
		note := api.ExplainProblem(a.text, t.Problem)
		if note == "" && t.DownRate+t.UpRate > 0 {
			note = units.FormatRates(t.DownRate, t.UpRate)
		}
		rows = append(rows, []string{progress.Shorten(text.Printable(t.File.GetName()), fileNameShown), units.FormatOf(t.Done, t.File.GetSize()), a.transferState(t.State), note, t.Message[:min(len(t.Message), messageShown)]})
	}
	return a.printList("transfer.none", rows, nil)
}

// The widest that the table of files shows: one long name would leave no line of it whole.
const (
	fileNameShown = 32 // cells
	messageShown  = 12 // digits of an id, of which accept needs only the first that no other has
)

// transferState returns the state of a transfer for people.
func (a *app) transferState(s p2pv1.Transfer_State) string {
	key := map[p2pv1.Transfer_State]string{
		p2pv1.Transfer_STATE_HASHING: "transfer.hashing", p2pv1.Transfer_STATE_SHARING: "transfer.sharing",
		p2pv1.Transfer_STATE_WAITING: "transfer.waiting", p2pv1.Transfer_STATE_DOWNLOADING: "transfer.downloading",
		p2pv1.Transfer_STATE_DONE: "transfer.done", p2pv1.Transfer_STATE_FAILED: "transfer.failed",
		p2pv1.Transfer_STATE_CANCELLED: "transfer.cancelled", p2pv1.Transfer_STATE_CHECKING: "transfer.checking",
		p2pv1.Transfer_STATE_GONE: "transfer.gone", p2pv1.Transfer_STATE_OFFERED: "transfer.offered",
	}[s]
	if key == "" {
		return "-"
	}
	return a.text.Say(key)
}
