package directory_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"p2p/peer/identity"
	"p2p/tracker/directory"
	"p2p/tracker/dirseal"
	"p2p/tracker/dirseal/sealtest"
	"p2p/tracker/dirwire"
	"p2p/tracker/ledger"
)

// run runs a directory until the test ends.
func run(t *testing.T, o directory.Options) *directory.Directory {
	t.Helper()
	if o.Ledger == nil {
		o.Ledger = new(ledger.Memory)
	}
	d, err := directory.New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return d
}

// raw is a client that says whatever a test wants it to.
type raw struct {
	t       *testing.T
	d       *directory.Directory
	from    string
	account identity.Secret
	device  identity.Secret
	service dirwire.Service
	session []byte
	count   uint64
}

var random = rand.NewChaCha8([32]byte{2})

func secret(t *testing.T) identity.Secret {
	t.Helper()
	s, err := identity.NewSecret(random)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func client(t *testing.T, d *directory.Directory) *raw {
	return &raw{t: t, d: d, from: "192.0.2.1:1000", account: secret(t), device: secret(t)}
}

// post sends a request, and returns the body of the answer, or the code of what went wrong.
func (r *raw) post(m dirwire.Method, proof string, body []byte) ([]byte, dirwire.Code) {
	r.t.Helper()
	sealed, answers := r.seal(m, proof, body)
	if sealed == nil {
		return nil, dirwire.CodeSlow
	}
	answer, code := r.posts(sealed)
	if code != "" {
		return nil, code
	}
	return r.opens(answers, answer)
}

// seal seals a request for the directory. It returns nil when that does not tell its key any more.
func (r *raw) seal(m dirwire.Method, proof string, body []byte) ([]byte, dirseal.Channel) {
	r.t.Helper()
	q := httptest.NewRequest(http.MethodGet, "/", nil)
	q.RemoteAddr = r.from
	key, status, said := sealtest.Key(q, r.d)
	switch status {
	case http.StatusOK:
	case dirwire.CodeSlow.Status():
		return nil, dirseal.Channel{}
	default:
		r.t.Fatalf("the key: status %d, %q", status, said)
	}
	sealed, answers, err := key.Seal(dirseal.Request{Method: m, Proof: proof, Body: body})
	if err != nil {
		r.t.Fatal(err)
	}
	return sealed, answers
}

// posts sends what is sealed, and returns the answer, or the code of what was refused in clear.
func (r *raw) posts(sealed []byte) ([]byte, dirwire.Code) {
	r.t.Helper()
	q := httptest.NewRequest(http.MethodPost, dirwire.Prefix+dirwire.PathSealed, bytes.NewReader(sealed))
	q.RemoteAddr = r.from
	w := httptest.NewRecorder()
	r.d.ServeHTTP(w, q)
	if w.Code == http.StatusOK {
		return w.Body.Bytes(), ""
	}
	f, err := dirwire.Parse[dirwire.Failure](w.Body.Bytes())
	if err != nil || f.Code.Status() != w.Code || !f.Code.InClear() {
		r.t.Fatalf("status %d, %q", w.Code, w.Body)
	}
	return nil, f.Code
}

// opens opens an answer, and returns what it holds, or the code of what went wrong.
func (r *raw) opens(answers dirseal.Channel, sealed []byte) ([]byte, dirwire.Code) {
	r.t.Helper()
	answer, err := answers.Open(sealed)
	if err != nil {
		r.t.Fatal(err)
	}
	if !answer.Failed {
		return answer.Body, ""
	}
	f, err := dirwire.Parse[dirwire.Failure](answer.Body)
	if err != nil || f.Code == "" {
		r.t.Fatalf("%q: %v", answer.Body, err)
	}
	return nil, f.Code
}

// challenge asks for one.
func (r *raw) challenge() []byte {
	r.t.Helper()
	b, code := r.post(dirwire.MethodHello, "", []byte("{}"))
	c, err := dirwire.Parse[dirwire.Challenge](b)
	if err != nil {
		r.t.Fatal(code, err)
	}
	r.service = dirwire.Service(c.Service)
	return c.Challenge
}

// proves sends a request that is signed with a challenge, and returns it as it was sent.
func (r *raw) proves(by identity.Secret, m dirwire.Method, message any) (proof string, body []byte, code dirwire.Code) {
	r.t.Helper()
	challenge := r.challenge()
	body = dirwire.Append(nil, message)
	proof = dirwire.NewProof(by, r.service, m, challenge, 0, body).String()
	_, code = r.post(m, proof, body)
	return proof, body, code
}

func (r *raw) certificate(revoked bool) []byte {
	r.t.Helper()
	c, err := identity.Certify(r.account, r.device.Key(), "x", time.Unix(1e9, 0), revoked)
	if err != nil {
		r.t.Fatal(err)
	}
	return c.AppendTo(nil)
}

func secrets(verifier identity.Key) dirwire.Secrets {
	return dirwire.Secrets{Salt: make([]byte, dirwire.SaltSize), Cost: dirwire.FairCost, Verifier: verifier, Vault: []byte("vault")}
}

func (r *raw) registration(name string) dirwire.Register {
	return dirwire.Register{Account: r.account.Key(), Name: name, Secrets: secrets(r.device.Key()), Certificate: r.certificate(false)}
}

// registered returns somebody with a name and a session.
func registered(t *testing.T, d *directory.Directory, name string) *raw {
	t.Helper()
	r := client(t, d)
	if _, _, code := r.proves(r.account, dirwire.MethodRegister, r.registration(name)); code != "" {
		t.Fatal(code)
	}
	r.open()
	return r
}

func (r *raw) open() {
	r.t.Helper()
	challenge := r.challenge()
	body := dirwire.Append(nil, dirwire.Certified{Certificate: r.certificate(false)})
	b, code := r.post(dirwire.MethodOpen, dirwire.NewProof(r.device, r.service, dirwire.MethodOpen, challenge, 0, body).String(), body)
	s, err := dirwire.Parse[dirwire.Session](b)
	if err != nil {
		r.t.Fatal(code, err)
	}
	r.session, r.count = s.Session, 0
}

// sign signs a request in the session.
func (r *raw) sign(m dirwire.Method, count uint64, body []byte) string {
	return dirwire.NewProof(r.device, r.service, m, r.session, count, body).String()
}

// says sends a request in the session.
func (r *raw) says(m dirwire.Method, message any) ([]byte, dirwire.Code) {
	r.t.Helper()
	r.count++
	body := dirwire.Append(nil, message)
	return r.post(m, r.sign(m, r.count, body), body)
}

func (r *raw) letter(to identity.Key, text string) dirwire.Send {
	return dirwire.Send{To: to, Sealed: []byte(text), Signature: dirwire.SignLetter(r.device, to, []byte(text))}
}

// events returns what is new, without waiting.
func (r *raw) events(seen uint64) dirwire.Events {
	r.t.Helper()
	b, code := r.says(dirwire.MethodAttend, dirwire.Attend{Seen: seen})
	e, err := dirwire.Parse[dirwire.Events](b)
	if err != nil {
		r.t.Fatal(code, err)
	}
	return e
}

func want(t *testing.T, what string, got, code dirwire.Code) {
	t.Helper()
	if got != code {
		t.Errorf("%s: %q, want %q", what, got, code)
	}
}

func addr(i int) string { return fmt.Sprintf("198.51.%d.%d:1000", i/250, i%250+1) }
