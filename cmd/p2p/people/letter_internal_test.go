package people

import (
	"errors"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"p2p/peer/ext/chat/room"
	"p2p/peer/identity"
)

// secretOf returns the same key for the same seed.
func secretOf(t testing.TB, seed byte) identity.Secret {
	t.Helper()
	s, err := identity.NewSecret(rand.NewChaCha8([32]byte{seed}))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func selfOf(t testing.TB, seed byte) *self {
	t.Helper()
	s, err := newSelf(secretOf(t, seed), secretOf(t, seed+100), "device", time.Unix(1_800_000_000, 0))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func request() letter {
	return letter{Kind: asks, Room: room.ID{1}, Name: "alice", Note: "it is me", Trackers: []string{"udp://192.0.2.1:6969"},
		Addrs: []netip.AddrPort{netip.MustParseAddrPort("192.0.2.7:6881")}}
}

func TestALetterIsBelievedFromItsWriterAlone(t *testing.T) {
	alice, bob, eve := selfOf(t, 1), selfOf(t, 2), selfOf(t, 3)
	sealed, err := alice.sealLetter(bob.accountKey(), request())
	if err != nil {
		t.Fatal(err)
	}
	got, err := bob.openLetter(alice.accountKey(), sealed)
	if err != nil || got.Note != "it is me" || got.Room != (room.ID{1}) || got.from.Device != alice.deviceKey() {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := bob.openLetter(eve.accountKey(), sealed); !errors.Is(err, errLetter) {
		t.Errorf("the directory says that it is eve's: %v", err)
	}
	if _, err := eve.openLetter(alice.accountKey(), sealed); !errors.Is(err, identity.ErrSealed) {
		t.Errorf("eve opens it: %v", err)
	}
	// Bob passes on to eve what alice wrote to him, as if she had written to eve.
	signed, err := bob.account.Open(letterPurpose, sealed)
	if err != nil {
		t.Fatal(err)
	}
	again, err := eve.accountKey().Seal(letterPurpose, signed)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := eve.openLetter(alice.accountKey(), again); !errors.Is(err, errLetter) {
		t.Errorf("a letter that was passed on: %v", err)
	}
}

func TestALetterThatHoldsWhatNoneMayIsRefused(t *testing.T) {
	alice, bob := selfOf(t, 1), selfOf(t, 2)
	for name, edit := range map[string]func(*letter){
		"without a room":        func(l *letter) { l.Room = room.ID{} },
		"of an unknown kind":    func(l *letter) { l.Kind = "orders" },
		"with a long name":      func(l *letter) { l.Name = strings.Repeat("x", maxNameLen+1) },
		"with a bell":           func(l *letter) { l.Note = "\a" },
		"that turns text":       func(l *letter) { l.Note = "\u202e" },
		"with another protocol": func(l *letter) { l.Trackers = []string{"file:///etc/passwd"} },
		"with many trackers":    func(l *letter) { l.Trackers = strings.Split(strings.Repeat("udp://t:1 ", 9), " ")[:9] },
		"without a port":        func(l *letter) { l.Addrs = []netip.AddrPort{netip.MustParseAddrPort("192.0.2.7:0")} },
	} {
		l := request()
		edit(&l)
		sealed, err := alice.sealLetter(bob.accountKey(), l)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := bob.openLetter(alice.accountKey(), sealed); !errors.Is(err, errLetter) {
			t.Errorf("a letter %s: %+v, %v", name, got, err)
		}
	}
	long := request()
	long.Note = strings.Repeat("x", maxLetter)
	if _, err := alice.sealLetter(bob.accountKey(), long); !errors.Is(err, errLetter) {
		t.Errorf("a letter that is too long: %v", err)
	}
}

func FuzzParseLetter(f *testing.F) {
	alice, bob := selfOf(f, 1), selfOf(f, 2)
	sealed, err := alice.sealLetter(bob.accountKey(), request())
	if err != nil {
		f.Fatal(err)
	}
	signed, err := bob.account.Open(letterPurpose, sealed)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(signed)
	f.Add(signed[:identity.SignatureSize])
	f.Fuzz(func(t *testing.T, b []byte) {
		if l, err := parseLetter(bob.accountKey(), b); err == nil && l.check() != nil {
			t.Errorf("%+v is believed", l)
		}
	})
}
