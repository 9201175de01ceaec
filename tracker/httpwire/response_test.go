package httpwire_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"p2p/tracker/httpwire"
	"p2p/tracker/wire"
)

var (
	peer4 = netip.MustParseAddrPort("105.105.105.105:28784") // "iiiipp"
	peer6 = netip.MustParseAddrPort("[6969:6969:6969:6969:6969:6969:6969:6969]:28784")
)

func response(peers ...netip.AddrPort) httpwire.AnnounceResponse {
	r := httpwire.AnnounceResponse{Interval: 30 * time.Minute, Complete: -1, Incomplete: -1, Downloaded: -1}
	for _, a := range peers {
		r.Peers.Add(a)
	}
	return r
}

// The example response of BEP 7.
func TestCompactResponse(t *testing.T) {
	golden := "d8:intervali1800e5:peers6:iiiipp6:peers618:iiiiiiiiiiiiiiiippe"
	r := response(peer4, peer6)
	if got := string(r.AppendTo(nil, true)); got != golden {
		t.Errorf("response is\n%s, want\n%s", got, golden)
	}
	got, err := httpwire.ParseAnnounceResponse([]byte(golden))
	if err != nil || !reflect.DeepEqual(got, r) {
		t.Errorf("parsed as %+v, %v", got, err)
	}
}

// BEP 3: "peers maps to a list of dictionaries corresponding to peers"; BEP 7:
// "IPv6 addresses can be passed back this way."
func TestResponseOfDictionaries(t *testing.T) {
	golden := "d8:intervali1800e5:peersl" +
		"d2:ip15:105.105.105.1054:porti28784ee" +
		"d2:ip39:6969:6969:6969:6969:6969:6969:6969:69694:porti28784ee" +
		"ee"
	r := response(peer4, peer6)
	if got := string(r.AppendTo(nil, false)); got != golden {
		t.Errorf("response is\n%s, want\n%s", got, golden)
	}
	got, err := httpwire.ParseAnnounceResponse([]byte(golden))
	if err != nil || !reflect.DeepEqual(got, r) {
		t.Errorf("parsed as %+v, %v", got, err)
	}
}

// BEP 3: "Keys must be strings and appear in sorted order". BEP 24: "a bencoded
// string value containing the IPv4 address as a 32 bit binary".
func TestFullResponse(t *testing.T) {
	golden := "d8:completei1e10:downloadedi3e11:external ip4:\xc0\x00\x02\x01" +
		"10:incompletei2e8:intervali1800e12:min intervali900e5:peers6:iiiipp" +
		"10:tracker id2:t115:warning message4:slowe"
	r := response(peer4)
	r.Complete, r.Incomplete, r.Downloaded = 1, 2, 3
	r.MinInterval, r.Warning, r.TrackerID = 15*time.Minute, "slow", "t1"
	r.ExternalIP = netip.MustParseAddr("192.0.2.1")
	if got := string(r.AppendTo(nil, true)); got != golden {
		t.Errorf("response is\n%q, want\n%q", got, golden)
	}
	got, err := httpwire.ParseAnnounceResponse([]byte(golden))
	if err != nil || !reflect.DeepEqual(got, r) {
		t.Errorf("parsed as %+v, %v", got, err)
	}
	// BEP 24: "or containing the IPv6 address as a 128 bit binary"
	r.ExternalIP = netip.MustParseAddr("2001:db8::1")
	got, err = httpwire.ParseAnnounceResponse(r.AppendTo(nil, true))
	if err != nil || got.ExternalIP != r.ExternalIP {
		t.Errorf("external ip comes back as %v, %v", got.ExternalIP, err)
	}
}

// uTorrent 2.2.1: "Tracker reply has no peers field" (aquatic#82).
func TestPeersIsAlwaysThere(t *testing.T) {
	r := response()
	if got := string(r.AppendTo(nil, true)); got != "d8:intervali1800e5:peers0:e" {
		t.Errorf("compact: %s", got)
	}
	if got := string(r.AppendTo(nil, false)); got != "d8:intervali1800e5:peerslee" {
		t.Errorf("dictionaries: %s", got)
	}
}

