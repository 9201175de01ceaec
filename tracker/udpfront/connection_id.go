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
// inner block is made once an epoch: it is in effect a key that changes every
// five minutes. Epochs are counted from 1970, so that trackers that share a key
// agree on them, and a tracker with itself across a restart. An id from
// the future is none of ours. The port is not part of it: behind some NATs
// every packet of a client has another.
//
// It is owned by one loop: the scratch blocks spare it an allocation per packet.
type connectionIDs struct {
	block   cipher.Block
	epoch   uint64                             // of now
	masks   [oldEpochs + 1][aes.BlockSize]byte // the inner blocks by age in epochs
	scratch [aes.BlockSize]byte
}

// newConnectionIDs returns the ids of key, KeySize bytes, or of a random key
// when it is nil.
func newConnectionIDs(key []byte) (*connectionIDs, error) {
	if key == nil {
		key = make([]byte, KeySize)
		rand.Read(key)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	c := &connectionIDs{block: block}
	c.begin(0)
	return c, nil
}

// turn goes to the epoch of now.
func (c *connectionIDs) turn(now time.Time) {
	if epoch := uint64(now.Unix()) / uint64(epochLength/time.Second); epoch != c.epoch {
		c.begin(epoch)
	}
}

func (c *connectionIDs) begin(epoch uint64) {
	c.epoch = epoch
	for age := range c.masks {
		mask := &c.masks[age]
		clear(mask[:])
		binary.BigEndian.PutUint64(mask[:], epoch-uint64(age))
		c.block.Encrypt(mask[:], mask[:])
	}
}

// at returns the id that addr got some epochs ago.
func (c *connectionIDs) at(age uint64, addr netip.Addr) uint64 {
	address := addr.As16()
	subtle.XORBytes(c.scratch[:], c.masks[age][:], address[:])
	c.block.Encrypt(c.scratch[:], c.scratch[:])
	return binary.BigEndian.Uint64(c.scratch[:])&^epochMask | (c.epoch-age)&epochMask
}

// issue returns the id for addr.
func (c *connectionIDs) issue(now time.Time, addr netip.Addr) uint64 {
	c.turn(now)
	return c.at(0, addr)
}

// valid reports whether id was issued to addr and is not too old. Two words are
// compared in one instruction, so the time that it takes says nothing of the code.
func (c *connectionIDs) valid(id uint64, now time.Time, addr netip.Addr) bool {
	c.turn(now)
	age := (c.epoch - id) & epochMask
	return age <= oldEpochs && id == c.at(age, addr)
}
