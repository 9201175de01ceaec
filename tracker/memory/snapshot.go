package memory

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"runtime"
	"time"

	"p2p/tracker/wire"
)

// A snapshot is a header and blocks; all numbers are little-endian.
//
//	header  8B magic, 4B version, 8B key of the identities, 4B time stamp, 4B CRC-32C of the rest
//	block   4B length of the payload, 4B CRC-32C of it, payload: whole portions
//	portion   20B info-hash, 4B completed, 4B born, 4B emptied, 4 x 2B number of
//	        IPv4 seeds, IPv4 leeches, IPv6 seeds, IPv6 leeches, then their records as in a leaf
//	end     a block without payload
//
// The portions of a swarm may be any number. Whoever holds a snapshot knows the addresses of all
// peers and can forge identities.
const (
	snapshotMagic   = "p2ppeers"
	snapshotVersion = 1
	headerSize      = 28
	blockHead       = 8
	portionHead     = 40
	// maxPayload bounds a block. A writer ends it once half of that is full; one
	// step adds no more than stepWork records, or half as many empty swarms.
	maxPayload = 256 << 10
)

// ErrSnapshot is the error of a snapshot that is damaged or none at all.
var ErrSnapshot = errors.New("damaged snapshot")

// ErrForeign is the error, beside ErrSnapshot, of what was never a snapshot, so
// that nobody replaces a file that was named by mistake.
var ErrForeign = errors.New("it is not one of this program")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Snapshot writes all peers and completed counts to w, for Restore. It goes
// through the shards in small steps and writes outside of their locks, so
// announces go on; a peer that is moved by one meanwhile may be missed. It needs
// some hundred KiB of memory. now is the time to which the snapshot belongs.
func (s *Store) Snapshot(w io.Writer, now time.Time) error {
	header := make([]byte, 0, headerSize)
	header = append(header, snapshotMagic...)
	header = binary.LittleEndian.AppendUint32(header, snapshotVersion)
	header = binary.LittleEndian.AppendUint64(header, s.identityKey.Load())
	header = binary.LittleEndian.AppendUint32(header, stamp(now))
	header = binary.LittleEndian.AppendUint32(header, crc32.Checksum(header, castagnoli))
	if _, err := w.Write(header); err != nil {
		return fmt.Errorf("snapshot: %w", err)
	}
	buf := make([]byte, blockHead, maxPayload/2)
	for i := range s.shards {
		for at := (sweep{swarm: maxIndexed}); at.swarm >= 0; {
			buf = s.shards[i].dump(&at, buf)
			if len(buf) < maxPayload/2 {
				continue
			}
			if err := writeBlock(w, buf); err != nil {
				return fmt.Errorf("snapshot: %w", err)
			}
			buf = buf[:blockHead]
			runtime.Gosched()
		}
	}
	var err error
	if len(buf) > blockHead {
		err = writeBlock(w, buf)
	}
	if err == nil {
		err = writeBlock(w, buf[:blockHead])
	}
	if err != nil {
		return fmt.Errorf("snapshot: %w", err)
	}
	return nil
}

// writeBlock writes a block, for whose head there is room at the start of b.
func writeBlock(w io.Writer, b []byte) error {
	payload := b[blockHead:]
	binary.LittleEndian.PutUint32(b, uint32(len(payload)))
	binary.LittleEndian.PutUint32(b[4:], crc32.Checksum(payload, castagnoli))
	_, err := w.Write(b)
	return err
}

// dump appends the portions of some swarms, from where w stands on, and moves w. It
// does no more work than a step of expiry.
func (sh *shard) dump(w *sweep, buf []byte) []byte {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	for work := stepWork; work > 0; work -= 4 {
		w.swarm = min(w.swarm, sh.swarms.n-1)
		if w.swarm < 0 {
			return buf
		}
		sw := sh.swarms.at(w.swarm)
		if !w.inside || sw.hash != w.hash {
			w.family, w.peer, w.inside, w.hash = wire.IPv4, maxIndexed, true, sw.hash
		}
		if buf = sh.dumpSwarm(w, buf, &work); w.inside {
			return buf
		}
		w.swarm--
	}
	return buf
}

// dumpSwarm appends one portion of the swarm at which w stands. w is not inside any
// more when that was the last one.
func (sh *shard) dumpSwarm(w *sweep, buf []byte, work *int) []byte {
	sw := sh.swarms.at(w.swarm)
	at := len(buf)
	buf = append(buf, sw.hash[:]...)
	buf = binary.LittleEndian.AppendUint32(buf, sw.completed)
	buf = binary.LittleEndian.AppendUint32(buf, sw.born)
	buf = binary.LittleEndian.AppendUint32(buf, sw.emptied)
	buf = append(buf, make([]byte, 8)...)
	var counts [4]uint16
	for {
		v := sh.view(w.swarm, w.family)
		kind := counts[2*w.family:]
		for w.peer = min(w.peer, int(v.t.n)-1); w.peer >= 0 && *work > 0; w.peer-- {
			*work--
			buf = append(buf, v.record(w.peer)...)
			if v.t.isSeed(w.peer) {
				kind[0]++
			} else {
				kind[1]++
			}
		}
		if w.peer >= 0 {
			break
		}
		if w.family == wire.IPv6 {
			w.inside = false
			break
		}
		w.family, w.peer = wire.IPv6, maxIndexed
	}
	for i, n := range counts {
		binary.LittleEndian.PutUint16(buf[at+32+2*i:], n)
	}
	return buf
}
