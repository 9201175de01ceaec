package main

import (
	"errors"
	"io"
	"os"
	"runtime/debug"

	"p2p/cmd/p2p/units"
	"p2p/tracker/memory"
)

// How --max-memory is divided. What does not depend on the peers is put aside
// first; memory.Budget leaves room for the program and for the garbage collector.
const (
	// leastLeft is the least that must be left: the program, and a store of 16 MiB
	// with what the collector needs for it.
	leastLeft = 56 << 20
	// codePages is what the program's own code takes of what the system counts as
	// the process's memory, which the runtime does not know of.
	codePages = 24 << 20
	// tableMemory is for the table of rates and the like.
	tableMemory = 8 << 20
	// The clients of private trackers take up to an eighth, sessionMemory each.
	sessionShare = 8
	// So may HTTP connections, connMemory each: buffers, a stack, and what TLS keeps.
	connShare     = 8
	connMemory    = 32 << 10
	maxConns      = 4096
	sessionMemory = 64
	// People take up to an eighth of what is left.
	peopleShare = 8
	leastPeople = 1 << 20
	maxSessions = 1_000_000
	// What a node that has others keeps about peers, beside the store, takes up
	// to half of what is left, and no more than clusterMemory.
	clusterMemory = 256 << 20
)

// sessions returns how many clients of a private tracker are remembered.
func (c *trackerConfig) sessions() int {
	if c.limit == 0 {
		return maxSessions
	}
	return int(min(maxSessions, c.limit/sessionShare/sessionMemory))
}

// conns returns how many HTTP connections there may be.
func (c *trackerConfig) conns() int {
	if c.limit == 0 {
		return maxConns
	}
	return int(min(maxConns, c.limit/connShare/connMemory))
}

// divideMemory gives the store what the other parts leave of --max-memory. Too
// little is an error.
func (a *app) divideMemory(c *trackerConfig) error {
	if c.limit == 0 {
		return nil
	}
	aside := int64(tableMemory) + c.rules.memory()
	left := c.limit - aside - int64(c.conns())*connMemory
	least := (leastLeft + aside) * connShare / (connShare - 1)
	if c.rules.keys != nil {
		left -= int64(c.sessions()) * sessionMemory
		least += least / (sessionShare - 1)
	}
	if left < leastLeft && c.limit < least {
		return a.usage("usage.tracker_memory", units.Size(c.limit), units.Size((least+1<<20-1)>>20<<20))
	}
	if c.people {
		c.peopleMemory = max(leastPeople, (left-leastLeft)/peopleShare)
		left -= c.peopleMemory
	}
	if c.clustered() {
		left -= max(0, min(clusterMemory, (left-leastLeft)/2))
	}
	c.memory.MaxMemory = memory.Budget(left)
	return nil
}

// limitMemory tells the garbage collector of --max-memory, and returns what takes
// that back.
func (c *trackerConfig) limitMemory() (release func()) {
	if c.limit == 0 {
		return func() {}
	}
	before := debug.SetMemoryLimit(c.limit - codePages)
	return func() { debug.SetMemoryLimit(before) }
}

// grown is how long a file of n bytes may be when it is read again. More is
// memory that the store has.
func grown(n int64) int64 { return n + n/2 + 256<<10 }

// listMemory is what the content of a file takes, for each of its bytes: an
// info-hash of 40 digits takes 24 bytes, a ban or a key some hundred.
func listMemory(flag string) int64 {
	switch flag {
	case "allow", "deny":
		return 1
	}
	return 16
}

// memory returns how many bytes the content of the files takes: while one is
// read again, what it held before is still in use.
func (r *trackerRules) memory() int64 {
	all, largest := int64(0), int64(0)
	for _, file := range r.files {
		most := grown(file.size) * listMemory(file.flag)
		all += most
		largest = max(largest, most)
	}
	return all + largest
}

// errGrown is the error of a file for which no memory was put aside.
var errGrown = errors.New("it has grown by more than half since the tracker was started, and --max-memory leaves no room; restart the tracker")

// boundedFile counts what is read, and fails beyond most bytes unless that is 0.
type boundedFile struct {
	*os.File
	size, most int64
}

var _ io.Reader = (*boundedFile)(nil)

// Read implements io.Reader.
func (b *boundedFile) Read(p []byte) (int, error) {
	n, err := b.File.Read(p)
	if b.size += int64(n); b.most > 0 && b.size > b.most {
		return 0, errGrown
	}
	return n, err
}
