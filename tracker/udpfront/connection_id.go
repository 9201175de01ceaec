package udpfront

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/subtle"
	"encoding/binary"
	"net/netip"
	"time"
)

const (
	// epochLength is how long the same ids are handed out to an address.
	epochLength = 5 * time.Minute
	// oldEpochs is how many epochs back an id is still accepted, so it is good
	// for 10 to 15 minutes. BEP 15: "Trackers should accept the connection ID
	// until two minutes after it has been send"; clients in use keep ids for
	// longer than the minute that they should.
	oldEpochs = 2
	// epochBits is how many of the low bits of an id hold those of its epoch.
	epochBits = 2
	epochMask = 1<<epochBits - 1
)

// KeySize is the length of the key of connection ids in bytes.
const KeySize = 16

// connectionIDs makes and checks connection ids without remembering any. An id is a
// message authentication code of the address and the epoch, so it is of no use
// to any other address and stops being valid by itself:
//
//	62 bits of AES(key, AES(key, epoch) xor address), 2 bits of epoch
//
// which is CBC-MAC over two blocks, safe for messages of one fixed length. The
// port is not part of it: behind some NATs every packet of a client has another.
//
// It is owned by one loop: the scratch blocks spare it an allocation per packet.
type connectionIDs struct {
	block   cipher.Block
	started time.Time
	scratch [aes.BlockSize]byte
	address [aes.BlockSize]byte
}

// newConnectionIDs returns the ids of key, KeySize bytes, or of a random key
// when it is nil.
func newConnectionIDs(key []byte, now time.Time) (*connectionIDs, error) {
	if key == nil {
		key = make([]byte, KeySize)
		rand.Read(key)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return &connectionIDs{block: block, started: now}, nil
}

// epoch returns the number of the epoch of a time.
func (c *connectionIDs) epoch(now time.Time) uint64 {
	return uint64(max(0, now.Sub(c.started)) / epochLength)
}

// at returns the id of addr in an epoch.
func (c *connectionIDs) at(epoch uint64, addr netip.Addr) uint64 {
	clear(c.scratch[:])
	binary.BigEndian.PutUint64(c.scratch[:], epoch)
	c.block.Encrypt(c.scratch[:], c.scratch[:])
	c.address = addr.As16()
	subtle.XORBytes(c.scratch[:], c.scratch[:], c.address[:])
	c.block.Encrypt(c.scratch[:], c.scratch[:])
	return binary.BigEndian.Uint64(c.scratch[:])&^epochMask | epoch&epochMask
}

// issue returns the id for addr.
func (c *connectionIDs) issue(now time.Time, addr netip.Addr) uint64 {
	return c.at(c.epoch(now), addr)
}

// valid reports whether id was issued to addr and is not too old.
func (c *connectionIDs) valid(id uint64, now time.Time, addr netip.Addr) bool {
	current := c.epoch(now)
	age := (current - id) & epochMask
	if age > oldEpochs || age > current {
		return false
	}
	var got, want [8]byte
	binary.BigEndian.PutUint64(got[:], id)
	binary.BigEndian.PutUint64(want[:], c.at(current-age, addr))
	return subtle.ConstantTimeCompare(got[:], want[:]) == 1
}
