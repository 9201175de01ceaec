package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"
)

// Limits on fetching a torrent from the web. The size is bounded by what a
// torrent may have.
const (
	fetchTimeout  = 2 * time.Minute
	answerTimeout = 30 * time.Second
)

// fetch gets the torrent at an http or https address, from source if that is a
// specific address of this machine.
func (a *app) fetch(ctx context.Context, address string, source netip.Addr) ([]byte, error) {
	if u, err := url.Parse(address); err != nil || u.Host == "" {
		return nil, a.usage("usage.url", address)
	}
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, a.usage("usage.url", address)
	}
	req.Header.Set("User-Agent", "p2p/"+version)
	req.Header.Set("Accept", "application/x-bittorrent, */*;q=0.5")
	client := &http.Client{Transport: transportFrom(source)}
	defer client.CloseIdleConnections()
	resp, err := client.Do(req)
	if err != nil {
		return nil, a.fetchFailed(ctx, address, err)
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound, http.StatusGone:
		return nil, a.fail(exitNotFound, "fetch.not_found", address, resp.Status)
	case http.StatusUnauthorized, http.StatusForbidden:
		return nil, a.fail(exitRefused, "fetch.refused", address, resp.Status)
	default:
		return nil, a.fail(exitNetwork, "fetch.status", address, resp.Status)
	}
	b, err := readBounded(resp.Body)
	if err != nil {
		return nil, a.fetchFailed(ctx, address, err)
	}
	return b, nil
}

// fetchFailed says what went wrong, without the address a second time, which
// the errors of net/http carry too.
func (a *app) fetchFailed(ctx context.Context, address string, err error) error {
	if stop, ok := errors.AsType[*interrupted](context.Cause(ctx)); ok {
		return stop
	}
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return a.fail(exitNetwork, "fetch.timeout", address)
	}
	return a.fail(exitNetwork, "fetch.failed", address, err)
}

// transportFrom returns a transport that dials from source.
func transportFrom(source netip.Addr) *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.ResponseHeaderTimeout = answerTimeout
	d := &net.Dialer{Timeout: answerTimeout}
	if source.IsValid() && !source.IsUnspecified() {
		d.LocalAddr = &net.TCPAddr{IP: source.AsSlice(), Zone: source.Zone()}
	}
	t.DialContext = d.DialContext
	return t
}
