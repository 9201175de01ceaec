package metadata

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"p2p/peer/ext"
	"p2p/torrentfile/infohash"
)

// The measures of fetching.
const (
	// budget is how many bytes all drafts that are worked on may have.
	budget = 64 << 20
	// askedMost is how many requests a peer has outstanding.
	askedMost = 3
	// answerWithin is when an answer is not expected any more, and repeatAfter
	// when the same piece is asked of a second peer that has nothing else to
	// do.
	answerWithin = 15 * time.Second
	repeatAfter  = 3 * time.Second
	// restFor is how long a peer is left alone that rejected a request or let
	// it lie. (libtorrent: 20 to 70 s)
	restFor = 30 * time.Second
	// liarsMost is how many proven liars, and sizes about which somebody lied,
	// are remembered.
	liarsMost = 1000
)

var (
	errPoison = errors.New("sent metadata that is not that of the torrent")
	errSize   = errors.New("sent metadata of another length than it claimed")
)

// fetching is a torrent of which only the info-hash is known.
type fetching struct {
	torrent ext.Torrent
	sources []*source // in the order in which they came
	drafts  map[draftID]*draft
	split   map[int]bool        // sizes about which somebody lied: each peer for itself
	liars   map[netip.Addr]bool // who has lied, but for those on this machine
	info    []byte              // once it is found
}

func newFetching(t ext.Torrent) *fetching {
	return &fetching{torrent: t, drafts: map[draftID]*draft{}, split: map[int]bool{}, liars: map[netip.Addr]bool{}}
}

// source is a peer that may have the info dictionary.
type source struct {
	fetching *fetching
	peer     ext.Peer
	draft    *draft // nil = it claims none that we want
	asked    []ask
	rest     time.Time // nothing is asked of it before then
	rejected int
}

// ask is a request that is out.
type ask struct {
	piece int
	at    time.Time
}

// Attach implements ext.Instance.
func (f *fetching) Attach(now time.Time, p ext.Peer) ext.Handler {
	s := &source{fetching: f, peer: p}
	f.sources = append(f.sources, s)
	f.assign(s)
	f.work(now)
	return s
}

// Tick implements ext.Ticker.
func (f *fetching) Tick(now time.Time) {
	for _, s := range f.sources {
		s.expire(now)
		f.assign(s) // a later handshake may claim another size
	}
	f.work(now)
}

// Detach implements ext.Handler.
func (s *source) Detach() {
	f := s.fetching
	s.leave()
	f.sources = slices.DeleteFunc(f.sources, func(o *source) bool { return o == s })
}

// assign puts s to the draft of the size that its peer claims.
func (f *fetching) assign(s *source) {
	size := int(min(s.peer.Hello().MetadataSize, maxInfo+1))
	if f.info != nil || size <= 0 || size > maxInfo || f.liars[s.peer.Addr().Addr()] {
		s.leave()
		return
	}
	id := draftID{size: size}
	if f.split[size] {
		id.alone = s.peer.Key()
	}
	if s.draft != nil && s.draft.draftID == id {
		return
	}
	s.leave()
	if f.drafts[id] == nil {
		f.drafts[id] = newDraft(id)
	}
	s.draft = f.drafts[id]
	s.draft.sources = append(s.draft.sources, s)
}

// leave takes s from its draft, which is given up with the last of its sources.
func (s *source) leave() {
	d := s.draft
	if d == nil {
		return
	}
	s.draft, s.asked = nil, nil
	d.sources = slices.DeleteFunc(d.sources, func(o *source) bool { return o == s })
	if len(d.sources) == 0 {
		delete(s.fetching.drafts, d.draftID)
	}
}

// expire gives up waiting for what has not come.
func (s *source) expire(now time.Time) {
	before := len(s.asked)
	s.asked = slices.DeleteFunc(s.asked, func(a ask) bool { return now.Sub(a.at) > answerWithin })
	if len(s.asked) < before {
		s.rest = now.Add(restFor)
	}
}

// work asks for what is missing, for as many drafts as fit into the budget. The
// others lose what they have: that is their bytes, not those of an honest peer
// with a shorter claim.
func (f *fetching) work(now time.Time) {
	drafts := make([]*draft, 0, len(f.drafts))
	for _, d := range f.drafts {
		drafts = append(drafts, d)
	}
	slices.SortFunc(drafts, byNeed)
	room := budget
	for _, d := range drafts {
		if d.size > room {
			d.wipe()
			continue
		}
		room -= d.size
		for _, s := range d.sources {
			s.ask(now)
		}
	}
}

