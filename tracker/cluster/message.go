package cluster

import (
	"encoding/binary"
	"net/netip"

	"p2p/torrentfile/infohash"
	"p2p/tracker/wire"
)

// version is that of every message below. Nodes ignore, and count, what has
// another one.
const version = 1

// kind says what follows the header of a message.
type kind byte

const (
	kindDeltas      kind = 1 + iota // deltas until the end
	kindHello                       // a hello
	kindSyncRequest                 // a syncRequest
	kindSyncPart                    // a syncPart, then deltas and retolds until the end
)

// nodeID names a node for as long as it keeps its data folder.
type nodeID uint64

// header stands before everything that a node says.
//
// 1B version + 1B kind + 8B node + 8B boot + 8B sequence number
type header struct {
	kind kind
	node nodeID
	boot uint64 // differs from start to start of a node
	// seq numbers the batches of deltas from 1; in other messages it is that of
	// the last batch.
	seq uint64
}

const headerSize = 26

// incarnation names a node from one of its starts to the next.
type incarnation uint64

func (h header) incarnation() incarnation {
	const odd = 0x9e3779b97f4a7c15
	return incarnation(uint64(h.node) ^ h.boot*odd)
}

func (h header) append(dst []byte) []byte {
	dst = append(dst, version, byte(h.kind))
	dst = binary.BigEndian.AppendUint64(dst, uint64(h.node))
	dst = binary.BigEndian.AppendUint64(dst, h.boot)
	return binary.BigEndian.AppendUint64(dst, h.seq)
}

// parseHeader returns the header of a message and what follows it.
func parseHeader(b []byte) (h header, rest []byte, ok bool) {
	if len(b) < headerSize || b[0] != version {
		return header{}, nil, false
	}
	h = header{
		kind: kind(b[1]),
		node: nodeID(binary.BigEndian.Uint64(b[2:])),
		boot: binary.BigEndian.Uint64(b[10:]),
		seq:  binary.BigEndian.Uint64(b[18:]),
	}
	return h, b[headerSize:], h.node != 0 && h.boot != 0
}

// delta is what a node tells of one peer.
//
// 1B flags + 20B info-hash + 6B or 18B address + 4B identity + 2B age, and with
// flagCompleted 4B number
type delta struct {
	hash     infohash.T
	peer     netip.AddrPort
	identity uint32 // as the Store condenses it
	age      uint16 // seconds since the peer announced, or left
	seed     bool
	stopped  bool // the peer has left
	// completion numbers the download that the peer has finished, 0 for none;
	// see completions.
	completion uint32
}

// The flags. Others are not known to this version.
const (
	flagIPv6 = 1 << iota
	flagSeed
	flagStopped
	flagCompleted
	flagsEnd // those of a delta are below
)

// The flags of a retold, beside flagIPv6.
const (
	flagRetold = flagsEnd << iota
	flagVoid
)

// maxDelta is the size of the longest delta.
const maxDelta = 1 + infohash.Size + 18 + 4 + 2 + 4

func (d delta) append(dst []byte) []byte {
	flags := byte(0)
	if d.peer.Addr().Is6() {
		flags |= flagIPv6
	}
	if d.seed {
		flags |= flagSeed
	}
	if d.stopped {
		flags |= flagStopped
	}
	if d.completion != 0 {
		flags |= flagCompleted
	}
	dst = append(dst, flags)
	dst = append(dst, d.hash[:]...)
	dst = wire.AppendPeer(dst, d.peer)
	dst = binary.BigEndian.AppendUint32(dst, d.identity)
	dst = binary.BigEndian.AppendUint16(dst, d.age)
	if d.completion != 0 {
		dst = binary.BigEndian.AppendUint32(dst, d.completion)
	}
	return dst
}

// parseDelta returns the delta that b begins with and what follows it. It is
// not ok when there is none that a node could have sent.
func parseDelta(b []byte) (d delta, rest []byte, ok bool) {
	if len(b) < 1+infohash.Size || b[0] >= flagsEnd {
		return delta{}, nil, false
	}
	flags := b[0]
	d = delta{seed: flags&flagSeed != 0, stopped: flags&flagStopped != 0}
	copy(d.hash[:], b[1:])
	completed := flags&flagCompleted != 0
	need := 4 + 2
	if completed {
		need += 4
	}
	if d.peer, b, ok = parsePeer(b[1+infohash.Size:], flags); !ok || len(b) < need {
		return delta{}, nil, false
	}
	d.identity = binary.BigEndian.Uint32(b)
	d.age = binary.BigEndian.Uint16(b[4:])
	if completed {
		d.completion = binary.BigEndian.Uint32(b[6:])
	}
	return d, b[need:], completed == (d.completion != 0) && !(d.stopped && completed)
}

// retold is a completion that is not in the ledger yet, as a sync carries it:
// whoever has heard of it can tell it, for the node where it happened may die.
// It says nothing about the peer. Nodes that do not know it yet, but speak this
// version, take it for a malformed delta and ignore the rest of the message: one with
// retolds has no delta behind them.
//
// 1B flags + 20B info-hash + 6B or 18B address + 8B node + 4B number
type retold struct {
	completion
	finisher
	void bool // another node counts that peer
}

// maxRetold is the size of the longest retold.
const maxRetold = 1 + infohash.Size + 18 + 8 + 4

