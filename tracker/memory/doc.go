// Package memory is the tracker's Store in the memory of this process.
//
//	Store     256 shards by info-hash, each a lock, its swarms and their peers
//	pool      pages of 4 KiB for all of it, within the budget
//	swarm     64 bytes: the info-hash, counts, one table per address family
//	table     records of fixed size: leeches, then seeds
//	index     hash -> position, of the swarms of a shard and the peers of a big table
//
// # Memory
//
// A record is 14 bytes for an IPv4 peer and 26 for an IPv6 peer, and one byte of
// a hash by which it is found. A small table lies in one block, a big one in pages of its
// own (leaves), and from 1024 peers on it has an index. Whatever there is many of
// lies side by side, and what is removed is replaced by the last of its kind: there are no
// holes, so eviction frees as much as it removes. At ten million peers that comes
// to 21 bytes of heap per IPv4 peer and 33 per IPv6 peer in large swarms, and 92 for a
// torrent with one peer (BenchmarkFill).
//
// No page holds a pointer, and pages are named by number, so the garbage
// collector has nothing to follow.
//
// # Time
//
// An announce holds one shard's lock for its whole work: it is atomic. Nothing
// holds one for much longer than a hundred microseconds, and mostly for far less: an
// index grows by splitting one page at a time, and expiry and snapshots go through the
// shards in small steps. Leeches and seeds lie apart, so "no seeds for a seed" and "seeds first"
// are ranges, and a random choice from a range reads only what it returns.
//
// # Pressure
//
// The budget is hard: a page that would exceed it is not taken. Before it comes to that,
// a network that holds its share is refused more (sources), and swarms of one
// peer go for others (evict). One address has only so many peers in a swarm, always (rule).
package memory
