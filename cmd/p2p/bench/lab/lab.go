package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"p2p/torrentfile/infohash"
	"p2p/tracker/memory"
	"p2p/tracker/serve"
)

// DataName is the name of the file that every run transfers.
const DataName = "data.bin"

// Lab is a place to make measurements in: the original file, a folder for
// copies of it, and a tracker that all clients use. Its methods are for one
// goroutine.
type Lab struct {
	self   string // the p2p program
	folder *Folder
	dir    string // its path

	store   *memory.Store
	server  *serve.Server
	stop    context.CancelFunc
	stopped chan error

	torrent     string
	hash        infohash.T
	size        int64
	pieceLength int64
}

// Open makes a Folder in parent ("" = that of the system) and starts a
// tracker on the loopback interface. self is the path of the p2p program.
func Open(self, parent string) (*Lab, error) {
	folder, err := MakeFolder(parent)
	if err != nil {
		return nil, err
	}
	store := memory.New(memory.Options{})
	server, err := serve.Listen("127.0.0.1:0", serve.Options{Store: store})
	if err != nil {
		return nil, errors.Join(err, folder.Remove())
	}
	ctx, cancel := context.WithCancel(context.Background())
	l := &Lab{self: self, folder: folder, dir: folder.Path, store: store, server: server, stop: cancel, stopped: make(chan error, 1)}
	go func() { l.stopped <- server.Run(ctx) }()
	return l, nil
}

// Close stops the tracker and removes the folder with all that is in it.
func (l *Lab) Close() error {
	l.stop()
	return errors.Join(<-l.stopped, l.folder.Remove())
}

// Data is the path of the original file, which the caller makes.
func (l *Lab) Data() string { return filepath.Join(l.dir, "seed", DataName) }

// MakeFolders makes the folder that the original file belongs into.
func (l *Lab) MakeFolders() error { return os.MkdirAll(filepath.Dir(l.Data()), 0o755) }

// Announce is the address of the lab's tracker for torrents.
func (l *Lab) Announce() string { return "http://" + l.server.Addr().String() + "/announce" }

// TorrentPath is where Use wants the torrent of the original file.
func (l *Lab) TorrentPath() string { return filepath.Join(l.dir, "data.torrent") }

// Use tells the lab that the original file and its torrent are in their places.
func (l *Lab) Use(hash infohash.T, size, pieceLength int64) {
	l.torrent, l.hash, l.size, l.pieceLength = l.TorrentPath(), hash, size, pieceLength
}

// Profiles returns the CPU profiles that the last run left, by the role of the
// processes.
func (l *Lab) Profiles() (gets, seeds []string, err error) {
	gets, err = filepath.Glob(filepath.Join(l.dir, "get*.pprof"))
	if err != nil {
		return nil, nil, err
	}
	seeds, err = filepath.Glob(filepath.Join(l.dir, "seed*.pprof"))
	return gets, seeds, err
}

// PieceLength returns what Use was told.
func (l *Lab) PieceLength() int64 { return l.pieceLength }

// forgetPeers empties the tracker: nobody should be sent to peers of an earlier
// run.
func (l *Lab) forgetPeers(ctx context.Context) error {
	_, err := l.store.Expire(ctx, time.Now().Add(time.Hour))
	return err
}

// awaitSeeds waits until n seeds have announced themselves, and fails when one
// of their processes has ended before.
func (l *Lab) awaitSeeds(ctx context.Context, n int, seeds []*process) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		counts, err := l.store.Scrape(ctx, []infohash.T{l.hash}, nil)
		if err != nil {
			return err
		}
		if counts[0].Seeders >= n {
			return nil
		}
		for _, s := range seeds {
			if s.over() {
				return s.failure()
			}
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return fmt.Errorf("%d of %d seeders have announced themselves: %w", counts[0].Seeders, n, ctx.Err())
		}
	}
}

// Addresses of the loopback network. Where only 127.0.0.1 can be used, as on
// macOS, the peers differ by their ports alone.
func seedAddress(i int) string  { return loopback(1, i) }
func leechAddress(i int) string { return loopback(2, i) }

// perNet is how many addresses of 127.x.y.0/24 are used.
const perNet = 250

func loopback(group, i int) string {
	address := fmt.Sprintf("127.%d.%d.%d", group, i/perNet, i%perNet+1)
	if l, err := net.Listen("tcp", address+":0"); err == nil {
		l.Close()
		return address
	}
	return "127.0.0.1"
}

// freePort returns a port of address that nobody has, for programs that cannot
// choose one themselves.
func freePort(address string) (int, error) {
	l, err := net.Listen("tcp", address+":0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
