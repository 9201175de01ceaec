// Package httpwire is the codec of the HTTP tracker protocol: announce (BEP 3),
// compact peers (BEP 23) and their IPv6 form (BEP 7), the external address
// (BEP 24), failures that say when to come back (BEP 31), and scrape (BEP 48).
// It serves both sides:
//
//	client                                tracker
//	AnnounceRequest.AppendQuery      ->   ParseAnnounceRequest
//	ParseAnnounceResponse            <-   AnnounceResponse.AppendTo
//	ScrapeURL, AppendScrapeQuery     ->   ParseScrapeRequest
//	ParseScrapeResponse              <-   ScrapeResponse.AppendTo
//	*Failure (an error of both)      <-   Failure.AppendTo
//
// The package is pure: it works on the query of a URL and on the body of a response and
// knows nothing of HTTP itself. Requests are parsed in place without
// allocation; responses are appended to the caller's buffer, keys in the
// order that BEP 3 demands. No text that a client sent is ever copied into an
// error or a response.
package httpwire
