package offer

import (
	"bytes"
	"errors"
	"slices"
	"time"

	"p2p/peer/ext"
	"p2p/peer/identity"
	"p2p/torrentfile/infohash"
)

// The measures of a hunt.
const (
	// askedMost is how many chunks are asked of a member at a time.
	askedMost = 8
	// answerWithin is when a chunk is not expected any more, restFor how long a member is left alone then, and
	// repeatAfter when a chunk is asked of a second member that has nothing else to give.
	answerWithin = 15 * time.Second
	restFor      = 10 * time.Second
	repeatAfter  = 3 * time.Second
	// stallAfter is when those who bring nothing give way to others, and for banFor.
	stallAfter = 15 * time.Second
	banFor     = time.Minute
)

// errPoison is a member that has given all of a dictionary, and it was another.
var errPoison = errors.New("gave an info dictionary that does not have its hash")

// hunt is the fetching of one dictionary.
type hunt struct {
	exchange *exchange
	hash     Hash
	limit    int                   // bytes
	wanted   map[*line]time.Time   // whom we have asked whether it has it, and when
	sources  []*source             // in the order in which they said yes
	liars    map[identity.Key]bool // devices that gave another
	split    map[int]bool          // sizes about which somebody lied: one member at a time
	draft    *draft                // nil = nobody has it
}

// source is a member that says that it has the dictionary.
type source struct {
	line  *line
	size  int // that it claims
	asked []ask
	rest  time.Time // nothing is asked of it before
	tries int       // drafts that it was to give to
}

// ask is a chunk that a member is asked for.
type ask struct {
	chunk int
	at    time.Time
}

// draft is what has come of a dictionary of a size, from all who claim it or from one alone.
type draft struct {
	size    int
	alone   *source // nil = all
	chunks  [][]byte
	missing int
	givers  map[*line]bool
	moved   time.Time // when something came last
}

func newHunt(x *exchange, hash Hash) *hunt {
	return &hunt{
		exchange: x, hash: hash, wanted: map[*line]time.Time{}, liars: map[identity.Key]bool{}, split: map[int]bool{},
	}
}

// serves reports whether s is one of those whom the draft is made of.
func (d *draft) serves(s *source) bool {
	return d.alone == s || d.alone == nil && s.size == d.size
}

// work asks for what is missing.
func (h *hunt) work(now time.Time) {
	for _, s := range h.sources {
		s.expire(now)
	}
	h.choose(now)
	if h.draft == nil {
		return
	}
	for _, s := range h.sources {
		if h.draft.serves(s) {
			h.ask(now, s)
		}
	}
}

// want asks the members whether they have the dictionary.
func (h *hunt) want(now time.Time) {
	for _, l := range h.exchange.lines {
		if at, was := h.wanted[l]; was && now.Sub(at) < wantAgain || h.source(l) != nil || h.liars[l.peer.Device()] {
			continue
		}
		if l.wants.Has(now) && l.peer.Send(ext.Bulk, message{kind: kindWant, hash: h.hash}.payload()) {
			l.wants.Take(now)
			h.wanted[l] = now
		}
	}
}

// source returns what l is in this hunt, nil for nothing.
func (h *hunt) source(l *line) *source {
	for _, s := range h.sources {
		if s.line == l {
			return s
		}
	}
	return nil
}

// found takes what a member says: that it has the dictionary, and how long that is, or with 0 that it
// has not.
func (h *hunt) found(now time.Time, l *line, size uint32) {
	s := h.source(l)
	switch {
	case size == 0 || int64(size) > int64(h.limit):
		h.leave(l)
		h.wanted[l] = now
	case s == nil && !h.liars[l.peer.Device()]:
		h.sources = append(h.sources, &source{line: l, size: int(size)})
		h.work(now)
	}
}

// leave takes a member out.
func (h *hunt) leave(l *line) {
	delete(h.wanted, l)
	h.sources = slices.DeleteFunc(h.sources, func(s *source) bool { return s.line == l })
	// What all have brought is kept for those who come back, as long as nobody needs the room.
	if d := h.draft; d != nil && d.alone != nil && d.alone.line == l {
		h.draft = nil
	}
}

// pause has nothing asked of s until then.
func (s *source) pause(until time.Time) {
	if until.After(s.rest) {
		s.rest = until
	}
}

// expire gives up waiting for what has not come.
func (s *source) expire(now time.Time) {
	before := len(s.asked)
	s.asked = slices.DeleteFunc(s.asked, func(a ask) bool { return now.Sub(a.at) > answerWithin })
	if len(s.asked) < before {
		s.pause(now.Add(restFor))
	}
}

