package metadata_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"p2p/peer/ext"
	"p2p/peer/ext/exttest"
	"p2p/peer/ext/metadata"
	"p2p/peer/wire"
	"p2p/piece"
	"p2p/torrentfile/benc"
	"p2p/torrentfile/infohash"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

const block = 16 << 10

// dictionary returns n bytes that stand for an info dictionary.
func dictionary(n int, seed byte) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{seed}).Read(b)
	return b
}

// message is a message as the other side reads it.
type message struct {
	Kind  int    `bencode:"msg_type"`
	Piece int    `bencode:"piece"`
	Total int    `bencode:"total_size"`
	Body  string `bencode:"-"`
}

func read(t *testing.T, payload string) message {
	t.Helper()
	var m message
	rest, err := benc.UnmarshalPrefix([]byte(payload), &m, benc.Limits{})
	if err != nil {
		t.Fatalf("%q: %v", payload, err)
	}
	m.Body = string(rest)
	return m
}

func request(piece int) string { return fmt.Sprintf("d8:msg_typei0e5:piecei%dee", piece) }
func reject(piece int) string  { return fmt.Sprintf("d8:msg_typei2e5:piecei%dee", piece) }

// answer is the data message for a piece of dict.
func answer(dict []byte, piece int) string {
	return fmt.Sprintf("d8:msg_typei1e5:piecei%de10:total_sizei%dee", piece, len(dict)) +
		string(dict[piece*block:min(len(dict), (piece+1)*block)])
}

// serve opens the extension on a torrent with the dictionary and attaches a peer.
func serve(dict []byte) (ext.Instance, *exttest.Peer, ext.Handler) {
	i := metadata.Extension{}.Open(ext.Torrent{InfoHash: infohash.Of(dict), Info: dict})
	p := &exttest.Peer{Number: 1}
	return i, p, i.Attach(noon, p)
}

// hunt is a torrent whose dictionary is looked for.
type hunt struct {
	t        *testing.T
	now      time.Time
	instance ext.Instance
	found    []byte
	prey     []*prey
}

// prey is a peer that claims to have the dictionary; reply returns what it
// answers, nil for nothing.
type prey struct {
	*exttest.Peer
	handler ext.Handler
	reply   func(piece int) []string
	got     int // requests
	err     error
}

func newHunt(t *testing.T, dict []byte) *hunt {
	h := &hunt{t: t, now: noon}
	h.instance = metadata.Extension{}.Open(ext.Torrent{
		InfoHash:  infohash.Of(dict),
		FoundInfo: func(info []byte) { h.found = info },
	})
	return h
}

// joins connects a peer that claims a size.
func (h *hunt) joins(size int, reply func(piece int) []string) *prey {
	n := len(h.prey) + 1
	p := &prey{reply: reply, Peer: &exttest.Peer{
		Number: piece.PeerKey(n), From: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(n)}), 6881),
		Says: wire.ExtHandshake{M: map[string]uint8{"ut_metadata": 1}, MetadataSize: int64(size)},
	}}
	h.prey = append(h.prey, p)
	p.handler = h.instance.Attach(h.now, p.Peer)
	return p
}

// honest joins a peer that has dict.
func (h *hunt) honest(dict []byte) *prey {
	return h.joins(len(dict), func(i int) []string { return []string{answer(dict, i)} })
}

func silent(int) []string { return nil }

// run lets the peers answer until the dictionary is found or time is up. A peer
// that broke a rule, or was closed, leaves.
func (h *hunt) run(limit time.Duration) {
	h.t.Helper()
	for end := h.now.Add(limit); h.found == nil && h.now.Before(end); {
		for busy := true; busy && h.found == nil; {
			busy = false
			for _, p := range h.prey {
				for _, payload := range p.Take() {
					busy = true
					h.take(p, read(h.t, payload))
				}
			}
		}
		h.now = h.now.Add(ext.TickEvery)
		h.instance.(ext.Ticker).Tick(h.now)
	}
}

func (h *hunt) take(p *prey, m message) {
	if p.handler == nil || m.Kind != 0 {
		return
	}
	p.got++
	for _, payload := range p.reply(m.Piece) {
		if p.handler == nil {
			return
		}
		if p.err = p.handler.Handle(h.now, []byte(payload)); p.err != nil || p.Closed != nil {
			h.leaves(p)
		}
	}
}

func (h *hunt) leaves(p *prey) {
	p.handler.Detach()
	p.handler, p.Deaf = nil, true
}
