package announce

import (
	"bufio"
	"compress/gzip"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"

	"p2p/tracker/httpwire"
	"p2p/tracker/wire"
)

const (
	// maxRedirects is how many redirects are followed. One is common (to
	// HTTPS), two happen.
	maxRedirects = 5
	// maxHeader bounds the head of an HTTP answer, in bytes.
	maxHeader = 64 << 10
)

// announceHTTP announces over HTTP or HTTPS (BEP 3).
func (c *Client) announceHTTP(ctx context.Context, u *url.URL, r Request) (Response, error) {
	target := *u
	query := []byte(target.RawQuery) // some trackers keep the key of the user here
	if len(query) > 0 {
		query = append(query, '&')
	}
	target.RawQuery = string(announceQuery(r).AppendQuery(query))
	nearest := here // what the user asks for is right, wherever it is
	for range 1 + maxRedirects {
		page, err := c.get(ctx, &target, nearest)
		if err != nil {
			return Response{}, err
		}
		if page.location == "" {
			return page.response()
		}
		next, err := target.Parse(page.location)
		if err != nil || next.Hostname() == "" || next.Scheme != "http" && next.Scheme != "https" {
			return Response{}, errors.New("redirect to something that is not a web address was not followed")
		}
		target, nearest = *next, page.from // never farther from the internet than before
	}
	return Response{}, fmt.Errorf("more than %d redirects", maxRedirects)
}

// announceQuery translates r.
func announceQuery(r Request) httpwire.AnnounceRequest {
	q := httpwire.AnnounceRequest{
		InfoHash:   r.InfoHash,
		PeerID:     r.PeerID,
		Port:       r.Port,
		Uploaded:   max(0, r.Uploaded),
		Downloaded: max(0, r.Downloaded),
		Left:       max(0, r.Left),
		Event:      r.Event,
		NumWant:    httpwire.DefaultNumWant,
		Key:        r.Key,
		TrackerID:  r.TrackerID,
	}
	switch {
	case r.Event == wire.Stopped:
		q.NumWant = 0
	case r.NumWant > 0:
		q.NumWant = min(r.NumWant, httpwire.MaxPeers)
	}
	return q
}

// page is one HTTP answer, read to the end.
type page struct {
	from     reach  // where it came from
	code     int    // HTTP status
	location string // where to go instead, "" for nowhere
	body     []byte
}

// get fetches target over a connection of its own. Trackers are asked twice an
// hour, so there is nothing to keep open; and a connection that nobody else
// uses is one whose far end is known, which http.Transport does not give.
func (c *Client) get(ctx context.Context, target *url.URL, nearest reach) (page, error) {
	port, err := portOf(target)
	if err != nil {
		return page{}, err
	}
	socket, from, err := c.dialTCP(ctx, target.Hostname(), port, nearest)
	if err != nil {
		return page{}, err
	}
	defer socket.Close()
	defer context.AfterFunc(ctx, func() { _ = socket.Close() })() // wakes whatever waits for it below
	conn := socket
	if target.Scheme == "https" {
		if conn, err = c.encrypt(ctx, socket, target.Hostname()); err != nil {
			return page{}, err
		}
	}
	request := &http.Request{
		Method: http.MethodGet, URL: target, Host: target.Host, Close: true,
		Header: http.Header{"User-Agent": {c.o.UserAgent}, "Accept-Encoding": {"gzip"}},
	}
	if user := target.User; user != nil {
		password, _ := user.Password()
		request.SetBasicAuth(user.Username(), password)
	}
	if err := request.Write(conn); err != nil {
		return page{}, fmt.Errorf("send request: %w", err)
	}
	// Whatever the tracker sends, we read no more than this.
	limited := bufio.NewReader(io.LimitReader(conn, maxHeader+httpwire.MaxBody))
	answer, err := http.ReadResponse(limited, request)
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return page{}, &reason{"the connection was closed before there was an answer", err}
	case err != nil:
		return page{}, &reason{"what answered is not a web server", err}
	}
	defer answer.Body.Close()
	p := page{from: from, code: answer.StatusCode}
	switch p.code {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		p.location = answer.Header.Get("Location")
	}
	if p.location == "" {
		p.body, err = readBody(answer)
	}
	return p, err
}

// encrypt begins TLS with host over conn.
func (c *Client) encrypt(ctx context.Context, conn net.Conn, host string) (net.Conn, error) {
	config := &tls.Config{}
	if c.o.TLS != nil {
		config = c.o.TLS.Clone()
	}
	config.ServerName = host
	secure := tls.Client(conn, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		// The text may quote the certificate of whoever answered.
		return nil, fmt.Errorf("no secure connection: %w", &reason{clean(err.Error()), err})
	}
	return secure, nil
}

// readBody reads the body of answer. The limit counts what comes out of the
// decompression: 256 KiB of gzip can hold 256 MiB of zeros.
func readBody(answer *http.Response) ([]byte, error) {
	body := io.Reader(answer.Body)
	if answer.Header.Get("Content-Encoding") == "gzip" {
		unzipped, err := gzip.NewReader(body)
		if err != nil {
			return nil, fmt.Errorf("unpack answer: %w", err)
		}
		body = unzipped
	}
	read, err := io.ReadAll(io.LimitReader(body, httpwire.MaxBody+1))
	switch {
	case len(read) > httpwire.MaxBody:
		return nil, fmt.Errorf("answer is longer than %d KiB", httpwire.MaxBody>>10)
	case err != nil:
		return nil, fmt.Errorf("read answer: %w", err)
	}
	return read, nil
}

// response reads what the tracker said. A refusal counts whatever the HTTP
// status is: BEP 3 does not mention it, and trackers send 200 and 4xx alike.
func (p page) response() (Response, error) {
	answer, err := httpwire.ParseAnnounceResponse(p.body)
	if failure, ok := errors.AsType[*httpwire.Failure](err); ok {
		return Response{}, refusal(*failure)
	}
	switch {
	case p.code != http.StatusOK:
		return Response{}, fmt.Errorf("HTTP status %d %s", p.code, http.StatusText(p.code))
	case err != nil:
		return Response{}, fmt.Errorf("answer makes no sense: %w", err)
	}
	return Response{
		Interval:    answer.Interval,
		MinInterval: answer.MinInterval,
		Seeders:     answer.Complete,
		Leechers:    answer.Incomplete,
		Peers:       dialable(slices.AppendSeq([]netip.AddrPort(nil), answer.Peers.All()), p.from),
		Warning:     clean(answer.Warning),
		External:    answer.ExternalIP,
		TrackerID:   answer.TrackerID,
	}, nil
}
