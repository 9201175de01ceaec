package httpfront

import (
	"net/http"
	"net/netip"
	"strconv"
	"strings"

	"go.uber.org/zap"
)

// routes are pages by their paths. There is no pattern in them and none is
// redirected, so no path of a client is ever sent back.
type routes map[string]http.HandlerFunc

// ServeHTTP implements http.Handler.
func (p routes) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	page, ok := p[r.URL.Path]
	switch {
	case !ok:
		http.NotFound(w, r)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		refuseMethod(w, "GET, HEAD")
	default:
		page(w, r)
	}
}

func refuseMethod(w http.ResponseWriter, allowed string) {
	w.Header().Set("Allow", allowed)
	http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
}

// health are the pages for whoever watches the process.
func (f *Front) health() routes { return routes{"/healthz": f.serveHealth, "/readyz": f.serveReady} }

// pages are all pages, for people and programs.
func (f *Front) pages() routes {
	p := f.health()
	p["/"] = f.servePage
	p["/stats.json"] = f.serveStats
	if f.metrics != nil {
		p["/metrics"] = f.metrics.ServeHTTP
	}
	return p
}

// AdminHandler returns the pages of the tracker without announce and scrape, for
// a listener that clients do not reach; see Options.HidePages.
func (f *Front) AdminHandler() http.Handler { return f.pages() }

// Handler returns all that the front answers, for a server of one's own.
func (f *Front) Handler() http.Handler {
	pages := f.health()
	if !f.hide {
		pages = f.pages()
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if f.serveMount(w, r) {
			return
		}
		action, passkey := route(r.URL.Path)
		switch {
		case action == noAction:
			pages.ServeHTTP(w, r)
		case r.Method != http.MethodGet: // HEAD too: an announce does something
			refuseMethod(w, "GET")
		default:
			f.serveAsk(w, r, ask{action: action, passkey: passkey, query: r.URL.RawQuery})
		}
	})
}

// serveMount has another service answer, if the request is one for it.
func (f *Front) serveMount(w http.ResponseWriter, r *http.Request) bool {
	for prefix, handler := range f.mounts {
		if !strings.HasPrefix(r.URL.Path, prefix) {
			continue
		}
		remote, forwarded := origin(r)
		from, err := f.proxies.source(remote, forwarded)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return true
		}
		r.RemoteAddr = netip.AddrPortFrom(from, 0).String()
		handler.ServeHTTP(w, r)
		return true
	}
	return false
}

// origin returns what a request that came through net/http says about where it is from.
func origin(r *http.Request) (remote netip.Addr, forwarded []byte) {
	if at, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		remote = bare(at.Addr())
	}
	if lines := r.Header.Values("X-Forwarded-For"); len(lines) > 0 {
		forwarded = []byte(lines[len(lines)-1])
	}
	return remote, forwarded
}

// serveAsk answers an announce or a scrape that came through net/http.
func (f *Front) serveAsk(w http.ResponseWriter, r *http.Request, a ask) {
	a.remote, a.forwarded = origin(r)
	s := f.scratch.Get().(*scratch)
	defer f.scratch.Put(s)
	writeBody(w, "text/plain", f.answer(r.Context(), a, s))
}

// serveHealth says that the process runs.
func (f *Front) serveHealth(w http.ResponseWriter, _ *http.Request) {
	writeBody(w, "text/plain; charset=utf-8", []byte("ok\n"))
}

// serveReady says whether the tracker can serve.
func (f *Front) serveReady(w http.ResponseWriter, _ *http.Request) {
	if err := f.ready(); err != nil {
		f.log.Debug("not ready", zap.Error(err))
		http.Error(w, "not ready", http.StatusServiceUnavailable)
		return
	}
	writeBody(w, "text/plain; charset=utf-8", []byte("ok\n"))
}

// writeBody answers with a body of a known length.
func writeBody(w http.ResponseWriter, contentType string, body []byte) {
	h := w.Header()
	h["Content-Type"] = []string{contentType}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	h["Cache-Control"] = []string{"no-store"}
	h["X-Content-Type-Options"] = []string{"nosniff"}
	w.WriteHeader(http.StatusOK)
	// The client may be gone; there is nobody left to tell.
	_, _ = w.Write(body)
}
