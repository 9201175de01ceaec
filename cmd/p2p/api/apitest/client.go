// Package apitest lets tests talk with a node without a socket, so that it can hang in virtual time.
package apitest

import (
	"io"
	"net/http"
	"sync"

	"p2p/cmd/p2p/api/p2pv1/p2pv1connect"
)

// Client returns a client of a node in the same program. Any goroutine may use it. A call ends when its context does.
func Client(node p2pv1connect.PeopleHandler) p2pv1connect.PeopleClient {
	_, handler := p2pv1connect.NewPeopleHandler(node)
	return p2pv1connect.NewPeopleClient(direct{handler}, "http://node.test")
}

// direct does a request by calling the handler.
type direct struct{ handler http.Handler }

// Do implements connect.HTTPClient.
func (d direct) Do(r *http.Request) (*http.Response, error) {
	body, pipe := io.Pipe()
	w := &writer{header: http.Header{}, body: pipe, begun: make(chan struct{})}
	done := make(chan struct{})
	go func() {
		defer close(done)
		d.handler.ServeHTTP(w, r)
		w.begin(http.StatusOK)
		pipe.Close()
	}()
	go func() {
		select {
		case <-done:
		case <-r.Context().Done():
			pipe.CloseWithError(r.Context().Err())
		}
	}()
	select {
	case <-w.begun:
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	return &http.Response{
		StatusCode: w.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: w.sent, Body: body, ContentLength: -1, Trailer: http.Header{}, Request: r,
	}, nil
}

// writer is what a handler answers to.
type writer struct {
	header, sent http.Header
	status       int
	body         *io.PipeWriter
	begun        chan struct{}
	once         sync.Once
}

// Header implements http.ResponseWriter.
func (w *writer) Header() http.Header { return w.header }

// WriteHeader implements http.ResponseWriter.
func (w *writer) WriteHeader(status int) { w.begin(status) }

func (w *writer) begin(status int) {
	w.once.Do(func() {
		w.status, w.sent = status, w.header.Clone()
		close(w.begun)
	})
}

// Write implements http.ResponseWriter.
func (w *writer) Write(b []byte) (int, error) {
	w.begin(http.StatusOK)
	return w.body.Write(b)
}

// Flush implements http.Flusher.
func (w *writer) Flush() { w.begin(http.StatusOK) }
