package room_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"p2p/peer/ext/chat/room"
	"p2p/peer/identity"
)

// company returns a world of n people who all are members and joined, and know all of it.
func company(t *testing.T, roles ...room.Role) *world {
	t.Helper()
	w := newWorld(t, 1, 1+len(roles), 0)
	for i, role := range roles {
		w.change(w.people[0], room.Change{Op: room.Add, Account: w.people[i+1].account.Key(), Role: role})
	}
	w.heal()
	for _, p := range w.people[1:] {
		w.write(p, room.Join, w.certify(p).AppendTo(nil))
	}
	w.heal()
	return w
}

func (w *world) say(p *person, text string) room.ID {
	w.write(p, room.Content, []byte(text))
	return p.wrote[len(p.wrote)-1]
}

func (p *person) shows(id room.ID) bool { return slices.Contains(p.list(), id) }

func TestWhoMayChangeWhat(t *testing.T) {
	const owner, moderator, member, other = 0, 1, 2, 3
	w := company(t, room.Moderator, room.Member, room.Member)
	key := func(i int) identity.Key { return w.people[i].account.Key() }
	stranger := secret(t, w.rng).Key()
	for _, test := range []struct {
		who    int
		change room.Change
		may    bool
	}{
		{owner, room.Change{Op: room.Add, Account: stranger, Role: room.Owner}, true},
		{moderator, room.Change{Op: room.Add, Account: stranger, Role: room.Member}, true},
		{moderator, room.Change{Op: room.Add, Account: stranger, Role: room.Moderator}, false},
		{member, room.Change{Op: room.Add, Account: stranger, Role: room.Member}, false},
		{owner, room.Change{Op: room.Add, Account: key(member), Role: room.Member}, false}, // he is in
		{owner, room.Change{Op: room.Remove, Account: key(moderator)}, true},
		{moderator, room.Change{Op: room.Remove, Account: key(member)}, true},
		{moderator, room.Change{Op: room.Remove, Account: key(owner)}, false},
		{member, room.Change{Op: room.Remove, Account: key(other)}, false},
		{member, room.Change{Op: room.Remove, Account: key(member)}, true}, // he leaves
		{moderator, room.Change{Op: room.Remove, Account: stranger}, false},
		{owner, room.Change{Op: room.SetRole, Account: key(member), Role: room.Moderator}, true},
		{moderator, room.Change{Op: room.SetRole, Account: key(moderator), Role: room.Owner}, false},
		{owner, room.Change{Op: room.SetRoom, Options: room.Options{Limit: 5}}, true},
		{moderator, room.Change{Op: room.SetRoom, Options: room.Options{Limit: 5}}, false},
		{member, room.Change{Op: room.Revoke, Cuts: []room.Cut{{Device: w.people[member].device.Key()}}}, true},
		{member, room.Change{Op: room.Revoke, Cuts: []room.Cut{{Device: w.people[other].device.Key()}}}, false},
		{moderator, room.Change{Op: room.Revoke, Cuts: []room.Cut{{Device: w.people[other].device.Key()}}}, true},
		{owner, room.Change{Op: room.Revoke}, false},
	} {
		if got := w.people[0].room.May(key(test.who), test.change); got != test.may {
			t.Errorf("%s may make %+v: %v", w.people[test.who].name, test.change, got)
		}
	}
}

func TestTheOneTooManyIsRefused(t *testing.T) {
	w := company(t, room.Member)
	w.change(w.people[0], room.Change{Op: room.SetRoom, Options: room.Options{Name: "two", Limit: 2}})
	w.change(w.people[0], room.Change{Op: room.Add, Account: secret(t, w.rng).Key(), Role: room.Member})
	if got := len(w.people[0].room.Members()); got != 2 {
		t.Errorf("the room for two has %d members", got)
	}
}

