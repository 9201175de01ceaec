package history_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"p2p/peer/ext/chat/history"
	"p2p/peer/ext/chat/room"
	"p2p/peer/identity"
)

// twins are one member whose room lies in an archive, and on a shelf: after the same events both
// are to be the same.
type twins struct {
	t     *testing.T
	rng   *rand.Rand
	whim  *rand.Rand // by which bodies are withheld
	k     *keeper
	shelf *shelf
	room  *room.Room
	id    room.ID
}

// give lets both receive, in batches, with crashes between that lose what was not committed.
func (w *twins) give(all []parcel) {
	for len(all) > 0 {
		batch := all[:1+w.rng.IntN(min(len(all), 6))]
		all = all[len(batch):]
		var sum room.Outcome
		for _, x := range batch {
			out, err := w.k.log.Room.Receive(x.event, x.body, 1)
			_, err2 := w.room.Receive(x.event, x.body, 1)
			if fmt.Sprint(err) != fmt.Sprint(err2) {
				w.t.Fatalf("the archive says %v, the shelf %v", err, err2)
			}
			sum.Add(out)
		}
		must(w.t, w.k.log.Commit(sum))
		for _, x := range batch {
			device, seq := x.event.Author, x.event.Seq
			if m, _ := w.k.log.At(device, seq); m.ID != w.shelf.logs[device][seq] {
				w.t.Fatalf("number %d of %v is %v in the archive, %v on the shelf", seq, device.Short(), m.ID, w.shelf.logs[device][seq])
			}
		}
		if w.whim.IntN(3) == 0 {
			w.compareEnds()
		}
		switch w.rng.IntN(20) {
		case 0:
			w.crash(all)
		case 1:
			w.k.shut()
			w.k.open(w.id)
			w.replay()
		}
	}
}

// crash takes events in that are not committed, and loses them and what was held.
func (w *twins) crash(next []parcel) {
	for _, x := range next[:min(len(next), 3)] {
		_, _ = w.k.log.Room.Receive(x.event, x.body, 1) // as it may be
	}
	w.k.reopen(w.id)
	w.replay()
}

// replay makes the room on the shelf anew, of all its events.
func (w *twins) replay() {
	old, forks := w.shelf, w.room.Forks()
	w.shelf = newShelf()
	w.room = room.New(w.id, w.shelf)
	for _, id := range old.order {
		w.room.Want(id)
		_, err := w.room.Receive(old.metas[id].Event, old.bodies[id], 0)
		must(w.t, err)
	}
	for _, f := range forks {
		_, err := w.room.Prove(f)
		must(w.t, err)
	}
}

// compare looks for a difference.
func (w *twins) compare() {
	a, b := w.k.log.Room, w.room
	if x, y := a.Clock(), b.Clock(); fmt.Sprint(x) != fmt.Sprint(y) {
		w.t.Fatalf("the clock of the archive is %v, of the shelf %v", x, y)
	}
	if x, y := a.Members(), b.Members(); !slices.Equal(x, y) {
		w.t.Fatalf("the members in the archive are %v, on the shelf %v", x, y)
	}
	if x, y := a.Forks(), b.Forks(); fmt.Sprint(x) != fmt.Sprint(y) {
		w.t.Fatalf("the forks in the archive are %v, on the shelf %v", x, y)
	}
	if a.Options() != b.Options() {
		w.t.Fatalf("the options in the archive are %v, on the shelf %v", a.Options(), b.Options())
	}
	entries, err := w.k.Arrived(ctx, 0, 1000)
	must(w.t, err)
	if len(entries) != len(w.shelf.order) {
		w.t.Fatalf("the archive has %d events, the shelf %d", len(entries), len(w.shelf.order))
	}
	var want []room.Meta
	for i := range entries {
		e := &entries[i]
		m := w.shelf.metas[e.Event.ID]
		if found, ok := w.k.log.Find(e.Event.ID); !ok || fmt.Sprint(found) != fmt.Sprint(m) {
			w.t.Fatalf("the archive finds %+v, the shelf %+v", found, m)
		}
		if x, _ := w.k.log.At(m.Author, m.Seq); x.ID != w.shelf.logs[m.Author][m.Seq] {
			w.t.Fatalf("number %d of %v is %v in the archive, %v on the shelf", m.Seq, m.Author.Short(), x.ID, w.shelf.logs[m.Author][m.Seq])
		}
		if e.Body == nil && !e.Gone && w.revived(&m) { // the shelf keeps what was deleted
			w.shelf.bare[m.ID] = true
		}
		if bare := w.shelf.bare[m.ID]; !e.Gone && (e.Body == nil) != bare || !bare && w.deleted(&m) && !e.Gone {
			w.t.Fatalf("%v is there: %v; gone: %v; on the shelf: %v, %v", m.ID, e.Body != nil, e.Gone, !bare, w.deleted(&m))
		}
		if e.Gone {
			delete(w.shelf.bare, m.ID)
		}
		counts := b.Counts(&m)
		if e.Counts != counts || a.Counts(&m) != counts {
			w.t.Fatalf("%v of kind %d counts in the archive: %v, on the shelf: %v", m.ID, m.Kind, e.Counts, counts)
		}
		if m.Kind == said && counts {
			want = append(want, m)
		}
	}
	from := entries[w.whim.IntN(len(entries))].Position()
	if x, y := w.k.log.Lacking(from, 20), w.shelf.Lacking(from, 20); fmt.Sprint(x) != fmt.Sprint(y) {
		w.t.Fatalf("of the archive's events %d lack their bodies, of the shelf's %d", len(x), len(y))
	}
	slices.SortFunc(want, func(a, b room.Meta) int { return a.Compare(&b.Event) })
	lines, err := w.k.Before(ctx, w.id, history.End, 1000)
	must(w.t, err)
	if !slices.EqualFunc(lines, want, func(e history.Entry, m room.Meta) bool { return e.Event.ID == m.ID }) {
		w.t.Fatalf("%d lines are shown, %d on the shelf", len(lines), len(want))
	}
}

