package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"time"

	"go.uber.org/zap"

	"p2p/cmd/p2p/socket"
	"p2p/tracker/policy"
)

// maxBody is the longest request, in bytes.
const maxBody = 64 << 10

// Tracker is what a Server changes. All its functions may be called by any
// goroutine.
type Tracker struct {
	Keys *policy.Private // nil when the tracker is not private
	Bans *policy.Bans
	// Reload reads all files again.
	Reload func() []Reloaded
	// Announce returns the addresses for torrents, with a passkey in them.
	Announce func(key string) []string
}

// Server answers on a socket. Serve ends it.
type Server struct {
	handler  http.Handler
	listener net.Listener
	log      *zap.Logger
}

// ErrTaken is the error of a socket on which another process answers.
var ErrTaken = errors.New("another process has this control socket")

// Listen makes the socket of a tracker at path, which only this user can open. One
// that was left there by a process that is gone is replaced.
func Listen(path string, t Tracker, l *zap.Logger) (*Server, error) {
	return listen(path, tracking{t, l}.handler(), l)
}

func listen(path string, handler http.Handler, l *zap.Logger) (*Server, error) {
	listener, err := socket.Listen(path)
	if errors.Is(err, socket.ErrTaken) {
		return nil, fmt.Errorf("control socket %s: %w", path, ErrTaken)
	}
	if err != nil {
		return nil, fmt.Errorf("control %w", err)
	}
	return &Server{handler: handler, listener: listener, log: l}, nil
}

// Serve answers until ctx ends and then removes the socket.
func (s *Server) Serve(ctx context.Context) error {
	server := &http.Server{
		Handler: s.handler, ReadTimeout: 10 * time.Second, WriteTimeout: time.Minute,
		ErrorLog: log.New(errorLog{s.log}, "", 0),
	}
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		if server.Shutdown(limit) != nil {
			server.Close()
		}
	})
	err := server.Serve(s.listener)
	if !stop() {
		<-stopped
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("control socket: %w", err)
}

// errorLog puts what net/http has to say into the log.
type errorLog struct{ log *zap.Logger }

func (l errorLog) Write(b []byte) (int, error) {
	l.log.Debug("control socket", zap.ByteString("message", b))
	return len(b), nil
}

// answer is what comes of a request.
type answer func(*http.Request) (any, error)

// answers returns what answers the requests that add names.
func answers(add func(handle func(pattern string, f answer))) http.Handler {
	mux := http.NewServeMux()
	add(func(pattern string, f answer) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			r.Body = http.MaxBytesReader(w, r.Body, maxBody)
			answer, err := f(r)
			w.Header().Set("Content-Type", "application/json")
			if err != nil {
				w.WriteHeader(http.StatusConflict)
				answer = failure{codeOf(err), err.Error()}
			}
			_ = json.NewEncoder(w).Encode(answer) // who asked is gone
		})
	})
	return mux
}

// tracking answers for a tracker.
type tracking struct {
	tracker Tracker
	log     *zap.Logger
}

func (s tracking) handler() http.Handler {
	return answers(func(handle func(string, answer)) {
		handle("GET /keys", s.listKeys)
		handle("POST /keys", s.addKey)
		handle("DELETE /keys/{name}", s.revokeKey)
		handle("GET /bans", s.listBans)
		handle("POST /bans", s.addBan)
		handle("DELETE /bans", s.removeBan)
		handle("POST /reload", func(*http.Request) (any, error) { return s.tracker.Reload(), nil })
	})
}

func (s tracking) listKeys(*http.Request) (any, error) {
	if s.tracker.Keys == nil {
		return nil, ErrNoKeys
	}
	keys := []Key{}
	for _, k := range s.tracker.Keys.List() {
		keys = append(keys, Key{
			Name: k.Name, Limits: k.Limits, Until: k.Until, Created: k.Created, File: k.File,
			Uploaded: k.Uploaded, Downloaded: k.Downloaded, Announces: k.Announces, LastSeen: k.Seen(),
			Active: k.Active, Addresses: k.Addresses,
		})
	}
	return keys, nil
}

func (s tracking) addKey(r *http.Request) (any, error) {
	if s.tracker.Keys == nil {
		return nil, ErrNoKeys
	}
	var k NewKey
	if err := json.NewDecoder(r.Body).Decode(&k); err != nil {
		return nil, fmt.Errorf("read the request: %w", err)
	}
	passkey, err := s.tracker.Keys.Add(r.Context(), k.Name, k.Limits, k.Until)
	if err != nil {
		return nil, err
	}
	s.log.Info("passkey added", zap.String("name", k.Name))
	return MadeKey{k.Name, passkey.Reveal(), s.tracker.Announce(passkey.Reveal())}, nil
}

func (s tracking) revokeKey(r *http.Request) (any, error) {
	if s.tracker.Keys == nil {
		return nil, ErrNoKeys
	}
	name := r.PathValue("name")
	if err := s.tracker.Keys.Revoke(r.Context(), name); err != nil {
		return nil, err
	}
	s.log.Info("passkey revoked", zap.String("name", name))
	return struct{}{}, nil
}

func (s tracking) listBans(*http.Request) (any, error) {
	bans := []Ban{}
	for _, b := range s.tracker.Bans.List() {
		bans = append(bans, Ban{b.Target.String(), b.Until, b.Reason, b.File})
	}
	return bans, nil
}

func (s tracking) addBan(r *http.Request) (any, error) {
	var b Ban
	if err := json.NewDecoder(r.Body).Decode(&b); err != nil {
		return nil, fmt.Errorf("read the request: %w", err)
	}
	target, err := policy.ParseTarget(b.Target)
	if err != nil {
		return nil, err
	}
	if err := s.tracker.Bans.Add(r.Context(), policy.Ban{Target: target, Until: b.Until, Reason: b.Reason}); err != nil {
		return nil, err
	}
	s.log.Info("banned", zap.Stringer("target", target), zap.Bool("for_good", b.Until.IsZero()))
	return struct{}{}, nil
}

func (s tracking) removeBan(r *http.Request) (any, error) {
	target, err := policy.ParseTarget(r.URL.Query().Get("target"))
	if err != nil {
		return nil, err
	}
	if err := s.tracker.Bans.Remove(r.Context(), target); err != nil {
		return nil, err
	}
	s.log.Info("ban lifted", zap.Stringer("target", target))
	return struct{}{}, nil
}
