package httpwire_test

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"p2p/torrentfile/infohash"
	"p2p/tracker/httpwire"
)

func hashOf(letter string) infohash.T { return infohash.T([]byte(strings.Repeat(letter, 20))) }

// The example of BEP 48: "This key can be appended multiple times with different
// values for collecting data about multiple Swarms in one request."
func TestScrapeRequest(t *testing.T) {
	query := "info_hash=xxxxxxxxxxxxxxxxxxxx&info_hash=yyyyyyyyyyyyyyyyyyyy&info_hash=zzzzzzzzzzzzzzzzzzzz"
	want := []infohash.T{hashOf("x"), hashOf("y"), hashOf("z")}
	if got := string(httpwire.AppendScrapeQuery(nil, want)); got != query {
		t.Errorf("query is %s", got)
	}
	got, err := httpwire.ParseScrapeRequest(query, nil)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("parsed as %v, %v", got, err)
	}
}

func TestScrapedTorrentsAreSortedAndEachOnce(t *testing.T) {
	query := string(httpwire.AppendScrapeQuery(nil, []infohash.T{hashOf("z"), hashOf("x"), hashOf("z")}))
	got, err := httpwire.ParseScrapeRequest(query+"&passkey=7", nil)
	if err != nil || !slices.Equal(got, []infohash.T{hashOf("x"), hashOf("z")}) {
		t.Errorf("parsed as %v, %v", got, err)
	}
}

func TestBadScrapesGetAClearFailure(t *testing.T) {
	one := "info_hash=xxxxxxxxxxxxxxxxxxxx&"
	for query, want := range map[string]string{
		"":                          "info_hash is missing",
		"passkey=7":                 "info_hash is missing",
		"info_hash=x":               "info_hash is not 20 escaped bytes",
		one + "info_hash=%":         "info_hash is not 20 escaped bytes",
		strings.Repeat(one, 101):    "info_hash is given more than 100 times",
		strings.Repeat("&", 10_000): "query is too long",
	} {
		_, err := httpwire.ParseScrapeRequest(query, nil)
		if bad, ok := errors.AsType[*httpwire.BadRequest](err); !ok || bad.Error() != want {
			t.Errorf("%.60q: error is %v, want %q", query, err, want)
		}
	}
	if got, err := httpwire.ParseScrapeRequest(strings.Repeat(one, 100), nil); err != nil || len(got) != 1 {
		t.Errorf("100 times: %v, %v", got, err)
	}
}

func TestTheLongestScrapeFitsIntoTheLongestQuery(t *testing.T) {
	query := httpwire.AppendScrapeQuery(nil, make([]infohash.T, httpwire.MaxScrape))
	if len(query) > httpwire.MaxQuery {
		t.Errorf("%d bytes", len(query))
	}
}

// The example response of BEP 48.
func TestScrapeResponse(t *testing.T) {
	golden := "d5:filesd" +
		"20:xxxxxxxxxxxxxxxxxxxxd8:completei11e10:downloadedi13772e10:incompletei19ee" +
		"20:yyyyyyyyyyyyyyyyyyyyd8:completei21e10:downloadedi206e10:incompletei20ee" +
		"ee"
	r := httpwire.ScrapeResponse{Files: []httpwire.File{
		{InfoHash: hashOf("x"), Complete: 11, Downloaded: 13772, Incomplete: 19},
		{InfoHash: hashOf("y"), Complete: 21, Downloaded: 206, Incomplete: 20},
	}}
	if got := string(r.AppendTo(nil)); got != golden {
		t.Errorf("response is\n%s, want\n%s", got, golden)
	}
	got, err := httpwire.ParseScrapeResponse([]byte(golden))
	if err != nil || !reflect.DeepEqual(got, r) {
		t.Errorf("parsed as %+v, %v", got, err)
	}
}

func TestOddScrapeResponsesAreRead(t *testing.T) {
	body := "d5:filesd3:abcd8:completei1ee20:xxxxxxxxxxxxxxxxxxxxd8:completei1ee20:yyyyyyyyyyyyyyyyyyyylee5:flagsd20:min_request_intervali9eee"
	got, err := httpwire.ParseScrapeResponse([]byte(body))
	want := []httpwire.File{{InfoHash: hashOf("x"), Complete: 1, Downloaded: -1, Incomplete: -1}}
	if err != nil || !reflect.DeepEqual(got.Files, want) {
		t.Errorf("parsed as %+v, %v", got, err)
	}
	for _, body := range []string{"de", "d5:filesi1ee", "d5:filesle"} {
		if _, err := httpwire.ParseScrapeResponse([]byte(body)); !errors.Is(err, httpwire.ErrMalformed) {
			t.Errorf("%s: %v", body, err)
		}
	}
	// BEP 48 writes the key of BEP 3 with an underscore.
	_, err = httpwire.ParseScrapeResponse([]byte("d14:failure_reason2:noe"))
	if f, ok := errors.AsType[*httpwire.Failure](err); !ok || f.Reason != "no" {
		t.Errorf("failure_reason is read as %v", err)
	}
}

// BEP 48: "This is done by locating the string announce in the Path section of
// the Announce URL and replacing it with the string scrape."
func TestScrapeURL(t *testing.T) {
	for announce, want := range map[string]string{
		"http://t/announce":                 "http://t/scrape",
		"http://t:6969/x/announce":          "http://t:6969/x/scrape",
		"http://t/announce.php?k=announce":  "http://t/scrape.php?k=announce",
		"http://t/announce/scrape-announce": "",
		"http://announce/a":                 "",
		"http://t/a":                        "",
		"http://t/a?x=/announce":            "",
		"announce":                          "",
	} {
		got, ok := httpwire.ScrapeURL(announce)
		if got != want || ok != (want != "") {
			t.Errorf("%s becomes %q, %v", announce, got, ok)
		}
	}
}

func FuzzScrapeRequest(f *testing.F) {
	f.Add("info_hash=xxxxxxxxxxxxxxxxxxxx&info_hash=%00%01xxxxxxxxxxxxxxxxxx")
	f.Fuzz(func(t *testing.T, query string) {
		hashes, err := httpwire.ParseScrapeRequest(query, nil)
		if err != nil {
			return
		}
		if len(hashes) == 0 || len(hashes) > httpwire.MaxScrape {
			t.Errorf("%d info-hashes", len(hashes))
		}
		again, err := httpwire.ParseScrapeRequest(string(httpwire.AppendScrapeQuery(nil, hashes)), nil)
		if err != nil || !slices.Equal(again, hashes) {
			t.Errorf("come back as %v, %v", again, err)
		}
	})
}

func FuzzScrapeResponse(f *testing.F) {
	f.Add([]byte("d5:filesd20:xxxxxxxxxxxxxxxxxxxxd8:completei11e10:downloadedi13772e10:incompletei19eeee"))
	f.Add([]byte("d14:failure_reason2:noe"))
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := httpwire.ParseScrapeResponse(body)
		if err != nil {
			return
		}
		if len(r.Files)*infohash.Size > len(body) {
			t.Errorf("%d files in %d bytes", len(r.Files), len(body))
		}
		if again, err := httpwire.ParseScrapeResponse(r.AppendTo(nil)); err != nil || !reflect.DeepEqual(again, r) {
			t.Errorf("comes back as %+v, want %+v (%v)", again, r, err)
		}
	})
}
