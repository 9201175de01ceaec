package httpwire

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"time"

	"p2p/torrentfile/benc"
	"p2p/tracker/wire"
)

// MaxBody is the longest response body that is parsed, in bytes. Ten thousand
// compact peers fit; whoever reads a body from a socket stops one byte later.
const MaxBody = 256 << 10

// MaxPeers is the most peers that a parsed response holds; the rest is dropped.
const MaxPeers = 2000

const (
	// maxText bounds every text that is kept of a response, in bytes.
	maxText = 1024
	// maxInterval bounds every time span of a response.
	maxInterval = 7 * 24 * time.Hour
)

// limits bounds the bencode of a response: a peer as a dictionary is 7 values,
// a file of a scrape 8, and nothing is nested deeper than that.
var limits = benc.Limits{Size: MaxBody, Depth: 8, Tokens: 100_000}

// ErrMalformed is wrapped by the errors for bodies that are not a response.
var ErrMalformed = errors.New("malformed tracker response")

// ParseAnnounceResponse reads the body of a response to an announce. The error is
// a *Failure when the tracker refused. Peers come in either form; those that
// are malformed, named by a domain name or impossible to connect to are skipped,
// for they are no reason to lose the others. Time spans are cut to 0..7 days;
// one that is missing or wrong is 0, a count -1. Nothing shares memory with body.
func ParseAnnounceResponse(body []byte) (AnnounceResponse, error) {
	values, err := pick(body, "failure reason", "retry in", "interval", "min interval",
		"complete", "incomplete", "downloaded", "peers", "peers6", "external ip",
		"warning message", "tracker id")
	if err != nil {
		return AnnounceResponse{}, err
	}
	if f := parseFailure(values[0], values[1]); f != nil {
		return AnnounceResponse{}, f
	}
	r := AnnounceResponse{
		Interval:    seconds(values[2]),
		MinInterval: seconds(values[3]),
		Complete:    count(values[4]),
		Incomplete:  count(values[5]),
		Downloaded:  count(values[6]),
		Warning:     text(values[10]),
		TrackerID:   text(values[11]),
	}
	addPeers(&r.Peers, values[7], wire.IPv4)
	addPeers(&r.Peers, values[8], wire.IPv6)
	if ip, ok := benc.String(values[9]); ok {
		if addr, ok := netip.AddrFromSlice(ip); ok {
			r.ExternalIP = addr.Unmap()
		}
	}
	return r, nil
}

// pick returns the values of keys in the dictionary body. White space after the
// end, which some trackers send, is ignored.
func pick(body []byte, keys ...string) ([][]byte, error) {
	values, err := benc.Pick(bytes.TrimRight(body, "\r\n\t "), limits, keys...)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return values, nil
}

// addPeers adds the peers of one value: a string of compact peers of family f,
// or a list of dictionaries.
func addPeers(peers *wire.Peers, value []byte, f wire.Family) {
	if compact, ok := benc.String(value); ok {
		most := min(len(compact), MaxPeers*f.PeerSize())
		for _, a := range wire.ParsePeers(nil, compact[:most], f) {
			addPeer(peers, a)
		}
		return
	}
	items, err := benc.Items(value, limits)
	if err != nil {
		return
	}
	for item := range items {
		fields, err := benc.Pick(item, limits, "ip", "port")
		if err != nil {
			continue
		}
		addr, err := netip.ParseAddr(text(fields[0]))
		port, ok := integer(fields[1])
		if err != nil || !ok || port < 1 || port > 65535 {
			continue
		}
		addPeer(peers, netip.AddrPortFrom(addr.Unmap().WithZone(""), uint16(port)))
	}
}

func addPeer(peers *wire.Peers, a netip.AddrPort) {
	if wire.Connectable(a) && peers.Len() < MaxPeers {
		peers.Add(a)
	}
}

// integer reads a bencoded integer that has passed the scan of benc.
func integer(value []byte) (int64, bool) {
	if len(value) < 3 || value[0] != 'i' {
		return 0, false
	}
	return number(string(value[1 : len(value)-1]))
}

// count reads a number of peers, at most 2^31-1: -1 when there is none.
func count(value []byte) int {
	n, ok := integer(value)
	if !ok || n < 0 {
		return -1
	}
	return int(min(n, math.MaxInt32))
}

// seconds reads a time span.
func seconds(value []byte) time.Duration {
	n, ok := integer(value)
	if !ok || n < 0 {
		return 0
	}
	return bounded(n, time.Second)
}

// bounded returns n units, at most maxInterval, without overflow.
func bounded(n int64, unit time.Duration) time.Duration {
	return time.Duration(min(n, int64(maxInterval/unit))) * unit
}

// text reads a string and cuts it at maxText.
func text(value []byte) string {
	s, _ := benc.String(value)
	return string(s[:min(len(s), maxText)])
}
