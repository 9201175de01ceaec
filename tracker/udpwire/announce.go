package udpwire

import (
	"encoding/binary"
	"net/netip"

	"p2p/torrentfile/infohash"
	"p2p/tracker/wire"
)

// AnnounceRequestSize is the length of an announce request before its options.
const AnnounceRequestSize = 98

// AnnounceResponseSize is the length of an announce response before its peers.
const AnnounceResponseSize = 20

// DefaultNumWant is the value of NumWant with which a client leaves the number
// of peers to the tracker.
const DefaultNumWant = -1

// AnnounceRequest tells a tracker about a peer and asks for others. The layout
// is the same over IPv4 and IPv6.
//
//	 0  8B connection id + 4B action 1 + 4B transaction id
//	16  20B info-hash + 20B peer id
//	56  8B downloaded + 8B left + 8B uploaded
//	80  4B event + 4B IP address + 4B key + 4B num_want + 2B port
//	98  options (BEP 41)
//
// All of it is what the sender says. The port and the numbers may be anything.
type AnnounceRequest struct {
	ConnectionID  uint64
	TransactionID uint32
	InfoHash      infohash.T
	PeerID        [wire.PeerIDSize]byte
	Downloaded    uint64 // bytes
	Left          uint64 // bytes; zero makes the peer a seed
	Uploaded      uint64 // bytes
	Event         wire.Event
	IP            [4]byte // address that the sender claims, zero for "the source address"
	Key           uint32
	NumWant       int32 // peers wanted; negative for the tracker's default
	Port          uint16
	// Options holds the options of BEP 41 as they stand in the packet. A parsed
	// request shares them with the packet. See AppendOptions and URLData.
	Options []byte
}

// ParseAnnounceRequest reads an announce request. Options shares b. An event
// that BEP 15 does not know is read as none.
func ParseAnnounceRequest(b []byte) (AnnounceRequest, error) {
	h, err := parseRequest(b, Announce)
	if err != nil {
		return AnnounceRequest{}, err
	}
	if len(b) < AnnounceRequestSize {
		return AnnounceRequest{}, short("announce request", len(b), AnnounceRequestSize)
	}
	r := AnnounceRequest{
		ConnectionID:  h.ConnectionID,
		TransactionID: h.TransactionID,
		InfoHash:      infohash.T(b[16:36]),
		PeerID:        [wire.PeerIDSize]byte(b[36:56]),
		Downloaded:    binary.BigEndian.Uint64(b[56:]),
		Left:          binary.BigEndian.Uint64(b[64:]),
		Uploaded:      binary.BigEndian.Uint64(b[72:]),
		IP:            [4]byte(b[84:88]),
		Key:           binary.BigEndian.Uint32(b[88:]),
		NumWant:       int32(binary.BigEndian.Uint32(b[92:])),
		Port:          binary.BigEndian.Uint16(b[96:]),
		Options:       b[AnnounceRequestSize:],
	}
	if event := binary.BigEndian.Uint32(b[80:]); event <= uint32(wire.Stopped) {
		r.Event = wire.Event(event)
	}
	return r, nil
}

// AppendTo appends r to dst.
func (r AnnounceRequest) AppendTo(dst []byte) []byte {
	dst = Header{ConnectionID: r.ConnectionID, Action: Announce, TransactionID: r.TransactionID}.appendTo(dst)
	dst = append(dst, r.InfoHash[:]...)
	dst = append(dst, r.PeerID[:]...)
	dst = binary.BigEndian.AppendUint64(dst, r.Downloaded)
	dst = binary.BigEndian.AppendUint64(dst, r.Left)
	dst = binary.BigEndian.AppendUint64(dst, r.Uploaded)
	dst = binary.BigEndian.AppendUint32(dst, uint32(r.Event))
	dst = append(dst, r.IP[:]...)
	dst = binary.BigEndian.AppendUint32(dst, r.Key)
	dst = binary.BigEndian.AppendUint32(dst, uint32(r.NumWant))
	dst = binary.BigEndian.AppendUint16(dst, r.Port)
	return append(dst, r.Options...)
}

// AnnounceResponse answers an announce.
//
//	 0  4B action 1 + 4B transaction id + 4B interval + 4B leechers + 4B seeders
//	20  peers: (4B address + 2B port)* over IPv4, (16B address + 2B port)* over IPv6
//
// BEP 15: "Which format is used is determined by the address family of the
// underlying UDP packet."
type AnnounceResponse struct {
	TransactionID uint32
	Interval      uint32 // seconds; a client bounds it before it trusts it
	Leechers      uint32
	Seeders       uint32
	// Peers is the compact list, all of one family; the packet does not say
	// which. A parsed response shares it with the packet. See PeersOf.
	Peers []byte
}

// ParseAnnounceResponse reads an announce response. Peers shares b.
func ParseAnnounceResponse(b []byte) (AnnounceResponse, error) {
	h, err := parseResponse(b, Announce, AnnounceResponseSize)
	if err != nil {
		return AnnounceResponse{}, err
	}
	return AnnounceResponse{
		TransactionID: h.TransactionID,
		Interval:      binary.BigEndian.Uint32(b[8:]),
		Leechers:      binary.BigEndian.Uint32(b[12:]),
		Seeders:       binary.BigEndian.Uint32(b[16:]),
		Peers:         b[AnnounceResponseSize:],
	}, nil
}

// PeersOf returns the peers of r, which came in a packet of family f, without
// those that nobody can connect to (see wire.ParsePeers).
func (r AnnounceResponse) PeersOf(f wire.Family) []netip.AddrPort {
	return wire.ParsePeers(make([]netip.AddrPort, 0, len(r.Peers)/f.PeerSize()), r.Peers, f)
}

// AppendTo appends r to dst.
func (r AnnounceResponse) AppendTo(dst []byte) []byte {
	dst = ResponseHeader{Action: Announce, TransactionID: r.TransactionID}.appendTo(dst)
	dst = binary.BigEndian.AppendUint32(dst, r.Interval)
	dst = binary.BigEndian.AppendUint32(dst, r.Leechers)
	dst = binary.BigEndian.AppendUint32(dst, r.Seeders)
	return append(dst, r.Peers...)
}
