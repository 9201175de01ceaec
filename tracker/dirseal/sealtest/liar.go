// Package sealtest stands between a directory and its clients, in tests.
package sealtest

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"p2p/tracker/dirseal"
	"p2p/tracker/dirwire"
)

// Liar is a directory that lies: clients seal for its own key, and it passes on what they say as it likes. It is the one
// behind it as far as anybody can tell who has never seen the other's key. Any goroutine may call it.
type Liar struct {
	t      testing.TB
	key    dirseal.Private
	honest http.Handler
	lie    Lie
}

// Lie may change a request before it is passed on, and then the answer, if what it returns is not nil. Many goroutines call it.
type Lie func(asked *dirseal.Request) func(*dirseal.Answer)

// New returns a liar before an honest directory.
func New(t testing.TB, honest http.Handler, lie Lie) *Liar {
	t.Helper()
	key, err := dirseal.NewPrivate()
	if err != nil {
		t.Fatal(err)
	}
	return &Liar{t, key, honest, lie}
}

// ServeHTTP implements http.Handler.
func (l *Liar) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case dirwire.Prefix + dirwire.PathKey:
		_, _ = w.Write(dirwire.Append(nil, dirwire.PublicKey{Key: l.key.Public().Bytes()}))
	case dirwire.Prefix + dirwire.PathSealed:
		l.pass(w, r)
	default:
		l.honest.ServeHTTP(w, r)
	}
}

// pass passes a request on, and its answer back. What the directory refuses in clear it refuses too.
func (l *Liar) pass(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client has gone
	}
	asked, back, err := l.key.Open(body)
	if err != nil {
		refuse(w, dirwire.CodeKey)
		return
	}
	change := l.lie(&asked)
	public, status, refusal := Key(r, l.honest)
	if status != http.StatusOK {
		w.WriteHeader(status)
		_, _ = w.Write(refusal)
		return
	}
	sealed, answers, err := public.Seal(asked)
	if err != nil {
		l.t.Error(err)
		return
	}
	status, got := Call(r, l.honest, http.MethodPost, dirwire.PathSealed, sealed)
	if status != http.StatusOK {
		w.WriteHeader(status)
		_, _ = w.Write(got)
		return
	}
	answer, err := answers.Open(got)
	if err != nil { // it was cut off, as the client has gone
		refuse(w, dirwire.CodeTrouble)
		return
	}
	if change != nil {
		change(&answer)
	}
	if sealed, err = back.Seal(answer); err != nil {
		sealed = make([]byte, dirseal.MaxAnswer+1) // as long as what it wanted to say
	}
	_, _ = w.Write(sealed)
}

func refuse(w http.ResponseWriter, code dirwire.Code) {
	w.WriteHeader(code.Status())
	_, _ = w.Write(dirwire.Append(nil, dirwire.Failure{Code: code}))
}

// Key asks a directory for its key, as who sends r. Without one the status is not 200, and the body what it said.
func Key(r *http.Request, d http.Handler) (dirseal.Public, int, []byte) {
	status, body := Call(r, d, http.MethodGet, dirwire.PathKey, nil)
	if status != http.StatusOK {
		return dirseal.Public{}, status, body
	}
	m, err := dirwire.Parse[dirwire.PublicKey](body)
	if err != nil {
		return dirseal.Public{}, http.StatusBadGateway, body
	}
	public, err := dirseal.ParsePublic(m.Key)
	if err != nil {
		return dirseal.Public{}, http.StatusBadGateway, body
	}
	return public, http.StatusOK, body
}

// Call asks a directory something, as who sends r, and returns what it answers.
func Call(r *http.Request, d http.Handler, method, path string, body []byte) (status int, answer []byte) {
	q := httptest.NewRequestWithContext(r.Context(), method, dirwire.Prefix+path, bytes.NewReader(body))
	q.RemoteAddr = r.RemoteAddr
	w := httptest.NewRecorder()
	d.ServeHTTP(w, q)
	return w.Code, w.Body.Bytes()
}
