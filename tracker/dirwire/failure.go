package dirwire

import (
	"time"
)

// Code says what went wrong.
type Code string

// The codes.
const (
	CodeMalformed Code = "malformed" // the request cannot be understood
	CodeKey       Code = "key"       // it is sealed for another key than that of the service
	CodeProof     Code = "proof"     // it is not signed by whom it must be, or its ticket has been used or has expired
	CodeSession   Code = "session"   // there is no such session: open one
	CodePassword  Code = "password"  // the password is wrong
	CodeRevoked   Code = "revoked"   // the account has revoked the device
	CodeNoPerson  Code = "no_person"
	CodeTaken     Code = "taken"    // the name
	CodeName      Code = "name"     // it breaks a rule
	CodeFull      Code = "full"     // there is no room at the recipient, or for devices
	CodeTooMany   Code = "too_many" // of the sender's messages wait
	CodeSlow      Code = "slow"     // too many requests, or tries
	CodeTrouble   Code = "trouble"  // the service has it, and may not have it later
)

var statuses = map[Code]int{
	CodeMalformed: 400, CodeKey: 421, CodeProof: 401, CodeSession: 401, CodePassword: 401, CodeRevoked: 403, CodeNoPerson: 404,
	CodeTaken: 409, CodeName: 400, CodeFull: 507, CodeTooMany: 429, CodeSlow: 429, CodeTrouble: 503,
}

// Status returns the status that HTTP has for it.
func (c Code) Status() int { return statuses[c] }

// Level is what a build of the service, or of its clients, understands: it grows with each method that is added, and with each change of
// what there is. A service tells its own with CodeMalformed, so that a client knows which of the two is the older one.
const Level = 1

// Malformed returns the failure of what this build does not understand.
func Malformed() *Failure { return &Failure{Code: CodeMalformed, Level: Level} }

// Failure is what an answer says that has failed: sealed, or, for what was not opened, in clear, with another status than 200.
type Failure struct {
	Code    Code     `json:"error"`
	Rule    NameRule `json:"rule,omitempty"`     // with CodeName
	RetryMS int64    `json:"retry_ms,omitempty"` // with CodeSlow and CodeTrouble
	Level   int      `json:"level,omitempty"`    // with CodeMalformed; 0 of a service that tells none
}

// InClear reports whether a failure is one of those that the service says in clear. Whoever stands between can say them too:
// they mean no more than that there was no answer.
func (c Code) InClear() bool {
	switch c {
	case CodeMalformed, CodeKey, CodeSlow, CodeTrouble:
		return true
	}
	return false
}

// Error implements error.
func (f *Failure) Error() string { return "directory: " + string(f.Code) }

// RetryIn returns when to try again, which is a matter of at most a day.
func (f *Failure) RetryIn() time.Duration {
	return time.Duration(min(max(0, f.RetryMS), 24*60*60*1000)) * time.Millisecond
}
