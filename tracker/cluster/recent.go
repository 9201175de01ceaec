package cluster

import (
	"hash/maphash"
	"net/netip"
	"sync/atomic"
	"time"

	"p2p/torrentfile/infohash"
	"p2p/tracker/wire"
)

// recent remembers what the nodes were last told of which peer. It is a table
// in which the oldest of a few makes way, so it may forget: the price is a delta
// that was not needed. It holds fingerprints, keyed so that nobody outside can
// make two alike. All methods may be called by any goroutine.
type recent struct {
	key   maphash.Seed
	table atomic.Pointer[[]set]
}

// set is the places of which a peer may take any; it fills a cache line.
type set [8]atomic.Uint64

// A place is 0, or
//
// 37 bits of a fingerprint + 1 bit gone + 1 bit seed + 25 bits of seconds
const (
	seconds   = 25
	seedBit   = 1 << seconds
	goneBit   = 2 << seconds
	tagBits   = ^uint64(1<<(seconds+2) - 1)
	timeMask  = 1<<seconds - 1
	firstSets = 1 << 12 // 32,768 places, 256 KiB
	lastSets  = 1 << 21 // 16 million places, 128 MiB
)

func newRecent() *recent {
	r := &recent{key: maphash.MakeSeed()}
	sets := make([]set, firstSets)
	r.table.Store(&sets)
	return r
}

// fit makes the table fit for so many peers: it is grown when three quarters of
// the places are taken, and takes 11 to 21 bytes per peer. What it knew is
// forgotten when it grows: every peer's next announce is passed on.
func (r *recent) fit(peers int) {
	const places = len(set{})
	sets := len(*r.table.Load())
	if peers < sets*places/4*3 || sets >= lastSets {
		return
	}
	for sets < lastSets && peers >= sets*places/8*3 {
		sets *= 2
	}
	table := make([]set, sets)
	r.table.Store(&table)
}

// fingerprint is a peer of a swarm.
func (r *recent) fingerprint(h infohash.T, peer netip.AddrPort) uint64 {
	var b [infohash.Size + 18]byte
	copy(b[:], h[:])
	return maphash.Bytes(r.key, wire.AppendPeer(b[:infohash.Size], peer))
}

// word is what is said about a peer: when it announced, and what it is.
type word struct {
	at         time.Time
	seed, gone bool
}

func (w word) bits() uint64 {
	b := uint64(w.at.Unix()) & timeMask
	if w.seed {
		b |= seedBit
	}
	if w.gone {
		b |= goneBit
	}
	return b
}

// place returns where the peer is in the table, or where it is to go, and what
// is there.
func (r *recent) place(print uint64, now uint64) (at *atomic.Uint64, old uint64, known bool) {
	table := *r.table.Load()
	s := &table[print&uint64(len(table)-1)]
	oldest := int64(-1)
	for i := range s {
		v := s[i].Load()
		if v != 0 && (v^print)&tagBits == 0 {
			return &s[i], v, true
		}
		age := int64(1 << seconds) // an empty place is the oldest
		if v != 0 {
			age = int64((now - v) & timeMask)
		}
		if age > oldest {
			at, oldest = &s[i], age
		}
	}
	return at, 0, false
}

// local notes what an announce at this node says, and reports whether the
// others are to be told: they have not heard it, or not within every.
func (r *recent) local(print uint64, w word, every time.Duration) bool {
	bits := w.bits()
	at, old, known := r.place(print, bits&timeMask)
	const state = seedBit | goneBit
	if known && (old^bits)&state == 0 && (bits-old)&timeMask < uint64(every/time.Second) {
		return false
	}
	at.Store(print&tagBits | bits)
	return true
}

// foreign notes what another node says, and reports whether it is to be
// believed: nothing is known that is newer by more than slack seconds.
func (r *recent) foreign(print uint64, w word, slack int64) bool {
	bits := w.bits()
	at, old, known := r.place(print, bits&timeMask)
	if known && newer(old, bits) > slack {
		return false
	}
	at.Store(print&tagBits | bits)
	return true
}

// newer returns by how many seconds a is newer than b, both in a ring of a year.
func newer(a, b uint64) int64 {
	const unused = 64 - seconds
	return int64((a-b)<<unused) >> unused
}
