package load

import (
	"math/rand/v2"
	"time"

	"p2p/torrentfile/infohash"
	"p2p/tracker/udpwire"
	"p2p/tracker/wire"
)

// BEP 15: "A client can use a connection ID until one minute after it has
// received it." A flow fetches the next one a little before, and uses the old
// one until it is there.
const (
	connectEvery = 50 * time.Second
	connectAgain = time.Second // after an answer that may mean that the id is too old
)

// A transaction id is the turn of a request above the number of its slot, so an
// answer finds its request without a search, and one that comes too late is known
// as that.
const (
	slotBits = 10
	turns    = 1<<(32-slotBits) - 1
)

// MaxWindow is how many requests of one client can be outstanding over UDP.
const MaxWindow = 1 << slotBits

// flow is the state of one UDP socket: which of its requests are outstanding,
// and for whom it asks. It does not touch the socket, nor the clock: times are
// since the beginning of the run.
type flow struct {
	pop      *Population
	source   int
	share    int // peers of the source
	want     int32
	mix      Mix
	family   wire.Family
	patience time.Duration
	dice     *rand.Rand
	tally    *Tally

	prefill  bool // every peer once, in order, in place of the mix
	nextPeer int  // of the prefill
	stride   int  // flows that share a source take turns

	id          uint64 // connection id
	connected   bool
	connectAt   time.Duration // when to ask for the next id
	connectBusy bool
	from, to    time.Duration // what is measured
	slots       []slot
	free        []uint16
}

// slot is the place of one outstanding request.
type slot struct {
	sent     time.Duration
	peer     uint32
	turn     uint32 // of the request: 1 to turns, in a circle
	kind     Kind
	busy     bool
	measured bool
}

// flowOptions is what flows of one run share.
type flowOptions struct {
	pop      *Population
	mix      Mix
	want     int
	window   int
	patience time.Duration
	family   wire.Family
	prefill  bool
	from, to time.Duration
	seed     uint64
}

// newFlow makes flow number n of all.
func newFlow(o flowOptions, n, all int, tally *Tally) *flow {
	sources := o.pop.crowd.Sources
	f := &flow{
		pop: o.pop, source: n % sources, want: int32(o.want), mix: o.mix, family: o.family,
		patience: o.patience, dice: rand.New(rand.NewPCG(o.seed, uint64(n)+2)), tally: tally,
		prefill: o.prefill, nextPeer: n / sources, stride: (all-n%sources-1)/sources + 1,
		from: o.from, to: o.to, slots: make([]slot, o.window), free: make([]uint16, o.window),
	}
	f.share = o.pop.of(f.source)
	for i := range f.free {
		f.free[i] = uint16(len(f.free) - 1 - i)
	}
	return f
}

// room returns how many more requests may be sent now.
func (f *flow) room() int {
	switch {
	case !f.connected:
		if f.connectBusy {
			return 0
		}
		return 1
	case f.prefill:
		return min(len(f.free), f.left())
	}
	return len(f.free)
}

// left returns how many peers a prefill has not announced yet.
func (f *flow) left() int {
	if f.nextPeer >= f.share {
		return 0
	}
	return (f.share-1-f.nextPeer)/f.stride + 1
}

// busy returns how many requests are outstanding.
func (f *flow) busy() int { return len(f.slots) - len(f.free) }

// append appends the next request to b. There must be room for one.
func (f *flow) append(b []byte, now time.Duration) []byte {
	kind, peer := f.draw(now)
	n := f.free[len(f.free)-1]
	f.free = f.free[:len(f.free)-1]
	s := &f.slots[n]
	s.turn = s.turn%turns + 1
	s.sent, s.peer, s.kind, s.busy = now, uint32(peer), kind, true
	s.measured = now >= f.from && now < f.to
	transaction := s.turn<<slotBits | uint32(n)
	before := len(b)
	switch kind {
	case Connect:
		f.connectBusy = true
		b = udpwire.ConnectRequest{TransactionID: transaction}.AppendTo(b)
	case Scrape:
		hashes := [1]infohash.T{f.pop.InfoHash(f.pop.Torrent(peer))}
		b = udpwire.ScrapeRequest{ConnectionID: f.id, TransactionID: transaction, InfoHashes: hashes[:]}.AppendTo(b)
	default:
		b = f.announce(peer, transaction).AppendTo(b)
	}
	if s.measured {
		f.tally.Sent[kind]++
		if kind == Announce {
			f.tally.BytesOut += int64(len(b) - before)
		}
	}
	return b
}

