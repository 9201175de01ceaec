package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"go.uber.org/zap"

	"p2p/cmd/p2p/control"
	"p2p/peer"
)

// takeLimits lets "p2p limit" change the limits of a node, until the function that
// it returns is called. about says what the process does, but for the limits, on any
// goroutine. Where there can be no socket there is none: the transfer goes on.
func (a *app) takeLimits(n *peer.Node, about func() control.Transfer) (stop func()) {
	dir := a.runningDir()
	if dir == "" {
		return func() {}
	}
	_ = os.MkdirAll(dir, 0o700) // ListenTransfer says what is wrong
	path := filepath.Join(dir, fmt.Sprintf("%d-%d.sock", os.Getpid(), n.Addr().Port()))
	server, err := control.ListenTransfer(path, control.Transferring{
		About: func() control.Transfer {
			t := about()
			t.Process = os.Getpid()
			t.DownLimit, t.UpLimit = n.Limits()
			return t
		},
		Limit: func(l control.Limits) { a.setLimits(n, l) },
	}, a.log)
	if err != nil {
		a.log.Info("there is no control socket", zap.Error(err))
		return func() {}
	}
	ctx, cancel := context.WithCancel(context.Background())
	var answering sync.WaitGroup
	answering.Go(func() {
		if err := server.Serve(ctx); err != nil {
			a.log.Error("the control socket failed", zap.Error(err))
		}
	})
	return func() {
		cancel()
		answering.Wait()
	}
}

// setLimits changes the limits of a node, and tells whoever watches it.
func (a *app) setLimits(n *peer.Node, l control.Limits) {
	down, up := n.Limits()
	if l.Down != nil {
		down = *l.Down
	}
	if l.Up != nil {
		up = *l.Up
	}
	n.SetLimits(down, up)
	a.say("limit.changed", a.shownLimit(down), a.shownLimit(up))
	a.emit(event("limits_changed", map[string]any{"down_limit": down, "up_limit": up}))
}
