package load

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"p2p/tracker/udpwire"
)

// probeEvery is how often a tracker is asked whether it is there.
const probeEvery = 50 * time.Millisecond

// AwaitUDP waits until a tracker hands out a connection id, or ctx ends.
func AwaitUDP(ctx context.Context, at netip.AddrPort) error {
	return await(ctx, at, func() bool {
		p, err := openPipe(netip.Addr{}, at, 1)
		if err != nil {
			return false
		}
		defer p.close()
		p.put(udpwire.ConnectRequest{TransactionID: 1}.AppendTo(p.buffer()))
		if p.flush() != nil {
			return false
		}
		waitPipes([]line{{pipe: p}}, probeEvery)
		n, err := p.receive()
		if err != nil || n == 0 {
			return false
		}
		r, err := udpwire.ParseConnectResponse(p.packet(0))
		return err == nil && r.TransactionID == 1
	})
}

// AwaitHTTP waits until somebody accepts connections, or ctx ends.
func AwaitHTTP(ctx context.Context, at Endpoint) error {
	return await(ctx, at.Address, func() bool {
		conn, err := dial(ctx, at, netip.Addr{}, time.Second)
		if err != nil {
			return false
		}
		conn.Close()
		return true
	})
}

func await(ctx context.Context, at netip.AddrPort, there func() bool) error {
	again := time.NewTicker(probeEvery)
	defer again.Stop()
	for !there() {
		select {
		case <-again.C:
		case <-ctx.Done():
			return fmt.Errorf("no tracker answers at %s: %w", at, context.Cause(ctx))
		}
	}
	return nil
}
