package policy

import (
	"encoding/binary"
	"hash/maphash"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"p2p/tracker"
	"p2p/tracker/wire"
)

var (
	errNoPasskey = &tracker.Refusal{Cause: tracker.CausePasskey, Reason: "this tracker needs a passkey in its address", Never: true}
	// Not "never": a key that was just made elsewhere may not be known here yet,
	// and a client that is told "never" (BEP 31) does not come back when it is.
	errUnknown   = &tracker.Refusal{Cause: tracker.CausePasskey, Reason: "unknown passkey", RetryIn: time.Hour}
	errStarting  = &tracker.Refusal{Cause: tracker.CausePasskey, Reason: "the passkeys are not loaded yet", RetryIn: time.Minute}
	errTorrents  = &tracker.Refusal{Cause: tracker.CausePasskey, Reason: "too many active torrents for this passkey", RetryIn: 15 * time.Minute}
	errAddresses = &tracker.Refusal{Cause: tracker.CausePasskey, Reason: "too many addresses for this passkey", RetryIn: 15 * time.Minute}
	errKeyRate   = &tracker.Refusal{Cause: tracker.CausePasskey, Reason: "too many announces for this passkey", RetryIn: 2 * time.Minute}
)

// account is what is known of a key besides its definition. It lives as long as
// the name is known.
type account struct {
	key atomic.Pointer[Key] // with all its limits set

	mu        sync.Mutex
	revoked   bool
	sessions  map[uint64]session // by the keyed hash of torrent and peer id
	addresses []sighting
	full      int64 // state of the pace, in milliseconds
	pending   Usage // not yet in the ledger
	tidied    int64 // when expired sessions were last looked for

	attempt *attempt // of the goroutine that writes to the ledger
}

// sighting is an address that a key was used from.
type sighting struct {
	hash uint64
	seen int64 // seconds since 1970
}

// tidyEvery is how often an account at its limit looks for sessions that are
// over, in seconds: looking costs more than refusing.
const tidyEvery = 10

// sessionRules are what all accounts share.
type sessionRules struct {
	seed     maphash.Seed // clients choose their peer ids, so hashes are keyed
	ttl      int64        // seconds until a silent session is over
	most     int64        // sessions of all accounts
	sessions atomic.Int64 // of all accounts
}

// sessionOf returns the name of a session. Two that have the same are a matter of
// 64 bits that nobody can aim at.
func (s *sessionRules) sessionOf(r *tracker.Request) uint64 {
	var b [len(r.InfoHash) + wire.PeerIDSize]byte
	copy(b[copy(b[:], r.InfoHash[:]):], r.PeerID[:])
	return maphash.Bytes(s.seed, b[:])
}

// addressOf returns the name of an address, of IPv6 its /64.
func (s *sessionRules) addressOf(a netip.Addr) uint64 {
	if a = a.Unmap(); a.Is4() {
		b := a.As4()
		return uint64(binary.BigEndian.Uint32(b[:])) | 1<<32 // as a /64 it would lie in 0::/8, which is reserved
	}
	b := a.As16()
	return binary.BigEndian.Uint64(b[:8])
}

// admit counts an announce, or says why the key does not allow it.
func (a *account) admit(s *sessionRules, r *tracker.Request) error {
	limits, second := a.key.Load().Limits, r.Time.Unix()
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.revoked {
		return errUnknown
	}
	id := s.sessionOf(r)
	known, ok := a.sessions[id]
	if r.Event == wire.Stopped {
		// Who leaves is let go, over any limit: it is one less.
		if ok {
			a.count(&known, r, second)
			delete(a.sessions, id)
			s.sessions.Add(-1)
		}
		return nil
	}
	pace := newPace(float64(limits.PerMinute)/60, time.Millisecond, max(limits.PerMinute, limits.Torrents))
	full, allowed := pace.take(a.full, r.Time.UnixMilli())
	switch {
	case !allowed:
		return errKeyRate
	case !ok && !a.room(s, limits.Torrents, second):
		return errTorrents
	case !a.sight(s.addressOf(r.Peer.Addr()), limits.Addresses, second, s.ttl):
		return errAddresses
	}
	a.full = full
	switch {
	case ok:
		a.count(&known, r, second)
		a.sessions[id] = known
	case s.sessions.Add(1) > s.most:
		// Memory is worth more than exact numbers: without a session nothing is
		// counted but the announce.
		s.sessions.Add(-1)
	default:
		if a.sessions == nil {
			a.sessions = make(map[uint64]session)
		}
		a.sessions[id] = session{r.Uploaded, r.Downloaded, second}
	}
	a.pending.Announces++
	a.pending.LastSeen = second
	return nil
}

// count adds what an announce says that is new.
func (a *account) count(known *session, r *tracker.Request, second int64) {
	up, down := known.advance(r.Uploaded, r.Downloaded, second)
	a.pending.Uploaded = addBytes(a.pending.Uploaded, up)
	a.pending.Downloaded = addBytes(a.pending.Downloaded, down)
}

// room reports whether a may have one more session.
func (a *account) room(s *sessionRules, limit int, second int64) bool {
	if len(a.sessions) >= limit && second-a.tidied >= tidyEvery {
		a.tidy(s, second)
	}
	return len(a.sessions) < limit
}

// tidy forgets the sessions that are over.
func (a *account) tidy(s *sessionRules, second int64) {
	a.tidied = second
	for id, known := range a.sessions {
		if second-known.seen > s.ttl {
			delete(a.sessions, id)
			s.sessions.Add(-1)
		}
	}
}

// sight records that the key was used from an address, unless that is one too
// many. The addresses of a key are few, so a line of them is searched.
func (a *account) sight(address uint64, limit int, second, ttl int64) bool {
	free := -1
	for i := range a.addresses {
		switch {
		case a.addresses[i].hash == address:
			a.addresses[i].seen = second
			return true
		case second-a.addresses[i].seen > ttl:
			free = i
		}
	}
	switch {
	case free >= 0:
		a.addresses[free] = sighting{address, second}
	case len(a.addresses) < limit:
		a.addresses = append(a.addresses, sighting{address, second})
	default:
		return false
	}
	return true
}

// revoke forgets all sessions of a, for good.
func (a *account) revoke(s *sessionRules) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.revoked = true
	s.sessions.Add(-int64(len(a.sessions)))
	a.sessions, a.addresses = nil, nil
}

// now returns what a does at a time.
func (a *account) now(s *sessionRules, second int64) (pending Usage, active, addresses int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.tidy(s, second)
	for _, sighting := range a.addresses {
		if second-sighting.seen <= s.ttl {
			addresses++
		}
	}
	return a.pending, len(a.sessions), addresses
}
