package udpwire

import (
	"encoding/binary"
	"fmt"

	"p2p/torrentfile/infohash"
)

// MaxScrape is the most torrents that a scrape names here. BEP 15: "Up to about
// 74 torrents can be scraped at once": the response then fits a datagram that
// no common network cuts in pieces.
const MaxScrape = 74

// ScrapeRequest asks for the counts of some torrents.
//
// 8B connection id + 4B action 2 + 4B transaction id + (20B info-hash)*
type ScrapeRequest struct {
	ConnectionID  uint64
	TransactionID uint32
	InfoHashes    []infohash.T // 1 to MaxScrape
}

// ParseScrapeRequest reads a scrape request. It appends the info-hashes to
// hashes[:0] and shares no memory with b: a caller that passes a slice of
// capacity MaxScrape causes no allocation. A request that names no torrent is
// malformed; of one that names more than MaxScrape, the first ones count, and a
// part of an info-hash at the end does not.
func ParseScrapeRequest(b []byte, hashes []infohash.T) (ScrapeRequest, error) {
	h, err := parseRequest(b, Scrape)
	if err != nil {
		return ScrapeRequest{}, err
	}
	n := min((len(b)-HeaderSize)/infohash.Size, MaxScrape)
	if n == 0 {
		return ScrapeRequest{}, fmt.Errorf("%w: scrape request without an info-hash", ErrMalformed)
	}
	hashes = hashes[:0]
	for i := range n {
		hashes = append(hashes, infohash.T(b[HeaderSize+i*infohash.Size:][:infohash.Size]))
	}
	return ScrapeRequest{ConnectionID: h.ConnectionID, TransactionID: h.TransactionID, InfoHashes: hashes}, nil
}

// AppendTo appends r to dst.
func (r ScrapeRequest) AppendTo(dst []byte) []byte {
	dst = Header{ConnectionID: r.ConnectionID, Action: Scrape, TransactionID: r.TransactionID}.appendTo(dst)
	for _, h := range r.InfoHashes {
		dst = append(dst, h[:]...)
	}
	return dst
}

// countsSize is the length of a Counts in a packet.
const countsSize = 12

// Counts is what a tracker knows about one torrent.
//
// 4B seeders + 4B completed + 4B leechers
type Counts struct {
	Seeders   uint32
	Completed uint32 // peers that ever finished
	Leechers  uint32
}

// ScrapeResponse answers a scrape, with the counts in the order of the request.
//
// 4B action 2 + 4B transaction id + (4B seeders + 4B completed + 4B leechers)*
type ScrapeResponse struct {
	TransactionID uint32
	Counts        []Counts
}

// ParseScrapeResponse reads a scrape response. It may hold fewer counts than
// were asked for, never more than the packet carries.
func ParseScrapeResponse(b []byte) (ScrapeResponse, error) {
	h, err := parseResponse(b, Scrape, responseHeaderSize)
	if err != nil {
		return ScrapeResponse{}, err
	}
	r := ScrapeResponse{TransactionID: h.TransactionID}
	b = b[responseHeaderSize:]
	r.Counts = make([]Counts, 0, len(b)/countsSize)
	for ; len(b) >= countsSize; b = b[countsSize:] {
		r.Counts = append(r.Counts, Counts{
			Seeders:   binary.BigEndian.Uint32(b),
			Completed: binary.BigEndian.Uint32(b[4:]),
			Leechers:  binary.BigEndian.Uint32(b[8:]),
		})
	}
	return r, nil
}

// AppendTo appends r to dst.
func (r ScrapeResponse) AppendTo(dst []byte) []byte {
	dst = ResponseHeader{Action: Scrape, TransactionID: r.TransactionID}.appendTo(dst)
	for _, c := range r.Counts {
		dst = binary.BigEndian.AppendUint32(dst, c.Seeders)
		dst = binary.BigEndian.AppendUint32(dst, c.Completed)
		dst = binary.BigEndian.AppendUint32(dst, c.Leechers)
	}
	return dst
}