func TestARoomKnowsWhoEndedAMembership(t *testing.T) {
	w := company(t, room.Moderator, room.Member, room.Member)
	owner, moderator, left, thrown := w.people[0], w.people[1], w.people[2], w.people[3]
	by := func(p *person) (identity.Key, bool) {
		m, ok := owner.room.Removal(p.account.Key())
		return m.Account, ok
	}
	if who, ok := by(left); ok {
		t.Errorf("a member was removed by %v", who)
	}
	w.change(left, room.Change{Op: room.Remove, Account: left.account.Key(), Cuts: left.room.Cuts(left.account.Key())})
	w.change(moderator, room.Change{Op: room.Remove, Account: thrown.account.Key(), Cuts: moderator.room.Cuts(thrown.account.Key())})
	w.heal()
	if who, ok := by(left); !ok || who != left.account.Key() {
		t.Errorf("who has left was removed by %v, %v", who, ok)
	}
	if who, ok := by(thrown); !ok || who != moderator.account.Key() {
		t.Errorf("who was thrown out was removed by %v, %v", who, ok)
	}
	w.change(owner, room.Change{Op: room.Add, Account: left.account.Key(), Role: room.Member})
	if who, ok := by(left); ok {
		t.Errorf("who came again was removed by %v", who)
	}
	w.change(owner, room.Change{Op: room.SetRoom, Options: room.Options{Name: "three", Limit: 3}})
	late := secret(t, w.rng).Key()
	w.change(owner, room.Change{Op: room.Add, Account: late, Role: room.Member})
	if m, ok := owner.room.Removal(late); ok || !slices.Contains(owner.room.Former(), late) {
		t.Errorf("the one too many was removed by %v", m.Account)
	}
}

func TestAFarewellIsWhatLeadsToARemovalAndNothingElse(t *testing.T) {
	w := company(t, room.Member, room.Member)
	owner, gone, other := w.people[0], w.people[1], w.people[2]
	have := gone.room.Clock()
	missed := w.say(other, "he was a member still")
	w.heal()
	w.change(owner, room.Change{Op: room.Remove, Account: gone.account.Key(), Cuts: owner.room.Cuts(gone.account.Key())})
	removal := owner.wrote[len(owner.wrote)-1]
	w.say(owner, "he was none any more")
	lacks, ok := owner.room.Farewell(gone.account.Key(), have, 100)
	var ids []room.ID
	for i := range lacks {
		ids = append(ids, lacks[i].ID)
	}
	if !ok || !slices.Equal(ids, []room.ID{missed, removal}) {
		t.Errorf("he is told %d events, %v", len(ids), ok)
	}
	if _, ok := owner.room.Farewell(gone.account.Key(), have, 1); ok {
		t.Error("more than there may be are told")
	}
	if lacks, ok := owner.room.Farewell(gone.account.Key(), owner.room.Clock(), 0); !ok || len(lacks) > 0 {
		t.Errorf("who has it all is told %d events, %v", len(lacks), ok)
	}
}

func TestWhoWasRemovedCannotWriteIntoThePast(t *testing.T) {
	w := company(t, room.Member)
	owner, gone := w.people[0], w.people[1]
	before := w.say(gone, "I was here")
	w.heal()
	w.cut(owner, gone)
	w.change(owner, room.Change{Op: room.Remove, Account: gone.account.Key(), Cuts: owner.room.Cuts(gone.account.Key())})
	after := w.say(gone, "I never heard that I had to go")
	w.heal()
	for _, p := range w.people {
		if !p.shows(before) || p.shows(after) {
			t.Errorf("%s shows what came before: %v, and after: %v", p.name, p.shows(before), p.shows(after))
		}
	}
	w.change(owner, room.Change{Op: room.Add, Account: gone.account.Key(), Role: room.Member})
	w.heal()
	again := w.say(gone, "I am back")
	w.heal()
	if !owner.shows(again) || owner.shows(after) {
		t.Errorf("after coming back: what he says now is shown: %v, what he said outside: %v", owner.shows(again), owner.shows(after))
	}
}

