package memory

import (
	"encoding/binary"
	"hash/maphash"

	"p2p/tracker/wire"
)

// rule says which peers come from one address, so that one address cannot fill a
// swarm with peers that are not there.
//
// An address is all of an IPv4 address, and the first 64 bits of an IPv6 address:
// who has one address of a network has them all. Peers of one address have one
// hash, so that a search for one of them meets the others, and counts them at no cost.
type rule struct {
	ports int // the most peers of one address in a swarm; 0 for any number
}

// The bytes of a compact peer that are its address as a rule counts it.
const (
	group4 = 4
	group6 = 8
)

// group returns how many bytes of a compact peer say which address it comes
// from: all of them when peers of one address are not counted together.
func (r rule) group(key []byte) int {
	switch {
	case r.ports == 0 || isLocal(key):
		return len(key)
	case len(key) == 6:
		return group4
	default:
		return group6
	}
}

// isLocal reports whether a compact peer is on this machine. No limit is for
// those: labs and load generators live there, strangers do not.
func isLocal(key []byte) bool {
	if len(key) == 6 {
		return key[0] == 127
	}
	return string(key[:16]) == loopback6
}

const loopback6 = "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01"

// hash returns the hash by which a peer is found.
func (r rule) hash(key []byte) uint64 { return maphash.Bytes(hashSeed, key[:r.group(key)]) }

// peer is an announce in the terms of this package.
type peer struct {
	family    wire.Family
	key       []byte // compact address
	word      uint64 // the same as a number, of an IPv4 peer
	group     int    // how many bytes of it say where it comes from; see rule
	hash      uint64
	identity  uint32 // 0 for nobody's
	seen      uint32
	seed      bool
	completed bool // says that it has just finished
	both      bool // wants peers of both families
}

// locate fills in what p is found by, which follows from its key.
func (p *peer) locate(r rule) {
	p.group = r.group(p.key)
	p.hash = maphash.Bytes(hashSeed, p.key[:p.group])
	if p.family == wire.IPv4 {
		p.word = uint64(binary.LittleEndian.Uint32(p.key)) | uint64(binary.LittleEndian.Uint16(p.key[4:]))<<32
	}
}

// is reports whether r is the record of p.
func (p *peer) is(r record) bool {
	if p.family == wire.IPv4 {
		return binary.LittleEndian.Uint64(r)<<16 == p.word<<16
	}
	return string(r[:18]) == string(p.key)
}
