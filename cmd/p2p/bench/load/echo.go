package load

import (
	"encoding/binary"

	"p2p/tracker/udpwire"
	"p2p/tracker/wire"
)

// EchoPeers is how many peers an answer of Echo over IPv4 claims to have; the
// packet has 188 bytes then. Over IPv6 there are a third as many.
const EchoPeers = 28

// echoAnswer writes an answer to request into b, which has room, and returns it:
// the least that a client understands. It returns nothing for what is no
// request.
func echoAnswer(b, request []byte, f wire.Family) []byte {
	if len(request) < udpwire.HeaderSize {
		return nil
	}
	copy(b, request[8:16]) // action and transaction id
	switch udpwire.Action(binary.BigEndian.Uint32(request[8:])) {
	case udpwire.Connect:
		return b[:udpwire.ConnectSize]
	case udpwire.Announce:
		if f == wire.IPv6 {
			return b[:udpwire.AnnounceResponseSize+EchoPeers/3*f.PeerSize()]
		}
		return b[:udpwire.AnnounceResponseSize+EchoPeers*f.PeerSize()]
	case udpwire.Scrape:
		return b[:scrapeOfOne]
	}
	return nil
}
