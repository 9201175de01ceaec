// Package httpfront serves a tracker.Service over HTTP: /announce (BEP 3) and
// /scrape (BEP 48) for clients, / and /stats.json for people and programs,
// /healthz for whoever watches the process.
//
// Whatever goes wrong with an announce or a scrape is answered with status 200
// and a failure reason: clients do not read the body of anything else. No text
// of a client is repeated to it or to a log.
package httpfront
