package main

import (
	"cmp"
	"context"
	"io"
	"path/filepath"
	"time"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
	"p2p/cmd/p2p/progress"
)

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
				what := &p2pv1.AcceptRequest{Message: args[0], Folder: folder}
				if wait {
					w := acceptance{app: a, what: what, begin: time.Now()}
					return w.see(ctx, c, func() (*api.Client, error) { return a.attach(ctx, p) })
				}
				r, err := c.Accept(ctx, request(what))
				if err != nil {
					return err
				}
				return a.begun(r.Msg.Transfer)
			})
		},
	}
	cmd.Flags().StringVarP(&folder, "out", "o", "", a.text.Say("chat.accept.out"))
	cmd.Flags().BoolVar(&wait, "wait", false, a.text.Say("chat.accept.wait"))
	return cmd
}

// begun says where a download goes that nobody waits for.
func (a *app) begun(t *p2pv1.Transfer) error {
	if ended(t.State) {
		return a.transferEnd(t)
	}
	if a.globals.json {
		return a.emitMessage("transfer", t)
	}
	a.say("chat.accept.begun", safe(t.Path))
	return nil
}

// acceptance is a download that somebody waits for.
type acceptance struct {
	app   *app
	what  *p2pv1.AcceptRequest
	begin time.Time
	why   string // nothing comes
	said  string // of that
}

// A node that dies is started again, and goes on with what it had; but not one that does so at once, time and again.
const (
	nodesMost = 5
	nodeLives = 10 * time.Second
	nodeDying = 200 * time.Millisecond // who asks it meanwhile finds a door that closes
)

// see stays until the download has ended, whatever becomes of the node meanwhile.
func (w *acceptance) see(ctx context.Context, c *api.Client, again func() (*api.Client, error)) error {
	begin := time.Now()
	err := w.through(ctx, c)
	for short := 1; api.Gone(err) && ctx.Err() == nil && short < nodesMost; short++ {
		if time.Since(begin) >= nodeLives {
			short = 1
		}
		w.app.say("chat.link.starting")
		if !pause(ctx, nodeDying) {
			return context.Cause(ctx)
		}
		begin = time.Now()
		if c, err = again(); err == nil {
			err = w.through(ctx, c)
			c.Close()
		}
	}
	return err
}

// errStreamEnds is a stream of events that ends without a reason: its node does.
var errStreamEnds = connect.NewError(connect.CodeUnavailable, io.EOF)

// through asks one node for the download, and follows what it tells.
func (w *acceptance) through(ctx context.Context, c *api.Client) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := c.Events(ctx, request(&p2pv1.EventsRequest{})) // from before it begins, so that its end is not missed
	if err != nil {
		return err
	}
	if !stream.Receive() {
		return cmp.Or(stream.Err(), error(errStreamEnds))
	}
	told := make(chan *p2pv1.Transfer)
	lost := make(chan error, 1)
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		for stream.Receive() {
			select {
			case told <- stream.Msg().GetTransfer(): // nil, if it is of something else
			case <-ctx.Done():
			}
		}
		lost <- cmp.Or(stream.Err(), error(errStreamEnds))
		stream.Close()
	}()
	defer func() {
		cancel()
		<-closed
	}()
	r, err := c.Accept(ctx, request(w.what))
	if err != nil {
		return err
	}
	return w.follow(r.Msg.Transfer, told, lost)
}

// firstWords is how long nothing may come of a download before it is said why: the first second needs no words.
const firstWords = time.Second

// follow shows how a download stands, until it or the stream of events has ended.
func (w *acceptance) follow(t *p2pv1.Transfer, told <-chan *p2pv1.Transfer, lost <-chan error) error {
	late := time.NewTimer(firstWords)
	defer late.Stop()
	for shown := (*p2pv1.Transfer)(nil); ; {
		if ended(t.State) {
			return w.app.transferEnd(t)
		}
		if t != shown {
			if err := w.show(t); err != nil {
				return err
			}
			shown = t
		}
		if why := w.app.waitsFor(t); why != w.why {
			w.why = why
			late.Reset(firstWords)
		}
		select {
		case next := <-told:
			before := next.GetState() == p2pv1.Transfer_STATE_DONE && !exists(next.Path) // it was accepted again
			if next.GetMessage() != t.Message || before {
				continue
			}
			t = next
		case err := <-lost:
			return err
		case <-late.C:
			if w.why != "" && w.why != w.said {
				w.app.say("chat.accept.waits", w.why)
			}
			w.said = w.why
		}
	}
}

// waitsFor says why nothing comes of a download, "" if something does.
func (a *app) waitsFor(t *p2pv1.Transfer) string {
	if t.State != p2pv1.Transfer_STATE_WAITING {
		return ""
	}
	return api.ExplainProblem(a.text, t.Problem)
}

// show says how a download stands.
func (w *acceptance) show(t *p2pv1.Transfer) error {
	if w.app.globals.json {
		return w.app.emitMessage("transfer", t)
	}
	state := progress.Downloading
	switch t.State {
	case p2pv1.Transfer_STATE_CHECKING:
		state = progress.Checking
	case p2pv1.Transfer_STATE_FINISHING:
		state = progress.Finishing
	}
	w.app.display.Show(time.Now(), progress.Snapshot{
		Verb: "accept", Name: t.File.GetName(), State: state, Done: t.Done, Total: t.File.GetSize(), Down: t.DownRate, Up: t.UpRate,
		Peers: int(t.Sources), Seeds: int(t.Sources), FilesDone: int(t.FilesDone), Files: int(t.File.GetFiles()), Elapsed: time.Since(w.begin),
	})
	return nil
}

// ended reports whether a download is over.
func ended(s p2pv1.Transfer_State) bool {
	switch s {
	case p2pv1.Transfer_STATE_DONE, p2pv1.Transfer_STATE_SHARING, p2pv1.Transfer_STATE_FAILED, p2pv1.Transfer_STATE_CANCELLED, p2pv1.Transfer_STATE_GONE:
		return true
	}
	return false
}

// transferEnd says how a download has ended. No path is printed at which there is nothing.
func (a *app) transferEnd(t *p2pv1.Transfer) error {
	if err := a.emitMessage("transfer", t); err != nil {
		return err
	}
	a.display.Clear()
	switch t.State {
	case p2pv1.Transfer_STATE_FAILED:
		return a.fail(reasonCode(t.Problem, exitOther), "transfer.has_failed", api.ExplainProblem(a.text, t.Problem))
	case p2pv1.Transfer_STATE_CANCELLED:
		return a.fail(exitUnfinished, "transfer.was_cancelled")
	case p2pv1.Transfer_STATE_GONE:
		return a.fail(exitNotFound, "transfer.is_gone", safe(t.Path), api.ExplainProblem(a.text, t.Problem))
	}
	if !exists(t.Path) {
		return a.fail(exitNotFound, "transfer.is_gone", safe(t.Path), a.text.Say("problem.file_gone"))
	}
	if !a.globals.json {
		_, err := a.out.Write([]byte(safe(t.Path) + "\n"))
		return err
	}
	return nil
}
