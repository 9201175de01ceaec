package pex

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"p2p/torrentfile/benc"
)

// Limits of a message.
const (
	// maxMessage is the longest message that is read, in bytes. The first of a
	// connection may have all peers of a client; 200 of IPv6 that came and 200
	// that left take 8 KiB.
	maxMessage = 16 << 10
	// maxListed is how many contacts of a message are looked at.
	maxListed = 200
	// maxTold is how many contacts we add, and how many we drop, in a message.
	// BEP 11: "Except for the initial PEX message the combined amount of added
	// v4/v6 contacts should not exceed 50 entries. The same applies to dropped
	// entries."
	maxTold = 50
)

// The flags of a contact that we know something about.
const (
	flagSeed     = 0x02 // "seed/upload_only"
	flagOutgoing = 0x10 // "outgoing connection, peer is reachable"
)

// contact is a peer that can be dialled.
type contact struct {
	addr  netip.AddrPort
	flags byte
}

// The lengths of a compact contact: 4B or 16B of address + 2B port, in network
// order.
const (
	sizeV4 = 4 + 2
	sizeV6 = 16 + 2
)

// parse returns the contacts that a message adds, at most maxListed. They may have
// any addresses. The error is that of something that is no bencoded dictionary,
// or far too long.
func parse(payload []byte) ([]contact, error) {
	values, err := benc.Pick(payload, benc.Limits{Size: maxMessage, Tokens: 1000}, "added", "added6", "added.f", "added6.f")
	if err != nil {
		return nil, fmt.Errorf("peer exchange message: %w", err)
	}
	var all []contact
	for i, size := range []int{sizeV4, sizeV6} {
		list, _ := benc.String(values[i])
		flags, _ := benc.String(values[i+2])
		for n := 0; len(list) >= size && len(all) < maxListed; n++ {
			addr, _ := netip.AddrFromSlice(list[:size-2])
			c := contact{addr: netip.AddrPortFrom(addr.Unmap(), binary.BigEndian.Uint16(list[size-2:size]))}
			if n < len(flags) { // "optional"
				c.flags = flags[n]
			}
			all, list = append(all, c), list[size:]
		}
	}
	return all, nil
}

// message is what we tell a peer.
type message struct {
	Added       string `bencode:"added,omitempty"`
	AddedFlags  string `bencode:"added.f,omitempty"`
	Added6      string `bencode:"added6,omitempty"`
	Added6Flags string `bencode:"added6.f,omitempty"`
	Dropped     string `bencode:"dropped,omitempty"`
	Dropped6    string `bencode:"dropped6,omitempty"`
}

// compose returns the payload that tells who came and who left.
func compose(added []contact, dropped []netip.AddrPort) []byte {
	var m message
	for _, c := range added {
		if c.addr.Addr().Is4() {
			m.Added += compact(c.addr)
			m.AddedFlags += string([]byte{c.flags})
		} else {
			m.Added6 += compact(c.addr)
			m.Added6Flags += string([]byte{c.flags})
		}
	}
	for _, a := range dropped {
		if a.Addr().Is4() {
			m.Dropped += compact(a)
		} else {
			m.Dropped6 += compact(a)
		}
	}
	b, err := benc.Marshal(m)
	if err != nil {
		panic(fmt.Sprintf("pex: marshal message: %v", err)) // only strings
	}
	return b
}

func compact(a netip.AddrPort) string {
	return string(binary.BigEndian.AppendUint16(a.Addr().AsSlice(), a.Port()))
}