func TestOfTwoWhoRemoveEachOtherTheHigherStays(t *testing.T) {
	w := company(t, room.Moderator, room.Moderator)
	owner, a := w.people[0], w.people[1]
	w.cut(owner, a)
	w.cut(a, w.people[2])
	w.change(owner, room.Change{Op: room.SetRole, Account: a.account.Key(), Role: room.Member})
	w.change(a, room.Change{Op: room.Add, Account: secret(t, w.rng).Key(), Role: room.Member}) // as the moderator that he no longer is
	w.heal()
	for _, p := range w.people {
		if got := len(p.room.Members()); got != 3 || p.room.Role(a.account.Key()) != room.Member {
			t.Errorf("%s sees %d members, and a is %v", p.name, got, p.room.Role(a.account.Key()))
		}
	}
}

func TestARoomAlwaysHasAnOwner(t *testing.T) {
	role := func(p *person, r room.Role) room.Change {
		return room.Change{Op: room.SetRole, Account: p.account.Key(), Role: r}
	}
	leave := func(p *person) room.Change {
		return room.Change{Op: room.Remove, Account: p.account.Key(), Cuts: p.room.Cuts(p.account.Key())}
	}
	for _, test := range []struct {
		what          string
		first, second func(first, second *person) room.Change
		members       int
	}{
		{"each takes the other's role away", func(_, b *person) room.Change { return role(b, room.Member) }, func(a, _ *person) room.Change { return role(a, room.Member) }, 4},
		{"each takes his own role away", func(a, _ *person) room.Change { return role(a, room.Member) }, func(_, b *person) room.Change { return role(b, room.Member) }, 4},
		{"each removes the other", func(_, b *person) room.Change { return leave(b) }, func(a, _ *person) room.Change { return leave(a) }, 3},
		{"both leave", func(a, _ *person) room.Change { return leave(a) }, func(_, b *person) room.Change { return leave(b) }, 2},
		{"one leaves and one takes his own role away", func(a, _ *person) room.Change { return leave(a) }, func(_, b *person) room.Change { return role(b, room.Member) }, 3},
	} {
		t.Run(test.what, func(t *testing.T) {
			w := company(t, room.Owner, room.Member, room.Moderator)
			a, b := w.people[0], w.people[1]
			for _, p := range w.people {
				w.cut(a, p)
				w.cut(b, p)
			}
			w.change(a, test.first(a, b))
			w.change(b, test.second(a, b))
			w.heal()
			w.check()
			if got := w.people[2].room.Members(); len(got) != test.members {
				t.Errorf("%d are left: %v", len(got), got)
			}
		})
	}
}

func TestWhoOwnsARoomWhoseLastOwnerHasGone(t *testing.T) {
	w := company(t, room.Member, room.Moderator, room.Moderator)
	owner, member, moderator, later := w.people[0], w.people[1], w.people[2], w.people[3]
	w.change(owner, room.Change{Op: room.SetRole, Account: owner.account.Key(), Role: room.Member})
	if got := owner.room.Role(owner.account.Key()); got != room.Owner {
		t.Errorf("the only owner has made himself %v", got)
	}
	w.change(owner, room.Change{Op: room.Remove, Account: owner.account.Key(), Cuts: owner.room.Cuts(owner.account.Key())})
	w.heal()
	for p, want := range map[*person]room.Role{member: room.Member, moderator: room.Owner, later: room.Moderator} {
		if got := w.people[1].room.Role(p.account.Key()); got != want {
			t.Errorf("%s is %v then", p.name, got)
		}
	}
}

// One hears of the join first and of the revocation then, the other the other way round.
func TestADeviceThatIsRevokedWhileItJoinsIsRevokedForAll(t *testing.T) {
	w := company(t, room.Moderator, room.Member, room.Member)
	owner, moderator, other, late := w.people[0], w.people[1], w.people[2], w.people[3]
	late.device = secret(t, w.rng) // one more of his
	late.reopen(w)
	for _, p := range w.people {
		for _, q := range w.people {
			w.cut(p, q)
		}
	}
	w.write(late, room.Join, w.certify(late).AppendTo(nil))
	said := w.say(late, "from my new device")
	w.change(moderator, room.Change{Op: room.Revoke, Cuts: []room.Cut{{Device: late.device.Key()}}})
	quiet := func(a, b *person) {
		w.connect(a, b)
		w.settle()
	}
	quiet(owner, late)
	quiet(other, moderator)
	w.heal()
	for _, p := range w.people {
		if p.shows(said) {
			t.Errorf("%s shows what the revoked device says", p.name)
		}
	}
}

