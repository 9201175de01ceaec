// Package cluster makes one service of several trackers, over NATS.
//
//	Node    one tracker of the service; NATS is inside its process or elsewhere
//	Store   the registry in memory of this node, kept equal with those of the others
//	Ledger  the hard state: key-value buckets on JetStream
//
// A node alone without a data folder starts no server: there is nobody to talk to
// and nothing to keep.
//
// # Peers
//
// Every node knows every peer, so an answer never waits for the network. An
// announce is applied to the node's own registry. What is news in it becomes a
// delta of 33 bytes (45 with an IPv6 address), which goes out in a batch within
// flushEvery; the other nodes apply it. A renewal that changes nothing is passed
// on only when the others have not heard of the peer for an eighth of its life.
// The table recent knows what was exchanged, and keeps an older word about a peer
// from overwriting a newer one. Times travel as ages, so the clocks of nodes need
// not agree.
//
// Batches are numbered by their sender. Who finds one missing, or meets a node
// that it did not know, asks it for everything that it has heard since: a sync,
// which the asker paces. A sync also carries the completions that wait, see below.
// Nothing is kept for a node that is away. While NATS is not there, deltas are
// dropped and counted, and the gap tells the others to ask.
//
// # Hard state
//
// A bucket of the ledger is a JetStream stream that keeps the last message of a
// subject. A write is accepted when a majority of its replicas has it on disk,
// synced. One node alone has one replica; the number grows with the cluster, to
// three. A lone tracker that becomes a node of a cluster takes its ledger along.
//
// Completed counts are in the ledger too. A completion is told to the other nodes
// at once and written within seconds, by the node where it happened or, when that
// has died, by another; see completions. A node that was cut off tells of its own
// when it is asked for what was missed, and is not ready before it has written them.
// None waits for another: a tally says which are missing between those that it has,
// and takes them whenever they come, from whomever.
// One is lost only with a node that dies before it has told anybody, or when all
// nodes that know of it die within these seconds. One is
// counted twice only for a client that finishes at two nodes at once while these
// are cut off from each other.
//
// # Who may join
//
// Routes between nodes are TLS with a key that both ends derive from the cluster
// secret. Without a secret a node listens on loopback addresses only. A NATS server
// elsewhere decides itself who may connect.
package cluster
