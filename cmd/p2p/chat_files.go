package main

import (
	"cmp"
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
	rows := [][]string{{a.text.Say("transfer.head.message"), a.text.Say("transfer.head.done"), a.text.Say("transfer.head.state"), a.text.Say("transfer.head.file")}}
	var notes []string
	for _, t := range all {
		if a.globals.json {
			if err := a.emitMessage("transfer", t); err != nil {
				return err
			}
			continue
		}
		rows = append(rows, []string{cmp.Or(t.Message[:min(len(t.Message), messageShown)], "-"), units.FormatOf(t.Done, t.File.GetSize()), a.transferState(t.State), text.Printable(t.File.GetName())})
		notes = append(notes, a.transferNote(t))
	}
	return a.printList("transfer.none", fitting(rows, notes), nil)
}

const (
	tableWidth   = 80 // cells: one long name would leave no line of a wider table whole
	noteIndent   = "    "
	messageShown = 12 // digits of an id, of which a command needs only the first that no other has
)

// fitting returns a table of which the last column is cut to what the others leave it, in the middle: a name ends with what it is. Under each
// row that has one stands its note.
func fitting(rows [][]string, notes []string) (all [][]string) {
	left := tableWidth
	for column := range rows[0][:len(rows[0])-1] {
		width := 0
		for _, row := range rows {
			width = max(width, progress.Width(row[column]))
		}
		left -= width + 2
	}
	for i, row := range rows {
		last := len(row) - 1
		row[last] = progress.Shorten(row[last], left)
		if all = append(all, row); i > 0 && notes[i-1] != "" {
			for _, line := range progress.Wrap(notes[i-1], tableWidth-len(noteIndent)) {
				all = append(all, []string{noteIndent + line})
			}
		}
	}
	return all
}

// transferState returns the state of a transfer for people.
func (a *app) transferState(s p2pv1.Transfer_State) string {
	key := map[p2pv1.Transfer_State]string{
		p2pv1.Transfer_STATE_HASHING: "transfer.hashing", p2pv1.Transfer_STATE_SHARING: "transfer.sharing",
		p2pv1.Transfer_STATE_WAITING: "transfer.waiting", p2pv1.Transfer_STATE_DOWNLOADING: "transfer.downloading",
		p2pv1.Transfer_STATE_DONE: "transfer.done", p2pv1.Transfer_STATE_FAILED: "transfer.failed",
		p2pv1.Transfer_STATE_CANCELLED: "transfer.cancelled", p2pv1.Transfer_STATE_CHECKING: "transfer.checking",
		p2pv1.Transfer_STATE_GONE: "transfer.gone", p2pv1.Transfer_STATE_OFFERED: "transfer.offered",
		p2pv1.Transfer_STATE_FINISHING: "transfer.finishing",
	}[s]
	if key == "" {
		return "-"
	}
	return a.text.Say(key)
}

// transferNote returns what else there is to say of a transfer, or "".
func (a *app) transferNote(t *p2pv1.Transfer) string {
	note := api.ExplainProblem(a.text, t.Problem)
	switch {
	case t.State == p2pv1.Transfer_STATE_HASHING:
		return safe(t.Path) // by which it can be called off: no message names it
	case t.State == p2pv1.Transfer_STATE_FINISHING:
		return a.text.Count("progress.finishing", int(t.File.GetFiles()), int(t.FilesDone))
	case note == "" && t.State == p2pv1.Transfer_STATE_WAITING:
		return a.text.Say("transfer.waits")
	case note == "" && t.DownRate+t.UpRate > 0:
		return units.FormatRates(t.DownRate, t.UpRate)
	}
	return note
}