func TestADeviceThatSignsTwoHistoriesLosesBoth(t *testing.T) {
	w := company(t, room.Moderator, room.Member)
	owner, liar, other := w.people[0], w.people[1], w.people[2]
	liar.liar = true
	kept := w.say(liar, "before")
	w.heal()
	w.split(liar)
	twin := w.people[3]
	for _, p := range w.people {
		for _, q := range w.people {
			w.cut(p, q)
		}
	}
	w.connect(owner, liar)
	w.connect(other, twin)
	w.settle()
	var told []room.ID
	for range 3 {
		told = append(told, w.say(liar, "to the owner"), w.say(twin, "to the other"))
		w.change(liar, room.Change{Op: room.Add, Account: secret(t, w.rng).Key(), Role: room.Member})
		w.settle()
	}
	if len(owner.room.Members()) != 6 || !owner.shows(told[0]) {
		t.Fatalf("the lie does not reach the owner: %d members", len(owner.room.Members()))
	}
	w.heal() // the honest ones meet
	for _, p := range []*person{owner, other} {
		if got := p.room.Forks(); len(got) != 1 || got[0].A.Prev != kept {
			t.Errorf("%s has the proofs %v", p.name, got)
		}
		if len(p.room.Members()) != 3 || !p.shows(kept) {
			t.Errorf("%s sees %d members, and what was said before the lie: %v", p.name, len(p.room.Members()), p.shows(kept))
		}
		for _, id := range told {
			if p.shows(id) {
				t.Errorf("%s still shows %v", p.name, id)
			}
		}
	}
}

// Nothing that is latest may be named then, and a Join has no predecessor of its own.
func TestADeviceJoinsWhereALiarHadTheLastWord(t *testing.T) {
	w := company(t, room.Member, room.Member)
	owner, liar, other := w.people[0], w.people[1], w.people[2]
	liar.liar = true
	w.split(liar)
	twin := w.people[3]
	for _, p := range w.people {
		for _, q := range w.people {
			w.cut(p, q)
		}
	}
	w.connect(owner, liar)
	w.connect(other, twin)
	w.settle()
	for range 3 {
		w.say(liar, "to the owner")
		w.say(twin, "to the other")
		w.settle()
	}
	w.heal()
	if got := owner.room.Forks(); len(got) != 1 {
		t.Fatalf("the owner has the proofs %v", got)
	}
	device := secret(t, w.rng)
	cert, err := identity.Certify(owner.account, device.Key(), "", time.Unix(1, 0), false)
	if err != nil {
		t.Fatal(err)
	}
	e, _, err := owner.room.Write(device, room.Join, cert.AppendTo(nil), 1)
	if err != nil || len(e.Deps) == 0 {
		t.Errorf("it joins after %v: %v", e.Deps, err)
	}
}

func TestEventsThatNobodyMayWriteAreRefused(t *testing.T) {
	w := company(t, room.Member)
	owner, p := w.people[0], w.people[1]
	mark := p.room.Mark(p.device.Key())
	last, _ := p.shelf.Find(mark.ID)
	good := room.Header{Room: w.id, Seq: mark.Seq + 1, Prev: mark.ID, Lamport: last.Lamport + 1, Kind: room.Content}
	body := []byte("body")
	stranger := secret(t, w.rng)
	for name, test := range map[string]struct {
		author identity.Secret
		change func(*room.Header)
		body   []byte
		want   error
	}{
		"of another room":                 {p.device, func(h *room.Header) { h.Room[0]++ }, body, room.ErrOtherRoom},
		"with a lamport that jumps":       {p.device, func(h *room.Header) { h.Lamport++ }, body, room.ErrLamport},
		"on another's predecessor":        {p.device, func(h *room.Header) { h.Prev, h.Seq, h.Lamport = w.id, 2, 2 }, body, room.ErrLamport},
		"by a device that has not joined": {stranger, func(h *room.Header) { h.Seq, h.Prev, h.Kind, h.Deps = 1, room.ID{}, room.Join, []room.ID{mark.ID} }, nil, room.ErrMalformed},
		"with another body":               {p.device, func(*room.Header) {}, nil, room.ErrBody},
	} {
		h := good
		test.change(&h)
		e, err := room.Sign(test.author, h, body)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		given := test.body
		if given == nil && name == "with another body" {
			given = []byte("otherwise")
		} else if given == nil {
			given = body
		}
		if _, err := owner.room.Receive(e, given, 9); !errors.Is(err, test.want) {
			t.Errorf("an event %s: %v, want %v", name, err, test.want)
		}
	}
}

