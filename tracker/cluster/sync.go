package cluster

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"go.uber.org/zap"

	"p2p/tracker/memory"
)

const (
	// pieceSize is the longest message of an answer to a sync, in bytes.
	pieceSize = 32 << 10
	// answerSize is what one answer has at least, if there is so much.
	answerSize = 512 << 10
	// pieceTimeout is how long a node that is asked may take for one.
	pieceTimeout = 3 * time.Second
	// aloneAfter is when a node that has met no other takes itself for the first.
	aloneAfter = 3 * time.Second
	// parts are those of the registry, one for the peers that have left, and some
	// for the completions that are not in the ledger yet.
	parts = memory.Parts + 1 + completionParts
)

// syncSubject is where a node is asked for what it knows.
func (n *Node) syncSubject(id nodeID) string { return n.subject + ".sync." + id.String() }

// answer sends parts of the registry, from the one that a node asks for on. NATS calls
// it for one request after the other, so a node is never busier with them than one request is.
func (n *Node) answer(ctx context.Context, m *nats.Msg) {
	h, rest, ok := parseHeader(m.Data)
	request, okRequest := parseSyncRequest(rest)
	if !ok || h.kind != kindSyncRequest || !okRequest || request.part >= parts || !strings.HasPrefix(m.Reply, "_INBOX.") {
		n.counters.Ignored.Add(1)
		return
	}
	a := answering{n: n, to: m.Reply, now: n.opts.Now(), part: syncPart{part: request.part, parts: parts}}
	a.begin()
	since := a.now.Add(-time.Duration(request.within) * time.Second)
	var err error
	for err == nil && a.part.part < parts && a.bytes < answerSize {
		err = a.addPart(ctx, since)
		a.part.part++
	}
	if err == nil {
		a.part.last = true
		err = a.send()
	}
	if err != nil {
		n.opts.Log.Debug("a sync was not answered", zap.Error(err))
	}
}

// answering is an answer to a sync request under way.
type answering struct {
	n     *Node
	to    string
	now   time.Time
	part  syncPart
	buf   []byte
	bytes int    // sent
	sum   uint64 // deltas in buf
}

// addPart adds one part. Completions come last: nothing may stand behind them.
func (a *answering) addPart(ctx context.Context, since time.Time) error {
	part := int(a.part.part)
	switch {
	case part > memory.Parts:
		return a.addCompletions(ctx, part-memory.Parts-1)
	case part == memory.Parts:
		return a.addDepartures(ctx, since)
	}
	return a.n.store.Part(part, since, func(peers []memory.Peer) error {
		for _, p := range peers {
			if err := a.add(delta{hash: p.Swarm, peer: p.Addr, seed: p.Seed, age: ageOf(p.Seen.Add(-time.Second), a.now)}); err != nil {
				return err
			}
		}
		return ctx.Err()
	})
}

