package people

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"p2p/peer/ext/chat/room"
	"p2p/peer/ext/knock"
)

// beginOptions are those of a conversation of two.
var beginOptions = room.Options{Limit: 2, History: -1}

// begins returns the beginning of a conversation that from makes, with what is written as its second event.
func begins(t testing.TB, from *self, o room.Options, change room.Change) (id room.ID, events []room.Sent) {
	t.Helper()
	birth, body, err := room.Found(from.device, room.Birth{Certificate: from.certificate, Options: o}, 1)
	if err != nil {
		t.Fatal(err)
	}
	words := change.AppendTo(nil)
	h := room.Header{Room: birth.ID, Seq: 2, Prev: birth.ID, Lamport: 2, Kind: room.Admin, Wall: 2}
	add, err := room.Sign(from.device, h, words)
	if err != nil {
		t.Fatal(err)
	}
	return birth.ID, []room.Sent{{Event: birth, Body: body}, {Event: add, Body: words}}
}

func adds(to *self) room.Change {
	return room.Change{Op: room.Add, Account: to.accountKey(), Role: room.Member}
}

func encoded(events ...room.Sent) []byte {
	m := room.Message{Events: events}
	return m.AppendTo(nil)
}

func TestABeginningIsThatOfAConversationOfWhoAsksAndWhoIsAsked(t *testing.T) {
	alice, bob, eve := selfOf(t, 1), selfOf(t, 2), selfOf(t, 3)
	id, events := begins(t, alice, beginOptions, adds(bob))
	good := encoded(events...)
	if got, err := parseBeginning(good, id, alice.accountKey(), bob.accountKey()); err != nil || len(got) != 2 || len(good) > maxBeginning {
		t.Fatalf("%d bytes: %v, %v", len(good), got, err)
	}
	parse := func(b []byte, id room.ID, from, to *self) error {
		_, err := parseBeginning(b, id, from.accountKey(), to.accountKey())
		return err
	}
	other, others := begins(t, alice, room.Options{Limit: 2}, adds(eve))
	large, hall := begins(t, alice, room.Options{Limit: 3, History: -1}, adds(bob))
	_, owner := begins(t, alice, beginOptions, room.Change{Op: room.Add, Account: bob.accountKey(), Role: room.Owner})
	forged := bytes.Clone(good)
	forged[len(forged)-40] ^= 1 // of the signature before the last body
	for what, err := range map[string]error{
		"of another conversation":      parse(good, other, alice, bob),
		"of another's":                 parse(good, id, eve, bob),
		"for another":                  parse(encoded(others...), other, alice, bob),
		"with an event of another":     parse(encoded(events[0], others[1]), id, alice, bob),
		"of a room of three":           parse(encoded(hall...), large, alice, bob),
		"that gives him another role":  parse(encoded(owner...), owner[0].Event.ID, alice, bob),
		"without who is asked":         parse(encoded(events[0]), id, alice, bob),
		"with more than its beginning": parse(encoded(events[0], events[1], events[1]), id, alice, bob),
		"without a body":               parse(encoded(room.Sent{Event: events[0].Event}, events[1]), id, alice, bob),
		"that is forged":               parse(forged, id, alice, bob),
		"that is too long":             parse(append(good, make([]byte, maxBeginning)...), id, alice, bob),
		"of nothing":                   parse(nil, id, alice, bob),
	} {
		if !errors.Is(err, errLetter) {
			t.Errorf("a beginning %s: %v", what, err)
		}
	}
}

func TestWhatThePersonHasWrittenGoesBeforeTheBeginning(t *testing.T) {
	alice, bob := selfOf(t, 1), selfOf(t, 2)
	id, events := begins(t, alice, beginOptions, adds(bob))
	for note, want := range map[string]bool{"it is me": true, strings.Repeat("字", knock.MaxNote): true, strings.Repeat("\u2028", knock.MaxNote): false} {
		l := letter{Kind: asks, Room: id, Note: note, Beginning: encoded(events...)}
		for range maxTrackers {
			l.Trackers = append(l.Trackers, "http://tracker.example/"+strings.Repeat("x", 230))
		}
		sealed, err := alice.sealLetter(bob.accountKey(), l)
		if err != nil {
			t.Fatal(err)
		}
		got, err := bob.openLetter(alice.accountKey(), sealed)
		if err != nil || got.Note != note || (len(got.Beginning) > 0) != want {
			t.Errorf("with a note of %d bytes: the beginning has %d bytes, %v", len(note), len(got.Beginning), err)
		}
	}
}

func FuzzParseBeginning(f *testing.F) {
	alice, bob := selfOf(f, 1), selfOf(f, 2)
	id, events := begins(f, alice, beginOptions, adds(bob))
	f.Add(encoded(events...))
	f.Add(encoded(events[0]))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := parseBeginning(b, id, alice.accountKey(), bob.accountKey())
		if err == nil && (got[0].Event.ID != id || got[1].Event.Author != alice.deviceKey()) {
			t.Errorf("%v is believed", got)
		}
	})
}
