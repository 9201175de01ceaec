package udpwire_test

import (
	"bytes"
	"testing"

	"p2p/tracker/udpwire"
	"p2p/tracker/wire"
)

func FuzzRequest(f *testing.F) {
	f.Add(udpwire.ConnectRequest{TransactionID: 7}.AppendTo(nil))
	f.Add(udpwire.AnnounceRequest{NumWant: -1, Event: wire.Stopped, Options: udpwire.AppendOptions(nil, "/a?b")}.AppendTo(nil))
	f.Add(bytes.Repeat([]byte{0, 0, 0, 2}, 20))
	f.Fuzz(func(t *testing.T, b []byte) {
		before := bytes.Clone(b)
		if r, err := udpwire.ParseConnectRequest(b); err == nil && !bytes.HasPrefix(b, r.AppendTo(nil)) {
			t.Errorf("connect request comes back as %x", r.AppendTo(nil))
		}
		if r, err := udpwire.ParseAnnounceRequest(b); err == nil {
			again := r.AppendTo(nil)
			copy(again[80:84], b[80:84]) // unknown events are read as none
			if !bytes.Equal(again, b) {
				t.Errorf("announce request comes back as %x", again)
			}
			if url := r.URLData(nil); len(url) > len(r.Options) {
				t.Errorf("%d bytes of URL in %d bytes of options", len(url), len(r.Options))
			}
		}
		if r, err := udpwire.ParseScrapeRequest(b, nil); err == nil {
			if len(r.InfoHashes) == 0 || len(r.InfoHashes) > udpwire.MaxScrape || !bytes.HasPrefix(b, r.AppendTo(nil)) {
				t.Errorf("scrape request of %d bytes has %d info-hashes", len(b), len(r.InfoHashes))
			}
		}
		if !bytes.Equal(b, before) {
			t.Error("parsing changed the packet")
		}
	})
}

func FuzzResponse(f *testing.F) {
	f.Add(udpwire.ConnectResponse{TransactionID: 7, ConnectionID: 9}.AppendTo(nil))
	f.Add(udpwire.AnnounceResponse{Interval: 1800, Peers: []byte{1, 2, 3, 4, 5, 6}}.AppendTo(nil))
	f.Add(udpwire.ScrapeResponse{Counts: make([]udpwire.Counts, 2)}.AppendTo(nil))
	f.Add(udpwire.ErrorResponse{Message: "no"}.AppendTo(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := udpwire.ParseConnectResponse(b); err == nil && !bytes.HasPrefix(b, r.AppendTo(nil)) {
			t.Errorf("connect response comes back as %x", r.AppendTo(nil))
		}
		if r, err := udpwire.ParseAnnounceResponse(b); err == nil {
			if !bytes.Equal(b, r.AppendTo(nil)) {
				t.Errorf("announce response comes back as %x", r.AppendTo(nil))
			}
			if len(r.PeersOf(wire.IPv4)) > len(b)/6 || len(r.PeersOf(wire.IPv6)) > len(b)/18 {
				t.Errorf("more peers than %d bytes can hold", len(b))
			}
		}
		if r, err := udpwire.ParseScrapeResponse(b); err == nil && !bytes.HasPrefix(b, r.AppendTo(nil)) {
			t.Errorf("scrape response comes back as %x", r.AppendTo(nil))
		}
		if r, err := udpwire.ParseErrorResponse(b); err == nil && !bytes.HasPrefix(b, r.AppendTo(nil)) {
			t.Errorf("error response comes back as %x", r.AppendTo(nil))
		}
	})
}
