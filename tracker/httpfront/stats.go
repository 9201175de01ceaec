package httpfront

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"strconv"
	"time"

	"go.uber.org/zap"

	"p2p/tracker"
)

// statsJSON is the document at /stats.json. Its names do not change.
type statsJSON struct {
	UptimeSeconds      int64   `json:"uptime_seconds"`
	Swarms             int     `json:"swarms"`
	Peers              int     `json:"peers"`
	Seeders            int     `json:"seeders"`
	Leechers           int     `json:"leechers"`
	PeersIPv6          int     `json:"peers_ipv6"`
	AnnouncesPerSecond float64 `json:"announces_per_second"` // over the last minute
	ScrapesPerSecond   float64 `json:"scrapes_per_second"`   // over the last minute
	AnnouncesHTTP      uint64  `json:"announces_http"`
	AnnouncesUDP       uint64  `json:"announces_udp"`
	ScrapesHTTP        uint64  `json:"scrapes_http"`
	ScrapesUDP         uint64  `json:"scrapes_udp"`
	ConnectsUDP        uint64  `json:"connects_udp"`
	Refused            uint64  `json:"refused"`
	Failed             uint64  `json:"failed"`
	Malformed          uint64  `json:"malformed"`
	UnverifiedUDP      uint64  `json:"unverified_udp"`
}

func (f *Front) serveStats(w http.ResponseWriter, _ *http.Request) {
	s := f.service.Stats()
	body, err := json.MarshalIndent(statsJSON{
		UptimeSeconds:      int64(s.Uptime / time.Second),
		Swarms:             s.Swarms,
		Peers:              s.Seeders + s.Leechers,
		Seeders:            s.Seeders,
		Leechers:           s.Leechers,
		PeersIPv6:          s.IPv6,
		AnnouncesPerSecond: s.AnnounceRate,
		ScrapesPerSecond:   s.ScrapeRate,
		AnnouncesHTTP:      s.AnnouncesHTTP,
		AnnouncesUDP:       s.AnnouncesUDP,
		ScrapesHTTP:        s.ScrapesHTTP,
		ScrapesUDP:         s.ScrapesUDP,
		ConnectsUDP:        s.Connects,
		Refused:            s.Refused,
		Failed:             s.Failed,
		Malformed:          s.Malformed,
		UnverifiedUDP:      s.Unverified,
	}, "", "  ")
	if err != nil {
		f.log.Error("encode stats", zap.Error(err))
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	writeBody(w, "application/json", append(body, '\n'))
}

//go:embed page.html
var pageHTML string

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"count":  count,
	"rate":   func(r float64) string { return strconv.FormatFloat(r, 'f', 1, 64) },
	"uptime": uptime,
}).Parse(pageHTML))

// servePage shows the state of the tracker to a person. The page asks for
// nothing but itself, and the policy holds it to that.
func (f *Front) servePage(w http.ResponseWriter, r *http.Request) {
	var page bytes.Buffer
	s := f.service.Stats()
	err := pageTemplate.Execute(&page, struct {
		tracker.Stats
		Peers, IPv4        int
		Announces, Scrapes uint64
	}{
		Stats:     s,
		Peers:     s.Seeders + s.Leechers,
		IPv4:      s.Seeders + s.Leechers - s.IPv6,
		Announces: s.AnnouncesHTTP + s.AnnouncesUDP,
		Scrapes:   s.ScrapesHTTP + s.ScrapesUDP,
	})
	if err != nil {
		f.log.Error("render stats page", zap.Error(err))
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
	w.Header().Set("Referrer-Policy", "no-referrer")
	writeBody(w, "text/html; charset=utf-8", page.Bytes())
}

// count writes a number with thin spaces between the thousands.
func count(n any) string {
	digits := fmt.Sprint(n)
	var out []byte
	for i := range len(digits) {
		if i > 0 && (len(digits)-i)%3 == 0 {
			out = append(out, "\u2009"...)
		}
		out = append(out, digits[i])
	}
	return string(out)
}

// uptime writes a time span in its two largest units.
func uptime(d time.Duration) string {
	days, hours := int(d.Hours())/24, int(d.Hours())%24
	minutes, seconds := int(d.Minutes())%60, int(d.Seconds())%60
	switch {
	case days > 0:
		return fmt.Sprintf("%d d %d h", days, hours)
	case hours > 0:
		return fmt.Sprintf("%d h %d min", hours, minutes)
	case minutes > 0:
		return fmt.Sprintf("%d min %d s", minutes, seconds)
	}
	return fmt.Sprintf("%d s", seconds)
}
