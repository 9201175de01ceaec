package identity_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"p2p/peer/identity"
	"p2p/torrentfile/infohash"
)

// secret returns the same key for the same seed.
func secret(t testing.TB, seed byte) identity.Secret {
	t.Helper()
	s, err := identity.NewSecret(rand.NewChaCha8([32]byte{seed}))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestASecretSurvivesItsSeed(t *testing.T) {
	s := secret(t, 1)
	again, err := identity.SecretOf(s.Seed())
	if err != nil || again.Key() != s.Key() {
		t.Errorf("%v, %v; want %v", again.Key(), err, s.Key())
	}
	if _, err := identity.SecretOf(s.Seed()[1:]); !errors.Is(err, identity.ErrKey) {
		t.Errorf("a short seed: %v", err)
	}
}

func TestASecretIsNeverPrinted(t *testing.T) {
	s := secret(t, 1)
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if got := fmt.Sprintf(format, s); got != "(secret)" {
			t.Errorf("%s prints %q", format, got)
		}
	}
}

func TestAKeyIsReadAsItIsWritten(t *testing.T) {
	k := secret(t, 1).Key()
	for _, text := range []string{k.String(), strings.ToUpper(k.String()), k.String()[:4] + "-" + k.String()[4:8] + " " + k.String()[8:]} {
		if got, err := identity.ParseKey(text); err != nil || got != k {
			t.Errorf("%q is %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "abc", k.String() + "a", k.String()[:51] + "1", k.String()[:51] + "b", strings.Repeat("-", 300)} {
		if got, err := identity.ParseKey(text); !errors.Is(err, identity.ErrKey) {
			t.Errorf("%q is %v, %v", text, got, err)
		}
	}
}

var issued = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func certify(t testing.TB, label string, revoked bool) identity.Certificate {
	t.Helper()
	c, err := identity.Certify(secret(t, 1), secret(t, 2).Key(), label, issued, revoked)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestACertificateIsReadAsItWasIssued(t *testing.T) {
	for _, revoked := range []bool{false, true} {
		c := certify(t, "电话", revoked)
		got, err := identity.ParseCertificate(c.AppendTo(nil))
		if err != nil || got != c || got.Account != secret(t, 1).Key() || got.Revoked != revoked {
			t.Errorf("%+v, %v; want %+v", got, err, c)
		}
	}
}

func TestNoBitOfACertificateCanBeChanged(t *testing.T) {
	b := certify(t, "phone", false).AppendTo(nil)
	for i := range b {
		for bit := range 8 {
			forged := bytes.Clone(b)
			forged[i] ^= 1 << bit
			if c, err := identity.ParseCertificate(forged); err == nil {
				t.Fatalf("with bit %d of byte %d changed it is %+v", bit, i, c)
			}
		}
	}
	for n := range b {
		if _, err := identity.ParseCertificate(b[:n]); err == nil {
			t.Fatalf("%d of its %d bytes are a certificate", n, len(b))
		}
	}
}

func TestACertificateForNobodyIsRefused(t *testing.T) {
	for _, test := range []struct {
		device identity.Key
		label  string
		at     time.Time
	}{
		{identity.Key{}, "phone", issued},
		{secret(t, 2).Key(), strings.Repeat("x", identity.MaxLabel+1), issued},
		{secret(t, 2).Key(), "\xff", issued},
		{secret(t, 2).Key(), "phone", time.Unix(-1, 0)},
	} {
		if _, err := identity.Certify(secret(t, 1), test.device, test.label, test.at, false); !errors.Is(err, identity.ErrCertificate) {
			t.Errorf("%+v: %v", test, err)
		}
	}
}

func TestBothSidesSeeTheSameSafetyNumber(t *testing.T) {
	a, b := secret(t, 1).Key(), secret(t, 2).Key()
	number := identity.SafetyNumber(a, b)
	if number != identity.SafetyNumber(b, a) {
		t.Error("the two sides see different numbers")
	}
	if groups := strings.Fields(number); len(groups) != 12 || len(number) != 12*5+11 {
		t.Errorf("%q is not twelve groups of five", number)
	}
	if number == identity.SafetyNumber(a, secret(t, 3).Key()) {
		t.Error("another key has the same number")
	}
}

func link(t testing.TB) identity.Link {
	return identity.Link{
		Account: secret(t, 1).Key(), Name: "李 & co?", Trackers: []string{"http://192.0.2.1:6969/announce", "udp://[2001:db8::1]:6969"},
		Addrs: []netip.AddrPort{netip.MustParseAddrPort("192.0.2.7:6881"), netip.MustParseAddrPort("[2001:db8::7]:1")},
		Token: identity.Token{1, 2, 3}, Room: infohash.Of([]byte("room")), RoomName: "花园 & co?",
	}
}

func TestALinkIsReadAsItIsWritten(t *testing.T) {
	for _, l := range []identity.Link{link(t), {Account: secret(t, 1).Key()}} {
		for _, text := range []string{l.String(), " P2P:" + l.String()[4:] + "\n"} {
			if got, err := identity.ParseLink(text); err != nil || !reflect.DeepEqual(got, l) {
				t.Errorf("%q is %+v, %v; want %+v", text, got, err, l)
			}
		}
	}
}

func TestALinkThatIsNoneIsRefused(t *testing.T) {
	key := secret(t, 1).Key().String()
	for _, text := range []string{
		"", "p2p:", "http://example.org", "p2p:" + key[1:], "p2p:" + key + "?t=ftp://x/", "p2p:" + key + "?t=http:///announce",
		"p2p:" + key + "?a=192.0.2.1:0", "p2p:" + key + "?a=0.0.0.0:1", "p2p:" + key + "?a=[fe80::1%25eth0]:1", "p2p:" + key + "?k=abc",
		"p2p:" + key + "?r=zz", "p2p:" + key + "?n=%ff", "p2p:" + key + "?%zz", "p2p:" + key + "?n=" + strings.Repeat("x", 65),
		"p2p:" + key + "?" + strings.Repeat("a=192.0.2.1:1&", 9), "p2p:" + key + "?z=" + strings.Repeat("x", 2048),
	} {
		if l, err := identity.ParseLink(text); !errors.Is(err, identity.ErrLink) {
			t.Errorf("%.80q is %+v, %v", text, l, err)
		}
	}
}

func FuzzParseLink(f *testing.F) {
	f.Add(link(f).String())
	f.Add("p2p:")
	f.Fuzz(func(t *testing.T, s string) {
		l, err := identity.ParseLink(s)
		if err != nil || len(l.String()) > 2048 {
			return // escaped, what was not can be too long
		}
		if again, err := identity.ParseLink(l.String()); err != nil || !reflect.DeepEqual(again, l) {
			t.Errorf("%q is %+v, which is written %q and read as %+v, %v", s, l, l.String(), again, err)
		}
	})
}

func FuzzParseCertificate(f *testing.F) {
	f.Add(certify(f, "phone", false).AppendTo(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, err := identity.ParseCertificate(b); err == nil && !bytes.Equal(c.AppendTo(nil), b) {
			t.Errorf("%x is %+v, which is written otherwise", b, c)
		}
	})
}

func TestKeysAndTokensSurviveJSON(t *testing.T) {
	type pair struct {
		K    identity.Key
		None identity.Key
		T    identity.Token
	}
	want := pair{K: secret(t, 1).Key(), T: identity.Token{1, 2}}
	b, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got pair
	if err := json.Unmarshal(b, &got); err != nil || got != want {
		t.Errorf("%s is %+v, %v; want %+v", b, got, err, want)
	}
	for _, text := range []string{`{"K":"abc"}`, `{"T":"abc"}`} {
		if err := json.Unmarshal([]byte(text), &got); err == nil {
			t.Errorf("%s is %+v", text, got)
		}
	}
}

// Certificates go to everybody whom an account meets.
func TestOnlyTheAccountReadsTheLabelOfItsDevice(t *testing.T) {
	account, device := secret(t, 1), secret(t, 2).Key()
	for _, label := range []string{"", "alices-laptop", "你好", strings.Repeat("x", identity.MaxLabel)} {
		c, err := identity.Certify(account, device, label, time.Unix(1000, 0), false)
		if err != nil {
			t.Fatal(err)
		}
		b := c.AppendTo(nil)
		if label != "" && bytes.Contains(b, []byte(label)) {
			t.Errorf("%q is in the certificate", label)
		}
		c, err = identity.ParseCertificate(b)
		if err != nil || c.Name(account) != label || c.Name(secret(t, 3)) != "" {
			t.Errorf("%q is read as %q by the account, as %q by another, %v", label, c.Name(account), c.Name(secret(t, 3)), err)
		}
	}
}
