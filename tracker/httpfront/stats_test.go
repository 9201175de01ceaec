package httpfront_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"p2p/torrentfile/infohash"
	"p2p/tracker"
	"p2p/tracker/httpfront"
	"p2p/tracker/memory"
)

// figures is a Store of given size.
type figures struct{ largest []infohash.T }

func (figures) Announce(context.Context, tracker.Announce, int) (tracker.Swarm, error) {
	return tracker.Swarm{}, nil
}

func (figures) Scrape(_ context.Context, hashes []infohash.T, _ []tracker.Counts) ([]tracker.Counts, error) {
	var all []tracker.Counts
	for i := range hashes {
		all = append(all, tracker.Counts{Seeders: 200 - i, Leechers: 100, Completed: 7})
	}
	return all, nil
}

func (figures) Expire(context.Context, time.Time) (int, error) { return 3, nil }

func (figures) Tally() tracker.Tally {
	return tracker.Tally{Swarms: 30, Seeders: 400, Leechers: 1200, IPv6: 100}
}

func (figures) Pressure() tracker.Pressure {
	return tracker.Pressure{Memory: 3 << 20, MaxMemory: 256 << 20, Evicted: 4, Replaced: 5, RefusedQuota: 6, RefusedFull: 7}
}

func (f figures) Survey(_ context.Context, top int) (tracker.Survey, error) {
	return tracker.Survey{Sizes: [tracker.SizeClasses]int{0: 20, 1: 6, 9: 3}, Largest: f.largest[:top]}, nil
}

// aTracker runs a tracker of figures for some minutes, in a bubble of synctest.
func aTracker(t *testing.T, top int, o httpfront.Options) *fixture {
	service := tracker.New(figures{[]infohash.T{torrent, {1}, {2}}}, tracker.Options{TopSwarms: top})
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := service.Run(ctx, zap.NewNop()); err != nil {
			t.Error(err)
		}
	})
	time.Sleep(time.Second) // not at the moment of a sample
	for minute := range 3 {
		for range 30 * (minute + 1) {
			_, err := service.Announce(ctx, tracker.Request{Transport: tracker.UDP, Peer: netip.MustParseAddrPort("192.0.2.1:1")})
			if err != nil {
				t.Fatal(err)
			}
		}
		if _, err := service.Announce(ctx, tracker.Request{Peer: netip.MustParseAddrPort("192.0.2.1:0")}); err == nil {
			t.Fatal("a peer without a port was taken")
		}
		if _, err := service.Scrape(ctx, tracker.ScrapeRequest{}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
	}
	cancel()
	running.Wait()
	return &fixture{t, service, httpfront.New(service, o).AdminHandler()}
}

func TestTheNamesOfTheStatsDoNotChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := aTracker(t, 2, httpfront.Options{Version: "1.2.3", Nodes: func() []httpfront.Node {
			return []httpfront.Node{{Name: `b "\`, Alive: true, Synced: true, Peers: 1, Swarms: 2, UptimeSeconds: 3, SilentSeconds: 4}}
		}})
		got := f.get("192.0.2.1:1", "/stats.json").Body.String()
		if !json.Valid([]byte(got)) {
			t.Errorf("this is no JSON: %s", got)
		}
		golden := filepath.Join("testdata", "stats.json")
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if want := strings.ReplaceAll(string(want), "\r\n", "\n"); got != want {
			t.Errorf("the stats are\n%s\nand %s says\n%s", got, golden, want)
		}
	})
}

func TestStatsAreThereForProgramsAndForPeople(t *testing.T) {
	f := newFixture(t, tracker.Options{}, httpfront.Options{})
	for n := range 1200 {
		r := request(uint16(n + 1))
		if n%4 == 0 {
			r.Left = 0
		}
		f.announce(fmt.Sprintf("10.%d.%d.1:1", n/256, n%256), r)
	}
	f.announce("[2001:db8::1]:1", request(2000))
	var stats map[string]any
	w := f.get("192.0.2.1:1", "/stats.json")
	if err := json.Unmarshal(w.Body.Bytes(), &stats); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]float64{
		"swarms": 1, "peers": 1201, "seeders": 300, "leechers": 901, "peers_ipv6": 1, "announces_http": 1201, "announces_udp": 0,
	} {
		if stats[key] != want {
			t.Errorf("%s is %v, want %v", key, stats[key], want)
		}
	}
	page := f.get("192.0.2.1:1", "/").Body.String()
	for _, want := range []string{"<title>p2p tracker</title>", "1\u2009201", ">901<", "prefers-color-scheme: dark", "1\u2009025–2\u2009048"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %s", want)
		}
	}
	if w := f.get("192.0.2.1:1", "/healthz"); w.Code != http.StatusOK || w.Body.String() != "ok\n" {
		t.Errorf("healthz: %d %q", w.Code, w.Body)
	}
}

// between returns what stands between two texts, and the page without it.
func between(t *testing.T, page, from, to string) (inside, rest string) {
	t.Helper()
	before, after, ok := strings.Cut(page, from)
	inside, after, ended := strings.Cut(after, to)
	if !ok || !ended || strings.Contains(after, from) {
		t.Fatalf("the page has not exactly one %s", from)
	}
	return inside, before + after
}

func TestThePageRunsNothingButItsOwnScriptAndStyle(t *testing.T) {
	f := newFixture(t, tracker.Options{}, httpfront.Options{})
	w := f.get("192.0.2.1:1", "/")
	policy, page := w.Header().Get("Content-Security-Policy"), w.Body.String()
	if !strings.HasPrefix(policy, "default-src 'none'; ") || strings.Contains(policy, "unsafe") {
		t.Errorf("content security policy is %q", policy)
	}
	script, rest := between(t, page, "<script>", "</script>")
	style, rest := between(t, rest, "<style>", "</style>")
	for name, text := range map[string]string{"script": script, "style": style} {
		sum := sha256.Sum256([]byte(text))
		if want := name + "-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "';"; !strings.Contains(policy, want) {
			t.Errorf("%q does not allow the page's own %s", policy, name)
		}
	}
	for _, foreign := range []string{"http://", "https://", "//", "src=", "innerHTML", "eval("} {
		if strings.Contains(rest, foreign) || foreign != "//" && strings.Contains(page, foreign) {
			t.Errorf("the page says %s", foreign)
		}
	}
	if found := regexp.MustCompile(`\s(on[a-z]+|style)=`).FindString(rest); found != "" {
		t.Errorf("the page has an attribute%s, which the policy forbids", found)
	}
}

// What the script looks for by name must be in the page, and what the page wants
// from the script must be in the stats.
func TestThePageItsScriptAndTheStatsKnowTheSameNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := aTracker(t, 2, httpfront.Options{Nodes: func() []httpfront.Node { return []httpfront.Node{{}} }})
		page := f.get("192.0.2.1:1", "/").Body.String()
		var stats map[string]any
		if err := json.Unmarshal(f.get("192.0.2.1:1", "/stats.json").Body.Bytes(), &stats); err != nil {
			t.Fatal(err)
		}
		for _, sum := range []string{"requests", "requests_udp", "requests_http"} {
			stats[sum] = 0.0 // by the script
		}
		paths := 0
		for _, m := range regexp.MustCompile(`data-(?:count|rate|bytes|span|each|part)="([^"]*)"`).FindAllStringSubmatch(page, -1) {
			for path := range strings.FieldsSeq(m[1]) {
				paths++
				var at any = stats
				for name := range strings.SplitSeq(path, ".") {
					inside, _ := at.(map[string]any)
					at = inside[name]
				}
				if _, ok := at.(float64); !ok {
					t.Errorf("the stats have no number %q", path)
				}
			}
		}
		if paths < 30 {
			t.Errorf("only %d numbers in the page", paths)
		}
		script, rest := between(t, page, "<script>", "</script>")
		for _, m := range regexp.MustCompile(`(?:byId|rows)\("([a-z]+)"`).FindAllStringSubmatch(script, -1) {
			if strings.Count(rest, `id="`+m[1]+`"`) != 1 {
				t.Errorf("the page has not exactly one element %q", m[1])
			}
		}
	})
}

func TestThePageIsWellFormed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := aTracker(t, 2, httpfront.Options{Nodes: func() []httpfront.Node { return []httpfront.Node{{}} }})
		_, page := between(t, f.get("192.0.2.1:1", "/").Body.String(), "<script>", "</script>")
		_, page = between(t, page, "<style>", "</style>")
		d := xml.NewDecoder(strings.NewReader(page))
		d.Strict, d.AutoClose, d.Entity = false, []string{"meta"}, xml.HTMLEntity
		var open []string // non-strict decoding closes what is left open
		for {
			token, err := d.RawToken()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			switch token := token.(type) {
			case xml.StartElement:
				if token.Name.Local != "meta" {
					open = append(open, token.Name.Local)
				}
			case xml.EndElement:
				if len(open) == 0 || open[len(open)-1] != token.Name.Local {
					t.Fatalf("</%s> inside %v", token.Name.Local, open)
				}
				open = open[:len(open)-1]
			}
		}
		if len(open) > 0 {
			t.Errorf("%v are not closed", open)
		}
	})
}

