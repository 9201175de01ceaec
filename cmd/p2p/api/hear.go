package api

import (
	"context"
	"errors"
	"sync"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	"p2p/cmd/p2p/api/p2pv1"
	"p2p/cmd/p2p/api/p2pv1/p2pv1connect"
)

// ErrSilent is the error of a node that is there and does not answer: it was stopped half-way, or its disk does not let it write.
var ErrSilent = errors.New("the node gives no sign of life")

const (
	signsMissed = 3               // by a node that hangs
	greetTime   = 6 * time.Second // for a node to begin a stream
)

// Hear tells the events of one stream, without the signs of life in between, until the stream ends or tell returns an error; it always returns one.
// When the node that was asked gives no sign of life any more it calls silent with true, and with false as soon as it
// gives one again: the stream goes on where it was, and nothing was lost. Of a node that has promised no signs, an older one, nothing is told
// after its Hello. All calls are made on the goroutine of the caller, one after the other; the time that they take counts for nothing.
func Hear(ctx context.Context, c p2pv1connect.PeopleClient, what *p2pv1.EventsRequest, tell func(*p2pv1.Event) error, silent func(bool) error) error {
	ctx, cancel := context.WithCancel(ctx)
	var reader sync.WaitGroup
	defer reader.Wait()
	defer cancel()
	what = proto.CloneOf(what)
	what.Signs = true
	events, ended := make(chan *p2pv1.Event), make(chan error, 1)
	reader.Go(func() { ended <- receive(ctx, c, what, events) })
	looks := time.NewTicker(lookEvery)
	defer looks.Stop()
	p := pulse{patience: greetTime, looked: time.Now()}
	for {
		var err error
		select {
		case e := <-events:
			if h := e.GetHello(); h != nil {
				p.patience = signsMissed * time.Duration(h.GetSignMillis()) * time.Millisecond
			}
			if p.heard() {
				err = silent(false)
			}
			if err == nil && e.GetWhat() != nil {
				err = tell(e)
			}
		case <-looks.C:
			if p.look(time.Now()) {
				err = silent(true)
			}
		case err = <-ended:
		}
		if err != nil {
			return err
		}
	}
}

// receive passes the events of a stream on until it ends; it always ends with an error.
func receive(ctx context.Context, c p2pv1connect.PeopleClient, what *p2pv1.EventsRequest, events chan<- *p2pv1.Event) error {
	s, err := c.Events(ctx, connect.NewRequest(what))
	if err != nil {
		return err
	}
	defer s.Close()
	for s.Receive() {
		select {
		case events <- s.Msg():
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if err := s.Err(); err != nil {
		return err
	}
	return errors.New("the node has ended the stream")
}

// lookEvery is how often it is looked whether something was heard.
const lookEvery = time.Second

// pulse notices that nothing is heard any more. It is pure.
type pulse struct {
	patience time.Duration // after which silence means something; 0: never
	looked   time.Time     // last
	quiet    time.Duration // since something was heard, as far as somebody was there to hear it
	silent   bool
}

// look reports whether it is now that silence has lasted too long. A look that comes late tells that this program
// was stopped itself, or busy: what came meanwhile is still to be read, and the silence was its own.
func (p *pulse) look(now time.Time) bool {
	since := now.Sub(p.looked)
	p.looked = now
	if since >= 2*lookEvery {
		p.quiet = 0
		return false
	}
	p.quiet += since
	if p.silent || p.patience == 0 || p.quiet <= p.patience {
		return false
	}
	p.silent = true
	return true
}

// heard reports whether silence has ended.
func (p *pulse) heard() bool {
	was := p.silent
	p.quiet, p.silent = 0, false
	return was
}