// ask asks the peer of s for as many pieces as it may have outstanding.
func (s *source) ask(now time.Time) {
	if now.Before(s.rest) {
		return
	}
	for len(s.asked) < askedMost {
		i, ok := s.choose(now)
		if !ok || !s.peer.Send(ext.Control, message{kind: request, piece: int64(i)}.append(nil)) {
			return
		}
		s.asked = append(s.asked, ask{i, now})
	}
}

// choose returns the first missing piece that nobody is asked for, or one that
// somebody else lets wait.
func (s *source) choose(now time.Time) (int, bool) {
	late, asks := -1, s.draft.asks()
	for i, p := range s.draft.pieces {
		if p != nil {
			continue
		}
		newest, asked := asks[i]
		switch {
		case !asked:
			return i, true
		case late < 0 && now.Sub(newest) > repeatAfter && !s.isAsked(i):
			late = i
		}
	}
	return late, late >= 0
}

// asks returns when each piece that is asked for was last asked for.
func (d *draft) asks() map[int]time.Time {
	newest := make(map[int]time.Time)
	for _, s := range d.sources {
		for _, a := range s.asked {
			if a.at.After(newest[a.piece]) {
				newest[a.piece] = a.at
			}
		}
	}
	return newest
}

func (s *source) isAsked(i int) bool {
	return slices.ContainsFunc(s.asked, func(a ask) bool { return a.piece == i })
}

// Handle implements ext.Handler.
func (s *source) Handle(now time.Time, payload []byte) error {
	m, err := parse(payload)
	if err != nil {
		return err
	}
	switch m.kind {
	case request: // "Peers that do not have the entire metadata MUST respond with a reject message"
		return refuse(s.peer, m.piece, &s.rejected)
	case reject:
		if s.answered(m.piece) {
			s.rest = now.Add(restFor)
		}
	case data:
		if err := s.took(m); err != nil {
			return err
		}
	}
	s.fetching.work(now)
	return nil
}

// answered takes the request for a piece off the list. False means that there was
// none, or that it is long ago.
func (s *source) answered(piece int64) bool {
	before := len(s.asked)
	s.asked = slices.DeleteFunc(s.asked, func(a ask) bool { return int64(a.piece) == piece })
	return len(s.asked) < before
}

// took puts a piece into the draft. One that nobody asked for is dropped: it may
// just be late.
func (s *source) took(m message) error {
	if !s.answered(m.piece) {
		return nil
	}
	d, i := s.draft, int(m.piece) // a number that we have asked for
	if m.total != 0 && m.total != int64(d.size) || len(m.body) != sizeOf(i, d.size) {
		return fmt.Errorf("%w: piece %d of %d bytes, of %d in all and not %d", errSize, i, len(m.body), m.total, d.size)
	}
	if d.pieces[i] != nil {
		return nil
	}
	d.put(i, bytes.Clone(m.body), s.peer.Key())
	if d.missing > 0 {
		return nil
	}
	return s.fetching.judge(d, s)
}

// judge looks whether a complete draft is what we want; last has sent the last
// piece. An error is about last.
func (f *fetching) judge(d *draft, last *source) error {
	info := d.join()
	if infohash.Of(info) == f.torrent.InfoHash {
		f.info = info
		for _, s := range f.sources {
			s.leave()
		}
		f.torrent.FoundInfo(info)
		return nil
	}
	if _, alone := d.oneSource(); alone {
		f.remember(last.peer)
		last.leave()
		d.wipe() // for the others who claim the same size
		return errPoison
	}
	if len(f.split) >= liarsMost {
		clear(f.split)
	}
	f.split[d.size] = true
	for _, s := range slices.Clone(d.sources) {
		f.assign(s)
	}
	return nil
}

// remember notes a proven liar, so that it is not asked again when it comes back.
// Those on our own machine share one address.
func (f *fetching) remember(p ext.Peer) {
	addr := p.Addr().Addr()
	if addr.IsLoopback() {
		return
	}
	if len(f.liars) >= liarsMost {
		clear(f.liars)
	}
	f.liars[addr] = true
}