// compareEnds looks for a difference between the last lines, as they are remembered, and those that are read.
func (w *twins) compareEnds() {
	all, err := w.k.After(ctx, w.id, room.Position{}, 1000)
	must(w.t, err)
	end, err := w.k.Before(ctx, w.id, history.End, 1+w.whim.IntN(40))
	must(w.t, err)
	for i, read := range all[len(all)-len(end):] {
		e := end[i]
		if e.Alone {
			about, err := w.k.About(ctx, e.Event.ID)
			if must(w.t, err); len(about) > 0 {
				w.t.Fatalf("%d is remembered alone, and %d events are about it", e.N, len(about))
			}
		}
		e.Alone = false
		if x, y := fmt.Sprintf("%+v", e), fmt.Sprintf("%+v", read); x != y {
			w.t.Fatalf("remembered is %s, read is %s", x, y)
		}
	}
}

// deleted reports whether the body of an event on the shelf, or what it is about, was taken back by somebody who may.
func (w *twins) deleted(m *room.Meta) bool { return w.anyDelete(w.about(m), m, true) }

// revived reports whether one that may have taken a body away counts no more: it is to come from others again.
func (w *twins) revived(m *room.Meta) bool {
	return w.anyDelete(w.about(m), m, false) || w.anyDelete(m.ID, m, false)
}

// about returns what an edit changes, or the event itself.
func (w *twins) about(m *room.Meta) room.ID {
	if body := w.shelf.bodies[m.ID]; m.Kind == edit && len(body) >= len(m.ID) {
		return room.ID(body)
	}
	return m.ID
}

// anyDelete reports whether there is a Delete of an event, by the author of m, that has a right to be one, or has none.
func (w *twins) anyDelete(about room.ID, m *room.Meta, right bool) bool {
	target, here := w.shelf.metas[about]
	if !here || target.Account != m.Account || m.Kind < room.Content {
		return false
	}
	for id, d := range w.shelf.metas {
		if d.Kind == room.Delete && bytes.Equal(w.shelf.bodies[id], about[:]) && w.room.MayDelete(&d, &target) == right {
			return true
		}
	}
	return false
}

// withheld returns all with some bodies left out.
func (w *twins) withheld(all []parcel) []parcel {
	all = slices.Clone(all)
	for i := range all {
		if all[i].event.Kind >= room.Content && w.whim.IntN(3) == 0 {
			all[i].body = nil
		}
	}
	return all
}

// next checks that a device would write the same event in both, which names its predecessor, the heads and the
// largest lamport, and writes it.
func (w *twins) next(device identity.Secret) {
	x, out, err := w.k.log.Room.Write(device, said, []byte("next"), 7)
	y, _, err2 := w.room.Write(device, said, []byte("next"), 7)
	if fmt.Sprint(err) != fmt.Sprint(err2) || x.ID != y.ID {
		w.t.Fatalf("the archive writes %+v, %v; the shelf %+v, %v", x.Header, err, y.Header, err2)
	}
	must(w.t, w.k.log.Commit(out))
}

// story is what some people write, who hear of each other now and then; one of them may lie.
func story(t *testing.T, rng *rand.Rand, liar bool) ([]*person, []parcel) {
	ann, birth := founder(t, rng)
	people, all := []*person{ann}, []parcel{birth}
	for range 3 {
		q, events := ann.invite(rng)
		people, all = append(people, q), append(all, events...)
	}
	for range 60 {
		p := people[rng.IntN(len(people))]
		q := people[rng.IntN(len(people))]
		var x parcel
		switch n := rng.IntN(20); {
		case n < 3:
			x = p.edit(room.ID(idOf(all[rng.IntN(len(all))])), "otherwise")
		case n < 10:
			x = p.say(fmt.Sprint("text ", rng.IntN(1000)))
		case n < 12:
			x = p.write(room.Delete, idOf(all[rng.IntN(len(all))]))
		case n < 13:
			c := room.Change{Op: room.Remove, Account: q.account.Key(), Cuts: p.room.Cuts(q.account.Key())}
			x = p.write(room.Admin, c.AppendTo(nil))
		case n < 14:
			c := room.Change{Op: room.Add, Account: q.account.Key(), Role: room.Role(1 + rng.IntN(3))}
			x = p.write(room.Admin, c.AppendTo(nil))
		case n < 15 && liar && len(people) == 4:
			people = append(people, people[1].twin())
			continue
		default:
			for _, id := range q.shelf.order { // p hears of all that q knows
				p.room.Want(id)
				if _, err := p.room.Receive(q.shelf.metas[id].Event, q.shelf.bodies[id], 0); err != nil && !errors.Is(err, room.ErrStranger) {
					t.Fatal(err)
				}
			}
			continue
		}
		all = append(all, x)
	}
	return people, all
}

