package httpwire

import (
	"strconv"
	"time"

	"p2p/torrentfile/benc"
)

// Failure is a tracker's refusal. BEP 3: "If a tracker response has a key
// failure reason, then that maps to a human readable string which explains why
// the query failed, and no other keys are required." It is the error that the
// response parsers return for one.
type Failure struct {
	// Reason is for a person to read. On the client's side it is foreign text:
	// escape it before it reaches a terminal or a log.
	Reason string
	// RetryIn says when to ask again (BEP 31), in whole minutes; zero when the
	// tracker did not say.
	RetryIn time.Duration
	// Never says "that the client should never send this query again" (BEP 31).
	Never bool
}

// Error implements error.
func (f *Failure) Error() string { return "tracker refused: " + f.Reason }

// AppendTo appends the body of a response that says f. A RetryIn that is not a
// whole number of minutes is rounded up.
func (f *Failure) AppendTo(dst []byte) []byte {
	dst = append(dst, 'd')
	dst = appendText(appendKey(dst, "failure reason"), f.Reason)
	switch {
	case f.Never:
		dst = appendText(appendKey(dst, "retry in"), "never")
	case f.RetryIn > 0:
		minutes := (f.RetryIn + time.Minute - 1) / time.Minute
		dst = appendInt(appendKey(dst, "retry in"), int64(minutes))
	}
	return append(dst, 'e')
}

// parseFailure reads the values of "failure reason" and "retry in"; it returns
// nil when there is no reason. BEP 31 calls the field "a positive integer" and
// shows it as a string: both are read.
func parseFailure(reason, retry []byte) *Failure {
	if reason == nil {
		return nil
	}
	f := &Failure{}
	if text, ok := benc.String(reason); ok {
		f.Reason = string(text[:min(len(text), maxText)])
	}
	minutes, ok := integer(retry)
	if text, isText := benc.String(retry); isText {
		f.Never = string(text) == "never"
		minutes, ok = number(string(text[:min(len(text), 20)]))
	}
	if ok && minutes > 0 {
		f.RetryIn = bounded(minutes, time.Minute)
	}
	return f
}

// appendKey appends the key of a dictionary.
func appendKey(dst []byte, key string) []byte { return appendText(dst, key) }

// appendText appends a bencoded string.
func appendText[T ~string | ~[]byte](dst []byte, s T) []byte {
	dst = strconv.AppendInt(dst, int64(len(s)), 10)
	dst = append(dst, ':')
	return append(dst, s...)
}

// appendInt appends a bencoded integer.
func appendInt(dst []byte, n int64) []byte {
	dst = strconv.AppendInt(append(dst, 'i'), n, 10)
	return append(dst, 'e')
}
