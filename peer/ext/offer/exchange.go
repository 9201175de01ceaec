package offer

import (
	"slices"
	"time"

	"p2p/peer/ext"
)

// The measures of an exchange.
const (
	// draftsMost is how many dictionaries are put together at a time: at most 64 MiB.
	draftsMost = 4
	// wantAgain is when a member is asked again whether it has a file: it may have got it meanwhile.
	wantAgain = 30 * time.Second
	// What a member is asked, and what it may ask, which is more: an honest one is never left without an
	// answer.
	wantBurst, wantEvery   = 64, 250 * time.Millisecond
	askedBurst, askedEvery = 128, 100 * time.Millisecond
	// Chunks that a member gets: the longest dictionary twice at once, and 800 KiB/s after that.
	givenBurst, givenEvery = 2 * ext.MaxInfo / ChunkSize, 20 * time.Millisecond
	// queueMost is how many chunks a member may wait for; those that it asks for beyond that are forgotten.
	queueMost = 64
	// lostMost is of how many files that are lost somebody is told who connects: of others when he wants them.
	lostMost = 64
	// refusedMost is how many files are remembered that a member has asked for in vain, the last ones.
	refusedMost = 64
)

// exchange is the fetching and giving in one room.
type exchange struct {
	ext     *Extension
	torrent ext.Torrent
	lines   []*line // in the order in which they came
	hunts   []*hunt // one for each hash that is wanted, the one first that has waited longest for a draft
	turn    int     // for which of them members are asked first next time
}

func newExchange(e *Extension, t ext.Torrent) *exchange { return &exchange{ext: e, torrent: t} }

// line is one connection.
type line struct {
	exchange *exchange
	peer     ext.Peer
	wants    ext.Allowance // how often we ask whether it has something
	asked    ext.Allowance // how often it may ask that
	given    ext.Allowance // chunks
	queue    []message     // asks that wait for room or for given
	refused  []Hash        // what it was told that we do not have
}

// Attach implements ext.Instance.
func (x *exchange) Attach(now time.Time, p ext.Peer) ext.Handler {
	l := &line{
		exchange: x, peer: p,
		wants: ext.Allowance{Most: wantBurst, Every: wantEvery},
		asked: ext.Allowance{Most: askedBurst, Every: askedEvery},
		given: ext.Allowance{Most: givenBurst, Every: givenEvery},
	}
	x.lines = append(x.lines, l)
	lost := x.ext.opt.Lost()
	for _, hash := range lost[:min(lostMost, len(lost))] {
		l.regret(hash)
	}
	x.work(now)
	return l
}

// Detach implements ext.Handler.
func (l *line) Detach() {
	x := l.exchange
	x.lines = slices.DeleteFunc(x.lines, func(o *line) bool { return o == l })
	for _, h := range x.hunts {
		h.leave(l)
	}
}

// Tick implements ext.Ticker.
func (x *exchange) Tick(now time.Time) {
	for _, l := range x.lines {
		l.give(now)
	}
	x.work(now)
}

// work fetches what is wanted now, and ceases with what is not. When there are more than members can be asked
// for, each is first in its turn.
func (x *exchange) work(now time.Time) {
	hashes, limits := x.ext.wanted()
	x.hunts = slices.DeleteFunc(x.hunts, func(h *hunt) bool { return limits[h.hash] == 0 })
	for _, hash := range hashes {
		if x.hunt(hash) == nil {
			x.hunts = append(x.hunts, newHunt(x, hash))
		}
	}
	x.turn++
	for i := range x.hunts {
		h := x.hunts[(x.turn+i)%len(x.hunts)]
		h.limit = limits[h.hash]
		h.want(now)
	}
	for _, h := range slices.Clone(x.hunts) {
		h.work(now)
	}
}

// drafts notes that h has a draft now: the others come first next time.
func (x *exchange) drafts(h *hunt) {
	x.hunts = append(slices.DeleteFunc(x.hunts, func(o *hunt) bool { return o == h }), h)
}

// mayDraft reports whether one more dictionary can be put together. One that gets nowhere gives way.
func (x *exchange) mayDraft(now time.Time) bool {
	drafts, idle := 0, (*hunt)(nil)
	for _, h := range x.hunts {
		if h.draft != nil {
			drafts++
			if h.stalled(now) {
				idle = h
			}
		}
	}
	if drafts == draftsMost && idle != nil {
		idle.giveUp(now)
		drafts--
	}
	return drafts < draftsMost
}

// hunt returns the hunt for a hash, nil for none.
func (x *exchange) hunt(hash Hash) *hunt {
	for _, h := range x.hunts {
		if h.hash == hash {
			return h
		}
	}
	return nil
}

// Handle implements ext.Handler.
func (l *line) Handle(now time.Time, payload []byte) error {
	m, err := parse(payload)
	if err != nil {
		return err
	}
	switch m.kind {
	case kindWant:
		if l.asked.Take(now) {
			l.say(m.hash)
			if slices.Contains(l.exchange.ext.opt.Lost(), m.hash) {
				l.regret(m.hash)
			}
		}
	case kindLost:
		if l.asked.Take(now) {
			l.exchange.ext.opt.Hear(l.peer.Device(), m.hash)
		}
	case kindAsk:
		if len(l.queue) < queueMost && !l.waitsFor(m) {
			l.queue = append(l.queue, m)
			l.give(now)
		}
	case kindHave:
		if h := l.exchange.hunt(m.hash); h != nil {
			h.found(now, l, m.n)
		}
	case kindChunk:
		if h := l.exchange.hunt(m.hash); h != nil {
			return h.took(now, l, m)
		}
	}
	return nil
}

func (l *line) waitsFor(m message) bool {
	return slices.ContainsFunc(l.queue, func(o message) bool { return o.hash == m.hash && o.n == m.n })
}

// say tells whether we have a file, if there is room.
func (l *line) say(hash Hash) bool {
	n := len(l.exchange.info(hash))
	l.refused = slices.DeleteFunc(l.refused, func(h Hash) bool { return h == hash })
	if n == 0 {
		l.refused = append(l.refused[max(0, len(l.refused)-refusedMost+1):], hash)
	}
	return l.peer.Send(ext.Bulk, message{kind: kindHave, hash: hash, n: uint32(n)}.payload())
}

// gained tells that we have a file now, if it was asked for in vain, and if there is room.
func (l *line) gained(hash Hash) {
	if slices.Contains(l.refused, hash) {
		l.say(hash)
	}
}

// regret tells that a file is lost, if there is room.
func (l *line) regret(hash Hash) {
	l.peer.Send(ext.Bulk, message{kind: kindLost, hash: hash}.payload())
}

// info returns the dictionary of a file that may be given, nil for none.
func (x *exchange) info(hash Hash) []byte {
	if info := x.ext.opt.Info(hash); len(info) <= ext.MaxInfo {
		return info
	}
	return nil
}

// give sends what is queued, as long as there is room and the member may have it.
func (l *line) give(now time.Time) {
	for len(l.queue) > 0 && l.given.Has(now) {
		m := l.queue[0]
		info := l.exchange.info(m.hash)
		sent := false
		if int64(m.n) < int64(chunks(len(info))) {
			at := int(m.n) * ChunkSize
			sent = l.peer.Send(ext.Bulk, message{kindChunk, m.hash, m.n, info[at : at+sizeOf(int(m.n), len(info))]}.payload())
		} else {
			sent = l.say(m.hash) // we have it no more, or it is shorter
		}
		if !sent {
			return
		}
		l.given.Take(now)
		l.queue = slices.Delete(l.queue, 0, 1)
	}
}