func TestNoBitOfAnEventCanBeChanged(t *testing.T) {
	w := company(t, room.Member)
	m, _ := w.people[1].shelf.Find(w.say(w.people[1], "hello"))
	b := m.AppendTo(nil)
	if got, err := room.Parse(b); err != nil || got.ID != m.ID {
		t.Fatalf("%v, %v", got, err)
	}
	for i := range b {
		forged := bytes.Clone(b)
		forged[i] ^= 1 << (i % 8)
		if got, err := room.Parse(forged); err == nil {
			t.Fatalf("with byte %d changed it is %+v", i, got)
		}
	}
}

func TestWhatWaitsIsBounded(t *testing.T) {
	w := company(t, room.Member)
	owner, p := w.people[0], w.people[1]
	h := room.Header{Room: w.id, Seq: 9, Lamport: 9, Kind: room.Content}
	for i := range 3000 {
		h.Prev = room.ID{byte(i), byte(i >> 8), 1}
		h.Seq = uint64(9 + i)
		e, err := room.Sign(p.device, h, nil)
		w.must(err)
		if _, err := owner.room.Receive(e, []byte{}, 9); err != nil {
			t.Fatal(err)
		}
	}
	if got := len(owner.room.Missing(1 << 20)); got != 1024 {
		t.Errorf("one source makes the room wait for %d events", got)
	}
	owner.room.Forget(9)
	if got := owner.room.Missing(1 << 20); len(got) != 0 {
		t.Errorf("after it has gone, %d events are waited for", len(got))
	}
}

func FuzzParseMessage(f *testing.F) {
	rng := rand.New(rand.NewPCG(1, 1))
	device := secret(f, rng)
	e, err := room.Sign(device, room.Header{Room: room.ID{1}, Seq: 2, Prev: room.ID{2}, Deps: []room.ID{{3}, {4}}, Lamport: 7, Wall: 1e12, Kind: room.Content}, []byte("hi"))
	if err != nil {
		f.Fatal(err)
	}
	m := room.Message{
		Hello: true, Ack: true, Marks: map[identity.Key]room.Mark{device.Key(): {Seq: 3, ID: room.ID{9}}}, Forks: map[identity.Key]uint64{device.Key(): 2},
		Want: []room.ID{{5}}, Proofs: []room.Proof{{A: e, B: e}}, Events: []room.Sent{{Event: e, Body: []byte("hi")}, {Event: e}},
	}
	f.Add(m.AppendTo(nil))
	f.Add([]byte("h"))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := room.ParseMessage(b)
		if err != nil {
			return
		}
		if again, err := room.ParseMessage(m.AppendTo(nil)); err != nil || !bytes.Equal(again.AppendTo(nil), m.AppendTo(nil)) {
			t.Errorf("%x is read as %+v, which is written otherwise: %v", b, m, err)
		}
	})
}

func FuzzParseChange(f *testing.F) {
	for _, c := range []room.Change{
		{Op: room.Add, Role: room.Member}, {Op: room.Remove, Cuts: []room.Cut{{Seq: 7}}}, {Op: room.SetRoom, Options: room.Options{Name: "x", Limit: 9, History: -1, Open: true}},
	} {
		f.Add(c.AppendTo(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, err := room.ParseChange(b); err == nil && !bytes.Equal(c.AppendTo(nil), b) {
			t.Errorf("%x is %+v, which is written otherwise", b, c)
		}
	})
}
