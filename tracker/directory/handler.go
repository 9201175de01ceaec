package directory

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"

	"p2p/peer/identity"
	"p2p/tracker/dirwire"
)

// request is one whose body has been read.
type request struct {
	method  dirwire.Method
	body    []byte
	header  string // with the proof
	source  netip.Addr
	service dirwire.Service
}

// methods answer requests. What they return is encoded.
var methods = map[dirwire.Method]func(*Directory, context.Context, request) (any, error){
	dirwire.MethodHello:    (*Directory).doHello,
	dirwire.MethodFind:     (*Directory).doFind,
	dirwire.MethodBegin:    (*Directory).doBegin,
	dirwire.MethodLogin:    (*Directory).doLogin,
	dirwire.MethodRegister: (*Directory).doRegister,
	dirwire.MethodSeal:     (*Directory).doSeal,
	dirwire.MethodPassword: (*Directory).doPassword,
	dirwire.MethodRename:   (*Directory).doRename,
	dirwire.MethodCertify:  (*Directory).doCertify,
	dirwire.MethodOpen:     (*Directory).doOpen,
	dirwire.MethodAttend:   (*Directory).doAttend,
	dirwire.MethodSend:     (*Directory).doSend,
	dirwire.MethodTaken:    (*Directory).doTaken,
	dirwire.MethodGoodbye:  (*Directory).doGoodbye,
}

// answerFor is how long a client may take to read an answer, and a request to be answered but for
// what it waits on purpose.
const answerFor = 10 * time.Second

// ServeHTTP implements http.Handler.
func (d *Directory) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.counters.Requests.Add(1)
	answer, err := d.answer(w, r)
	status := http.StatusOK
	if err != nil {
		failure := d.failure(err)
		answer, status = failure, failure.Code.Status()
	}
	body := dirwire.Append(nil, answer)
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client may be gone; what it has not heard, it hears again
}

// failure returns what the client is told.
func (d *Directory) failure(err error) *dirwire.Failure {
	var f *dirwire.Failure
	var name *dirwire.NameError
	switch {
	case errors.As(err, &f):
	case errors.As(err, &name):
		f = &dirwire.Failure{Code: dirwire.CodeName, Rule: name.Rule}
	case errors.Is(err, identity.ErrSignature):
		f = &dirwire.Failure{Code: dirwire.CodeProof}
	case errors.Is(err, dirwire.ErrMalformed), errors.Is(err, identity.ErrCertificate):
		f = &dirwire.Failure{Code: dirwire.CodeMalformed}
	default:
		d.counters.Failed.Add(1)
		d.log.Warn("the directory cannot answer", zap.Error(err))
		return &dirwire.Failure{Code: dirwire.CodeTrouble, RetryMS: 1000}
	}
	d.counters.Refused.Add(1)
	return f
}

func (d *Directory) answer(w http.ResponseWriter, r *http.Request) (any, error) {
	rest, ok := strings.CutPrefix(r.URL.Path, dirwire.Prefix)
	do := methods[dirwire.Method(rest)]
	if !ok || do == nil || r.Method != http.MethodPost {
		return nil, &dirwire.Failure{Code: dirwire.CodeMalformed}
	}
	source, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return nil, &dirwire.Failure{Code: dirwire.CodeMalformed}
	}
	q := request{method: dirwire.Method(rest), header: r.Header.Get(dirwire.ProofHeader), source: source.Addr().Unmap()}
	if err := slow(d.paces.requests, address(q.source)); err != nil {
		return nil, err
	}
	if q.body, err = io.ReadAll(http.MaxBytesReader(w, r.Body, dirwire.MaxRequest)); err != nil {
		return nil, &dirwire.Failure{Code: dirwire.CodeMalformed}
	}
	// A server cuts connections off that take long, and this one waits on purpose. One that cannot be told has no
	// such limits.
	end := time.Now().Add(heartbeat + 2*answerFor)
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(end)
	_ = control.SetWriteDeadline(end)
	ctx, cancel := context.WithTimeout(r.Context(), heartbeat+answerFor)
	defer cancel()
	if q.service, err = d.serviceID(ctx); err != nil {
		return nil, err
	}
	return do(d, ctx, q)
}

// slow returns a failure when a key has had its share. An empty key has no limit.
func slow(p *pace, key string) error {
	if key == "" {
		return nil
	}
	if wait := p.take(key); wait > 0 {
		return &dirwire.Failure{Code: dirwire.CodeSlow, RetryMS: wait.Milliseconds() + 1}
	}
	return nil
}

// proven checks that a key has signed the request with a challenge, and spends it.
func (d *Directory) proven(q request, by identity.Key) error {
	p, err := dirwire.ParseProof(q.header)
	if err != nil {
		return err
	}
	if !d.tickets.good(p.Ticket) {
		return &dirwire.Failure{Code: dirwire.CodeProof}
	}
	if err := p.Verify(by, q.service, q.method, q.body); err != nil {
		return err
	}
	if !d.tickets.spend(p.Ticket) {
		return &dirwire.Failure{Code: dirwire.CodeProof}
	}
	return nil
}

// attended returns the session with which the request was signed, and the count.
func (d *Directory) attended(q request) (*session, uint64, error) {
	p, err := dirwire.ParseProof(q.header)
	if err != nil {
		return nil, 0, err
	}
	s, device, err := d.session(p.Ticket)
	if err != nil {
		return nil, 0, err
	}
	if err := p.Verify(device, q.service, q.method, q.body); err != nil {
		return nil, 0, err
	}
	return s, p.Count, d.count(s, p.Count)
}
