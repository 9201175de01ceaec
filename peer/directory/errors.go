package directory

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"p2p/tracker/dirwire"
)

// Errors of the service, for callers to branch on. Those that Slow and NameError
// are for come with more to say.
var (
	ErrTaken    = errors.New("the name is taken, or looks like one that is")
	ErrNoPerson = errors.New("there is no such person")
	// ErrPassword is that the password is not the account's.
	ErrPassword = errors.New("the password is wrong")
	// ErrWeakPassword is that a new password is shorter than MinPassword characters,
	// or holds characters that cannot be typed again.
	ErrWeakPassword = errors.New("the password is too short, or holds control characters")
	// ErrRevoked is that the account has revoked this device.
	ErrRevoked = errors.New("the account has revoked this device")
	// ErrTwin is that another program seems to attend as this device, such as a copy of it.
	ErrTwin = errors.New("another one opens sessions as this device, again and again")
	// ErrTooMany is that this account has sent too much of late, or has too many messages waiting.
	ErrTooMany = errors.New("too many messages of this account are on their way")
	// ErrFull is that the recipient's mailbox, or the account's list of devices, is full.
	ErrFull = errors.New("there is no more room")
	// ErrUnavailable is that the service cannot be reached, has trouble, or does not serve people;
	// or that Attend has no session at the moment.
	ErrUnavailable = errors.New("the directory cannot be reached")
	// ErrNone comes with ErrUnavailable: something answers, and it is no directory.
	ErrNone = errors.New("there is no directory at this tracker")
	// ErrUntrusted is that the answer cannot be right: a signature is wrong, or the
	// password would be given away too cheaply.
	ErrUntrusted = errors.New("the directory gave an answer that cannot be right")
	// ErrTooLong is that extra, a message or a list is longer than its limit. Nothing was sent.
	ErrTooLong = errors.New("it is too long")
	// ErrURL is that the URL is none of a directory.
	ErrURL = errors.New("this is no address of a directory")
	// ErrSlow is what a *SlowError wraps.
	ErrSlow = errors.New("too many tries")
)

// SlowError is that there were too many tries, of a password above all.
type SlowError struct{ RetryIn time.Duration }

// Error implements error.
func (e *SlowError) Error() string {
	return "too many tries; the next one is possible in " + e.RetryIn.Round(time.Second).String()
}

// Unwrap makes it an ErrSlow.
func (e *SlowError) Unwrap() error { return ErrSlow }

// AnotherKeyError is that the directory shows another key than the one that it is known by: it was replaced, or somebody stands
// between. Nothing was told to it, but by Login, which says what it needs. It is also ErrUnavailable: when the right one is back, all goes on.
type AnotherKeyError struct {
	Key string // by what the other one is known, as in a URL
}

// Error implements error.
func (e *AnotherKeyError) Error() string {
	return "the directory shows another key than it had, " + e.Key + ": it was replaced, or somebody stands between"
}

// Unwrap makes it an ErrUnavailable.
func (e *AnotherKeyError) Unwrap() error { return ErrUnavailable }

// BuildError is that the directory does not understand a request, since it is of another build. It is also ErrUnavailable.
type BuildError struct {
	Method string
	Newer  bool // the directory is, and this program is to be updated; else the directory
}

// Error implements error.
func (e *BuildError) Error() string {
	if e.Newer {
		return "the directory is newer than this program, and does not understand its " + strconv.Quote(e.Method)
	}
	return "the directory is older than this program, and does not know " + strconv.Quote(e.Method)
}

// Unwrap makes it an ErrUnavailable.
func (e *BuildError) Unwrap() error { return ErrUnavailable }

// AnswerError is that a proxy before the directory has answered, or whatever else is at that address, with a status of HTTP that
// tells what is wrong. It is also ErrUnavailable. A status that tells only that there is no directory is ErrNone.
type AnswerError struct {
	Status  int           // 413, 429, from 502 to 504, or that of a redirect, which is not followed
	RetryIn time.Duration // with 429 and 503: what is asked for, at most an hour; zero for nothing
	To      string        // with a redirect: where to
}

// Error implements error.
func (e *AnswerError) Error() string {
	return fmt.Sprintf("not the directory has answered: status %d %s", e.Status, e.To)
}

// Unwrap makes it an ErrUnavailable.
func (e *AnswerError) Unwrap() error { return ErrUnavailable }

// maxRetryIn bounds what whoever stands between can have a client wait.
const maxRetryIn = time.Hour

// strange returns the error of an answer that is none of a directory.
func strange(r *http.Response) error {
	e := &AnswerError{Status: r.StatusCode}
	switch to, err := r.Location(); {
	case err == nil:
		e.To, _, _ = strings.Cut(to.String(), dirwire.Prefix) // as it would be given
		return e
	case r.StatusCode == http.StatusTooManyRequests, r.StatusCode == http.StatusServiceUnavailable:
		seconds, _ := strconv.Atoi(r.Header.Get("Retry-After")) // it may be a date, or nothing
		e.RetryIn = min(time.Duration(max(0, min(seconds, 1<<20)))*time.Second, maxRetryIn)
		return e
	case r.StatusCode == http.StatusRequestEntityTooLarge, r.StatusCode == http.StatusBadGateway, r.StatusCode == http.StatusGatewayTimeout:
		return e
	}
	return fmt.Errorf("%w: %w (status %d)", ErrUnavailable, ErrNone, r.StatusCode)
}

// retryIn returns how long an error asks to wait.
func retryIn(err error) time.Duration {
	if f := (*dirwire.Failure)(nil); errors.As(err, &f) {
		return f.RetryIn()
	}
	if e := (*AnswerError)(nil); errors.As(err, &e) {
		return e.RetryIn
	}
	return 0
}

// explained returns the error that a failure is to callers. What they can do nothing about but try
// again is ErrUnavailable.
func explained(err error) error {
	var f *dirwire.Failure
	if !errors.As(err, &f) {
		return err
	}
	known := map[dirwire.Code]error{
		dirwire.CodeTaken: ErrTaken, dirwire.CodeNoPerson: ErrNoPerson, dirwire.CodePassword: ErrPassword, dirwire.CodeRevoked: ErrRevoked,
		dirwire.CodeFull: ErrFull, dirwire.CodeTooMany: ErrTooMany,
		dirwire.CodeName: &NameError{Rule: f.Rule}, dirwire.CodeSlow: &SlowError{f.RetryIn()},
	}
	if e, ok := known[f.Code]; ok {
		return e
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}

// is reports whether err is a failure of that code.
func is(err error, code dirwire.Code) bool {
	var f *dirwire.Failure
	return errors.As(err, &f) && f.Code == code
}

// NameError is that a name breaks a rule, which its text says. The rules are in
// tracker/dirwire.
type NameError = dirwire.NameError

// CheckName returns a *NameError unless a name keeps the rules.
func CheckName(name string) error {
	_, err := dirwire.ParseName(name)
	return err
}
