package tracker_test

import (
	"strings"
	"testing"

	"p2p/tracker"
)

func TestAPasskeyIsTheFirstPartOfThePath(t *testing.T) {
	const key = "0123456789abcdefABCDEF0123456789"
	for path, want := range map[string]string{
		"/" + key + "/announce":             key,
		"/" + key + "/scrape?info_hash=x":   key,
		"/announce":                         "",
		"/" + key:                           "",
		"":                                  "",
		"/" + key[:31] + "-/announce":       "",
		"/" + key[:31] + "/announce":        "",
		"//" + key + "/announce":            "",
		"/" + key[:31] + "\x00/announce":    "",
		"/" + strings.Repeat("é", 16) + "/": "",
	} {
		if got := tracker.PasskeyOf(path).Reveal(); got != want {
			t.Errorf("%q has the passkey %q, want %q", path, got, want)
		}
		if got := tracker.PasskeyOf([]byte(path)).Reveal(); got != want {
			t.Errorf("%q in bytes has the passkey %q, want %q", path, got, want)
		}
	}
}

func TestAPasskeyInALogIsNoSecret(t *testing.T) {
	key, ok := tracker.ParsePasskey("0123456789abcdefABCDEF0123456789")
	if !ok || key.String() != "0123****" {
		t.Errorf("%v prints as %q", ok, key.String())
	}
	if got := (tracker.Passkey{}).String(); got != "" {
		t.Errorf("none prints as %q", got)
	}
}
