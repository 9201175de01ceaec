package metadata

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"p2p/peer/ext"
	"p2p/peer/wire"
)

// Extension is ut_metadata. The zero value is ready to use.
type Extension struct{}

// Name implements ext.Extension.
func (Extension) Name() string { return "ut_metadata" }

// Open implements ext.Extension. A torrent that neither has its info dictionary
// nor looks for it has no use for this.
func (Extension) Open(t ext.Torrent) ext.Instance {
	switch {
	case t.Info != nil:
		return &serving{info: t.Info}
	case t.FoundInfo != nil:
		return newFetching(t)
	}
	return nil
}

// What a peer may ask of us on one connection.
const (
	// servedTimes is how often we send the whole dictionary. BEP 9: "Clients MAY
	// implement flood protection by rejecting request messages after a certain
	// number of them have been served. Typically the number of pieces of
	// metadata times a factor."
	servedTimes = 3
	// rejectedMost is how many rejects we send before we have had enough.
	rejectedMost = 200
)

var errFlood = errors.New("asks for metadata again and again")

// serving is a torrent whose info dictionary we have.
type serving struct {
	info    []byte
	waiting []*server // those who have asked for more than they read yet
}

// Greet implements ext.Greeter. BEP 9: it "adds 'metadata_size' to the handshake
// message".
func (s *serving) Greet(h *wire.ExtHandshake) { h.MetadataSize = int64(len(s.info)) }

// Attach implements ext.Instance.
func (s *serving) Attach(_ time.Time, p ext.Peer) ext.Handler {
	return &server{serving: s, peer: p, budget: servedTimes * pieces(len(s.info)), queued: map[int]bool{}}
}

// Tick implements ext.Ticker: it sends what there was no room for.
func (s *serving) Tick(time.Time) {
	still := s.waiting[:0]
	for _, v := range s.waiting {
		if v.send(); len(v.queue) > 0 {
			still = append(still, v)
		}
	}
	clear(s.waiting[len(still):])
	s.waiting = still
}

// server answers the requests of one peer.
type server struct {
	serving  *serving
	peer     ext.Peer
	budget   int          // pieces that may still be sent
	queue    []int        // pieces asked for and not sent yet, each once
	queued   map[int]bool // those in queue
	rejected int
}

// Handle implements ext.Handler. BEP 9: "an unrecognized message ID MUST be
// ignored"; of data and rejects we have asked for none.
func (v *server) Handle(_ time.Time, payload []byte) error {
	m, err := parse(payload)
	if err != nil || m.kind != request {
		return err
	}
	size := len(v.serving.info)
	if m.piece < 0 || m.piece >= int64(pieces(size)) || v.budget == 0 {
		return refuse(v.peer, m.piece, &v.rejected)
	}
	if i := int(m.piece); !v.queued[i] {
		v.budget--
		v.queued[i] = true
		v.queue = append(v.queue, i)
	}
	v.send()
	if len(v.queue) > 0 && !slices.Contains(v.serving.waiting, v) {
		v.serving.waiting = append(v.serving.waiting, v)
	}
	return nil
}

// send sends what is queued, as long as there is room.
func (v *server) send() {
	for len(v.queue) > 0 {
		i, size := v.queue[0], len(v.serving.info)
		at := i * pieceLen
		m := message{kind: data, piece: int64(i), total: int64(size), body: v.serving.info[at : at+sizeOf(i, size)]}
		if !v.peer.Send(ext.Bulk, m.append(nil)) {
			return
		}
		v.queue = v.queue[1:]
		delete(v.queued, i)
	}
	v.queue = nil
}

// Detach implements ext.Handler.
func (v *server) Detach() { v.queue = nil } // the next Tick forgets it

// refuse answers a request with a reject and counts it. The error ends the
// connection of a peer that never stops.
func refuse(p ext.Peer, piece int64, count *int) error {
	if *count++; *count > rejectedMost {
		return fmt.Errorf("%w: %d requests in vain", errFlood, *count)
	}
	p.Send(ext.Bulk, message{kind: reject, piece: piece}.append(nil))
	return nil
}
