package api

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"strings"
)

// guard lets in, on the loopback network, whoever knows the token. What a web page may have sent is
// refused before that: a page can guess tokens too, and reads what a name of its own leads to.
func guard(token string, at net.Addr, next http.Handler) http.Handler {
	_, port, _ := net.SplitHostPort(at.String()) // it is a listener's
	hosts := map[string]bool{at.String(): true, net.JoinHostPort("localhost", port): true}
	want := sha256.Sum256([]byte(token))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !hosts[strings.ToLower(r.Host)] {
			http.Error(w, "foreign Host", http.StatusForbidden)
			return
		}
		origins := r.Header.Values("Origin")
		if len(origins) > 1 || len(origins) == 1 && !strings.EqualFold(origins[0], "http://"+r.Host) {
			http.Error(w, "foreign Origin", http.StatusForbidden)
			return
		}
		if site := r.Header.Get("Sec-Fetch-Site"); site == "cross-site" || site == "same-site" { // such as another port
			http.Error(w, "foreign site", http.StatusForbidden)
			return
		}
		given, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		sum := sha256.Sum256([]byte(given)) // of one length, so that the comparison takes one time
		if !bearer || subtle.ConstantTimeCompare(sum[:], want[:]) != 1 {
			w.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(w, "no token, or a wrong one", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}
