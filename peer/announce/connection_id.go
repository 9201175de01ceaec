package announce

import (
	"net/netip"
	"sync"
	"time"
)

// connectionIDLife is how long an id is used. BEP 15: "A client can use a
// connection ID until one minute after it has received it."
const connectionIDLife = time.Minute

// maxConnectionIDs bounds how many are kept; one that is missing costs a
// packet each way.
const maxConnectionIDs = 256

// connectionIDs remembers the connection ids of UDP trackers. The zero value
// remembers none. Its methods may be called from any goroutine.
type connectionIDs struct {
	mu sync.Mutex
	of map[netip.AddrPort]connectionID // guarded by mu
}

type connectionID struct {
	id       uint64
	received time.Time
}

// recall returns the id that the tracker at addr gave us, if it is still good.
func (c *connectionIDs) recall(addr netip.AddrPort, now time.Time) (id uint64, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	known, ok := c.of[addr]
	return known.id, ok && now.Sub(known.received) < connectionIDLife
}

// remember keeps id for addr. When there are too many, the expired ones go, and
// if there are none, all.
func (c *connectionIDs) remember(addr netip.AddrPort, id uint64, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of == nil {
		c.of = make(map[netip.AddrPort]connectionID)
	}
	if len(c.of) >= maxConnectionIDs {
		for addr, known := range c.of {
			if now.Sub(known.received) >= connectionIDLife {
				delete(c.of, addr)
			}
		}
	}
	if len(c.of) >= maxConnectionIDs {
		clear(c.of)
	}
	c.of[addr] = connectionID{id, now}
}

// forget drops the id of addr.
func (c *connectionIDs) forget(addr netip.AddrPort) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.of, addr)
}
