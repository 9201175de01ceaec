package tracker

import "strings"

// PasskeySize is the length of a passkey in characters.
const PasskeySize = 32

// Passkey is the secret by which a private tracker knows its users. It stands in
// the path of the announce URL, /PASSKEY/announce, over UDP in the URL data of
// BEP 41. The zero value is no passkey. One that is not zero is letters and digits.
type Passkey [PasskeySize]byte

// ParsePasskey reads 32 letters and digits.
func ParsePasskey[S string | []byte](s S) (key Passkey, ok bool) {
	if len(s) != PasskeySize {
		return Passkey{}, false
	}
	for i := range PasskeySize {
		c := s[i]
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return Passkey{}, false
		}
		key[i] = c
	}
	return key, true
}

// PasskeyOf returns the passkey in the path of a URL, "/PASSKEY/announce" or
// "/PASSKEY/scrape" with or without a query, and the zero Passkey if there is
// none. It does not allocate.
func PasskeyOf[S string | []byte](path S) Passkey {
	if len(path) < PasskeySize+2 || path[0] != '/' || path[PasskeySize+1] != '/' {
		return Passkey{}
	}
	key, _ := ParsePasskey(path[1 : PasskeySize+1])
	return key
}

// String returns the start of k: enough to tell keys apart in a log, and no
// secret. Reveal returns the whole.
func (k Passkey) String() string {
	if k == (Passkey{}) {
		return ""
	}
	return string(k[:4]) + strings.Repeat("*", 4)
}

// Reveal returns all of k, for the person who is to have it.
func (k Passkey) Reveal() string {
	if k == (Passkey{}) {
		return ""
	}
	return string(k[:])
}
