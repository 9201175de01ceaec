package httpfront

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"net/http"
	"strconv"
	"time"

	"go.uber.org/zap"

	"p2p/tracker"
)

// statsJSON is the document at /stats.json, and what the page shows. Its names
// do not change. Counts are since the start; what depends on the store or on the
// operator is missing where there is none.
type statsJSON struct {
	Time               int64   `json:"time"` // Unix, of the reading
	Version            string  `json:"version,omitempty"`
	UptimeSeconds      int64   `json:"uptime_seconds"`
	Swarms             int     `json:"swarms"`
	Peers              int     `json:"peers"`
	Seeders            int     `json:"seeders"`
	Leechers           int     `json:"leechers"`
	PeersIPv4          int     `json:"peers_ipv4"`
	PeersIPv6          int     `json:"peers_ipv6"`
	AnnouncesPerSecond float64 `json:"announces_per_second"` // over the last minute
	ScrapesPerSecond   float64 `json:"scrapes_per_second"`   // over the last minute
	// The same over five minutes.
	AnnouncesPerSecond5 float64           `json:"announces_per_second_5m"`
	ScrapesPerSecond5   float64           `json:"scrapes_per_second_5m"`
	AnnouncesHTTP       uint64            `json:"announces_http"`
	AnnouncesUDP        uint64            `json:"announces_udp"`
	ScrapesHTTP         uint64            `json:"scrapes_http"`
	ScrapesUDP          uint64            `json:"scrapes_udp"`
	ConnectsUDP         uint64            `json:"connects_udp"`
	Refused             uint64            `json:"refused"`
	RefusedFor          map[string]uint64 `json:"refused_for"` // by tracker.Cause
	Failed              uint64            `json:"failed"`
	Malformed           uint64            `json:"malformed"`
	UnverifiedUDP       uint64            `json:"unverified_udp"`
	DroppedUDP          uint64            `json:"dropped_udp"` // answers
	Store               *storeJSON        `json:"store,omitempty"`
	Expiry              expiryJSON        `json:"expiry"`
	Survey              *surveyJSON       `json:"survey,omitempty"`
	Nodes               []Node            `json:"nodes,omitempty"`
	History             historyJSON       `json:"history"`
}

// storeJSON is tracker.Pressure.
type storeJSON struct {
	MemoryBytes      int64  `json:"memory_bytes"`
	MemoryLimitBytes int64  `json:"memory_limit_bytes"`
	Evicted          uint64 `json:"evicted"`
	Replaced         uint64 `json:"replaced"`
	RefusedQuota     uint64 `json:"refused_quota"`
	RefusedFull      uint64 `json:"refused_full"`
}

// expiryJSON is tracker.Expiry.
type expiryJSON struct {
	Runs         uint64  `json:"runs"`
	Peers        uint64  `json:"peers"`
	LastSeconds  float64 `json:"last_seconds"`
	TotalSeconds float64 `json:"total_seconds"`
}

// surveyJSON is tracker.Surveyed.
type surveyJSON struct {
	Time  int64      `json:"time"` // Unix
	Sizes []sizeJSON `json:"sizes"`
	Top   []topJSON  `json:"top,omitempty"`
}

// sizeJSON is how many swarms have so many peers.
type sizeJSON struct {
	From   int `json:"from"`
	To     int `json:"to"`
	Swarms int `json:"swarms"`
}

type topJSON struct {
	InfoHash  string `json:"info_hash"`
	Seeders   int    `json:"seeders"`
	Leechers  int    `json:"leechers"`
	Completed int    `json:"completed"`
}

// historyJSON is the last half hour, the oldest first: the i-th values of all
// lists belong together.
type historyJSON struct {
	StepSeconds int       `json:"step_seconds"`
	Time        []int64   `json:"time"` // Unix, of the end of a step
	Announces   []float64 `json:"announces_per_second"`
	Scrapes     []float64 `json:"scrapes_per_second"`
	Peers       []int     `json:"peers"`
}

// Node is another tracker of the same service, for the pages.
type Node struct {
	Name   string `json:"name"`
	Alive  bool   `json:"alive"`
	Synced bool   `json:"synced"` // it knows what the others know
	Peers  int    `json:"peers"`
	Swarms int    `json:"swarms"`
	// UptimeSeconds is what it last said, SilentSeconds how long ago it last said
	// anything.
	UptimeSeconds int64 `json:"uptime_seconds"`
	SilentSeconds int64 `json:"silent_seconds"`
}

// surveyTime is the most that a visitor waits for a survey, which then ends.
const surveyTime = 8 * time.Second

