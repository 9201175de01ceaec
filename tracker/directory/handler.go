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
	"p2p/tracker/dirseal"
	"p2p/tracker/dirwire"
)

// request is one that has been opened.
type request struct {
	dirseal.Request
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
	kind, status := "application/json", http.StatusOK
	body, err := d.answer(w, r)
	switch {
	case err != nil:
		failure := d.failure(err)
		if !failure.Code.InClear() {
			failure = dirwire.Malformed()
		}
		body, status = dirwire.Append(nil, failure), failure.Code.Status()
	case r.Method == http.MethodPost:
		kind = "application/octet-stream"
	}
	h := w.Header()
	h.Set("Content-Type", kind)
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
	case errors.Is(err, dirseal.ErrKey):
		f = &dirwire.Failure{Code: dirwire.CodeKey}
	case errors.Is(err, dirwire.ErrMalformed), errors.Is(err, identity.ErrCertificate):
		f = dirwire.Malformed()
	default:
		d.counters.Failed.Add(1)
		d.log.Warn("the directory cannot answer", zap.Error(err))
		return &dirwire.Failure{Code: dirwire.CodeTrouble, RetryMS: 1000}
	}
	d.counters.Refused.Add(1)
	return f
}

// answer returns the body of an answer: the key of the service, or what is sealed. An error is told in clear.
func (d *Directory) answer(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	path, _ := strings.CutPrefix(r.URL.Path, dirwire.Prefix)
	key, sealed := path == dirwire.PathKey && r.Method == http.MethodGet, path == dirwire.PathSealed && r.Method == http.MethodPost
	source, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !key && !sealed {
		return nil, dirwire.ErrMalformed
	}
	// Before it is opened: that is what costs most.
	if err := slow(d.paces.requests, address(source.Addr())); err != nil {
		return nil, err
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, dirseal.MaxRequest))
	if err != nil {
		return nil, dirwire.ErrMalformed
	}
	// A server cuts connections off that take long, and this one waits on purpose. One that cannot be told has no
	// such limits.
	end := time.Now().Add(heartbeat + 2*answerFor)
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(end)
	_ = control.SetWriteDeadline(end)
	ctx, cancel := context.WithTimeout(r.Context(), heartbeat+answerFor)
	defer cancel()
	who, err := d.who(ctx)
	if err != nil {
		return nil, err
	}
	if key {
		return who.public, nil
	}
	q, answers, err := who.key.Open(body)
	if err != nil {
		return nil, err
	}
	return answers.Seal(d.do(ctx, request{q, source.Addr().Unmap(), who.id}))
}

// do answers a request.
func (d *Directory) do(ctx context.Context, q request) dirseal.Answer {
	var answer any
	err := error(dirwire.ErrMalformed)
	if do := methods[q.Method]; do != nil {
		answer, err = do(d, ctx, q)
	}
	if err != nil {
		return dirseal.Answer{Failed: true, Body: dirwire.Append(nil, d.failure(err))}
	}
	return dirseal.Answer{Body: dirwire.Append(nil, answer)}
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
	p, err := dirwire.ParseProof(q.Proof)
	if err != nil {
		return err
	}
	if !d.tickets.good(p.Ticket) {
		return &dirwire.Failure{Code: dirwire.CodeProof}
	}
	if err := p.Verify(by, q.service, q.Method, q.Body); err != nil {
		return err
	}
	if !d.tickets.spend(p.Ticket) {
		return &dirwire.Failure{Code: dirwire.CodeProof}
	}
	return nil
}

// attended returns the session with which the request was signed, and the count.
func (d *Directory) attended(q request) (*session, uint64, error) {
	p, err := dirwire.ParseProof(q.Proof)
	if err != nil {
		return nil, 0, err
	}
	s, device, err := d.session(p.Ticket)
	if err != nil {
		return nil, 0, err
	}
	if err := p.Verify(device, q.service, q.Method, q.Body); err != nil {
		return nil, 0, err
	}
	return s, p.Count, d.count(s, p.Count)
}