func (a *answering) addDepartures(ctx context.Context, since time.Time) error {
	for _, d := range a.n.store.left.since(since, a.now) {
		if err := a.add(d); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// addCompletions adds completions that wait here, whenever they happened and
// wherever: what the asker does not know of them is lost when those nodes die
// that do.
func (a *answering) addCompletions(ctx context.Context, part int) error {
	c := a.n.store.completions
	if c == nil {
		return nil
	}
	for _, r := range c.retell(part) {
		a.buf = r.append(a.buf)
		if err := a.fit(); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (a *answering) begin() {
	a.buf = append(a.buf[:0], make([]byte, headerSize+syncPartSize)...)
}

func (a *answering) add(d delta) error {
	a.buf = d.append(a.buf)
	a.sum++
	return a.fit()
}

// fit sends the piece if nothing more fits into it.
func (a *answering) fit() error {
	if len(a.buf)+max(maxDelta, maxRetold) <= pieceSize {
		return nil
	}
	return a.send()
}

// send sends a piece and begins the next.
func (a *answering) send() error {
	h := header{kindSyncPart, a.n.id, a.n.boot, a.n.seq.Load()}
	a.part.append(h.append(a.buf[:0]))
	if err := a.n.nc.Publish(a.to, a.buf); err != nil {
		return err
	}
	a.bytes += len(a.buf)
	a.n.counters.BytesOut.Add(uint64(len(a.buf)))
	a.n.counters.SyncDeltas.Add(a.sum)
	a.part.piece++
	a.sum = 0
	a.begin()
	return nil
}

// catchUp asks other nodes for what is missing here until ctx ends.
func (n *Node) catchUp(ctx context.Context) {
	tick := time.NewTicker(helloEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-n.wake:
		case <-tick.C:
		}
		for ctx.Err() == nil && n.syncOnce(ctx) {
		}
		if !n.synced.Load() && time.Since(n.started) > aloneAfter && n.members.alive(time.Now()) == 0 {
			n.synced.Store(true)
		}
	}
}

// syncOnce asks one node, if there is one to ask.
func (n *Node) syncOnce(ctx context.Context) bool {
	began := time.Now()
	j, ok := n.members.job(began)
	if !ok {
		return false
	}
	first := !n.synced.Load()
	if first {
		j.missing = began.Add(-n.opts.PeerTTL) // everything, whenever it was announced
	}
	n.counters.Syncs.Add(1)
	peers, err := n.ask(ctx, j, began)
	n.members.done(j, began, time.Now(), err, first)
	if err != nil {
		n.opts.Log.Debug("a node does not answer", zap.Stringer("node", j.node), zap.Error(err))
		return true
	}
	if first {
		n.synced.Store(true)
	}
	n.opts.Log.Info("caught up with a node", zap.Stringer("node", j.node), zap.Int("peers", peers), zap.Duration("took", time.Since(began)))
	return true
}

// ask gets all parts of a node's registry, as far as they are missing here, and
// returns of how many peers that was.
func (n *Node) ask(ctx context.Context, j job, now time.Time) (peers int, err error) {
	within := uint32(max(now.Sub(j.missing), 0)/time.Second) + 1
	inbox := n.nc.NewInbox()
	sub, err := n.nc.SubscribeSync(inbox)
	if err != nil {
		return 0, err
	}
	defer sub.Unsubscribe()
	for part := uint32(0); ; {
		h := header{kindSyncRequest, n.id, n.boot, n.seq.Load()}
		request := syncRequest{within, part}.append(h.append(nil))
		asked := told{n.opts.Now()}
		if err := n.nc.PublishRequest(n.syncSubject(j.node), inbox, request); err != nil {
			return peers, err
		}
		count, next, err := n.hearAnswer(ctx, j, asked, sub)
		if peers += count; err != nil {
			return peers, fmt.Errorf("ask for part %d: %w", part, err)
		}
		switch {
		case next.part == next.parts:
			return peers, nil
		case next.part <= part:
			return peers, errAnswer
		}
		part = next.part
	}
}

// errAnswer is the error of an answer that makes no sense, or comes from a node
// that has started anew meanwhile.
var errAnswer = errors.New("the answer does not fit the question")

// hearAnswer takes in an answer, and returns of how many peers it was and how
// it ended.
func (n *Node) hearAnswer(ctx context.Context, j job, how told, sub *nats.Subscription) (peers int, end syncPart, err error) {
	for piece := uint32(0); ; piece++ {
		wait, cancel := context.WithTimeout(ctx, pieceTimeout)
		m, err := sub.NextMsgWithContext(wait)
		cancel()
		if err != nil {
			return peers, syncPart{}, err
		}
		n.counters.BytesIn.Add(uint64(len(m.Data)))
		h, rest, ok := parseHeader(m.Data)
		p, deltas, okPart := parseSyncPart(rest)
		if !ok || !okPart || h.kind != kindSyncPart || h.node != j.node || h.boot != j.boot || p.piece != piece {
			n.counters.Ignored.Add(1)
			return peers, syncPart{}, errAnswer
		}
		if peers += n.applyAll(ctx, h.incarnation(), deltas, how); p.last {
			return peers, p, nil
		}
	}
}

// hearAgain notes the retolds that b begins with, and returns what follows them.
func (n *Node) hearAgain(b []byte, now time.Time) []byte {
	for {
		r, rest, ok := parseRetold(b)
		if !ok {
			return b
		}
		if n.store.completions != nil {
			n.store.completions.hear(r, now)
		}
		b = rest
	}
}
