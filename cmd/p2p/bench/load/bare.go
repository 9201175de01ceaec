package load

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"time"

	"p2p/tracker/httpwire"
)

// Bare answers every request over HTTP at address with a fixed body until ctx
// ends: what net/http can do when the handler does nothing. It tells ready where
// it listens. The answer is an announce's, and a scrape's for paths that say so.
func Bare(ctx context.Context, address string, ready func(string) error) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	r := httpwire.AnnounceResponse{Interval: 30 * time.Minute, Complete: EchoPeers, Incomplete: EchoPeers}
	r.Peers.V4 = make([]byte, 6*EchoPeers)
	announce, scrape := r.AppendTo(nil, true), httpwire.ScrapeResponse{}.AppendTo(nil)
	server := &http.Server{
		ReadHeaderTimeout: time.Minute,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body := announce
			if strings.HasPrefix(r.URL.Path, "/scrape") {
				body = scrape
			}
			w.Write(body) // who has hung up is not asked again
		}),
	}
	if err := ready(listener.Addr().String()); err != nil {
		return errors.Join(err, listener.Close())
	}
	release := context.AfterFunc(ctx, func() { server.Close() })
	defer release()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