// twin returns somebody who goes on with the same device.
func (p *person) twin() *person {
	q := &person{t: p.t, account: p.account, device: p.device, shelf: newShelf(), wall: p.wall + 1<<20}
	q.room = room.New(p.room.ID(), q.shelf)
	for _, id := range p.shelf.order {
		q.take(parcel{p.shelf.metas[id].Event, p.shelf.bodies[id]})
	}
	return q
}

func TestARoomInAnArchiveIsAsOneInMemory(t *testing.T) {
	seeds, lies, hidden, doubles, filled := uint64(40), 0, 0, 0, 0
	if testing.Short() {
		seeds = 4
	}
	for seed := range seeds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			rng := seeded(seed)
			people, all := story(t, rng, seed%2 == 1)
			o := history.Options{CacheBytes: 1 << rng.IntN(16)}
			if seed%10 == 9 {
				o.Passphrase = []byte("x")
			}
			w := &twins{t: t, rng: rng, whim: seeded(seed + 1000), k: keep(t, people[0].room.ID(), o), shelf: newShelf(), id: people[0].room.ID()}
			w.room = room.New(w.id, w.shelf)
			for range 3 { // what was held and lost, or refused, comes again
				w.give(w.withheld(all))
				w.compare()
				rng.Shuffle(len(all), func(i, j int) {
					if rng.IntN(3) == 0 {
						all[i], all[j] = all[j], all[i]
					}
				})
			}
			filled += len(w.shelf.bare)
			w.give(all)
			w.compare()
			filled -= len(w.shelf.bare)
			w.next(people[0].device)
			w.compare()
			lies += len(w.room.Forks())
			for _, m := range w.shelf.metas {
				if !w.room.Counts(&m) {
					hidden++
				}
				if w.shelf.logs[m.Author][m.Seq] != m.ID {
					doubles++
				}
			}
		})
	}
	if !testing.Short() && (lies == 0 || hidden < 20 || doubles == 0 || filled < 20) {
		t.Errorf("in all worlds there were %d lies, %d events that do not count, %d second ones of a number, and %d bodies that came last", lies, hidden, doubles, filled)
	}
}

func idOf(x parcel) []byte { return x.event.ID[:] }

// TestOfTwoEventsWithOneNumberTheFirstIsFound has a liar on whose both stories others have built.
func TestOfTwoEventsWithOneNumberTheFirstIsFound(t *testing.T) {
	for _, cache := range []int{1, 0} {
		rng := seeded(1)
		ann, birth := founder(t, rng)
		ben, joined := ann.invite(rng)
		carl, joined2 := ann.invite(rng)
		ben.take(joined2...)
		liar := ben.twin()
		k := keep(t, ann.room.ID(), history.Options{CacheBytes: cache})
		k.take(birth)
		k.take(joined...)
		k.take(joined2...)
		first, second := ben.say("to ann"), liar.say("to carl")
		ann.take(first)
		carl.take(second)
		k.take(first, ann.say("I heard that"), carl.say("I heard something else"), second)
		device, seq := ben.device.Key(), first.event.Seq
		check := func(when string) {
			t.Helper()
			for range 2 {
				if m, ok := k.log.At(device, seq); !ok || m.ID != first.event.ID {
					t.Errorf("%s %v is found, %v", when, m.ID, ok)
				}
			}
		}
		if _, ok := k.log.Find(second.event.ID); !ok {
			t.Fatal("nobody wanted the second")
		}
		check("after it came")
		lines, err := k.Before(ctx, ann.room.ID(), history.End, 10)
		must(t, err)
		if got := bodies(lines); !slices.Equal(got, []string{"I heard that", "I heard something else"}) && !slices.Equal(got, []string{"I heard something else", "I heard that"}) {
			t.Errorf("of a liar and those who heard him is shown: %q", got)
		}
		k.reopen(ann.room.ID())
		k.log.At(device, seq-1) // what follows is read ahead
		check("after opening")
		var file bytes.Buffer
		must(t, k.Export(ctx, &file))
		to := keep(t, room.ID{}, history.Options{})
		n, err := to.Import(ctx, &file)
		if all, err2 := k.Arrived(ctx, 0, 100); err != nil || err2 != nil || n != len(all) {
			t.Errorf("%d of %d events are imported: %v, %v", n, len(all), err, err2)
		}
	}
}