// BEP 3: "If a tracker response has a key failure reason, then that maps to a
// human readable string which explains why the query failed, and no other keys
// are required."
func TestFailure(t *testing.T) {
	for golden, f := range map[string]httpwire.Failure{
		"d14:failure reason10:Overloadede":                     {Reason: "Overloaded"},
		"d14:failure reason10:Overloaded8:retry ini5ee":        {Reason: "Overloaded", RetryIn: 5 * time.Minute},
		"d14:failure reason13:Not a tracker8:retry in5:nevere": {Reason: "Not a tracker", Never: true},
	} {
		if got := string(f.AppendTo(nil)); got != golden {
			t.Errorf("failure is %s, want %s", got, golden)
		}
		for name, err := range bothParsers(golden) {
			got, ok := errors.AsType[*httpwire.Failure](err)
			if !ok || *got != f {
				t.Errorf("%s: %s is read as %v", name, golden, err)
			}
		}
	}
	// BEP 31 shows the number as a string.
	for name, err := range bothParsers("d14:failure reason10:Overloaded8:retry in1:5e") {
		if got, ok := errors.AsType[*httpwire.Failure](err); !ok || got.RetryIn != 5*time.Minute {
			t.Errorf("%s: %v", name, err)
		}
	}
	seconds := httpwire.Failure{Reason: "x", RetryIn: 61 * time.Second}
	if got := string(seconds.AppendTo(nil)); !strings.Contains(got, "i2e") {
		t.Errorf("61 seconds are %s", got)
	}
}

func bothParsers(body string) map[string]error {
	_, announce := httpwire.ParseAnnounceResponse([]byte(body))
	_, scrape := httpwire.ParseScrapeResponse([]byte(body))
	return map[string]error{"announce": announce, "scrape": scrape}
}

func TestMalformedPeersAreSkipped(t *testing.T) {
	for name, peers := range map[string]string{
		"a part of a peer at the end":   "9:iiiippabc",
		"port 0":                        "12:iiiipp" + "abcd\x00\x00",
		"the unspecified address":       "12:\x00\x00\x00\x00abiiiipp",
		"a domain name":                 "l" + dict(peer4) + "d2:ip11:example.org4:porti1eee",
		"not an address":                "l" + "d2:ip3:1.24:porti1ee" + dict(peer4) + "e",
		"no address":                    "l" + dict(peer4) + "d4:porti1eee",
		"no port":                       "l" + dict(peer4) + "d2:ip7:1.2.3.4ee",
		"a port out of range":           "l" + dict(peer4) + "d2:ip7:1.2.3.44:porti65536eee",
		"a negative port":               "l" + dict(peer4) + "d2:ip7:1.2.3.44:porti-1eee",
		"a port that is text":           "l" + dict(peer4) + "d2:ip7:1.2.3.44:port2:80ee",
		"an address that is a number":   "l" + dict(peer4) + "d2:ipi7e4:porti1eee",
		"an entry that is a list":       "l" + dict(peer4) + "l2:ipee",
		"an entry that is text":         "l" + dict(peer4) + "2:ipe",
		"a compact entry in the list":   "l6:iiiipp" + dict(peer4) + "e",
		"a second address in one entry": "l" + dict(peer4) + "d2:ip7:1.2.3.44:porti1e2:ip7:1.2.3.4ee",
	} {
		t.Run(name, func(t *testing.T) {
			r, err := httpwire.ParseAnnounceResponse([]byte("d8:intervali1800e5:peers" + peers + "e"))
			if got := slices.Collect(r.Peers.All()); err != nil || !slices.Equal(got, []netip.AddrPort{peer4}) {
				t.Errorf("peers are %v, %v", got, err)
			}
		})
	}
}

func dict(a netip.AddrPort) string {
	ip := a.Addr().String()
	return fmt.Sprintf("d2:ip%d:%s7:peer id20:aaaaaaaaaaaaaaaaaaaa4:porti%dee", len(ip), ip, a.Port())
}

func TestOddResponsesAreRead(t *testing.T) {
	for name, body := range map[string]string{
		"no peers":               "d8:intervali1800ee",
		"peers of another type":  "d8:intervali1800e5:peersi7ee",
		"peers6 of another type": "d8:intervali1800e5:peers0:6:peers6dee",
		"unknown keys":           "d5:extrad1:al1:bee8:intervali1800e5:peers0:e",
		"unsorted keys":          "d5:peers0:8:intervali1800ee",
		"a line end after it":    "d8:intervali1800e5:peers0:e\r\n",
		"counts of other types":  "d8:complete1:x10:incompletei-5e8:intervali1800e5:peers0:e",
		"an odd external ip":     "d11:external ip3:abc8:intervali1800e5:peers0:e",
	} {
		t.Run(name, func(t *testing.T) {
			r, err := httpwire.ParseAnnounceResponse([]byte(body))
			if err != nil || !reflect.DeepEqual(r, response()) {
				t.Errorf("parsed as %+v, %v", r, err)
			}
		})
	}
}