// stats reads everything. ctx is that of the visitor.
func (f *Front) stats(ctx context.Context) *statsJSON {
	s := f.service.Stats()
	doc := &statsJSON{
		Time:                s.At.Unix(),
		Version:             f.version,
		UptimeSeconds:       int64(s.Uptime / time.Second),
		Swarms:              s.Swarms,
		Peers:               s.Seeders + s.Leechers,
		Seeders:             s.Seeders,
		Leechers:            s.Leechers,
		PeersIPv4:           s.Seeders + s.Leechers - s.IPv6,
		PeersIPv6:           s.IPv6,
		AnnouncesPerSecond:  round(s.AnnounceRate),
		ScrapesPerSecond:    round(s.ScrapeRate),
		AnnouncesPerSecond5: round(s.AnnounceRate5),
		ScrapesPerSecond5:   round(s.ScrapeRate5),
		AnnouncesHTTP:       s.AnnouncesHTTP,
		AnnouncesUDP:        s.AnnouncesUDP,
		ScrapesHTTP:         s.ScrapesHTTP,
		ScrapesUDP:          s.ScrapesUDP,
		ConnectsUDP:         s.Connects,
		Refused:             s.Refused,
		RefusedFor:          make(map[string]uint64),
		Failed:              s.Failed,
		Malformed:           s.Malformed,
		UnverifiedUDP:       s.Unverified,
		DroppedUDP:          s.Dropped,
		Expiry:              expiryJSON{s.Expiry.Runs, s.Expiry.Removed, s.Expiry.Last.Seconds(), s.Expiry.Total.Seconds()},
		History:             historyOf(f.service.History()),
	}
	for cause, n := range s.RefusedFor {
		doc.RefusedFor[tracker.Cause(cause).String()] = n
	}
	if p := s.Pressure; p != nil {
		doc.Store = &storeJSON{p.Memory, p.MaxMemory, p.Evicted, p.Replaced, p.RefusedQuota, p.RefusedFull}
	}
	if f.nodes != nil {
		doc.Nodes = f.nodes()
	}
	doc.Survey = f.survey(ctx)
	return doc
}

// survey returns nil while there is none.
func (f *Front) survey(ctx context.Context) *surveyJSON {
	ctx, cancel := context.WithTimeout(ctx, surveyTime)
	defer cancel()
	s, err := f.service.Survey(ctx)
	if err != nil {
		f.log.Debug("survey of the swarms failed", zap.Error(err))
	}
	if s.At.IsZero() {
		return nil
	}
	largest := len(s.Sizes) - 1
	for largest > 0 && s.Sizes[largest] == 0 {
		largest--
	}
	doc := &surveyJSON{Time: s.At.Unix()}
	for class, n := range s.Sizes[:largest+1] {
		doc.Sizes = append(doc.Sizes, sizeJSON{From: 1<<class/2 + 1, To: 1 << class, Swarms: n})
	}
	for _, t := range s.Top {
		doc.Top = append(doc.Top, topJSON{t.InfoHash.String(), t.Seeders, t.Leechers, t.Completed})
	}
	return doc
}

func historyOf(points []tracker.Point) historyJSON {
	h := historyJSON{
		StepSeconds: int(tracker.PointEvery / time.Second),
		Time:        make([]int64, len(points)),
		Announces:   make([]float64, len(points)),
		Scrapes:     make([]float64, len(points)),
		Peers:       make([]int, len(points)),
	}
	for i, p := range points {
		h.Time[i], h.Announces[i], h.Scrapes[i], h.Peers[i] = p.At.Unix(), round(p.AnnounceRate), round(p.ScrapeRate), p.Peers
	}
	return h
}

// round leaves two decimals.
func round(x float64) float64 { return math.Round(x*100) / 100 }

func (f *Front) serveStats(w http.ResponseWriter, r *http.Request) {
	body, err := json.Marshal(f.stats(r.Context()))
	if err != nil {
		f.log.Error("encode stats", zap.Error(err))
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	writeBody(w, "application/json", spread(body))
}

// spread puts every name of a JSON object on a line of its own, for people, but
// not what is inside: a list of 180 numbers stays on its line.
func spread(object []byte) []byte {
	var out bytes.Buffer
	depth, quoted, escaped := 0, false, false
	for i, c := range object {
		switch {
		case escaped:
			escaped = false
		case c == '\\':
			escaped = true // nowhere but inside quotes
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			depth--
			if depth == 0 {
				out.WriteByte('\n')
			}
		}
		out.WriteByte(c)
		if !quoted && depth == 1 && (c == ',' || c == '{' && i == 0) {
			out.WriteString("\n  ")
		}
	}
	out.WriteByte('\n')
	return out.Bytes()
}

// decimal writes a number with thin spaces between the thousands.
func decimal(digits string) string {
	var out []byte
	for i := range len(digits) {
		if i > 0 && (len(digits)-i)%3 == 0 {
			out = append(out, "\u2009"...)
		}
		out = append(out, digits[i])
	}
	return string(out)
}

// rate writes a number of requests per second: whole where that is exact enough.
func rate(r float64) string {
	if r >= 99.95 {
		return decimal(strconv.FormatFloat(r, 'f', 0, 64))
	}
	return strconv.FormatFloat(r, 'f', 1, 64)
}