func (r retold) append(dst []byte) []byte {
	flags := byte(flagRetold)
	if r.peer.Addr().Is6() {
		flags |= flagIPv6
	}
	if r.void {
		flags |= flagVoid
	}
	dst = append(dst, flags)
	dst = append(dst, r.hash[:]...)
	dst = wire.AppendPeer(dst, r.peer)
	dst = binary.BigEndian.AppendUint64(dst, uint64(r.node))
	return binary.BigEndian.AppendUint32(dst, r.number)
}

// parseRetold returns the retold that b begins with and what follows it. It is
// not ok when there is none that a node could have sent.
func parseRetold(b []byte) (r retold, rest []byte, ok bool) {
	if len(b) < 1+infohash.Size || b[0]&^(flagIPv6|flagVoid) != flagRetold {
		return retold{}, nil, false
	}
	flags := b[0]
	r.void = flags&flagVoid != 0
	copy(r.hash[:], b[1:])
	if r.peer, b, ok = parsePeer(b[1+infohash.Size:], flags); !ok || len(b) < 12 {
		return retold{}, nil, false
	}
	r.node = incarnation(binary.BigEndian.Uint64(b))
	r.number = binary.BigEndian.Uint32(b[8:])
	return r, b[12:], r.number != 0
}

// parsePeer returns the address that b begins with, of the family that flags
// say, and what follows it. It is not ok when no peer has that one.
func parsePeer(b []byte, flags byte) (peer netip.AddrPort, rest []byte, ok bool) {
	size := wire.IPv4.PeerSize()
	if flags&flagIPv6 != 0 {
		size = wire.IPv6.PeerSize()
	}
	if len(b) < size {
		return netip.AddrPort{}, nil, false
	}
	addr, _ := netip.AddrFromSlice(b[:size-2])
	peer = netip.AddrPortFrom(addr, binary.BigEndian.Uint16(b[size-2:]))
	return peer, b[size:], wire.Connectable(peer) && !addr.Is4In6()
}

// hello is what a node says about itself once in a while.
//
// 4B seconds since the start + 4B peers + 4B swarms + 1B flags + 1B length + label
type hello struct {
	uptime        uint32 // seconds
	peers, swarms uint32
	synced        bool // it has caught up with the others
	label         string
}

// maxLabel is the longest label of a node, in bytes.
const maxLabel = 64

const helloSize = 14

func (m hello) append(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint32(dst, m.uptime)
	dst = binary.BigEndian.AppendUint32(dst, m.peers)
	dst = binary.BigEndian.AppendUint32(dst, m.swarms)
	flags := byte(0)
	if m.synced {
		flags = 1
	}
	dst = append(dst, flags, byte(len(m.label)))
	return append(dst, m.label...)
}

func parseHello(b []byte) (m hello, ok bool) {
	if len(b) < helloSize || b[12] > 1 || int(b[13]) != len(b)-helloSize {
		return hello{}, false
	}
	label := string(b[helloSize:])
	return hello{
		uptime: binary.BigEndian.Uint32(b),
		peers:  binary.BigEndian.Uint32(b[4:]),
		swarms: binary.BigEndian.Uint32(b[8:]),
		synced: b[12] == 1,
		label:  label,
	}, validLabel(label)
}

// validLabel reports whether s is fit to be shown: printable ASCII.
func validLabel(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return len(s) <= maxLabel
}

// syncRequest asks for parts of the registry of the node that it is sent to.
//
// 4B seconds + 4B part
type syncRequest struct {
	within uint32 // only peers that announced within so many seconds
	part   uint32 // from this one on
}

const syncRequestSize = 8

func (m syncRequest) append(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint32(dst, m.within)
	return binary.BigEndian.AppendUint32(dst, m.part)
}

func parseSyncRequest(b []byte) (m syncRequest, ok bool) {
	if len(b) != syncRequestSize {
		return syncRequest{}, false
	}
	return syncRequest{binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])}, true
}

// syncPart is a piece of the answer to a syncRequest.
//
// 4B part + 4B number of parts + 4B piece + 1B flags
type syncPart struct {
	part, parts uint32 // the part to ask for next; parts when there is none
	piece       uint32 // of this answer, from 0
	last        bool   // no more pieces of this answer
}

const syncPartSize = 13

func (m syncPart) append(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint32(dst, m.part)
	dst = binary.BigEndian.AppendUint32(dst, m.parts)
	dst = binary.BigEndian.AppendUint32(dst, m.piece)
	if m.last {
		return append(dst, 1)
	}
	return append(dst, 0)
}

// parseSyncPart returns what stands before the deltas of b, and
// those, with the retolds.
func parseSyncPart(b []byte) (m syncPart, deltas []byte, ok bool) {
	if len(b) < syncPartSize || b[12] > 1 {
		return syncPart{}, nil, false
	}
	m = syncPart{
		part:  binary.BigEndian.Uint32(b),
		parts: binary.BigEndian.Uint32(b[4:]),
		piece: binary.BigEndian.Uint32(b[8:]),
		last:  b[12] == 1,
	}
	return m, b[syncPartSize:], m.part <= m.parts && m.parts <= maxParts
}

// maxParts bounds the number of parts that another node's registry may have.
const maxParts = 1 << 16
