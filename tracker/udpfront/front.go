package udpfront

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"go.uber.org/zap"

	"p2p/tracker"
)

const (
	// maxPacket is the longest request that is read whole, in bytes. It leaves
	// room for a long URL in the options of BEP 41.
	maxPacket = 2048
	// readErrors is how many reads may fail in a row before the loop takes a
	// breath of errorPause after each. A few are normal: some systems report
	// here that an earlier answer could not be delivered.
	readErrors = 100
	errorPause = 10 * time.Millisecond
	// lastPackets bounds what is answered after the end: more packets than
	// this the kernel has not held for us. Those that somebody goes on sending
	// do not keep us.
	lastPackets = 16384
)

// Options of a Front. The zero value is useful.
type Options struct {
	// Key is the secret of the connection ids, KeySize bytes; random when nil.
	// Fronts and trackers that share an address share it: an id from one is
	// then good at the others, and after a restart.
	Key []byte
	// Now is the clock; time.Now when nil.
	Now func() time.Time
	// Log gets what happens to the socket, never what clients send; none when nil.
	Log *zap.Logger
}

// Front serves one UDP socket. Its methods are not for several goroutines.
type Front struct {
	conn   *net.UDPConn
	socket socket
	handler
}

// New returns a Front that answers the packets of conn, which it closes when
// Serve returns. The buffers of conn stay as they are: whoever opened it may have
// given it more than this process could.
func New(conn *net.UDPConn, service *tracker.Service, o Options) (*Front, error) {
	h, err := newHandler(service, o)
	if err != nil {
		return nil, fmt.Errorf("serve udp: %w", err)
	}
	s, err := newSocket(conn)
	if err != nil {
		return nil, fmt.Errorf("serve udp: %w", err)
	}
	return &Front{conn: conn, socket: s, handler: *h}, nil
}

// Serve answers packets until ctx ends, then those that are already there, and
// returns nil. The only error is that somebody else closed the socket.
func (f *Front) Serve(ctx context.Context) error {
	defer f.conn.Close()
	// A deadline in the past, rather than Close, so that the answers to the
	// packets at hand still go out.
	woken := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		_ = f.conn.SetReadDeadline(time.Unix(1, 0))
		close(woken)
	})
	defer stop()
	// What has begun is finished, also while stopping.
	work := context.WithoutCancel(ctx)
	failures := 0
	for ctx.Err() == nil {
		messages, err := f.socket.receive()
		switch {
		case err == nil:
			failures = 0
			f.answer(work, messages)
		case ctx.Err() != nil:
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("serve udp: %w", err)
		default:
			f.log.Debug("read from the udp socket failed", zap.Error(err))
			if failures++; failures > readErrors {
				pause(ctx, errorPause)
			}
		}
	}
	<-woken // its deadline is not to end a read of finish
	f.finish(work)
	return nil
}

// answer answers messages. All of them count as arrived now: one look at the
// clock serves a whole batch.
func (f *Front) answer(ctx context.Context, messages []message) {
	now := f.now()
	for i := range messages {
		m := &messages[i]
		m.answer = f.handle(ctx, m.answer, request{m.packet, m.from, now})
	}
	dropped, err := f.socket.send(messages)
	if dropped > 0 {
		f.counters.Dropped.Add(uint64(dropped))
	}
	if err != nil {
		// Checked first: the field is garbage, and a link that is full makes many.
		if entry := f.log.Check(zap.DebugLevel, "write to the udp socket failed"); entry != nil {
			entry.Write(zap.Error(err))
		}
	}
}

// finish answers what the kernel has received for us before the socket closes.
func (f *Front) finish(ctx context.Context) {
	for left := lastPackets; left > 0; {
		messages, err := f.socket.poll()
		if err != nil || len(messages) == 0 {
			return
		}
		f.answer(ctx, messages)
		left -= len(messages)
	}
}

// pause waits for d or the end of ctx.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
