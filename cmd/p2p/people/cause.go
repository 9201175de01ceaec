package people

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"io/fs"
	"math"
	"net"
	"net/http"
	"slices"
	"strconv"
	"syscall"
	"time"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
	"p2p/cmd/p2p/space"
	"p2p/peer/directory"
	"p2p/peer/ext/offer"
	"p2p/peer/identity"
	"p2p/piece/store"
	"p2p/torrentfile"
	"p2p/tracker/dirwire"
)

// causes give errors that a person is told of outside of a call their keys. The first row that fits wins.
var causes = []struct {
	fits func(error) bool
	key  string
}{
	{is(directory.ErrRevoked), api.DeviceRevoked},
	{is(directory.ErrTwin), api.Twin},
	{as[*directory.AnotherKeyError], api.AnotherKey},
	{is(directory.ErrUntrusted), api.Untrusted},
	{is(errHeirloom), api.Untrusted},
	{is(directory.ErrNone), api.NotDirectory},
	{ofBuild(false), api.DirectoryOlder},
	{ofBuild(true), api.DirectoryNewer},
	{answered(http.StatusRequestEntityTooLarge), api.ProxyLimit},
	{answered(http.StatusBadGateway, http.StatusGatewayTimeout), api.ProxyAlone},
	{answered(http.StatusTooManyRequests, http.StatusServiceUnavailable), api.Busy},
	{as[*directory.AnswerError], api.DirectoryMoved},
	{is(directory.ErrNoPerson), api.AccountUnknown},
	{is(directory.ErrFull), api.DevicesFull},
	{is(directory.ErrSlow), api.Busy},
	{as[*dirwire.Failure], api.Trouble},
	{space.Full, api.DiskFull},

	{as[*net.DNSError], api.UnknownHost},
	{is(syscall.ECONNREFUSED), api.Rejected},
	{is(syscall.ENETUNREACH), api.NoNetwork},
	{is(syscall.EHOSTUNREACH), api.NoNetwork},
	{is(syscall.ENETDOWN), api.NoNetwork},
	{as[*tls.CertificateVerificationError], api.BadCertificate},
	{as[x509.UnknownAuthorityError], api.BadCertificate},
	{as[tls.RecordHeaderError], api.BadCertificate},
	{is(context.DeadlineExceeded), api.TimedOut},
	{timedOut, api.TimedOut},
	{is(syscall.ECONNRESET), api.BrokenOff},
	{is(syscall.EPIPE), api.BrokenOff},
	{is(io.EOF), api.BrokenOff},
	{is(io.ErrUnexpectedEOF), api.BrokenOff},

	{is(errChanged), api.FileChanged},
	{is(errVanished), api.FileGone},
	{is(errNoRoom), api.RoomClosed},
	{is(errOffer), api.NotAsOffered},
	{is(offer.ErrSize), api.NotAsOffered},
	{as[*torrentfile.InvalidError], api.NotAsOffered},
	{is(store.ErrBusy), api.FileBusy},
	{is(store.ErrChanged), api.FileChanged},
	{is(store.ErrSymlink), api.FileInTheWay},
	{is(store.ErrNotFile), api.FileInTheWay},
	{is(fs.ErrExist), api.FileInTheWay},
	{is(fs.ErrNotExist), api.FileChanged},
	{is(fs.ErrPermission), api.NotPermitted},
	{is(syscall.EROFS), api.NotPermitted},
	{is(directory.ErrUnavailable), api.Trouble},
}

func is(target error) func(error) bool {
	return func(err error) bool { return errors.Is(err, target) }
}

func as[T error](err error) bool {
	_, ok := errors.AsType[T](err)
	return ok
}

// ofBuild fits a directory that is older than this program, or newer.
func ofBuild(newer bool) func(error) bool {
	return func(err error) bool {
		e, ok := errors.AsType[*directory.BuildError](err)
		return ok && e.Newer == newer
	}
}

// answered fits an answer of whatever is before a directory, with one of these statuses.
func answered(statuses ...int) func(error) bool {
	return func(err error) bool {
		e, ok := errors.AsType[*directory.AnswerError](err)
		return ok && slices.Contains(statuses, e.Status)
	}
}

func timedOut(err error) bool {
	e, ok := errors.AsType[net.Error](err)
	return ok && e.Timeout()
}

// causeOf returns the key of what is behind an error.
func causeOf(err error) string {
	for _, c := range causes {
		if c.fits(err) {
			return c.key
		}
	}
	return api.Other
}

// problemOf says what is behind an error; nil for none.
func problemOf(err error) *p2pv1.Reason {
	if err == nil {
		return nil
	}
	return api.Problem(causeOf(err), detailsOf(err)...)
}

// detailsOf returns what fills the sentences of causes.
func detailsOf(err error) []string {
	details := []string{"detail", err.Error()}
	if e, ok := errors.AsType[*directory.AnotherKeyError](err); ok {
		details = append(details, "key", e.Key)
	}
	if e, ok := errors.AsType[*directory.BuildError](err); ok {
		details = append(details, "method", e.Method)
	}
	if e, ok := errors.AsType[*directory.AnswerError](err); ok {
		details = append(details, "status", strconv.Itoa(e.Status), "to", e.To, "seconds", seconds(e.RetryIn))
	}
	if e, ok := errors.AsType[*directory.SlowError](err); ok {
		details = append(details, "seconds", seconds(e.RetryIn))
	}
	return details
}

// seconds says how long is to be waited; who was told nothing waits for a while.
func seconds(d time.Duration) string {
	if d <= 0 {
		d = 10 * time.Second
	}
	return strconv.Itoa(int(math.Ceil(d.Seconds())))
}

// badLink is the error of a text that is no link.
func badLink(err error) error {
	e, ok := errors.AsType[*identity.LinkError](err)
	if !ok {
		return failure(err)
	}
	return fail(invalid, api.BadLink, "problem", api.FaultOf(e.Fault))
}

// unreachable is the error of a directory that cannot be asked.
func unreachable(url string, err error) error {
	return fail(away, api.Unreachable, append(detailsOf(err), "url", keyless(url), "problem", causeOf(err))...)
}
