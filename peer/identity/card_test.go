package identity_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"p2p/peer/identity"
)

func card(t testing.TB, name string) identity.Card {
	t.Helper()
	c, err := identity.Introduce(secret(t, 1), name, time.UnixMilli(1_700_000_000_123))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestACardIsReadAsItWasIssued(t *testing.T) {
	for _, name := range []string{"bob", "李雷", strings.Repeat("x", identity.MaxCardName)} {
		want := card(t, name)
		got, err := identity.ParseCard(want.AppendTo(nil))
		if err != nil || got != want || got.Account != secret(t, 1).Key() || got.Issued.UnixMilli() != 1_700_000_000_123 {
			t.Errorf("%+v, %v; want %+v", got, err, want)
		}
	}
}

func TestNoBitOfACardCanBeChanged(t *testing.T) {
	b := card(t, "bob").AppendTo(nil)
	for i := range b {
		for bit := range 8 {
			bad := bytes.Clone(b)
			bad[i] ^= 1 << bit
			if c, err := identity.ParseCard(bad); err == nil {
				t.Fatalf("bit %d of byte %d: %+v", bit, i, c)
			}
		}
	}
	for _, bad := range [][]byte{nil, b[:len(b)-1], append(bytes.Clone(b), 0), b[:40]} {
		if c, err := identity.ParseCard(bad); err == nil {
			t.Errorf("%d bytes: %+v", len(bad), c)
		}
	}
}

func TestANameThatCannotBeShownIsOnNoCard(t *testing.T) {
	for _, name := range []string{"", "a\nb", "a\x1b[31mb", "a\u202eb", "a\xffb", strings.Repeat("x", identity.MaxCardName+1)} {
		if _, err := identity.Introduce(secret(t, 1), name, time.Now()); !errors.Is(err, identity.ErrCard) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func FuzzParseCard(f *testing.F) {
	f.Add(card(f, "bob").AppendTo(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, err := identity.ParseCard(b); err == nil && !bytes.Equal(c.AppendTo(nil), b) {
			t.Errorf("%x is %+v, which is written otherwise", b, c)
		}
	})
}
