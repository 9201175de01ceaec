package dirwire_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"p2p/peer/identity"
	"p2p/tracker/dirwire"
)

func secret(t testing.TB, seed byte) identity.Secret {
	t.Helper()
	s, err := identity.NewSecret(rand.NewChaCha8([32]byte{seed}))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAProofIsForOneRequestAlone(t *testing.T) {
	s, service, body := secret(t, 1), dirwire.Service{1}, []byte("{}")
	p := dirwire.NewProof(s, service, dirwire.MethodSend, []byte("ticket"), 7, body)
	read, err := dirwire.ParseProof(p.String())
	if err != nil || !reflect.DeepEqual(read, p) {
		t.Fatalf("%+v is read as %+v, %v", p, read, err)
	}
	if err := read.Verify(s.Key(), service, dirwire.MethodSend, body); err != nil {
		t.Error(err)
	}
	for what, err := range map[string]error{
		"another service": p.Verify(s.Key(), dirwire.Service{2}, dirwire.MethodSend, body),
		"another method":  p.Verify(s.Key(), service, dirwire.MethodTaken, body),
		"another body":    p.Verify(s.Key(), service, dirwire.MethodSend, []byte("{} ")),
		"another key":     p.Verify(secret(t, 2).Key(), service, dirwire.MethodSend, body),
		"another count":   dirwire.Proof{Ticket: p.Ticket, Count: 8, Signature: p.Signature}.Verify(s.Key(), service, dirwire.MethodSend, body),
		"another ticket":  dirwire.Proof{Ticket: []byte("Ticket"), Count: 7, Signature: p.Signature}.Verify(s.Key(), service, dirwire.MethodSend, body),
		// A method and a ticket that are the same bytes in a row.
		"a shifted border": dirwire.Proof{Ticket: []byte("dticket"), Count: 7, Signature: p.Signature}.Verify(s.Key(), service, "sen", body),
	} {
		if !errors.Is(err, identity.ErrSignature) {
			t.Errorf("it is good for %s: %v", what, err)
		}
	}
}

func TestWhatIsTooLongIsMalformed(t *testing.T) {
	long := bytes.Repeat([]byte("x"), dirwire.MaxSealed+1)
	friends := make([]identity.Key, dirwire.MaxFriends+1)
	for name, err := range map[string]error{
		"a letter":     try(dirwire.Send{Sealed: long, Signature: make([]byte, 64)}),
		"a signature":  try(dirwire.Send{Signature: make([]byte, 65)}),
		"friends":      try(dirwire.Attend{Friends: &friends}),
		"addresses":    try(dirwire.Attend{Presence: &dirwire.Presence{Addrs: make([]netip.AddrPort, dirwire.MaxAddrs+1)}}),
		"a vault":      try(dirwire.Password{Secrets: dirwire.Secrets{Salt: make([]byte, dirwire.SaltSize), Vault: long}}),
		"a salt":       try(dirwire.Password{Secrets: dirwire.Secrets{Salt: make([]byte, 1)}}),
		"a name":       try(dirwire.Named{Name: strings.Repeat("x", 1000)}),
		"certificates": try(dirwire.Certified{Certificate: long}),
	} {
		if !errors.Is(err, dirwire.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func try[T any](m T) error {
	_, err := dirwire.Parse[T](dirwire.Append(nil, m))
	return err
}

func TestACostIsNeitherCheapNorEndless(t *testing.T) {
	fair := dirwire.FairCost
	if !fair.Within(fair) {
		t.Error("what is fair is not")
	}
	for _, c := range []dirwire.Cost{
		{}, {Time: 2, Memory: fair.Memory, Threads: 4}, {Time: 3, Memory: fair.Memory - 1, Threads: 4}, {Time: 3, Memory: fair.Memory},
		{Time: 1 << 31, Memory: fair.Memory, Threads: 4}, {Time: 3, Memory: 1 << 31, Threads: 4}, {Time: 3, Memory: fair.Memory, Threads: 255},
	} {
		if c.Within(fair) {
			t.Errorf("%+v is fair", c)
		}
	}
}

func FuzzParseProof(f *testing.F) {
	f.Add(dirwire.NewProof(secret(f, 1), dirwire.Service{}, dirwire.MethodSend, []byte("ticket"), 7, nil).String())
	f.Add("P2P ..")
	f.Fuzz(func(t *testing.T, header string) {
		p, err := dirwire.ParseProof(header)
		if err != nil {
			if !errors.Is(err, dirwire.ErrMalformed) {
				t.Error(err)
			}
			return
		}
		if again, err := dirwire.ParseProof(p.String()); err != nil || !reflect.DeepEqual(again, p) {
			t.Errorf("%q is %+v, which is %+v, %v", header, p, again, err)
		}
	})
}

// FuzzParse reads everything as every message: what is accepted keeps its meaning when it is written again.
func FuzzParse(f *testing.F) {
	f.Add(dirwire.Append(nil, dirwire.Send{To: secret(f, 1).Key(), Sealed: []byte("x"), Signature: make([]byte, 64)}))
	f.Add(dirwire.Append(nil, dirwire.Events{Friends: []dirwire.Friend{{Devices: []dirwire.Device{{Addrs: []netip.AddrPort{netip.MustParseAddrPort("[::1]:1")}}}}}}))
	f.Add(dirwire.Append(nil, dirwire.Attend{Presence: &dirwire.Presence{}, Friends: &[]identity.Key{{}}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		again[dirwire.Named](t, b)
		again[dirwire.Register](t, b)
		again[dirwire.Seal](t, b)
		again[dirwire.Password](t, b)
		again[dirwire.Rename](t, b)
		again[dirwire.Certified](t, b)
		again[dirwire.Attend](t, b)
		again[dirwire.Send](t, b)
		again[dirwire.Taken](t, b)
		again[dirwire.Events](t, b)
		again[dirwire.Person](t, b)
		again[dirwire.Begun](t, b)
		again[dirwire.Vault](t, b)
		again[dirwire.Session](t, b)
		again[dirwire.Failure](t, b)
	})
}

func again[T any](t *testing.T, b []byte) {
	m, err := dirwire.Parse[T](b)
	if err != nil {
		if !errors.Is(err, dirwire.ErrMalformed) {
			t.Error(err)
		}
		return
	}
	written := dirwire.Append(nil, m)
	if n, err := dirwire.Parse[T](written); err != nil || !bytes.Equal(dirwire.Append(nil, n), written) {
		t.Errorf("%T %s is written as %s, and read as %+v, %v", m, b, written, n, err)
	}
}