func TestThePageSpeaksTheLanguageOfItsVisitor(t *testing.T) {
	f := newFixture(t, tracker.Options{}, httpfront.Options{})
	for _, test := range []struct{ target, accept, want string }{
		{"/", "", "en"}, {"/", "zh", "zh"}, {"/", "zh-CN,zh;q=0.9,en;q=0.8", "zh"}, {"/", "en-GB,en;q=0.9,zh-TW;q=0.8", "en"},
		{"/", "fr, zh;q=0.5", "zh"}, {"/", "fr", "en"}, {"/", "en;q=0.1, ZH-Hant ; q=0.2", "zh"}, {"/", "zh;q=0", "en"},
		{"/", "zh;q=NaN", "en"}, {"/", "zh;q=Inf", "en"}, {"/", "zh;q=x", "en"}, {"/", "zh;;;,,,;q=", "en"},
		{"/?lang=zh", "en", "zh"}, {"/?lang=en", "zh", "en"}, {"/?lang=xx", "zh", "zh"}, {"/?lang=%3Cb%3E", "", "en"},
	} {
		w := f.get("192.0.2.1:1", test.target, "Accept-Language", test.accept)
		title := map[string]string{"en": "Swarms by number of peers", "zh": "按节点数统计的群组"}[test.want]
		if !strings.Contains(w.Body.String(), `<html lang="`+test.want+`">`) || !strings.Contains(w.Body.String(), title) {
			t.Errorf("%s with %q is not in %s", test.target, test.accept, test.want)
		}
	}
}

func TestNamesOfNodesAreEscaped(t *testing.T) {
	const name = `<script>"x'`
	f := newFixture(t, tracker.Options{}, httpfront.Options{Nodes: func() []httpfront.Node { return []httpfront.Node{{Name: name}} }})
	if page := f.get("192.0.2.1:1", "/").Body.String(); strings.Contains(page, name) || !strings.Contains(page, "&lt;script&gt;&#34;x&#39;") {
		t.Error("the name of a node is in the page as it is")
	}
}

func TestInfoHashesAreShownOnlyWhenTheOperatorWantsIt(t *testing.T) {
	for _, top := range []int{0, 2} {
		synctest.Test(t, func(t *testing.T) {
			f := aTracker(t, top, httpfront.Options{})
			for _, path := range []string{"/", "/stats.json"} {
				body := f.get("192.0.2.1:1", path).Body.String()
				if shown := strings.Contains(body, torrent.String()); shown != (top > 0) {
					t.Errorf("%d top swarms, %s: shown %v", top, path, shown)
				}
				if strings.Contains(body, infohash.T{2}.String()) {
					t.Errorf("%s shows a third swarm of %d", path, top)
				}
			}
		})
	}
}

func TestMetricsAreAmongThePagesWhenThereAreSome(t *testing.T) {
	metrics := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "up 1\n") })
	for _, test := range []struct {
		o                 httpfront.Options
		clients, operator int
	}{
		{httpfront.Options{}, http.StatusNotFound, http.StatusNotFound},
		{httpfront.Options{Metrics: metrics}, http.StatusOK, http.StatusOK},
		{httpfront.Options{Metrics: metrics, HidePages: true}, http.StatusNotFound, http.StatusOK},
	} {
		front := httpfront.New(newService(), test.o)
		if got := status(front.Handler(), "/metrics"); got != test.clients {
			t.Errorf("%+v: clients get %d", test.o, got)
		}
		if got := status(front.AdminHandler(), "/metrics"); got != test.operator {
			t.Errorf("%+v: the operator gets %d", test.o, got)
		}
	}
}

// For the race detector, mostly.
func TestPagesMayBeVisitedWhileClientsAnnounce(t *testing.T) {
	service := tracker.New(memory.New(memory.Options{}), tracker.Options{TopSwarms: 3})
	f := &fixture{t, service, httpfront.New(service, httpfront.Options{}).Handler()}
	ctx, cancel := context.WithCancel(t.Context())
	var others sync.WaitGroup
	others.Go(func() { _ = service.Run(ctx, zap.NewNop()) })
	for client := range 2 {
		others.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				r := request(uint16(n%5000 + 1))
				r.InfoHash = infohash.T{byte(n), byte(client)}
				f.announce("192.0.2.1:1", r)
			}
		})
	}
	for n := range 30 {
		for _, path := range []string{"/", "/stats.json"} {
			if w := f.get("192.0.2.1:1", path); w.Code != http.StatusOK {
				t.Errorf("visit %d of %s: %d", n, path, w.Code)
			}
		}
	}
	cancel()
	others.Wait()
}
