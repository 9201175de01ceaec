package peer

import (
	"crypto/rand"
	"encoding/binary"
	"net/netip"
	"strconv"

	"go.uber.org/zap"

	"p2p/peer/ext"
	"p2p/peer/identity"
	"p2p/peer/secure"
)

// Options configures a Node. The zero value listens on a port of the system's
// choice on all addresses, without limits.
type Options struct {
	// Listen is the address for peers; port 0 is any free one. A specific
	// address is also the source of everything that goes out.
	Listen netip.AddrPort
	// Log gets what happens; nil = nothing.
	Log *zap.Logger
	// Client is our name in the extension handshake (BEP 10, v).
	Client string
	// DownLimit and UpLimit bound the payload of all torrents together, in
	// bytes per second; 0 = no limit. Node.SetLimits changes them.
	DownLimit, UpLimit int64
	// Memory bounds the blocks on their way in, in bytes; 0 =
	// store.DefaultMemory. Those on their way out take a quarter of it at most, and
	// beyond that one block for each peer that is being served.
	Memory int64
	// MaxPeers bounds the connections of each torrent; 0 = 200.
	MaxPeers int
	// UploadSlots is how many peers of a torrent may ask us for blocks at the
	// same time; 0 = 8.
	UploadSlots int
	// MaxAwake is how many Sleepers may be awake at the same time; 0 =
	// DefaultMaxAwake.
	MaxAwake int
	// Workers is how many goroutines hash and write; 0 = one per core.
	Workers int
	// Extensions are what we speak past the core (BEP 10), each on every torrent
	// where it has a place. The order is of no importance.
	Extensions []ext.Extension
	// Device is who we are to people, and what connections to them are proven with;
	// nil = nobody: then there are no rooms, and who speaks TLS to us is sent away.
	Device *secure.Device
	// Network is where to listen and dial; nil = TCP.
	Network Network
	// Seed makes the choices of a Node repeatable; 0 = random.
	Seed uint64
}

// self returns the key of our device, zero when there is none.
func (o *Options) self() identity.Key {
	if o.Device == nil {
		return identity.Key{}
	}
	return o.Device.Key()
}

// idPrefix begins our peer ids, in the usual form: two letters and a version
// (BEP 20).
const idPrefix = "-P20100-"

// newPeerID returns an id for one run of a Node: nothing that would let
// somebody follow a person from run to run.
func newPeerID() (id [20]byte) {
	copy(id[:], idPrefix)
	rand.Read(id[len(idPrefix):]) //nolint:errcheck // crypto/rand.Read never fails
	return id
}

func randomSeed() uint64 {
	var b [8]byte
	rand.Read(b[:]) //nolint:errcheck // crypto/rand.Read never fails
	return binary.LittleEndian.Uint64(b[:])
}

func portString(p uint16) string { return strconv.Itoa(int(p)) }
