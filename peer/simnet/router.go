package simnet

import (
	"net/netip"
	"time"
)

// router stands before a host, keeps its address and ports as they are, and lets in what answers it.
type router struct {
	forgets time.Duration
	called  map[[2]netip.AddrPort]time.Time // by the end within and the one outside
}

// Shut puts a router before the host that lets nobody in but who was dialled from the port that he dials, no longer ago than forgets.
// Connections that stand go on.
func (h *Host) Shut(forgets time.Duration) {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	h.router = &router{forgets: forgets, called: map[[2]netip.AddrPort]time.Time{}}
}

// passes notes a dial from within.
func (r *router) passes(within, outside netip.AddrPort) {
	if r != nil {
		r.called[[2]netip.AddrPort{within, outside}] = time.Now()
	}
}

// keepsOut reports whether a dial from outside does not get in.
func (r *router) keepsOut(within, outside netip.AddrPort) bool {
	if r == nil {
		return false
	}
	at, called := r.called[[2]netip.AddrPort{within, outside}]
	return !called || time.Since(at) > r.forgets
}

// dialling returns the dial of the host from local to another end that is under way, nil for none.
func (h *Host) dialling(local, to netip.AddrPort) *dial {
	for d := range h.net.dials {
		if d.host == h && d.local == local && d.to == to {
			return d
		}
	}
	return nil
}
