package memory

import (
	"encoding/binary"
	"net/netip"
	"time"

	"p2p/torrentfile/infohash"
	"p2p/tracker/wire"
)

// Parts is how many parts a Store has; see Part.
const Parts = shards

// Peer is what Part tells of a peer.
type Peer struct {
	Swarm infohash.T
	Addr  netip.AddrPort
	Seed  bool
	Seen  time.Time // when it announced last, to the second
}

// Part calls tell for the peers in the i-th part of the store that announced at
// or after since, for some of them at a time; tell keeps nothing of the slice. The parts together
// are all swarms, each in one of them. As with Expire, announces go on: a peer that comes,
// leaves or moves meanwhile may be missed or told twice. Part stops at the first error of tell, and
// returns it.
func (s *Store) Part(i int, since time.Time, tell func([]Peer) error) error {
	var peers []Peer
	for w := (sweep{swarm: maxIndexed}); w.swarm >= 0; {
		peers = s.shards[i].collect(&w, stamp(since), peers[:0])
		if len(peers) == 0 {
			continue
		}
		if err := tell(peers); err != nil {
			return err
		}
	}
	return nil
}

// collect appends peers that were seen at or after a time, from where w stands
// on, and moves w. It does no more work than a step of expiry.
func (sh *shard) collect(w *sweep, since uint32, peers []Peer) []Peer {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	for work := stepWork; work > 0; work -= 4 {
		w.swarm = min(w.swarm, sh.swarms.n-1)
		if w.swarm < 0 {
			return peers
		}
		sw := sh.swarms.at(w.swarm)
		if !w.inside || sw.hash != w.hash {
			w.family, w.peer, w.inside, w.hash = wire.IPv4, maxIndexed, true, sw.hash
		}
		for {
			v := sh.view(w.swarm, w.family)
			if peers = v.collect(w, since, peers, &work); w.peer >= 0 {
				return peers
			}
			if w.family == wire.IPv6 {
				break
			}
			w.family, w.peer = wire.IPv6, maxIndexed
		}
		w.inside = false
		w.swarm--
	}
	return peers
}

// collect goes down in one table. w.peer is below 0 when it has come to the end.
func (v *view) collect(w *sweep, since uint32, peers []Peer, work *int) []Peer {
	for w.peer = min(w.peer, int(v.t.n)-1); w.peer >= 0 && *work > 0; w.peer-- {
		*work--
		r := v.record(w.peer)
		if seen := r.seen(); seen >= since {
			peers = append(peers, Peer{w.hash, addrPort(r.key()), v.t.isSeed(w.peer), time.Unix(epoch+int64(seen), 0)})
		}
	}
	return peers
}

// addrPort reads one compact peer.
func addrPort(key []byte) netip.AddrPort {
	ip, _ := netip.AddrFromSlice(key[:len(key)-2])
	return netip.AddrPortFrom(ip, binary.BigEndian.Uint16(key[len(key)-2:]))
}
