// Package httpfront serves a tracker.Service over HTTP and HTTPS: /announce (BEP
// 3) and /scrape (BEP 48) for clients, also as /PASSKEY/announce and
// /PASSKEY/scrape; / and /stats.json for people and programs, /metrics when there
// are some, /healthz and /readyz for whoever watches the process.
//
//	listener ──> conns ──> serveConn ──────────────> answer ──> Service
//	(TLS)       (limits)       │ what it does          ↑
//	                           │ not understand        │
//	                           └──> handed ──> net/http ──> pages
//
// A connection belongs to one goroutine, which answers announces and scrapes
// itself: the fast loop. It knows one form of request, a GET without a body, and
// leaves every other to net/http, together with the connection and all bytes
// read; that closes the connection when it has answered. So nothing is understood in a
// way of our own. The loop is there because the work of net/http for a
// request costs twice what the tracker's own does.
//
// Whatever goes wrong with an announce or a scrape is answered with status 200
// and a failure reason: clients do not read the body of anything else. No text
// of a client is repeated to it or to a log, passkeys above all. Nothing is
// compressed: an answer is smaller than its packet.
//
// Every wait of a connection has an end, and a listener with all its places taken
// closes those that are idle: see Options.
//
// An operator's pages can have a listener of their own:
//
//	pages := http.NewServeMux()
//	pages.Handle("/", front.AdminHandler())
//	pages.Handle("/debug/pprof/", httpfront.Pprof())
//	l, err := httpfront.ListenLoopback("127.0.0.1:6880")
//	...
//	err = httpfront.ServeAdmin(ctx, l, pages, log)
package httpfront
