package directory_test

import (
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	client "p2p/peer/directory"
	"p2p/tracker/dirseal"
	"p2p/tracker/dirseal/sealtest"
	"p2p/tracker/dirwire"
)

// refuses has the service not understand what is asked for, as one of a level would; one of before there were any tells 0.
func (s *service) refuses(t *testing.T, m dirwire.Method, level int) {
	s.stand(sealtest.New(t, s.node, func(asked *dirseal.Request) func(*dirseal.Answer) {
		if asked.Method != m {
			return nil
		}
		return func(a *dirseal.Answer) {
			a.Failed, a.Body = true, dirwire.Append(nil, dirwire.Failure{Code: dirwire.CodeMalformed, Level: level})
		}
	}))
}

func TestADirectoryOfAnotherBuildIsToldFromOneThatHasTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for level, newer := range map[int]bool{0: false, dirwire.Level + 1: true} {
			s := alone(t)
			s.refuses(t, dirwire.MethodFind, level)
			_, err := s.stranger(t, "bob").Find(t.Context(), "alice")
			var build *client.BuildError
			if !errors.As(err, &build) || build.Newer != newer || build.Method != "find" || !errors.Is(err, client.ErrUnavailable) {
				t.Errorf("at level %d: %v", level, err)
			}
		}
		s := alone(t)
		s.refuses(t, dirwire.MethodFind, dirwire.Level)
		if _, err := s.stranger(t, "bob").Find(t.Context(), "alice"); errors.As(err, new(*client.BuildError)) || !errors.Is(err, client.ErrUnavailable) {
			t.Errorf("of the same level: %v", err)
		}
	})
}

func TestWhatAnswersInsteadOfADirectoryIsToldApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []struct {
			what    string
			status  int
			header  http.Header
			none    bool
			retryIn time.Duration
			to      string
		}{
			{what: "a web server that has no such page", status: 404, none: true},
			{what: "a web server that answers everything", status: 200, none: true},
			{what: "a web server that knows no POST", status: 501, none: true},
			{what: "a door of its own", status: 401, none: true},
			{what: "a proxy whose tracker is away", status: 502},
			{what: "a proxy whose tracker is slow", status: 504},
			{what: "a proxy that takes no long requests", status: 413},
			{what: "a proxy that is busy", status: 429, header: http.Header{"Retry-After": {"7"}}, retryIn: 7 * time.Second},
			{what: "a proxy that is busy for ever", status: 503, header: http.Header{"Retry-After": {"99999999999"}}, retryIn: time.Hour},
			{what: "a proxy that is busy until a date", status: 503, header: http.Header{"Retry-After": {"Fri, 31 Dec 1999 23:59:59 GMT"}}},
			{what: "a web server that has moved", status: 301, header: http.Header{"Location": {"https://elsewhere.test/x/people/1/key"}}, to: "https://elsewhere.test/x"},
		} {
			s := newService(t, http.NotFoundHandler())
			bob := s.stranger(t, "bob")
			s.plain = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				for name, values := range c.header {
					w.Header()[name] = values
				}
				w.WriteHeader(c.status)
				_, _ = w.Write([]byte("<html>hello</html>"))
			})
			_, err := bob.Find(t.Context(), "alice")
			var e *client.AnswerError
			switch is := errors.As(err, &e); {
			case !errors.Is(err, client.ErrUnavailable) || errors.Is(err, client.ErrNone) != c.none || is == c.none:
				t.Errorf("%s: %v", c.what, err)
			case is && (e.Status != c.status || e.RetryIn != c.retryIn || e.To != c.to):
				t.Errorf("%s: %+v", c.what, e)
			}
		}
	})
}

// A tunnel whose other end is dead takes connections and never answers.
func TestNobodyWaitsForEverForADirectoryThatDoesNotAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t, http.NotFoundHandler())
		bob := s.stranger(t, "bob")
		s.plain = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		for what, ask := range map[string]func() error{
			"register": func() error { return bob.Register(t.Context(), "bob", password, bob.account, nil, bob.cert) },
			"log in":   func() error { _, err := bob.Login(t.Context(), "bob", password); return err },
			"find":     func() error { _, err := bob.Find(t.Context(), "alice"); return err },
		} {
			began := time.Now()
			if err := ask(); !errors.Is(err, client.ErrUnavailable) {
				t.Errorf("%s: %v", what, err)
			}
			if took := time.Since(began); took > time.Minute {
				t.Errorf("%s takes %v", what, took)
			}
		}
	})
}
