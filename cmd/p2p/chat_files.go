package main

import (
	"context"
	"path/filepath"
	"time"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
	"p2p/cmd/p2p/progress"
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
		Use: "files", Short: a.text.Say("chat.files.short"), Example: "p2p chat files\np2p chat files -j | jq -r 'select(.state==\"waiting\").message'", Args: a.none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withNode(cmd, p, func(ctx context.Context, c *api.Client) error {
				r, err := c.ListTransfers(ctx, request(&p2pv1.ListTransfersRequest{}))
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
		rows = append(rows, []string{t.File.GetName(), units.FormatOf(t.Done, t.File.GetSize()), a.transferState(t.State), note, t.Message})
	}
	return a.printTable(rows)
}

// transferState returns the state of a transfer for people.
func (a *app) transferState(s p2pv1.Transfer_State) string {
	key := map[p2pv1.Transfer_State]string{
		p2pv1.Transfer_STATE_HASHING: "transfer.hashing", p2pv1.Transfer_STATE_SHARING: "transfer.sharing",
		p2pv1.Transfer_STATE_WAITING: "transfer.waiting", p2pv1.Transfer_STATE_DOWNLOADING: "transfer.downloading",
		p2pv1.Transfer_STATE_DONE: "transfer.done", p2pv1.Transfer_STATE_FAILED: "transfer.failed",
		p2pv1.Transfer_STATE_CANCELLED: "transfer.cancelled", p2pv1.Transfer_STATE_CHECKING: "transfer.checking",
		p2pv1.Transfer_STATE_GONE: "transfer.gone",
	}[s]
	if key == "" {
		return "-"
	}
	return a.text.Say(key)
}

func (a *app) chatAcceptCommand(p *profileFlags) *cobra.Command {
	var folder string
	var wait bool
	cmd := &cobra.Command{
		Use: "accept MESSAGE", Short: a.text.Say("chat.accept.short"), Long: a.text.Say("chat.accept.long"),
		Example: "p2p chat accept 5f3c... -o ~/Downloads --wait", Args: a.one("MESSAGE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if folder != "" {
				var err error
				if folder, err = filepath.Abs(folder); err != nil { // the node stands in another folder
					return err
				}
			}
			return a.withNode(cmd, p, func(ctx context.Context, c *api.Client) error {
				return a.accept(ctx, c, &p2pv1.AcceptRequest{Message: args[0], Folder: folder}, wait)
			})
		},
	}
	cmd.Flags().StringVarP(&folder, "out", "o", "", a.text.Say("chat.accept.out"))
	cmd.Flags().BoolVar(&wait, "wait", false, a.text.Say("chat.accept.wait"))
	return cmd
}

// accept downloads what a message offers, and stays until it is there if it is to wait.
func (a *app) accept(ctx context.Context, c *api.Client, what *p2pv1.AcceptRequest, wait bool) error {
	var stream *connect.ServerStreamForClient[p2pv1.Event]
	if wait { // from before it begins, so that its end is not missed
		var err error
		if stream, err = c.Events(ctx, request(&p2pv1.EventsRequest{})); err != nil {
			return err
		}
		defer stream.Close()
		if !stream.Receive() {
			return stream.Err()
		}
	}
	r, err := c.Accept(ctx, request(what))
	if err != nil {
		return err
	}
	t := r.Msg.Transfer
	begin := time.Now()
	for !ended(t.State) {
		if err := a.showTransfer(t, begin); err != nil {
			return err
		}
		if !wait {
			a.say("chat.accept.begun", safe(t.Path))
			return nil
		}
		if t, err = nextTransfer(stream, t.Message); err != nil {
			return err
		}
	}
	return a.transferEnd(t)
}

// nextTransfer waits for what is told next of the file that a message offers.
func nextTransfer(stream *connect.ServerStreamForClient[p2pv1.Event], message string) (*p2pv1.Transfer, error) {
	for stream.Receive() {
		if t := stream.Msg().GetTransfer(); t.GetMessage() == message {
			return t, nil
		}
	}
	return nil, stream.Err()
}

// ended reports whether a download is over.
func ended(s p2pv1.Transfer_State) bool {
	switch s {
	case p2pv1.Transfer_STATE_DONE, p2pv1.Transfer_STATE_SHARING, p2pv1.Transfer_STATE_FAILED, p2pv1.Transfer_STATE_CANCELLED, p2pv1.Transfer_STATE_GONE:
		return true
	}
	return false
}

// showTransfer says how a download stands.
func (a *app) showTransfer(t *p2pv1.Transfer, begin time.Time) error {
	if a.globals.json {
		return a.emitMessage("transfer", t)
	}
	state := progress.Downloading
	if t.State == p2pv1.Transfer_STATE_CHECKING {
		state = progress.Checking
	}
	a.display.Show(time.Now(), progress.Snapshot{
		Verb: "accept", Name: t.File.GetName(), State: state, Done: t.Done, Total: t.File.GetSize(), Down: t.DownRate, Up: t.UpRate,
		Peers: int(t.Sources), Seeds: int(t.Sources), Elapsed: time.Since(begin),
	})
	return nil
}

// transferEnd says how a download has ended.
func (a *app) transferEnd(t *p2pv1.Transfer) error {
	if err := a.emitMessage("transfer", t); err != nil {
		return err
	}
	a.display.Clear()
	switch t.State {
	case p2pv1.Transfer_STATE_FAILED:
		return a.fail(exitOther, "transfer.has_failed", api.ExplainProblem(a.text, t.Problem))
	case p2pv1.Transfer_STATE_CANCELLED:
		return a.fail(exitOther, "transfer.was_cancelled")
	case p2pv1.Transfer_STATE_GONE:
		return a.fail(exitNotFound, "transfer.is_gone", safe(t.Path), api.ExplainProblem(a.text, t.Problem))
	}
	if !a.globals.json {
		_, err := a.out.Write([]byte(safe(t.Path) + "\n"))
		return err
	}
	return nil
}
