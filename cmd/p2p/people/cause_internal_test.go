package people

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/url"
	"syscall"
	"testing"
	"time"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/text"
	"p2p/peer/directory"
	"p2p/piece/store"
	"p2p/tracker/dirwire"
)

// Every error has a key, and every key words.
func TestWhatIsBehindAnErrorHasWordsInBothLanguages(t *testing.T) {
	over := func(err error) error {
		return fmt.Errorf("log in: %w: %w", directory.ErrUnavailable, &url.Error{Op: "Post", URL: "http://d", Err: &net.OpError{Op: "dial", Err: err}})
	}
	for _, c := range []struct {
		err  error
		want string
	}{
		{over(syscall.ECONNREFUSED), api.Rejected},
		{over(&net.DNSError{Err: "no such host", Name: "d", IsNotFound: true}), api.UnknownHost},
		{over(syscall.EHOSTUNREACH), api.NoNetwork},
		{over(context.DeadlineExceeded), api.TimedOut},
		{over(io.EOF), api.BrokenOff},
		{fmt.Errorf("%w: %w (status 404)", directory.ErrUnavailable, directory.ErrNone), api.NotDirectory},
		{fmt.Errorf("%w: %w", directory.ErrUnavailable, &dirwire.Failure{Code: dirwire.CodeTrouble}), api.Trouble},
		{fmt.Errorf("find: %w", &directory.BuildError{Method: "find"}), api.DirectoryOlder},
		{fmt.Errorf("find: %w", &directory.BuildError{Method: "find", Newer: true}), api.DirectoryNewer},
		{&directory.AnswerError{Status: 301, To: "https://elsewhere"}, api.DirectoryMoved},
		{&directory.AnswerError{Status: 413}, api.ProxyLimit},
		{&directory.AnswerError{Status: 502}, api.ProxyAlone},
		{&directory.AnswerError{Status: 429}, api.Busy},
		{&directory.SlowError{RetryIn: time.Second}, api.Busy},
		{fmt.Errorf("attend: %w", directory.ErrRevoked), api.DeviceRevoked},
		{directory.ErrNoPerson, api.AccountUnknown},
		{fmt.Errorf("%w: the answer is too long", directory.ErrUnavailable), api.Trouble},
		{fmt.Errorf("log in: %w", errHeirloom), api.Untrusted},
		{&fs.PathError{Op: "write", Path: "/x", Err: syscall.ENOSPC}, api.DiskFull},
		{errChanged, api.FileChanged},
		{errVanished, api.FileGone},
		{errOffer, api.NotAsOffered},
		{&store.ExistsError{Path: "/x"}, api.FileInTheWay},
		{&fs.PathError{Op: "open", Path: "/x", Err: syscall.EACCES}, api.NotPermitted},
		{errors.New("something else"), api.Other},
	} {
		p := problemOf(c.err)
		if p.GetKey() != c.want || p.GetWith()["detail"] != c.err.Error() {
			t.Errorf("%v is %v", c.err, p)
		}
		for _, l := range []*text.Catalogue{text.English(), text.Chinese()} {
			if said, known := api.ExplainReason(l, p); !known || said == "" {
				t.Errorf("%s in %s: %q", p.GetKey(), l.Lang(), said)
			}
		}
		if reason := api.ReasonOf(failure(c.err)); reason == nil {
			t.Errorf("a call that ends with %v gives no reason", c.err)
		}
	}
	if problemOf(nil) != nil {
		t.Error("no error is a problem")
	}
}
