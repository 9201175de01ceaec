package httpfront

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // the parts of the page
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"strconv"
	"strings"

	"go.uber.org/zap"

	"p2p/tracker"
)

// The page is one document: style and script lie in it. The script draws what
// /stats.json says; without it, the numbers of the moment are there.
var (
	//go:embed page.html
	pageHTML string
	//go:embed page.css
	pageCSS string
	//go:embed page.js
	pageJS string
)

// pagePolicy lets a browser run the script and the style of the page, fetch from where
// the page came from, and nothing else, whatever should ever get into the page. Strings
// do not become HTML in the script.
var pagePolicy = strings.Join([]string{
	"default-src 'none'", "script-src " + hashed(pageJS), "style-src " + hashed(pageCSS), "connect-src 'self'",
	"base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
	"require-trusted-types-for 'script'", "trusted-types 'none'",
}, "; ")

func hashed(s string) string {
	sum := sha256.Sum256([]byte(s))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

var pages = func() map[string]*template.Template {
	all := make(map[string]*template.Template)
	for _, lang := range languages {
		t := template.New("page").Funcs(template.FuncMap{
			"style":   func() template.CSS { return template.CSS(pageCSS) },
			"script":  func() template.JS { return template.JS(pageJS) },
			"t":       func(key string) (string, error) { return word(lang, key) },
			"words":   func() (string, error) { return scriptWords(lang) },
			"count":   func(n any) string { return decimal(fmt.Sprint(n)) },
			"rate":    rate,
			"each":    func(a, b int) string { return strconv.FormatFloat(part(a, b), 'f', 1, 64) },
			"percent": func(a, b any) string { return strconv.FormatFloat(100*part(a, b), 'f', 0, 64) + " %" },
			"width":   func(a, b any) string { return strconv.FormatFloat(100*part(a, b), 'f', 2, 64) },
			"bar":     bar,
			"bytes":   binary,
			"span":    func(seconds int64) (string, error) { return span(lang, seconds) },
		})
		all[lang] = template.Must(t.Parse(pageHTML))
	}
	return all
}()

// leastBar is the length in percent of a bar for any number, so that it can be
// seen, but for none.
const leastBar = 0.7

// part returns a/b, and 0 of nothing.
func part(a, b any) float64 {
	x, y := number(a), number(b)
	if y == 0 {
		return 0
	}
	return x / y
}

// bar returns the length of the bar for a where b has a full one.
func bar(a, b int) string {
	if a == 0 {
		return "0"
	}
	return strconv.FormatFloat(max(leastBar, 100*part(a, b)), 'f', 2, 64)
}

func number(n any) float64 {
	switch n := n.(type) {
	case int:
		return float64(n)
	case int64:
		return float64(n)
	case uint64:
		return float64(n)
	}
	return 0
}

// binary writes a number of bytes.
func binary(n int64) string {
	units, x := []string{"B", "KiB", "MiB", "GiB", "TiB"}, float64(n)
	for ; x >= 1024 && len(units) > 1; units = units[1:] {
		x /= 1024
	}
	digits := 1
	if x >= 100 || units[0] == "B" {
		digits = 0
	}
	return strconv.FormatFloat(x, 'f', digits, 64) + " " + units[0]
}

// span writes a time span in its two largest units.
func span(lang string, seconds int64) (string, error) {
	words, err := word(lang, "units")
	if err != nil {
		return "", err
	}
	unit, lengths := strings.Fields(words), []int64{86400, 3600, 60, 1}
	for i := range 3 {
		if big, small := lengths[i], lengths[i+1]; seconds >= big {
			return fmt.Sprintf("%d %s %d %s", seconds/big, unit[i], seconds%big/small, unit[i+1]), nil
		}
	}
	return fmt.Sprintf("%d %s", seconds, unit[3]), nil
}

// servePage shows the state of the tracker to a person.
func (f *Front) servePage(w http.ResponseWriter, r *http.Request) {
	lang := language(r.URL.Query().Get("lang"), r.Header.Get("Accept-Language"))
	var page bytes.Buffer
	err := pages[lang].Execute(&page, struct {
		Lang                        string
		Stats                       *statsJSON
		ShowTop, ShowNodes, Metrics bool
	}{lang, f.stats(r.Context()), f.service.NamesSwarms(), f.nodes != nil, f.metrics != nil})
	if err != nil {
		f.log.Error("render stats page", zap.Error(err))
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Security-Policy", pagePolicy)
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Vary", "Accept-Language")
	writeBody(w, "text/html; charset=utf-8", page.Bytes())
}

// What the page shows beside the numbers of /stats.json. The script does the same
// sums.

// RequestsUDP and its neighbours are announces and scrapes.
func (s *statsJSON) RequestsUDP() uint64  { return s.AnnouncesUDP + s.ScrapesUDP }
func (s *statsJSON) RequestsHTTP() uint64 { return s.AnnouncesHTTP + s.ScrapesHTTP }
func (s *statsJSON) Requests() uint64     { return s.RequestsUDP() + s.RequestsHTTP() }

// trouble is a line of the table of what was not answered as asked.
type trouble struct {
	Word  string // its key
	Path  string // of the number in /stats.json
	Count uint64
}

// Trouble returns the lines, the refusals first.
func (s *statsJSON) Trouble() []trouble {
	var all []trouble
	for cause := range tracker.Causes {
		name := cause.String()
		all = append(all, trouble{"cause." + name, "refused_for." + name, s.RefusedFor[name]})
	}
	all = append(all,
		trouble{"malformed", "malformed", s.Malformed},
		trouble{"unverified", "unverified_udp", s.UnverifiedUDP},
		trouble{"dropped", "dropped_udp", s.DroppedUDP},
		trouble{"failed", "failed", s.Failed})
	if s.Store != nil {
		all = append(all, trouble{"evicted", "store.evicted", s.Store.Evicted}, trouble{"replaced", "store.replaced", s.Store.Replaced})
	}
	return all
}

// Most returns the number of swarms of the commonest size.
func (s *surveyJSON) Most() int {
	most := 0
	for _, size := range s.Sizes {
		most = max(most, size.Swarms)
	}
	return most
}

// Label returns "1", "2", "3–4", and so on.
func (s sizeJSON) Label() string {
	if s.From == s.To {
		return strconv.Itoa(s.To)
	}
	return decimal(strconv.Itoa(s.From)) + "–" + decimal(strconv.Itoa(s.To))
}

// State returns the key of the word for how n is.
func (n Node) State() string {
	switch {
	case !n.Alive:
		return "node.gone"
	case !n.Synced:
		return "node.behind"
	}
	return "node.well"
}

// minute is a line of the history.
type minute struct {
	Ago                int
	Announces, Scrapes float64
	Peers              int
}

// Minutes returns the averages of the minutes of h, the latest first.
func (h historyJSON) Minutes() []minute {
	var all []minute
	n := 60 / h.StepSeconds
	for end := len(h.Time); end >= n; end -= n {
		m := minute{Ago: len(all), Peers: h.Peers[end-1]}
		for i := end - n; i < end; i++ {
			m.Announces += h.Announces[i] / float64(n)
			m.Scrapes += h.Scrapes[i] / float64(n)
		}
		all = append(all, m)
	}
	return all
}

// scriptWords returns the words that the script needs, as JSON.
func scriptWords(lang string) (string, error) {
	all := make(map[string]string)
	for _, key := range []string{"units", "now", "minutes", "pause", "resume", "lost", "announces", "scrapes", "peers",
		"latest", "highest", "node.well", "node.behind", "node.gone"} {
		w, err := word(lang, key)
		if err != nil {
			return "", err
		}
		all[key] = w
	}
	text, err := json.Marshal(all)
	return string(text), err
}
