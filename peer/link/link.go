package link

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"p2p/peer/wire"
	"p2p/piece"
)

// ErrSlow ends the connection of a peer that lets our messages lie.
var ErrSlow = errors.New("the peer does not read what we send")

// Config is what a Link joins.
type Config struct {
	Conn   net.Conn // the Link closes it
	Key    piece.PeerKey
	Layout piece.Layout // zero = not known; then no block may come
	// ReadAt fills p from offset off of the torrent. The write goroutine calls
	// it just before it sends.
	ReadAt   func(p []byte, off int64) error
	Inbox    chan<- *Batch // of the loop
	Down, Up *Limiter
	// Payloads is memory for blocks on their way out; nil has no bound.
	Payloads *Payloads
	// People says that somebody at the other end may wait for our words: few blocks
	// are written at once, and little lies unsent in the kernel, so that what is
	// urgent passes them.
	People bool
}

// Link is one connection. Its methods never block and are called by the loop.
type Link struct {
	cfg      Config
	ctx      context.Context // the life of the connection; it is what its goroutines wait with
	cancel   context.CancelCauseFunc
	outbox   *outbox
	expected expected
	begin    time.Time
	writing  atomic.Int64 // when the write that is under way began, in ns since begin; 0 = there is none
}

// Start starts the two goroutines of a connection and counts them in wg. When
// the connection ends, for whatever reason, the last thing that the loop gets
// of it is a Batch with the reason, unless ctx has ended before.
func Start(ctx context.Context, cfg Config, wg *sync.WaitGroup) *Link {
	l := &Link{cfg: cfg, outbox: newOutbox(), begin: time.Now()}
	l.ctx, l.cancel = context.WithCancelCause(ctx)
	socket := bottom(cfg.Conn)
	if cfg.People {
		keepLittleUnsent(socket)
	}
	context.AfterFunc(l.ctx, func() {
		socket.Close()
		l.outbox.close()
	})
	writing := make(chan struct{})
	wr := &writer{link: l}
	wg.Go(func() {
		defer close(writing)
		err := wr.run()
		if half, ok := socket.(interface{ CloseWrite() error }); ok && l.outbox.isEnding() && half.CloseWrite() == nil {
			return // the other end reads all of it, and closes
		}
		l.Close(fmt.Errorf("write: %w", err))
	})
	wg.Go(func() {
		rd := newReader(l)
		l.Close(fmt.Errorf("read: %w", rd.run()))
		<-writing
		socket.Close()
		last := rd.last()
		last.Items = append(last.Items, wr.unsaid...)
		last.Err = context.Cause(l.ctx)
		select {
		case cfg.Inbox <- last:
		case <-ctx.Done():
		}
	})
	return l
}

// Refuse closes a connection of which nothing becomes, and never waits.
func Refuse(conn net.Conn) { bottom(conn).Close() }

// bottom returns the connection that all others lie in. It is the one to close: TLS
// would say good-bye first, and wait for seconds for a peer that does not read. Our
// frames have lengths, so nobody takes a broken end for a whole message.
func bottom(conn net.Conn) net.Conn {
	for {
		above, ok := conn.(interface{ NetConn() net.Conn })
		if !ok {
			return conn
		}
		conn = above.NetConn()
	}
}

// post hands a batch to the loop.
func (l *Link) post(b *Batch) error {
	select {
	case l.cfg.Inbox <- b:
		return nil
	case <-l.ctx.Done():
		return context.Cause(l.ctx)
	}
}

// Send queues a message. Its Payload is copied.
func (l *Link) Send(class Class, m wire.Message) {
	if !l.outbox.send(class, m) {
		l.Close(ErrSlow)
	}
}

// Offer queues a message that can wait; its Payload is copied. False means that
// so much lies there unread that it was not queued; the connection goes on.
func (l *Link) Offer(class Class, m wire.Message) bool { return l.outbox.offer(class, m) }

// Expect makes ready the place of a block and queues the request for it.
func (l *Link) Expect(b piece.Block, p Place) {
	l.expected.add(b, p)
	l.Send(Control, wire.Message{ID: wire.Request, Index: b.Piece.Uint32(), Begin: b.Begin, Length: b.Length})
}

// Forget takes an expectation back. A block that still comes is dropped.
func (l *Link) Forget(b piece.Block) { l.expected.forget(b) }

// Serve queues a block, behind all messages.
func (l *Link) Serve(b piece.Block) { l.outbox.serve(b) }

// partWait is how long the other end may take to read our last words.
const partWait = 3 * time.Second

// Part is Close for who has said something that the other end is to hear: the connection ends when all that was queued
// before is written and the other end has closed it too, in partWait at the latest. If it ended at once, the kernel
// would throw away what the other end has not taken yet.
func (l *Link) Part(why error) {
	l.expected.forgetAll()
	l.outbox.end()
	late := time.AfterFunc(partWait, func() { l.Close(why) })
	context.AfterFunc(l.ctx, func() { late.Stop() })
}

// Close ends the connection and takes all expectations back: once it has
// returned, the reader claims no place any more. The first reason counts.
func (l *Link) Close(why error) {
	l.cancel(why)
	l.expected.forgetAll()
}