func TestNumbersFromTheNetworkAreBounded(t *testing.T) {
	r, err := httpwire.ParseAnnounceResponse([]byte(
		"d8:completei9223372036854775807e8:intervali9223372036854775807e12:min intervali-5e5:peers0:e"))
	if err != nil || r.Complete != 1<<31-1 || r.Interval != 7*24*time.Hour || r.MinInterval != 0 {
		t.Errorf("parsed as %+v, %v", r, err)
	}
	for name, err := range bothParsers("d14:failure reason1:x8:retry ini9223372036854775807ee") {
		if f, ok := errors.AsType[*httpwire.Failure](err); !ok || f.RetryIn != 7*24*time.Hour {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMalformedResponsesAreRefused(t *testing.T) {
	for name, body := range map[string]string{
		"empty":             "",
		"a web page":        "<!doctype html>",
		"a list":            "le",
		"a number":          "i1e",
		"cut short":         "d8:intervali1800e5:peers60:iiiipp",
		"a huge claim":      "d5:peers999999999999:e",
		"deep nesting":      "d5:peers" + strings.Repeat("l", 100000) + strings.Repeat("e", 100000) + "e",
		"two values":        "dede",
		"too long":          "d1:x" + fmt.Sprint(httpwire.MaxBody) + ":" + strings.Repeat("y", httpwire.MaxBody) + "e",
		"a repeated key":    "d8:intervali1e8:intervali2ee",
		"a key without one": "d8:intervale",
	} {
		t.Run(name, func(t *testing.T) {
			for parser, err := range bothParsers(body) {
				if !errors.Is(err, httpwire.ErrMalformed) {
					t.Errorf("%s: %v", parser, err)
				}
			}
		})
	}
}

func TestThePeersOfAResponseAreBounded(t *testing.T) {
	compact := bytes.Repeat([]byte("iiiipp"), httpwire.MaxPeers+1000)
	body := append(fmt.Appendf(nil, "d5:peers%d:", len(compact)), compact...)
	r, err := httpwire.ParseAnnounceResponse(append(body, 'e'))
	if err != nil || r.Peers.Len() != httpwire.MaxPeers {
		t.Errorf("%d peers, %v", r.Peers.Len(), err)
	}
	list := "d5:peersl" + strings.Repeat("d2:ip7:1.2.3.44:porti1ee", 3000) + "ee"
	r, err = httpwire.ParseAnnounceResponse([]byte(list))
	if err != nil || r.Peers.Len() != httpwire.MaxPeers {
		t.Errorf("%d peers, %v", r.Peers.Len(), err)
	}
}

func TestAppendingAResponseDoesNotAllocate(t *testing.T) {
	r := response(slices.Repeat([]netip.AddrPort{peer4, peer6}, 50)...)
	r.ExternalIP = peer4.Addr()
	buf := make([]byte, 0, 16<<10)
	for _, compact := range []bool{true, false} {
		if allocs := testing.AllocsPerRun(100, func() { r.AppendTo(buf, compact) }); allocs != 0 {
			t.Errorf("compact %v: %v allocations", compact, allocs)
		}
	}
}

func FuzzAnnounceResponse(f *testing.F) {
	f.Add(response(peer4, peer6).AppendTo(nil, true))
	f.Add(response(peer4, peer6).AppendTo(nil, false))
	f.Add((&httpwire.Failure{Reason: "no", Never: true}).AppendTo(nil))
	f.Add([]byte("d8:intervali-1e5:peersld2:ipi1eeee"))
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := httpwire.ParseAnnounceResponse(body)
		if failure, ok := errors.AsType[*httpwire.Failure](err); ok {
			_, err := httpwire.ParseAnnounceResponse(failure.AppendTo(nil))
			if again, ok := errors.AsType[*httpwire.Failure](err); !ok || (*again != *failure && !failure.Never) {
				t.Errorf("failure %+v comes back as %+v", failure, again)
			}
			return
		}
		if err != nil {
			return
		}
		if r.Peers.Len() > httpwire.MaxPeers || r.Peers.Len() > len(body)/6 || r.Interval < 0 || r.Interval > 7*24*time.Hour {
			t.Errorf("%d peers, interval %v", r.Peers.Len(), r.Interval)
		}
		for a := range r.Peers.All() {
			if !wire.Connectable(a) {
				t.Errorf("%v cannot be connected to", a)
			}
		}
		for _, compact := range []bool{true, false} {
			again, err := httpwire.ParseAnnounceResponse(r.AppendTo(nil, compact))
			if err != nil || !reflect.DeepEqual(again, r) {
				t.Errorf("compact %v: comes back as %+v, want %+v (%v)", compact, again, r, err)
			}
		}
	})
}
