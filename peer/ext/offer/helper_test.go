package offer_test

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"p2p/peer/ext"
	"p2p/peer/ext/exttest"
	"p2p/peer/ext/offer"
	"p2p/peer/identity"
	"p2p/piece"
	"p2p/torrentfile/infohash"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// dictionary returns n bytes that stand for an info dictionary.
func dictionary(n int, seed byte) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{seed}).Read(b)
	return b
}

// The messages, as the other side writes them.
func want(h offer.Hash) string { return "\x00" + string(h[:]) }
func have(h offer.Hash, n int) string {
	return "\x01" + string(h[:]) + string(binary.BigEndian.AppendUint32(nil, uint32(n)))
}
func ask(h offer.Hash, i int) string {
	return "\x02" + string(h[:]) + string(binary.BigEndian.AppendUint32(nil, uint32(i)))
}
func lost(h offer.Hash) string { return "\x04" + string(h[:]) }
func chunk(h offer.Hash, i int, b []byte) string {
	return "\x03" + string(h[:]) + string(binary.BigEndian.AppendUint32(nil, uint32(i))) + string(b)
}

// part returns chunk i of info.
func part(info []byte, i int) []byte {
	return info[i*offer.ChunkSize : min(len(info), (i+1)*offer.ChunkSize)]
}

// rig is the extension in one room, among members that a test plays by hand. It is made inside
// synctest.Test, for Fetch waits on a goroutine of its own.
type rig struct {
	t        *testing.T
	now      time.Time
	loop     exttest.Loop
	files    map[offer.Hash][]byte // that it may give
	lost     []offer.Hash          // that it has offered
	heard    []string              // the device and the file
	ext      *offer.Extension
	instance ext.Instance
	members  []*member
	n        int
}

// member is one who says that he has what answers of its hash; reply returns what he sends for a chunk, nil for
// nothing.
type member struct {
	*exttest.Peer
	ext.Handler
	rig   *rig
	has   map[offer.Hash]int // and how long it is
	reply func(h offer.Hash, i int) string
	wants int // how often he was asked whether he has something
	asks  int // for chunks
	err   error
}

func newRig(t *testing.T) *rig {
	r := &rig{t: t, now: noon, files: map[offer.Hash][]byte{}}
	r.ext = offer.New(offer.Options{
		Info: func(h offer.Hash) []byte { return r.files[h] }, Lost: func() []offer.Hash { return r.lost },
		Hear: func(device identity.Key, h offer.Hash) { r.heard = append(r.heard, string(device[:1])+string(h[:1])) },
	})
	r.open()
	return r
}

func (r *rig) open() { r.instance = r.ext.Open(ext.Torrent{Room: true, Do: r.loop.Do}) }

// joins connects a member.
func (r *rig) joins(has map[offer.Hash]int, reply func(h offer.Hash, i int) string) *member {
	r.n++
	p := &exttest.Peer{Number: piece.PeerKey(r.n), Who: identity.Key{byte(r.n)}}
	m := &member{Peer: p, rig: r, has: has, reply: reply}
	m.Handler = r.instance.Attach(r.now, p)
	r.members = append(r.members, m)
	return m
}

// honest connects a member that has the dictionaries.
func (r *rig) honest(files ...[]byte) *member {
	has, all := map[offer.Hash]int{}, map[offer.Hash][]byte{}
	for _, f := range files {
		has[infohash.Of(f)], all[infohash.Of(f)] = len(f), f
	}
	return r.joins(has, func(h offer.Hash, i int) string { return chunk(h, i, part(all[h], i)) })
}

// liar connects a member that gives other bytes of the length that it claims for h.
func (r *rig) liar(h offer.Hash, n int) *member {
	fake := dictionary(n, 99)
	return r.joins(map[offer.Hash]int{h: n}, func(h offer.Hash, i int) string { return chunk(h, i, part(fake, i)) })
}

func silent(offer.Hash, int) string { return "" }

func (r *rig) leaves(m *member) {
	m.Detach()
	r.members = slices.DeleteFunc(r.members, func(o *member) bool { return o == m })
}

// answer lets a member read what it was sent and answer, and reports whether there was anything.
func (m *member) answer() bool {
	sent := m.Take()
	for _, payload := range sent {
		h := offer.Hash([]byte(payload[1:21]))
		reply := ""
		switch payload[0] {
		case 0:
			m.wants++
			reply = have(h, m.has[h])
		case 2:
			m.asks++
			reply = m.reply(h, int(binary.BigEndian.Uint32([]byte(payload[21:]))))
		}
		if reply != "" && m.err == nil {
			m.err = m.Handle(m.rig.now, []byte(reply))
		}
	}
	return len(sent) > 0
}

// settle lets all members answer until nobody says anything. Who broke a rule leaves.
func (r *rig) settle() {
	for busy := true; busy; {
		synctest.Wait()
		busy = r.loop.Run(r.now) > 0
		for _, m := range slices.Clone(r.members) {
			busy = m.answer() || busy
			if m.err != nil {
				r.leaves(m)
			}
		}
	}
}

// passes lets time pass, tick by tick.
func (r *rig) passes(d time.Duration) {
	r.settle()
	for end := r.now.Add(d); r.now.Before(end); {
		r.now = r.now.Add(ext.TickEvery)
		r.instance.(ext.Ticker).Tick(r.now)
		r.settle()
	}
}

// fetched is a Fetch that is under way.
type fetched struct {
	info   []byte
	err    error
	done   bool
	cancel context.CancelFunc
}

// fetch begins one.
func (r *rig) fetch(h offer.Hash, size int) *fetched {
	ctx, cancel := context.WithCancel(r.t.Context())
	f := &fetched{cancel: cancel}
	go func() {
		f.info, f.err = r.ext.Fetch(ctx, h, int64(size))
		f.done = true
	}()
	synctest.Wait()
	return f
}

// got reports whether it has come to an end with info.
func (f *fetched) got(info []byte) bool {
	synctest.Wait()
	return f.done && f.err == nil && slices.Equal(f.info, info)
}
