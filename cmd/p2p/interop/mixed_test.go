//go:build interop && linux

package interop

import (
	"os"
	"testing"

	"p2p/cmd/p2p/drive"
)

// TestAllClientsInOneSwarm has a seed and a leecher of each client, and one more
// leecher of ours. The seeds are so slow that the leechers have to share.
func TestAllClientsInOneSwarm(t *testing.T) {
	t.Parallel()
	all := append([]client{ours{}}, others...)
	for _, c := range all {
		need(t, c.programs()...)
	}
	s := newSwarm(t, content{name: "mixed", files: []drive.File{
		{Path: "mixed/big.bin", Size: 11 * mib}, {Path: "mixed/sub/middle.bin", Size: 3*mib + 5}, {Path: "mixed/sub/small.bin", Size: 999},
	}}, trackerKinds[0], newAddr())
	var seeds []*drive.Process
	for _, c := range all {
		seeds = append(seeds, c.seed(t, job{torrent: s.torrent, dir: s.source, at: newAddr(), limit: mib / 2}))
	}
	s.awaitSeeds(t, seeds...)

	stayer := job{torrent: s.torrent, dir: t.TempDir(), at: newAddr()} // the others leave with the download
	stays := startGet(t, stayer, "--seed", "-j", "-vv")
	var waits []func()
	for _, c := range all {
		j := job{torrent: s.torrent, dir: t.TempDir(), at: newAddr()}
		wait := c.get(t, j)
		waits = append(waits, func() {
			wait(2 * patience)
			s.same(t, j.dir)
		})
	}
	for _, wait := range waits {
		wait()
	}
	stays.Await(`"kind":"complete"`, patience)
	stays.Signal(os.Interrupt)
	stays.WantExit(0, patience)
	s.same(t, stayer.dir)
	if sum := stays.Summary(); sum.Uploaded < sum.TotalBytes/10 {
		t.Errorf("our leecher has given the others %d bytes, the torrent has %d", sum.Uploaded, sum.TotalBytes)
	} else {
		t.Logf("our leecher has given the others %d bytes, the torrent has %d", sum.Uploaded, sum.TotalBytes)
	}
}
