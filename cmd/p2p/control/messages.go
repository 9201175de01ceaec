package control

import (
	"errors"
	"fmt"
	"time"

	"p2p/tracker/ledger"
	"p2p/tracker/policy"
)

// Key is a passkey and what its holder does. Sizes are bytes.
type Key struct {
	Name       string           `json:"name"`
	Limits     policy.KeyLimits `json:"limits"`
	Until      time.Time        `json:"until,omitzero"`
	Created    time.Time        `json:"created,omitzero"`
	File       bool             `json:"file"` // from the file of keys
	Uploaded   int64            `json:"uploaded"`
	Downloaded int64            `json:"downloaded"`
	Announces  int64            `json:"announces"`
	LastSeen   time.Time        `json:"last_seen,omitzero"`
	Active     int              `json:"active"` // torrents, each client counted
	Addresses  int              `json:"addresses"`
}

// NewKey asks for a passkey.
type NewKey struct {
	Name   string           `json:"name"`
	Limits policy.KeyLimits `json:"limits"`
	Until  time.Time        `json:"until,omitzero"`
}

// MadeKey is the answer: the only time that the secret is told.
type MadeKey struct {
	Name     string   `json:"name"`
	Passkey  string   `json:"passkey"`
	Announce []string `json:"announce"` // addresses to put into torrents
}

// Ban is a ban in force, or one to be made.
type Ban struct {
	Target string    `json:"target"`
	Until  time.Time `json:"until,omitzero"`
	Reason string    `json:"reason,omitempty"`
	File   bool      `json:"file"` // from the file of bans
}

// Reloaded is a file that was read again.
type Reloaded struct {
	What    string `json:"what"` // the name of the flag
	File    string `json:"file"`
	Entries int    `json:"entries"`
	Error   string `json:"error,omitempty"` // why the old content stays in use
}

// failure is the body of an answer that is none of the above.
type failure struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// Errors of a Client that callers branch on, besides those of package ledger.
var (
	ErrNoAnswer = errors.New("nobody answers")
	ErrNoKeys   = errors.New("the tracker is not private")
)

// codes are the names that errors have between the two processes.
var codes = []struct {
	code string
	err  error
}{
	{"missing", ledger.ErrMissing},
	{"exists", ledger.ErrExists},
	{"in_file", policy.ErrInFile},
	{"name", policy.ErrName},
	{"no_keys", ErrNoKeys},
	{"limit", ErrLimit},
}

// codeOf returns the code of err.
func codeOf(err error) string {
	for _, c := range codes {
		if errors.Is(err, c.err) {
			return c.code
		}
	}
	return "failed"
}

// err returns the error that f is about.
func (f failure) err() error {
	for _, c := range codes {
		if c.code == f.Code {
			return c.err
		}
	}
	return fmt.Errorf("the other process says: %s", f.Message)
}
