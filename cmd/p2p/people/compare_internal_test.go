package people

import (
	"testing"
	"testing/synctest"
	"time"

	"p2p/cmd/p2p/api/p2pv1"
	"p2p/peer/identity"
)

// What becomes of bob, whom the book knows by the name bob, with what the directory and his card say.
func TestANameThatMovesIsToldFromAKeyThatChanges(t *testing.T) {
	bob, stranger, third := secretOf(t, 1), secretOf(t, 2).Key(), secretOf(t, 3).Key()
	now := time.UnixMilli(1_800_000_000_000)
	card := func(name string, age time.Duration) identity.Card {
		c, err := identity.Introduce(bob, name, now.Add(-age))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	key := bob.Key()
	for what, test := range map[string]struct {
		before, after contact
		found         finding
		told          tidings
	}{
		"all is as it was":              {contact{Directory: "bob"}, contact{Directory: "bob"}, finding{holder: key}, nothing},
		"nobody has the name":           {contact{Directory: "bob"}, contact{Directory: "bob"}, finding{}, nothing},
		"another has it":                {contact{Directory: "bob"}, contact{Directory: "bob", Changed: stranger}, finding{holder: stranger}, keyChanged},
		"another has it still":          {contact{Directory: "bob", Changed: stranger}, contact{Directory: "bob", Changed: stranger}, finding{holder: stranger}, nothing},
		"a third has it":                {contact{Directory: "bob", Changed: stranger}, contact{Directory: "bob", Changed: third}, finding{holder: third}, keyChanged},
		"the person knows of the other": {contact{Directory: "bob", Other: stranger}, contact{Directory: "bob", Other: stranger}, finding{holder: stranger}, nothing},
		"but not of a third":            {contact{Directory: "bob", Other: stranger}, contact{Directory: "bob", Other: stranger, Changed: third}, finding{holder: third}, keyChanged},
		"he has his name again":         {contact{Directory: "bob", Other: stranger}, contact{Directory: "bob"}, finding{holder: key}, nothing},
		"an alarm does not end by itself": {
			contact{Directory: "bob", Changed: stranger}, contact{Directory: "bob", Changed: stranger}, finding{holder: key}, nothing,
		},
		"he has another name": {
			contact{Directory: "bob"}, contact{Directory: "robert", Named: now.UnixMilli()},
			finding{card: card("Robert", 0), confirmed: true, name: "robert"}, renamed,
		},
		"and a stranger his old one": {
			contact{Directory: "bob", Changed: stranger}, contact{Directory: "robert", Named: now.UnixMilli()},
			finding{holder: stranger, card: card("robert", 0), confirmed: true, name: "robert"}, reassigned,
		},
		"the directory denies the new one": {
			contact{Directory: "bob"}, contact{Directory: "bob", Changed: stranger}, finding{holder: stranger, card: card("robert", 0)}, keyChanged,
		},
		"an old card": {
			contact{Directory: "robert", Named: now.UnixMilli()}, contact{Directory: "robert", Named: now.UnixMilli(), Changed: stranger},
			finding{holder: stranger, card: card("bob", time.Hour), confirmed: true, name: "bob"}, keyChanged,
		},
		"his name was not known": {
			contact{}, contact{Directory: "bob", Named: now.UnixMilli()}, finding{card: card("bob", 0), confirmed: true, name: "bob"}, nothing,
		},
		"his card says what is known": {
			contact{Directory: "bob", Changed: stranger}, contact{Directory: "bob", Named: now.UnixMilli(), Changed: stranger},
			finding{holder: key, card: card("Bob", 0), confirmed: true, name: "Bob"}, nothing,
		},
	} {
		k := test.before
		k.Account, test.after.Account = key, key
		differs := k.Directory != test.after.Directory || k.Named != test.after.Named || k.Changed != test.after.Changed || k.Other != test.after.Other
		told, changed := k.learn(test.found)
		if told != test.told || changed != differs || k.Directory != test.after.Directory || k.Named != test.after.Named ||
			k.Changed != test.after.Changed || k.Other != test.after.Other {
			t.Errorf("%s: told %v, %v: %+v; want %v, %+v", what, told, changed, k, test.told, test.after)
		}
	}
}

func TestWhoseNameIsInDoubtIsNotMeantByIt(t *testing.T) {
	other := secretOf(t, 2).Key()
	for want, k := range map[string]contact{"bob": {Directory: "bob"}, "": {Directory: "bob", Changed: other}} {
		if got := k.knownAs(); got != want {
			t.Errorf("%+v is known as %q", k, got)
		}
	}
	for _, s := range []p2pv1.ContactState{p2pv1.ContactState_CONTACT_STATE_REMOVED, p2pv1.ContactState_CONTACT_STATE_BLOCKED, p2pv1.ContactState_CONTACT_STATE_REFUSED} {
		if k := (contact{State: s}); k.watched() {
			t.Errorf("%v is looked up", s)
		}
	}
}

func TestACardIsLaterThanTheOneBefore(t *testing.T) {
	s := &self{account: secretOf(t, 1), name: "bob"}
	now := time.UnixMilli(1_800_000_000_000)
	s.introduce(now)
	first := s.card
	s.introduce(now.Add(time.Hour))
	if first.Name != "bob" || s.card != first {
		t.Errorf("without a change %+v became %+v", first, s.card)
	}
	s.name = "robert"
	s.introduce(now.Add(-time.Hour)) // the clock was set back
	if s.card.Name != "robert" || !s.card.Issued.After(first.Issued) {
		t.Errorf("after %v comes %+v", first.Issued, s.card)
	}
}

// Who changes his name all the time has others ask the directory once a minute, and the last name is looked at too.
func TestNewsOfAContactIsHeededAtAPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &attendance{news: map[identity.Key]time.Time{}, heeded: newPaces(heedEvery, heedBurst), wake: make(chan struct{}, 1)}
		bob := secretOf(t, 1).Key()
		for i := range heedBurst {
			for range 100 {
				a.heed(bob)
			}
			if due, next := a.takeNews(time.Now()); len(due) != 1 || !next.IsZero() {
				t.Errorf("time %d: %d, the next at %v", i, len(due), next)
			}
		}
		a.heed(bob)
		due, next := a.takeNews(time.Now())
		if wait := time.Until(next); len(due) != 0 || wait != heedEvery {
			t.Errorf("at once again %d, the next after %v", len(due), wait)
		}
		if due, _ := a.takeNews(next); len(due) != 1 {
			t.Errorf("after a while %d", len(due))
		}
	})
}
