package session

import (
	"time"

	"p2p/peer/wire"
)

// The clock of a connection.
const (
	// keepAliveEvery is when we say something to a peer that has heard
	// nothing. BEP 3: "Keepalives are generally sent once every two minutes".
	keepAliveEvery = 100 * time.Second
	// silentAfter is when a peer that says nothing at all is given up.
	silentAfter = 3 * time.Minute
)

// Tick lets time pass; it is called about twice a second. The error says why
// the connection is to be closed.
func (c *Conn) Tick(now time.Time, out []Event) ([]Event, error) {
	c.down.sample(now)
	c.up.sample(now)
	if now.Sub(c.lastRecv) > silentAfter {
		return out, &Violation{Rule: "silent for three minutes"}
	}
	if c.asked.live > 0 && now.Sub(c.lastBlock) > stalledAfter {
		return out, &Violation{Rule: "asked for blocks and sent none for a minute"}
	}
	if now.Sub(c.lateAt) > lateFor {
		c.late = 0 // what was under way has come or never will
	}
	c.doubt(now)
	out = c.loseInterest(now, c.recall(now, out))
	if now.Sub(c.lastSent) > keepAliveEvery {
		out = c.send(now, out, wire.Message{ID: wire.KeepAlive})
	}
	return c.Fill(now, out), nil
}
