package memory

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"time"

	"p2p/torrentfile/infohash"
	"p2p/tracker/wire"
)

// Restore reads what Snapshot wrote and returns how many peers it put into the
// store. Peers that last announced before a point in time are left out, as are
// those for which there is no room and those that the store knows already; time stamps later than now
// are taken for now. The completed counts are kept. A snapshot that is cut off
// or damaged gives what stands before the damage, and an error that is ErrSnapshot. It needs
// some hundred KiB of memory, whatever it reads.
//
// The store should be empty: it then takes over the key of the identities, so
// that a client under two addresses is still known as one. Else that is forgotten
// until each announces again.
func (s *Store) Restore(r io.Reader, before, now time.Time) (peers int, err error) {
	key, err := readHeader(r)
	if err != nil {
		return 0, fmt.Errorf("restore: %w", err)
	}
	if s.Tally().Swarms == 0 {
		s.identityKey.Store(key)
	}
	in := restoring{
		s: s, limit: stamp(before), now: stamp(now),
		anonymous: s.identityKey.Load() != key,
	}
	for buf := []byte(nil); ; {
		buf, err = readBlock(r, buf)
		if err == nil && len(buf) > 0 {
			err = in.block(buf)
		}
		if err != nil {
			return in.peers, fmt.Errorf("restore: %w", err)
		}
		if len(buf) == 0 {
			return in.peers, nil
		}
	}
}

var errCut = fmt.Errorf("%w: it is cut off", ErrSnapshot)

// readFull is io.ReadFull for bytes that must be there.
func readFull(r io.Reader, b []byte) error {
	_, err := io.ReadFull(r, b)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errCut
	}
	return err
}

func readHeader(r io.Reader) (key uint64, err error) {
	var b [headerSize]byte
	n, err := io.ReadFull(r, b[:])
	start := min(n, len(snapshotMagic))
	switch {
	case string(b[:start]) != snapshotMagic[:start]:
		return 0, fmt.Errorf("%w: %w", ErrSnapshot, ErrForeign)
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return 0, errCut
	case err != nil:
		return 0, err
	case binary.LittleEndian.Uint32(b[24:]) != crc32.Checksum(b[:24], castagnoli):
		return 0, fmt.Errorf("%w: wrong checksum", ErrSnapshot)
	case binary.LittleEndian.Uint32(b[8:]) != snapshotVersion:
		return 0, fmt.Errorf("%w: of another version of this program", ErrSnapshot)
	}
	return binary.LittleEndian.Uint64(b[12:]), nil
}

// readBlock reads a payload into the memory of buf, which grows to no more than
// maxPayload.
func readBlock(r io.Reader, buf []byte) ([]byte, error) {
	var head [blockHead]byte
	if err := readFull(r, head[:]); err != nil {
		return nil, err
	}
	n := int64(binary.LittleEndian.Uint32(head[:]))
	if n > maxPayload {
		return nil, fmt.Errorf("%w: a block of %d bytes", ErrSnapshot, n)
	}
	if int64(cap(buf)) < n {
		buf = make([]byte, n)
	}
	buf = buf[:n]
	if err := readFull(r, buf); err != nil {
		return nil, err
	}
	if binary.LittleEndian.Uint32(head[4:]) != crc32.Checksum(buf, castagnoli) {
		return nil, fmt.Errorf("%w: wrong checksum", ErrSnapshot)
	}
	return buf, nil
}

// restoring is a Restore under way.
type restoring struct {
	s          *Store
	limit, now uint32
	anonymous  bool // identities have no meaning in this store
	peers      int
}

// portion is the head of a portion.
type portion struct {
	hash                     infohash.T
	completed, born, emptied uint32
}

// block puts the portions of a block into the store.
func (in *restoring) block(b []byte) error {
	for len(b) > 0 {
		if len(b) < portionHead {
			return fmt.Errorf("%w: a block ends within a portion", ErrSnapshot)
		}
		c := portion{
			completed: binary.LittleEndian.Uint32(b[20:]),
			born:      min(binary.LittleEndian.Uint32(b[24:]), in.now),
			emptied:   binary.LittleEndian.Uint32(b[28:]),
		}
		copy(c.hash[:], b)
		var counts [4]int
		for i := range counts {
			counts[i] = int(binary.LittleEndian.Uint16(b[32+2*i:]))
		}
		b = b[portionHead:]
		for i, n := range counts {
			f := wire.Family(i / 2)
			if len(b) < n*recordSize(f) {
				return fmt.Errorf("%w: a block ends within a portion", ErrSnapshot)
			}
			for range n {
				in.peer(&c, record(b[:recordSize(f)]), i%2 == 0)
				b = b[recordSize(f):]
			}
		}
		in.complete(&c)
	}
	return nil
}

// peer puts one peer into the store, if it may be there.
func (in *restoring) peer(c *portion, r record, seed bool) {
	addr := addrPort(r.key())
	if r.seen() < in.limit || !wire.Connectable(addr) || addr.Addr().Is4In6() {
		return
	}
	p := peer{
		family: wire.FamilyOf(addr.Addr()), key: r.key(),
		identity: r.identity(), seen: max(min(r.seen(), in.now), 1), seed: seed,
	}
	if in.anonymous {
		p.identity = 0
	}
	key := hashOf(&c.hash)
	sh := in.s.shard(key)
	p.locate(sh.rule)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	isNew := true
	if pos := sh.find(key, &c.hash); pos >= 0 {
		isNew = false
		v := sh.view(pos, p.family)
		if at, _ := v.find(&p); at >= 0 {
			return
		}
	}
	var v view
	at, ok := in.s.insert(sh, &v, key, &c.hash, &p)
	if !ok {
		return
	}
	v.record(at).setTail(p.identity, p.seen, r.isCounted())
	if isNew {
		sh.swarms.at(v.owner).born = c.born
	}
	in.peers++
}

// complete restores the completed count of a swarm, also of one without peers.
func (in *restoring) complete(c *portion) {
	if c.completed == 0 {
		return
	}
	key := hashOf(&c.hash)
	sh := in.s.shard(key)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	pos, ok := sh.find(key, &c.hash), true
	if pos < 0 {
		if pos, ok = sh.open(key, &c.hash, c.born); !ok {
			return
		}
		// The peers of a swarm that had some are past their time by now.
		sh.swarms.at(pos).emptied = in.now
		if c.emptied > 0 {
			sh.swarms.at(pos).emptied = min(c.emptied, in.now)
		}
	}
	sw := sh.swarms.at(pos)
	sw.completed = max(sw.completed, c.completed)
}
