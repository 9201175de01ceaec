package room_test

import (
	"crypto/ed25519"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"p2p/peer/ext/chat/room"
	"p2p/peer/identity"
)

// worlds is how many a test plays through, a tenth of them with -short.
var worlds = flag.Int("worlds", 2000, "how many random worlds to play through")

// shelf is an Index in memory.
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

// person is a member with one device.
type person struct {
	name    string
	account identity.Secret
	device  identity.Secret
	liar    bool
	room    *room.Room
	shelf   *shelf
	links   map[*person]*room.Session
	wrote   []room.ID
}

// parcel is a message on its way.
type parcel struct {
	from, to *person
	era      int // of the connection
	message  room.Message
}

// world is some people with a network between them, and everything that goes wrong.
type world struct {
	t      testing.TB
	rng    *rand.Rand
	people []*person
	wire   map[[2]*person][]parcel // in order, as TCP has it
	eras   map[[2]*person]int
	next   uint64 // number of a session
	id     room.ID
	wall   uint64

	verified map[signed]bool

	resting bool // nothing is left to somebody else,
	leaves  bool // or all that can be
	silent  bool // nobody asks for bodies
	carried int  // events that were delivered
	later   int  // bodies that came after their events
}

func secret(t testing.TB, rng *rand.Rand) identity.Secret {
	t.Helper()
	b := make([]byte, identity.SeedSize)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	s, err := identity.SecretOf(b)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newWorld(t testing.TB, seed uint64, n, liars int) *world {
	w := &world{t: t, rng: rand.New(rand.NewPCG(seed, 7)), wire: map[[2]*person][]parcel{}, eras: map[[2]*person]int{}, verified: map[signed]bool{}}
	for i := range n {
		p := &person{name: fmt.Sprintf("p%d", i), account: secret(t, w.rng), device: secret(t, w.rng), links: map[*person]*room.Session{}}
		p.liar = i > 0 && i <= liars
		w.people = append(w.people, p)
	}
	founder := w.people[0]
	birth := room.Birth{Certificate: w.certify(founder), Options: room.Options{Name: "test", Limit: 100, History: -1}}
	e, body, err := room.Found(founder.device, birth, 1)
	w.must(err)
	w.id = e.ID
	for _, p := range w.people {
		p.shelf = newShelf()
		p.room = room.New(w.id, p.shelf)
	}
	_, err = founder.room.Receive(e, body, 0)
	w.must(err)
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) certify(p *person) identity.Certificate {
	c, err := identity.Certify(p.account, p.device.Key(), p.name, time.Unix(1_700_000_000, 0), false)
	w.must(err)
	return c
}

func (w *world) any() *person { return w.people[w.rng.IntN(len(w.people))] }

// connect makes a connection between two who have none.
func (w *world) connect(a, b *person) {
	if a == b || a.links[b] != nil {
		return
	}
	w.next++
	a.links[b] = room.NewSession(a.room, a.device.Key(), w.next, a.bodiesFor(b))
	w.next++
	b.links[a] = room.NewSession(b.room, b.device.Key(), w.next, b.bodiesFor(a))
	w.send(a, b, a.links[b].Hello()...)
	w.send(b, a, b.links[a].Hello()...)
}

func (p *person) body(m *room.Meta) []byte { return p.shelf.bodies[m.ID] }

// bodiesFor is what p lets q have: all, or what was written since he came, as the room decides.
func (p *person) bodiesFor(q *person) room.Bodies {
	return func(m *room.Meta) []byte {
		if from, may := p.limitOf(q); m.Kind >= room.Content && (!may || m.Position().Less(from)) {
			return nil
		}
		return p.body(m)
	}
}

// limitOf is from where on q may have bodies, as p knows it.
func (p *person) limitOf(q *person) (room.Position, bool) {
	since, member := p.room.Since(q.account.Key())
	if p.room.Options().History < 0 {
		return room.Position{}, member
	}
	return since.Position(), member
}

func (w *world) send(from, to *person, messages ...room.Message) {
	for _, m := range messages {
		key := [2]*person{from, to}
		w.wire[key] = append(w.wire[key], parcel{from, to, w.eras[key], m})
	}
}

// cut ends a connection; what is on its way is lost.
func (w *world) cut(a, b *person) {
	if a.links[b] == nil {
		return
	}
	a.links[b].Close()
	b.links[a].Close()
	delete(a.links, b)
	delete(b.links, a)
	delete(w.wire, [2]*person{a, b})
	delete(w.wire, [2]*person{b, a})
}

// deliver brings one message, of a random connection, to its end.
func (w *world) deliver() bool {
	keys := make([][2]*person, 0, len(w.wire))
	for _, a := range w.people {
		for _, b := range w.people {
			if len(w.wire[[2]*person{a, b}]) > 0 {
				keys = append(keys, [2]*person{a, b})
			}
		}
	}
	if len(keys) == 0 {
		return false
	}
	key := keys[w.rng.IntN(len(keys))]
	p := w.wire[key][0]
	w.wire[key] = w.wire[key][1:]
	w.carried += len(p.message.Events)
	session := p.to.links[p.from]
	if session == nil {
		return true
	}
	out, answers, err := session.Handle(w.read(p.message))
	w.later += len(out.Filled)
	if err != nil {
		if !p.from.liar && !p.to.liar {
			w.t.Fatalf("%s refuses what %s says: %v", p.to.name, p.from.name, err)
		}
		w.cut(p.to, p.from)
		w.spread(p.to, out)
		return true
	}
	w.send(p.to, p.from, answers...)
	w.spread(p.to, out)
	return true
}

// read is recoded, but that the same signature of the same event is verified once in a world: nothing else takes as long.
func (w *world) read(m room.Message) room.Message {
	got, err := room.ParseNews(m.AppendTo(nil), func(e *room.Event) bool { return w.verified[signed{e.ID, e.Signature}] }, room.InOrder)
	if err != nil {
		w.t.Fatalf("%+v: %v", m, err)
	}
	for i := range got.Events {
		e := &got.Events[i].Event
		w.verified[signed{e.ID, e.Signature}] = true
	}
	return got
}

// signed is an event and what is said to be its signature.
type signed struct {
	id        room.ID
	signature [ed25519.SignatureSize]byte
}

// recoded is m as it is read from the wire.
func recoded(t testing.TB, m room.Message) room.Message {
	got, err := room.ParseMessage(m.AppendTo(nil)) // and not ParseNews: whoever forges is to be found out
	if err != nil {
		t.Fatalf("%+v: %v", m, err)
	}
	return got
}

// spread lets the sessions of p say what is new.
func (w *world) spread(p *person, out room.Outcome) {
	for _, q := range w.people {
		if s := p.links[q]; s != nil {
			if w.rng.IntN(3) == 0 {
				w.send(p, q, s.Have()...)
			}
			if w.rng.IntN(4) == 0 && !w.leaves {
				s.Reclaim()
				s.Leave()
			}
			w.send(p, q, s.Next(out, !w.leaves && (w.resting || w.rng.IntN(2) == 0))...)
			if !w.silent && (w.resting || w.rng.IntN(4) == 0) {
				w.send(p, q, s.Ask(func() (room.Position, bool) { return p.limitOf(p) })...)
			}
		}
	}
}

// write makes p write an event of a kind.
func (w *world) write(p *person, kind room.Kind, body []byte) {
	w.wall += uint64(w.rng.IntN(5))
	wall := w.wall
	if w.rng.IntN(4) == 0 {
		wall = uint64(w.rng.IntN(1_000_000)) // a clock that is wrong
	}
	e, out, err := p.room.Write(p.device, kind, body, wall)
	if errors.Is(err, room.ErrNotJoined) || errors.Is(err, room.ErrStranger) || errors.Is(err, room.ErrLamport) {
		return // he is not in yet
	}
	w.must(err)
	p.wrote = append(p.wrote, e.ID)
	w.spread(p, out)
}

func (w *world) change(p *person, c room.Change) { w.write(p, room.Admin, c.AppendTo(nil)) }

// step lets something happen.
func (w *world) step() {
	p, q := w.any(), w.any()
	switch n := w.rng.IntN(100); {
	case n < 50:
		w.deliver()
	case n < 65:
		w.write(p, room.Content, fmt.Appendf(nil, "%s says %d", p.name, w.rng.Uint32()))
	case n < 72:
		w.connect(p, q)
	case n < 76:
		w.cut(p, q)
	case n < 80:
		w.change(p, room.Change{Op: room.Add, Account: q.account.Key(), Role: room.Role(1 + w.rng.IntN(3))})
	case n < 82:
		w.change(p, room.Change{Op: room.Remove, Account: q.account.Key(), Cuts: p.room.Cuts(q.account.Key())})
	case n < 83 && w.rng.IntN(2) == 0:
		w.change(p, room.Change{Op: room.SetRoom, Options: room.Options{Name: "test", Limit: 100, History: -w.rng.IntN(2)}})
	case n < 83:
		w.change(p, room.Change{Op: room.SetRole, Account: q.account.Key(), Role: room.Role(1 + w.rng.IntN(3))})
	case n < 84:
		w.change(p, room.Change{Op: room.Revoke, Cuts: []room.Cut{{Device: q.device.Key(), Seq: p.room.Mark(q.device.Key()).Seq}}})
	case n < 92:
		w.write(p, room.Join, w.certify(p).AppendTo(nil))
	case n < 94:
		w.crash(p)
	case n < 96:
		w.split(p)
	default:
		w.lie(w.any())
	}
}

// crash loses all that p has not stored.
func (w *world) crash(p *person) {
	for _, q := range w.people {
		w.cut(p, q)
	}
	p.reopen(w)
}

// reopen makes p's room of what is on the shelf.
func (p *person) reopen(w *world) {
	old := p.shelf
	forks := p.room.Forks()
	p.shelf = newShelf()
	p.room = room.New(w.id, p.shelf)
	for _, id := range old.order {
		p.room.Want(id)
		if _, err := p.room.Receive(old.metas[id].Event, old.bodies[id], 0); err != nil {
			w.t.Fatalf("%s cannot read its own shelf: %v", p.name, err)
		}
	}
	for _, f := range forks {
		_, err := p.room.Prove(f)
		w.must(err)
	}
}

// split makes a liar two: both go on with the same key, each with what it is told.
func (w *world) split(p *person) {
	if !p.liar || len(p.wrote) < 1 || len(w.people) > 8 {
		return
	}
	twin := &person{name: p.name + "'", account: p.account, device: p.device, liar: true, links: map[*person]*room.Session{}, wrote: slices.Clone(p.wrote)}
	twin.room, twin.shelf = p.room, p.shelf
	twin.reopen(w)
	w.people = append(w.people, twin)
}

// lie makes a liar sign a second event with a number that it has used.
func (w *world) lie(p *person) {
	if !p.liar || len(p.wrote) < 2 {
		return
	}
	m, ok := p.shelf.Find(p.wrote[1+w.rng.IntN(len(p.wrote)-1)])
	if !ok || m.Seq < 2 {
		return
	}
	body := fmt.Appendf(nil, "the other side of %d", w.rng.Uint32())
	h := m.Header
	h.Kind = room.Content
	e, err := room.Sign(p.device, h, body)
	w.must(err)
	for _, q := range w.people { // one hears this
		if s := p.links[q]; s != nil && w.rng.IntN(2) == 0 {
			w.send(p, q, room.Message{Events: []room.Sent{{Event: e, Body: body}}})
		}
	}
}

// heal connects all and lets everything arrive.
func (w *world) heal() {
	w.resting = true
	defer func() { w.resting = false }()
	for range 3 {
		for i, a := range w.people {
			for _, b := range w.people[:i] {
				if a.liar || b.liar {
					continue
				}
				w.cut(a, b)
				w.connect(a, b)
			}
		}
		for n := 0; w.deliver(); n++ {
			if n > 200_000 {
				w.t.Fatal("the members do not come to rest")
			}
		}
	}
}

// list is what a member shows.
func (p *person) list() []room.ID {
	var metas []room.Meta
	for _, m := range p.shelf.metas {
		if m.Kind >= room.Content && p.room.Counts(&m) {
			metas = append(metas, m)
		}
	}
	slices.SortFunc(metas, func(a, b room.Meta) int { return a.Compare(&b.Event) })
	ids := make([]room.ID, len(metas))
	for i := range metas {
		ids[i] = metas[i].ID
	}
	return ids
}

// check compares what honest members hold.
func (w *world) check() {
	first := w.people[0]
	want, members := first.list(), first.room.Members()
	for _, p := range w.people[1:] {
		if p.liar {
			continue
		}
		if got := p.room.Members(); !slices.Equal(got, members) {
			w.t.Errorf("%s sees the members %v, %s sees %v", p.name, got, first.name, members)
		}
		if got := p.list(); !slices.Equal(got, want) {
			w.t.Errorf("%s shows %d events %v, %s shows %d %v", p.name, len(got), got, first.name, len(want), want)
		}
		if got, want := p.room.Options(), first.room.Options(); got != want {
			w.t.Errorf("%s sees %+v, %s sees %+v", p.name, got, first.name, want)
		}
	}
	if len(members) > 0 && !slices.ContainsFunc(members, func(p room.Person) bool { return p.Role == room.Owner }) {
		w.t.Errorf("nobody owns the room of %v", members)
	}
	w.checkBodies()
	for _, p := range w.people {
		if p.liar {
			continue
		}
		for _, id := range p.wrote {
			if _, ok := first.shelf.Find(id); !ok {
				w.t.Errorf("%v of %s is lost", id, p.name)
			}
		}
	}
}

// checkBodies finds members who may have a body that another has, and have not.
func (w *world) checkBodies() {
	for _, p := range w.people {
		from, may := p.limitOf(p)
		for id := range p.shelf.bare {
			m := p.shelf.metas[id]
			if p.liar || !may || m.Position().Less(from) || !p.room.Counts(&m) {
				continue
			}
			for _, q := range w.people {
				if !q.liar && q.shelf.bodies[id] != nil {
					w.t.Errorf("%s lacks a body that %s has", p.name, q.name)
				}
			}
		}
	}
}

// TestHonestMembersShowTheSame plays through worlds of some people, with liars among them, on all cores.
func TestHonestMembersShowTheSame(t *testing.T) {
	n := *worlds
	if testing.Short() {
		n /= 10
	}
	var shown, later atomic.Int64
	t.Run("world", func(t *testing.T) {
		for seed := range uint64(n) {
			t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
				t.Parallel()
				w := playThrough(t, seed)
				shown.Add(int64(len(w.people[0].list())))
				later.Add(int64(w.later))
			})
		}
	})
	if got := shown.Load(); got < 3*int64(n) {
		t.Errorf("only %d events were shown in %d worlds", got, n)
	}
	if got := later.Load(); got < int64(n) {
		t.Errorf("only %d bodies came after their events in %d worlds", got, n)
	}
}

// playThrough lets one world happen, heals it and checks it.
func playThrough(t *testing.T, seed uint64) *world {
	w := newWorld(t, seed, 3+int(seed%4), int(seed%3))
	for _, p := range w.people[1:] { // most are members from the start
		if w.rng.IntN(4) > 0 {
			w.change(w.people[0], room.Change{Op: room.Add, Account: p.account.Key(), Role: room.Role(1 + w.rng.IntN(2))})
		}
	}
	for range 250 {
		w.step()
	}
	w.heal()
	w.check()
	return w
}
