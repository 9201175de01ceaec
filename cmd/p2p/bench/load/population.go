package load

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"

	"p2p/torrentfile/infohash"
	"p2p/tracker/wire"
)

// Ports of peers: none that is reserved, so that a tracker that refuses those
// refuses nobody here.
const (
	firstPort = 1024
	ports     = 1<<16 - firstPort
)

// Crowd says who asks. Torrents, Peers and Sources are at least 1.
type Crowd struct {
	Torrents   int
	Peers      int // each is in one torrent
	Popularity Popularity
	Seeds      float64 // the share of peers that have everything, 0 to 1
	Sources    int     // source addresses that the peers are spread over
	Seed       uint64  // of the chances that all of it is made by
}

// Population is a Crowd that has been drawn. It takes 4 bytes for each peer and
// 8 for each torrent; all else is computed from the seed. It never changes, so
// any goroutine may use it.
//
// Peers differ in their ids, and those of one source address in their ports, as
// long as there are ports enough: a tracker that knows peers by address and one
// that knows them by id hold the same number.
type Population struct {
	crowd   Crowd
	torrent []uint32 // of each peer
	size    []uint32 // peers of each torrent
	leeches []uint32 // those of them that want something
	seedsAt uint64   // a peer whose dice are below this is a seed
}

// NewPopulation draws the torrent of every peer.
func NewPopulation(c Crowd) (*Population, error) {
	if c.Torrents < 1 || c.Peers < 1 || c.Sources < 1 || c.Sources > c.Peers {
		return nil, errors.New("population: want at least one torrent, one source and one peer for each source")
	}
	p := &Population{
		crowd: c, torrent: make([]uint32, c.Peers),
		size: make([]uint32, c.Torrents), leeches: make([]uint32, c.Torrents),
		seedsAt: uint64(min(max(c.Seeds, 0), 1) * (1 << 32)),
	}
	u, dice := newUrn(c.Popularity, c.Torrents, c.Peers), rand.New(rand.NewPCG(c.Seed, 1))
	for i := range p.torrent {
		t := u.draw(dice.Float64())
		p.torrent[i] = t
		p.size[t]++
		if !p.Seeder(i) {
			p.leeches[t]++
		}
	}
	return p, nil
}

// Crowd returns what the population was drawn from.
func (p *Population) Crowd() Crowd { return p.crowd }

// Torrent returns the number of the torrent that a peer is in.
func (p *Population) Torrent(peer int) int { return int(p.torrent[peer]) }

// Swarm returns how many peers a torrent has, and how many of them are leeches.
func (p *Population) Swarm(torrent int) (peers, leeches int) {
	return int(p.size[torrent]), int(p.leeches[torrent])
}

// InfoHash returns the info-hash of a torrent.
func (p *Population) InfoHash(torrent int) infohash.T {
	var h infohash.T
	x := p.dice(uint64(torrent), 1)
	binary.BigEndian.PutUint64(h[:], x)
	binary.BigEndian.PutUint64(h[8:], mix(x+1))
	binary.BigEndian.PutUint32(h[16:], uint32(torrent)) // no two are the same
	return h
}

// PeerID returns the id of a peer in the style of Azureus.
func (p *Population) PeerID(peer int) [wire.PeerIDSize]byte {
	id := [wire.PeerIDSize]byte{'-', 'L', 'D', '0', '0', '0', '1', '-'}
	binary.BigEndian.PutUint64(id[8:], p.dice(uint64(peer), 2))
	binary.BigEndian.PutUint32(id[16:], uint32(peer))
	return id
}

// Port returns the port of a peer.
func (p *Population) Port(peer int) uint16 {
	return uint16(firstPort + peer/p.crowd.Sources%ports)
}

// Source returns the number of the source address of a peer.
func (p *Population) Source(peer int) int { return peer % p.crowd.Sources }

// Seeder reports whether a peer has everything.
func (p *Population) Seeder(peer int) bool { return p.dice(uint64(peer), 3)>>32 < p.seedsAt }

// company reports whether the tracker has somebody to tell a peer of. BEP 3
// leaves it to the tracker whom it names; many do not tell seeds of seeds.
func (p *Population) company(peer int) bool {
	t := p.torrent[peer]
	if p.Seeder(peer) {
		return p.leeches[t] > 0
	}
	return p.size[t] > 1
}

// of returns how many peers a source has.
func (p *Population) of(source int) int {
	return (p.crowd.Peers - source + p.crowd.Sources - 1) / p.crowd.Sources
}

// nth returns peer n of a source.
func (p *Population) nth(source, n int) int { return source + n*p.crowd.Sources }

func (p *Population) dice(n, use uint64) uint64 { return mix(mix(p.crowd.Seed+use) + n) }

// mix is the finalizer of SplitMix64: neighbours get numbers that have nothing
// to do with each other.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
