package people

import (
	"cmp"
	"fmt"
	"slices"
	"testing"

	"p2p/cmd/p2p/api/p2pv1"
	"p2p/peer/ext/chat/history"
	"p2p/peer/ext/chat/room"
	"p2p/peer/identity"
)

// acquainted returns a book with so many contacts, and rooms, and in which of their conversations something was said when.
func acquainted(t testing.TB, contacts, rooms int) (b *book, last func(room.ID) int64) {
	t.Helper()
	b = newBook()
	at := map[room.ID]int64{}
	for i := range contacts {
		c := &contact{
			Account: selfOf(t, byte(i)).accountKey(), Name: fmt.Sprintf("friend %d", i), His: fmt.Sprintf("friend %d", i),
			State: p2pv1.ContactState_CONTACT_STATE_FRIEND, Room: room.ID(selfOf(t, byte(i)).deviceKey()),
		}
		b.apply(record{Contact: c}, history.Position{Lamport: 1})
		at[c.Room] = int64(i)
	}
	for i := range rooms {
		id := room.ID(selfOf(t, byte(100+i)).deviceKey())
		b.apply(record{Place: &place{Room: id, Swarm: swarmOf(id).String(), Name: "room"}}, history.Position{Lamport: 1})
		at[id] = int64(i)
	}
	return b, func(id room.ID) int64 { return at[id] }
}

func TestWhatDoesNotFitIntoAKeepsakeIsWhereLeastWasSaidOfLate(t *testing.T) {
	for _, few := range []int{0, 20} {
		b, last := acquainted(t, few, few/4)
		whole, err := b.keepsakeOf(nil, last).pack()
		if err != nil || len(whole)%keepsakeStep != 0 && len(whole) != maxKeepsake {
			t.Fatalf("%d bytes, %v", len(whole), err)
		}
		if k, err := unpack(whole); err != nil || len(k.Contacts) != few || len(k.Places) != few/4 {
			t.Errorf("of %d contacts and %d rooms it holds %d and %d: %v", few, few/4, len(k.Contacts), len(k.Places), err)
		}
	}
	b, last := acquainted(t, 90, 30)
	packed, err := b.keepsakeOf(nil, last).pack()
	if err != nil || len(packed) > maxKeepsake {
		t.Fatalf("%d bytes, %v", len(packed), err)
	}
	k, err := unpack(packed)
	if err != nil || len(k.Contacts) < 30 || len(k.Places) < 10 {
		t.Fatalf("%d bytes hold %d contacts and %d rooms: %v", len(packed), len(k.Contacts), len(k.Places), err)
	}
	least := slices.MinFunc(k.Contacts, func(x, y contact) int { return int(last(x.Room) - last(y.Room)) })
	if got, want := last(least.Room), int64(90-len(k.Contacts)); got != want {
		t.Errorf("of 90 it holds %d, with one of whom %d came after; want %d", len(k.Contacts), 90-got, 90-want)
	}
}

// To a key that the person has found to be another's nothing goes; a device that had forgotten that would write to it.
func TestADoubtAboutAKeyIsInAKeepsakeBeforeAllElse(t *testing.T) {
	b, last := acquainted(t, 90, 30)
	other := selfOf(t, 200).accountKey()
	doubts := map[identity.Key]contact{}
	for i, c := range []contact{
		{Differs: true}, {Changed: other}, {Other: other}, {Replaced: other, State: p2pv1.ContactState_CONTACT_STATE_REMOVED},
		{Differs: true, State: p2pv1.ContactState_CONTACT_STATE_BLOCKED, Before: p2pv1.ContactState_CONTACT_STATE_FRIEND},
	} {
		at := selfOf(t, byte(i))
		c.Account, c.Name, c.Room = at.accountKey(), "friend", room.ID(at.deviceKey()) // one in whose conversation least was said of late
		c.State = cmp.Or(c.State, p2pv1.ContactState_CONTACT_STATE_FRIEND)
		b.apply(record{Contact: &c}, history.Position{Lamport: 2})
		if c.State == p2pv1.ContactState_CONTACT_STATE_REMOVED {
			c.Room = room.ID{} // there is no conversation with him
		}
		if c.doubtful() {
			doubts[c.Account] = c
		}
	}
	packed, err := b.keepsakeOf(nil, last).pack()
	if err != nil {
		t.Fatal(err)
	}
	k, err := unpack(packed)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range k.Contacts {
		if want, doubted := doubts[c.Account]; doubted {
			if fmt.Sprint(c) != fmt.Sprint(want) {
				t.Errorf("it says %+v, the book says %+v", c, want)
			}
			delete(doubts, c.Account)
		}
	}
	for _, c := range doubts {
		t.Errorf("of a doubt it says nothing: %+v", c)
	}
}

func FuzzUnpack(f *testing.F) {
	b, last := acquainted(f, 5, 2)
	good, err := b.keepsakeOf(nil, last).pack()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		k, err := unpack(b)
		if err != nil {
			return
		}
		again, err := k.pack()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := unpack(again); err != nil {
			t.Errorf("what was read cannot be written: %v", err)
		}
	})
}
