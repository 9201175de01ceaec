// Package memory is the tracker's Store in the memory of this process.
//
//	Store    256 shards by info-hash, each a lock and a map of swarms
//	swarm    one table per address family, and the completed count
//	table    peers as fixed-size records in one flat slab: leeches, then seeds
//	index    address -> record, once a table is too long to be searched
//
// There is no pointer and no allocation per peer: a record of an IPv4 peer takes
// 14 bytes, of an IPv6 peer 26, and its place in the index 5 to 11, so the
// garbage collector has nothing to follow. Leeches and seeds lie apart in the slab, so "no
// seeds for a seed" and "seeds first" are ranges, and a random choice from
// a range reads only what it returns.
//
// An announce holds one shard's lock for its whole work: it is atomic. Expiry
// lets go of the lock after every few hundred records.
package memory
