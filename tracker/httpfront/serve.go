package httpfront

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"go.uber.org/zap"
)

// Serve answers the connections of l until ctx ends, then finishes the requests
// at hand, closes l and returns nil. It is called once. With a listener whose
// connections are of crypto/tls it serves HTTPS; see Certificate.Listener.
func (f *Front) Serve(ctx context.Context, l net.Listener) error {
	base, cancel := context.WithCancel(context.WithoutCancel(ctx)) // requests outlive ctx
	defer cancel()
	f.handed = newHanded(l.Addr())
	httpEnded := make(chan struct{})
	go func() {
		defer close(httpEnded)
		_ = f.server.Serve(f.handed) // ends with ErrServerClosed, and only by Shutdown
	}()
	accepting, stopAccepting := context.WithCancel(ctx)
	defer stopAccepting()
	context.AfterFunc(accepting, func() { l.Close() })
	err := f.accept(ctx, base, l)
	stopAccepting()
	f.stop(base, cancel)
	<-httpEnded
	if ctx.Err() == nil {
		return fmt.Errorf("serve http: %w", err)
	}
	return nil
}

// accept starts a loop for each connection of l until ctx ends or l is closed.
func (f *Front) accept(ctx, base context.Context, l net.Listener) error {
	const longest = time.Second
	pause := time.Duration(0)
	for {
		if err := f.conns.reserve(ctx); err != nil {
			return err
		}
		nc, err := l.Accept()
		if err == nil {
			pause = 0
			if c := f.conns.add(nc); c != nil {
				f.conns.loops.Go(func() { f.serveConn(base, c) })
			}
			continue
		}
		f.conns.cancel()
		if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
			return err
		}
		// The process is out of files or of memory: better times may come, and
		// no tracker should end before them.
		pause = min(max(2*pause, 5*time.Millisecond), longest)
		f.log.Warn("accept http connection", zap.Error(err), zap.Duration("pause", pause))
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
}

// stop lets the connections end: idle ones at once, the others after the answer
// to what they have asked, all by force after stopTimeout. It returns when no
// connection is left.
func (f *Front) stop(base context.Context, cancel context.CancelFunc) {
	f.stopping.Store(true)
	f.conns.nudge(everyone)
	limit, release := context.WithTimeout(base, stopTimeout)
	defer release()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		f.conns.loops.Wait()
	}()
	// Loops end before net/http does, for they may hand a connection over.
	select {
	case <-ended:
	case <-limit.Done():
		f.conns.closeAll()
	}
	if f.server.Shutdown(limit) != nil {
		_ = f.server.Close() // somebody does not read the answer
	}
	cancel() // for requests that wait for something else than their connection
	<-ended
}
