package identity_test

import (
	"bytes"
	"errors"
	"testing"

	"p2p/peer/identity"
)

func TestWhatIsSealedForAnAccountOpensForNobodyElse(t *testing.T) {
	to, message := secret(t, 1), []byte("may I?")
	sealed, err := to.Key().Seal("test", message)
	if err != nil || len(sealed) != len(message)+identity.SealedOverhead {
		t.Fatalf("%d bytes, %v", len(sealed), err)
	}
	if got, err := to.Open("test", sealed); err != nil || !bytes.Equal(got, message) {
		t.Errorf("it opens as %q, %v", got, err)
	}
	again, err := to.Key().Seal("test", message)
	if err != nil || bytes.Equal(again, sealed) {
		t.Errorf("sealing twice gives the same bytes, %v", err)
	}
	for name, open := range map[string]func() ([]byte, error){
		"for another key":     func() ([]byte, error) { return secret(t, 2).Open("test", sealed) },
		"for another purpose": func() ([]byte, error) { return to.Open("tests", sealed) },
		"when it is cut":      func() ([]byte, error) { return to.Open("test", sealed[:len(sealed)-1]) },
		"when there is none":  func() ([]byte, error) { return to.Open("test", nil) },
	} {
		if got, err := open(); !errors.Is(err, identity.ErrSealed) {
			t.Errorf("it opens %s: %q, %v", name, got, err)
		}
	}
}

func TestNothingIsSealedForAKeyThatIsNone(t *testing.T) {
	identityPoint, offCurve := identity.Key{1}, identity.Key{2}
	for _, k := range []identity.Key{identityPoint, offCurve} {
		if sealed, err := k.Seal("test", []byte("x")); err == nil {
			t.Errorf("for %v it is %x", k, sealed)
		}
	}
}

func TestASignatureIsForOnePurpose(t *testing.T) {
	s := secret(t, 1)
	signature := s.Sign("test", []byte("x"))
	if err := s.Key().Verify("test", []byte("x"), signature); err != nil {
		t.Error(err)
	}
	if err := s.Key().Verify("tests", []byte("x"), signature); !errors.Is(err, identity.ErrSignature) {
		t.Errorf("for another purpose: %v", err)
	}
}
