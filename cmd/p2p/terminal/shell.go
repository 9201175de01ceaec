package terminal

import (
	"context"
	"crypto/rand"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"
	"google.golang.org/protobuf/proto"

	"p2p/cmd/p2p/api/p2pv1"
)

// callTime is how long a request may take, with the start of a node before it; offering a folder hashes it first.
const (
	callTime  = time.Minute
	offerTime = 24 * time.Hour
)

// call does a request and returns the answer.
func call(ctx context.Context, w *way, r request) answer {
	limit := callTime
	if offer, ok := r.ask.(*p2pv1.OfferRequest); ok {
		limit, offer.Path = offerTime, pathOf(offer.Path)
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	got, err := w.ask(ctx, r.ask)
	return answer{r, got, err}
}

// ordered are requests of which the later must not overtake the earlier: a text ends the typing before it.
func ordered(m proto.Message) bool {
	switch m.(type) {
	case *p2pv1.TypingRequest, *p2pv1.MarkReadRequest, *p2pv1.SendRequest:
		return true
	}
	return false
}

// leavesSheet reports whether a request makes a text that was typed somebody else's: killed before it is kept as that, it would be
// written once more.
func leavesSheet(m proto.Message) bool {
	switch m.(type) {
	case *p2pv1.SendRequest, *p2pv1.EditRequest, *p2pv1.SaveDraftRequest:
		return true
	}
	return false
}

// sequence returns the control sequence that notifies the desktop, and the bell.
func (r ring) sequence(o Options) string {
	var b strings.Builder
	title, body := strings.ReplaceAll(clean(r.title), ";", ","), clean(r.body)
	switch o.Notify {
	case NotifyOSC9:
		b.WriteString(ansi.Notify(title + ": " + body))
	case NotifyOSC777:
		b.WriteString("\x1b]777;notify;" + title + ";" + body + "\x07")
	}
	if o.Bell {
		b.WriteByte('\a')
	}
	return b.String()
}

func randomKey() string { return rand.Text() }
