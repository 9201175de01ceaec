package cluster

import "sync/atomic"

// Counters is what happened to a Node since its start. All fields may be read by
// any goroutine.
type Counters struct {
	DeltasMade    atomic.Uint64 // announces that were news to the others
	DeltasDropped atomic.Uint64 // of those, thrown away while NATS was not there
	DeltasApplied atomic.Uint64 // that others told
	DeltasStale   atomic.Uint64 // that others told and that were known better
	Full          atomic.Uint64 // that others told and for which there was no room
	BatchesOut    atomic.Uint64
	BatchesIn     atomic.Uint64
	BytesOut      atomic.Uint64 // of all messages, once for all receivers
	BytesIn       atomic.Uint64 // of all messages
	Ignored       atomic.Uint64 // messages that were malformed or of another version
	Gaps          atomic.Uint64 // times that batches of another node were missing
	Syncs         atomic.Uint64 // times that another node was asked for what was missed
	SyncDeltas    atomic.Uint64 // peers that were sent to nodes that asked
	Slow          atomic.Uint64 // times that this node could not follow
	Completions   atomic.Uint64 // finished downloads written to the ledger
	// CompletionsLost counts those that were not, because too many waited.
	CompletionsLost atomic.Uint64
}