// draw decides what is asked next, and for whom.
func (f *flow) draw(now time.Duration) (Kind, int) {
	if !f.connected || (now >= f.connectAt && !f.connectBusy) {
		return Connect, 0
	}
	if f.prefill {
		peer := f.pop.nth(f.source, f.nextPeer)
		f.nextPeer += f.stride
		return Announce, peer
	}
	kind := Announce
	if all := f.mix.sum(); all != f.mix[Announce] {
		kind = f.mix.kind(int(f.dice.Uint32N(uint32(all))))
	}
	return kind, f.pop.nth(f.source, int(f.dice.Uint32N(uint32(f.share))))
}

func (f *flow) announce(peer int, transaction uint32) udpwire.AnnounceRequest {
	r := udpwire.AnnounceRequest{
		ConnectionID: f.id, TransactionID: transaction,
		InfoHash: f.pop.InfoHash(f.pop.Torrent(peer)), PeerID: f.pop.PeerID(peer),
		Left: leftOf(f.pop, peer), Key: uint32(peer), NumWant: f.want, Port: f.pop.Port(peer),
	}
	if f.prefill {
		r.Event = wire.Started
	}
	return r
}

// leftOf returns how many bytes a peer lacks.
func leftOf(p *Population, peer int) uint64 {
	if p.Seeder(peer) {
		return 0
	}
	return 1 << 20
}

// take hands the flow a packet that has arrived.
func (f *flow) take(b []byte, now time.Duration) {
	f.tally.Heard++
	counts := now >= f.from && now < f.to
	h, err := udpwire.ParseResponseHeader(b)
	if err != nil {
		count(&f.tally.Malformed, counts)
		return
	}
	n, turn := h.TransactionID%MaxWindow, h.TransactionID>>slotBits
	if int(n) >= len(f.slots) || turn == 0 || turn > f.slots[n].turn {
		count(&f.tally.Stray, counts)
		return
	}
	s := &f.slots[n]
	if turn != s.turn || !s.busy {
		count(&f.tally.Late, counts)
		return
	}
	f.release(n)
	switch ok := f.understand(s, h.Action, b, now, counts); {
	case ok && counts:
		f.tally.Answered[s.kind]++
		f.tally.Latency.Add(now - s.sent)
	case !ok && h.Action == udpwire.Error:
		count(&f.tally.Errors, counts)
		if f.connectAt > now+connectAgain { // the id may be what it does not like
			f.connectAt = now + connectAgain
		}
	case !ok:
		count(&f.tally.Malformed, counts)
	}
}

// understand reads the answer to s.
func (f *flow) understand(s *slot, action udpwire.Action, b []byte, now time.Duration, counts bool) bool {
	if action != udpwire.Action(s.kind) {
		return false
	}
	switch s.kind {
	case Connect:
		r, err := udpwire.ParseConnectResponse(b)
		if err != nil {
			return false
		}
		f.id, f.connected, f.connectAt = r.ConnectionID, true, now+connectEvery
		return true
	case Scrape:
		r, err := udpwire.ParseResponseHeader(b)
		return err == nil && r.Action == udpwire.Scrape && len(b) == scrapeOfOne
	}
	r, err := udpwire.ParseAnnounceResponse(b)
	if err != nil || len(r.Peers)%f.family.PeerSize() != 0 {
		return false
	}
	if counts {
		f.tally.told(len(r.Peers)/f.family.PeerSize(), f.pop.company(int(s.peer)))
		f.tally.BytesIn += int64(len(b))
	}
	return true
}

// scrapeOfOne is the length of the answer to a scrape of one torrent: action,
// transaction id and three numbers.
const scrapeOfOne = 8 + 12

// told counts the peers of an answer.
func (t *Tally) told(peers int, company bool) {
	t.Peers += int64(peers)
	if peers == 0 {
		t.Empty++
		count(&t.Deprived, company)
	}
}

// count adds one to n, if it counts.
func count(n *int64, counts bool) {
	if counts {
		*n++
	}
}

// release makes room in slot n.
func (f *flow) release(n uint32) {
	s := &f.slots[n]
	s.busy = false
	if s.kind == Connect {
		f.connectBusy = false
	}
	f.free = append(f.free, uint16(n))
}

// expire gives up on requests that have waited too long, and returns how many.
func (f *flow) expire(now time.Duration) int {
	gone := 0
	for n := range f.slots {
		s := &f.slots[n]
		if s.busy && now-s.sent >= f.patience {
			count(&f.tally.Lost, s.measured)
			f.release(uint32(n))
			gone++
		}
	}
	return gone
}
