package policy

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"p2p/tracker"
)

// Digest stands for a passkey wherever it is kept: whoever reads the ledger, a
// backup or a log learns no passkey. A passkey is too long to be guessed, so it
// needs no salt and no slow hash.
type Digest [16]byte

// DigestOf returns the digest of k: the first half of its SHA-256.
func DigestOf(k tracker.Passkey) Digest {
	sum := sha256.Sum256(k[:])
	return Digest(sum[:16])
}

// NewPasskey returns a random passkey of 160 bits.
func NewPasskey() tracker.Passkey {
	key, ok := tracker.ParsePasskey(strings.ToLower(rand.Text() + rand.Text())[:tracker.PasskeySize])
	if !ok {
		panic("policy: the alphabet of crypto/rand.Text is not that of passkeys")
	}
	return key
}

// KeyLimits bound what the holder of a passkey may do at one tracker. A zero
// stands for the default.
type KeyLimits struct {
	// Torrents is how many torrents may be active at a time, each client of the
	// holder counted; 2000 by default.
	Torrents int `json:"torrents,omitempty"`
	// Addresses is how many addresses they may come from; 16 by default. One of
	// IPv6 is a /64.
	Addresses int `json:"addresses,omitempty"`
	// PerMinute is how many announces are answered a minute for long; 300 by
	// default. A client that starts may announce all its torrents at once.
	PerMinute int `json:"per_minute,omitempty"`
}

// The defaults, and what no key goes beyond: a limit bounds memory too.
var (
	defaultKeyLimits = KeyLimits{Torrents: 2000, Addresses: 16, PerMinute: 300}
	maxKeyLimits     = KeyLimits{Torrents: 100_000, Addresses: 1000, PerMinute: 60_000}
)

// orDefault returns l with the limits of d where it has none.
func (l KeyLimits) orDefault(d KeyLimits) KeyLimits {
	set := func(n, def, most int) int {
		if n <= 0 {
			n = def
		}
		return min(n, most)
	}
	return KeyLimits{
		Torrents:  set(l.Torrents, d.Torrents, maxKeyLimits.Torrents),
		Addresses: set(l.Addresses, d.Addresses, maxKeyLimits.Addresses),
		PerMinute: set(l.PerMinute, d.PerMinute, maxKeyLimits.PerMinute),
	}
}

// Set sets the limit of a name: torrents, addresses or per-minute.
func (l *KeyLimits) Set(name, value string) error {
	n, err := strconv.Atoi(value)
	if err != nil || n < 1 {
		return fmt.Errorf("%s=%.20q: want a number above 0", name, value)
	}
	switch name {
	case "torrents":
		l.Torrents = n
	case "addresses":
		l.Addresses = n
	case "per-minute":
		l.PerMinute = n
	default:
		return fmt.Errorf("%.20q is no limit; there are torrents, addresses and per-minute", name)
	}
	return nil
}

// Key is a passkey without its secret.
type Key struct {
	Name    string // letters, digits, "-", "_" and inner dots; unique
	Digest  Digest
	Limits  KeyLimits
	Until   time.Time // zero: for good
	Created time.Time // zero: not known
	File    bool      // from the file, not the ledger
}

// maxKeyName is the longest name of a key, in bytes.
const maxKeyName = 64

// ErrName is the error of a name that no key can have.
var ErrName = fmt.Errorf("a name has letters, digits, \"-\", \"_\" and inner dots, %d at the most", maxKeyName)

func checkKeyName(name string) error {
	if name == "" || len(name) > maxKeyName || strings.HasPrefix(name, ".") || strings.HasSuffix(name, ".") || strings.Contains(name, "..") {
		return ErrName
	}
	for i := range len(name) {
		c := name[i]
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '-' && c != '_' && c != '.' {
			return ErrName
		}
	}
	return nil
}

// storedKey is a Key in the ledger, under its name.
type storedKey struct {
	Digest string `json:"digest"` // of the passkey, in hexadecimal
	KeyLimits
	Until   time.Time `json:"until,omitzero"`
	Created time.Time `json:"created,omitzero"`
}

func encodeKey(k Key) ([]byte, error) {
	return json.Marshal(storedKey{hex.EncodeToString(k.Digest[:]), k.Limits, k.Until, k.Created})
}

func decodeKey(name string, value []byte) (Key, error) {
	var s storedKey
	if err := json.Unmarshal(value, &s); err != nil {
		return Key{}, err
	}
	digest, err := hex.DecodeString(s.Digest)
	if err != nil || len(digest) != len(Digest{}) {
		return Key{}, errors.New("the digest has not 32 hexadecimal digits")
	}
	if err := checkKeyName(name); err != nil {
		return Key{}, err
	}
	return Key{Name: name, Digest: Digest(digest), Limits: s.KeyLimits, Until: s.Until, Created: s.Created}, nil
}

var (
	errKeyFields = errors.New("want NAME PASSKEY [torrents=N] [addresses=N] [per-minute=N]")
	errPasskey   = fmt.Errorf("a passkey has %d letters and digits", tracker.PasskeySize)
	errTwice     = errors.New("this name or passkey stands further up already")
)

// ReadKeys reads a list of passkeys, one on a line: a name, the passkey, and
// perhaps limits such as torrents=100. The rest of a line after # is a comment. An
// error is a *LineError unless reading fails; it never quotes a passkey.
func ReadKeys(r io.Reader) ([]Key, error) {
	var all []Key
	names, digests := make(map[string]bool), make(map[Digest]bool)
	err := eachLine(r, func(text, _ []byte) error {
		fields := strings.Fields(string(text))
		if len(fields) < 2 {
			return errKeyFields
		}
		if err := checkKeyName(fields[0]); err != nil {
			return err
		}
		passkey, ok := tracker.ParsePasskey(fields[1])
		if !ok {
			return errPasskey
		}
		k := Key{Name: fields[0], Digest: DigestOf(passkey), File: true}
		for _, limit := range fields[2:] {
			name, value, ok := strings.Cut(limit, "=")
			if !ok {
				return errKeyFields
			}
			if err := k.Limits.Set(name, value); err != nil {
				return err
			}
		}
		if names[k.Name] || digests[k.Digest] {
			return errTwice
		}
		names[k.Name], digests[k.Digest] = true, true
		all = append(all, k)
		return nil
	})
	return all, err
}