// stalled reports whether those whom the draft is made of bring nothing, or have left.
func (h *hunt) stalled(now time.Time) bool {
	return now.Sub(h.draft.moved) >= stallAfter || !slices.ContainsFunc(h.sources, h.draft.serves)
}

// giveUp drops the draft, and leaves those alone for a while whom it was made of.
func (h *hunt) giveUp(now time.Time) {
	for _, s := range h.sources {
		if h.draft.serves(s) {
			s.pause(now.Add(banFor))
		}
	}
	h.draft = nil
}

// choose decides whom the dictionary is fetched from. Those who bring nothing are passed over when
// there are others.
func (h *hunt) choose(now time.Time) {
	if d := h.draft; d != nil {
		other := func(s *source) bool { return !d.serves(s) && !now.Before(s.rest) }
		if !h.stalled(now) || !slices.ContainsFunc(h.sources, other) {
			return
		}
		h.giveUp(now)
	}
	s := h.pick(now)
	if s == nil || !h.exchange.mayDraft(now) {
		return
	}
	n := chunks(s.size)
	h.draft = &draft{size: s.size, chunks: make([][]byte, n), missing: n, givers: map[*line]bool{}, moved: now}
	if h.split[s.size] {
		h.draft.alone = s
	}
	for _, o := range h.sources {
		if h.draft.serves(o) {
			o.tries++
		}
	}
	h.exchange.drafts(h)
}

// pick returns a member that was tried as seldom as any and, of those, claims the size that most do. Nil is
// nobody. Whoever brings nothing is so tried again only after all others, however many he has on his side.
func (h *hunt) pick(now time.Time) (best *source) {
	claims := map[int]int{}
	for _, s := range h.sources {
		if !h.split[s.size] {
			claims[s.size]++
		}
	}
	for _, s := range h.sources {
		switch {
		case now.Before(s.rest):
		case best == nil, s.tries < best.tries, s.tries == best.tries && claims[s.size] > claims[best.size]:
			best = s
		}
	}
	return best
}

// ask asks a member for as many chunks as it may have outstanding.
func (h *hunt) ask(now time.Time, s *source) {
	for !now.Before(s.rest) && len(s.asked) < askedMost {
		i, ok := h.next(now, s)
		if !ok || !s.line.peer.Send(ext.Bulk, message{kind: kindAsk, hash: h.hash, n: uint32(i)}.payload()) {
			return
		}
		s.asked = append(s.asked, ask{i, now})
	}
}

// next returns the first missing chunk that nobody is asked for, or one that somebody else lets wait.
func (h *hunt) next(now time.Time, s *source) (int, bool) {
	newest := make(map[int]time.Time)
	for _, o := range h.sources {
		for _, a := range o.asked {
			if a.at.After(newest[a.chunk]) {
				newest[a.chunk] = a.at
			}
		}
	}
	late := -1
	for i, c := range h.draft.chunks {
		if c != nil {
			continue
		}
		at, asked := newest[i]
		switch {
		case !asked:
			return i, true
		case late < 0 && now.Sub(at) > repeatAfter && !s.isAsked(i):
			late = i
		}
	}
	return late, late >= 0
}

func (s *source) isAsked(i int) bool {
	return slices.ContainsFunc(s.asked, func(a ask) bool { return a.chunk == i })
}

// took takes a chunk. One that nobody asked for is dropped: it may just be late.
func (h *hunt) took(now time.Time, l *line, m message) error {
	s, d := h.source(l), h.draft
	if s == nil || !s.isAsked(int(m.n)) {
		return nil
	}
	s.asked = slices.DeleteFunc(s.asked, func(a ask) bool { return a.chunk == int(m.n) })
	if i := int(m.n); d != nil && d.serves(s) && i < len(d.chunks) && d.chunks[i] == nil {
		if len(m.body) != sizeOf(i, d.size) {
			return errMessage
		}
		d.chunks[i] = bytes.Clone(m.body)
		d.givers[l] = true
		d.missing--
		d.moved = now
		if d.missing == 0 {
			return h.judge(now, l)
		}
	}
	if d != nil && d.serves(s) {
		h.ask(now, s) // the others have as much to do as before
	}
	return nil
}

// judge looks whether a complete draft is what we want; l has given the last chunk. An error is about l.
func (h *hunt) judge(now time.Time, l *line) error {
	d := h.draft
	info := bytes.Join(d.chunks, nil)
	h.draft = nil
	if infohash.Of(info) == h.hash {
		x := h.exchange
		x.ext.deliver(h.hash, info)
		x.work(now)
		return nil
	}
	if len(d.givers) == 1 {
		h.liars[l.peer.Device()] = true
		h.leave(l)
		return errPoison
	}
	h.split[d.size] = true
	h.work(now)
	return nil
}
