package api

import (
	"context"

	"connectrpc.com/connect"
)

// streams ends the streams that the node serves when stopping ends. A call with one answer is done soon, and
// may finish.
type streams struct{ stopping context.Context }

// WrapUnary implements connect.Interceptor.
func (streams) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc { return next }

// WrapStreamingClient implements connect.Interceptor.
func (streams) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return next
}

// WrapStreamingHandler implements connect.Interceptor.
func (s streams) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return func(ctx context.Context, conn connect.StreamingHandlerConn) error {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		stop := context.AfterFunc(s.stopping, cancel)
		defer stop()
		err := next(ctx, conn)
		if s.stopping.Err() != nil {
			return Fail(connect.CodeUnavailable, Stopping)
		}
		return err
	}
}
