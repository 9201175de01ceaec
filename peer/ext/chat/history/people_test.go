package history_test

import (
	"context"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"p2p/peer/ext/chat/history"
	"p2p/peer/ext/chat/room"
	"p2p/peer/identity"
)

// The kinds of the tests. An edit and a reaction begin with the id of their target.
const (
	said = room.Content
	edit = room.Content + 1
)

func read(kind room.Kind, body []byte) history.Content {
	var c history.Content
	switch kind {
	case room.Create, room.Join, room.Admin:
	case room.Delete:
		copy(c.Target[:], body)
	case edit:
		copy(c.Target[:], body)
		c.Text = string(body[min(len(body), len(c.Target)):])
	default:
		c.Text, c.Line = string(body), true
	}
	return c
}

func secret(t testing.TB, rng *rand.Rand) identity.Secret {
	t.Helper()
	b := make([]byte, identity.SeedSize)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	s, err := identity.SecretOf(b)
	must(t, err)
	return s
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// shelf is an Index in memory, against which the archive is compared.
type shelf struct {
	metas  map[room.ID]room.Meta
	logs   map[identity.Key]map[uint64]room.ID
	bodies map[room.ID][]byte
	order  []room.ID
	bare   map[room.ID]bool // whose bodies were withheld
}

func newShelf() *shelf {
	return &shelf{map[room.ID]room.Meta{}, map[identity.Key]map[uint64]room.ID{}, map[room.ID][]byte{}, nil, map[room.ID]bool{}}
}

func (s *shelf) Find(id room.ID) (room.Meta, bool) { m, ok := s.metas[id]; return m, ok }

func (s *shelf) At(device identity.Key, seq uint64) (room.Meta, bool) {
	id, ok := s.logs[device][seq]
	return s.metas[id], ok
}

func (s *shelf) Add(m room.Meta, body []byte) {
	s.metas[m.ID], s.bodies[m.ID] = m, body
	s.order = append(s.order, m.ID)
	if body == nil {
		s.bare[m.ID] = true
	}
	if s.logs[m.Author] == nil {
		s.logs[m.Author] = map[uint64]room.ID{}
	}
	if _, taken := s.logs[m.Author][m.Seq]; !taken {
		s.logs[m.Author][m.Seq] = m.ID
	}
}

func (s *shelf) Fill(e *room.Event, body []byte) bool {
	if !s.bare[e.ID] {
		return false
	}
	delete(s.bare, e.ID)
	s.bodies[e.ID] = body
	return true
}

func (s *shelf) Lacking(from room.Position, n int) (all []room.Meta) {
	for id := range s.bare {
		if m := s.metas[id]; !m.Position().Less(from) {
			all = append(all, m)
		}
	}
	slices.SortFunc(all, func(a, b room.Meta) int { return a.Compare(&b.Event) })
	return all[:min(len(all), n)]
}

// person writes on a shelf.
type person struct {
	t       testing.TB
	account identity.Secret
	device  identity.Secret
	room    *room.Room
	shelf   *shelf
	wall    uint64
}

// parcel is an event on its way.
type parcel struct {
	event room.Event
	body  []byte
}

// founder returns a person with a room of his own, and what it begins with.
func founder(t testing.TB, rng *rand.Rand) (*person, parcel) {
	t.Helper()
	p := &person{t: t, account: secret(t, rng), device: secret(t, rng), shelf: newShelf(), wall: 1_790_000_000_000}
	birth := room.Birth{Certificate: p.certificate(), Options: room.Options{Name: "test", Limit: 100, History: -1}}
	e, body, err := room.Found(p.device, birth, p.wall)
	must(t, err)
	p.room = room.New(e.ID, p.shelf)
	p.take(parcel{e, body})
	return p, parcel{e, body}
}

func (p *person) certificate() identity.Certificate {
	c, err := identity.Certify(p.account, p.device.Key(), "test", time.Unix(1_700_000_000, 0), false)
	must(p.t, err)
	return c
}

func (p *person) take(all ...parcel) {
	p.t.Helper()
	for _, x := range all {
		_, err := p.room.Receive(x.event, x.body, 0)
		must(p.t, err)
	}
}

func (p *person) write(kind room.Kind, body []byte) parcel {
	p.t.Helper()
	p.wall += 1000
	e, _, err := p.room.Write(p.device, kind, body, p.wall)
	must(p.t, err)
	return parcel{e, body}
}

func (p *person) say(text string) parcel { return p.write(said, []byte(text)) }

func (p *person) edit(target room.ID, text string) parcel {
	return p.write(edit, append(target[:], text...))
}

// invite makes somebody else a member, who joins; all that he needs to is returned with that.
func (p *person) invite(rng *rand.Rand) (*person, []parcel) {
	p.t.Helper()
	q := &person{t: p.t, account: secret(p.t, rng), device: secret(p.t, rng), shelf: newShelf(), wall: p.wall}
	q.room = room.New(p.room.ID(), q.shelf)
	add := room.Change{Op: room.Add, Account: q.account.Key(), Role: room.Member}
	added := p.write(room.Admin, add.AppendTo(nil))
	for _, id := range p.shelf.order {
		q.take(parcel{p.shelf.metas[id].Event, p.shelf.bodies[id]})
	}
	joined := q.write(room.Join, q.certificate().AppendTo(nil))
	p.take(joined)
	return q, []parcel{added, joined}
}

// keeper has an archive.
type keeper struct {
	t       testing.TB
	path    string
	options history.Options
	*history.Archive
	log *history.Log
}

func keep(t testing.TB, id room.ID, o history.Options) *keeper {
	t.Helper()
	o.Read = read
	k := &keeper{t: t, path: filepath.Join(t.TempDir(), "a b?c#%.db"), options: o}
	k.open(id)
	t.Cleanup(func() {
		if k.Archive != nil {
			must(t, k.Close())
		}
	})
	return k
}

// begun returns somebody who has founded a room, and an archive that has that.
func begun(t testing.TB, seed uint64, o history.Options) (*person, *keeper) {
	t.Helper()
	p, birth := founder(t, seeded(seed))
	k := keep(t, p.room.ID(), o)
	k.take(birth)
	return p, k
}

func (k *keeper) open(id room.ID) {
	k.t.Helper()
	a, err := history.Open(k.path, k.options)
	must(k.t, err)
	k.Archive = a
	k.reopen(id)
}

func (k *keeper) shut() {
	k.t.Helper()
	must(k.t, k.Close())
	k.Archive = nil
}

func (k *keeper) reopen(id room.ID) {
	k.t.Helper()
	log, err := k.Room(context.Background(), id)
	must(k.t, err)
	k.log = log
}

// take receives and commits each alone.
func (k *keeper) take(all ...parcel) {
	k.t.Helper()
	for _, x := range all {
		out, err := k.log.Room.Receive(x.event, x.body, 1)
		must(k.t, err)
		must(k.t, k.log.Commit(out))
	}
}

func bodies(entries []history.Entry) []string {
	var all []string
	for _, e := range entries {
		all = append(all, string(e.Body))
	}
	return all
}
