package terminal

import (
	"context"
	"errors"
	"net"
	"sync"

	"google.golang.org/protobuf/proto"

	"p2p/cmd/p2p/api/p2pv1"
	"p2p/cmd/p2p/api/p2pv1/p2pv1connect"
)

// way is the way to the node: the client of the moment, and how to get another one when the node is gone. Any goroutine
// may use it.
type way struct {
	attach func(context.Context) (p2pv1connect.PeopleClient, error) // nil: nobody starts a node
	wanted chan struct{}                                            // holds one when the person needs the node

	starting sync.Mutex // held by who attaches: of many that need the node, one starts it; before mu
	mu       sync.Mutex
	client   p2pv1connect.PeopleClient
}

func newWay(o Options) *way {
	return &way{attach: o.Attach, client: o.Client, wanted: make(chan struct{}, 1)}
}

// node returns the client of the moment.
func (w *way) node() p2pv1connect.PeopleClient {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.client
}

// want says that the person needs the node: it is started, if that is possible, and asked at once.
func (w *way) want() {
	select {
	case w.wanted <- struct{}{}:
	default:
	}
}

// had takes back what want has said.
func (w *way) had() {
	select {
	case <-w.wanted:
	default:
	}
}

// restore finds the node that runs, or starts one.
func (w *way) restore(ctx context.Context) error {
	w.starting.Lock()
	defer w.starting.Unlock()
	c, err := w.attach(ctx)
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.client = c
	return nil
}

// ask asks the node. For what the person wants of it, a node that is gone is started: nothing was asked then, so nothing is
// asked twice.
func (w *way) ask(ctx context.Context, r proto.Message) (proto.Message, error) {
	got, err := ask(ctx, w.node(), r)
	if w.attach == nil || !gone(err) || !wantedOf(r) {
		return got, err
	}
	if err := w.restore(ctx); err != nil {
		return nil, err
	}
	w.want() // so that its events come too
	return ask(ctx, w.node(), r)
}

// gone reports whether an error says that no node was there to be asked.
func gone(err error) bool {
	e, ok := errors.AsType[*net.OpError](err)
	return ok && e.Op == "dial"
}

// wantedOf reports whether a request is the person's, and not one that the program makes by itself.
func wantedOf(r proto.Message) bool {
	switch r := r.(type) {
	case *p2pv1.TypingRequest, *p2pv1.MarkReadRequest, *p2pv1.SaveDraftRequest, *p2pv1.ListTransfersRequest, *p2pv1.ListContactsRequest, *p2pv1.ListMessagesRequest, *p2pv1.WhoamiRequest:
		return false
	case *p2pv1.ListConversationsRequest:
		return r.GetWhere() != ""
	}
	return true
}
