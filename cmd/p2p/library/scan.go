package library

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"p2p/peer"
	"p2p/torrentfile/infohash"
)

// settleTime is how long ago a folder must have changed for a look at it to have seen
// everything: its times may have whole seconds.
const settleTime = 2100 * time.Millisecond

// farewells is how many torrents are dropped at the same time: each tells its
// trackers.
const farewells = 16

// folder is what is known of a folder of torrents.
type folder struct {
	read time.Time // when it was last read; zero = never
	mark mark      // as it was then
	err  string    // why it could not be
}

// mark tells a file or folder that has changed from one that has not, well enough
// to know when to look more closely.
type mark struct {
	size int64
	time time.Time
}

// markOf returns the mark of what is at path, the zero mark for nothing.
func markOf(path string) mark {
	fi, err := os.Stat(path)
	if err != nil {
		return mark{}
	}
	return mark{fi.Size(), fi.ModTime()}
}

// marks are what a torrent looks like that is not shared, its file and its content: before they were read, so that what was
// written meanwhile has changed since, and when one that failed was looked at last.
type marks struct{ tried, seen [2]mark }

// look returns what it looks like now. The caller holds Library.mu.
func look(it *item) [2]mark {
	m := [2]mark{markOf(it.path)}
	if it.content != "" {
		m[1] = markOf(it.content)
	}
	return m
}

// begin shares what is there at the start.
func (l *Library) begin(ctx context.Context) {
	var all []*item
	l.mu.Lock()
	for _, path := range l.o.Files {
		if l.items[path] == nil {
			it := &item{path: path}
			l.items[path] = it
			all = append(all, it)
		}
	}
	l.mu.Unlock()
	now := time.Now()
	for _, dir := range l.o.Folders {
		all = append(all, l.lookInto(dir, now)...)
	}
	l.loadAll(ctx, all)
	if ctx.Err() != nil {
		return
	}
	l.mu.Lock()
	l.ready = true
	l.mu.Unlock()
	l.tell(Event{Kind: Ready})
}

// scan finds out what has changed.
func (l *Library) scan(ctx context.Context, now time.Time) {
	again := l.changed()
	for _, dir := range l.o.Folders {
		again = append(again, l.lookInto(dir, now)...)
	}
	l.loadAll(ctx, again)
}

// loadAll loads torrents on all cores.
func (l *Library) loadAll(ctx context.Context, all []*item) {
	var group errgroup.Group
	group.SetLimit(2 * runtime.GOMAXPROCS(0)) // half of the time is the disk's
	for _, it := range all {
		group.Go(func() error {
			if ctx.Err() == nil {
				l.load(it)
			}
			return nil
		})
	}
	_ = group.Wait() // none returns an error
}

// lookInto reads a folder, if that may tell anything new, and returns the torrents
// that are new in it. Those whose files are gone are dropped.
func (l *Library) lookInto(dir string, now time.Time) []*item {
	f := l.folders[dir]
	if f == nil {
		f = &folder{}
		l.folders[dir] = f
	}
	m := markOf(dir)
	if !f.read.IsZero() && f.err == "" && m == f.mark && f.read.Sub(m.time) > settleTime {
		return nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		if f.err != err.Error() {
			f.err = err.Error()
			l.tell(Event{Kind: Failed, Path: dir, Err: err})
		}
		return nil // it may be back soon; what is shared stays
	}
	f.read, f.mark, f.err = now, m, ""
	return l.compare(dir, entries)
}

// compare brings the list of items up to date with what is in a folder, and returns
// those that are to be loaded.
func (l *Library) compare(dir string, entries []fs.DirEntry) (found []*item) {
	there := make(map[string]bool, len(entries))
	var gone []*item
	l.mu.Lock()
	for _, e := range entries {
		if e.IsDir() || !strings.EqualFold(filepath.Ext(e.Name()), ".torrent") {
			continue
		}
		path := filepath.Join(dir, e.Name())
		there[path] = true
		if it := l.items[path]; it != nil && it.state != failed && it.file != markOf(path) { // see changed for those
			if _, err := os.Lstat(path); err != nil {
				continue // it went after the folder was read, maybe with the whole folder: the next look tells
			}
			l.take(it)
			gone = append(gone, it)
		}
		if l.items[path] == nil {
			it := &item{path: path}
			l.items[path] = it
			found = append(found, it)
		}
	}
	for path, it := range l.items {
		if filepath.Dir(path) == filepath.Clean(dir) && !there[path] {
			l.take(it)
			gone = append(gone, it)
		}
	}
	found = append(found, l.heirs(gone)...)
	l.mu.Unlock()
	var group errgroup.Group
	group.SetLimit(farewells)
	for _, it := range gone {
		group.Go(func() error { l.drop(it); return nil })
	}
	_ = group.Wait() // none returns an error
	return found
}

// take takes an item out of the list. The caller holds l.mu, and drops it.
func (l *Library) take(it *item) {
	it.gone, it.was = true, it.state
	l.enter(it, fresh)
	delete(l.items, it.path)
}

// heirs returns the torrents that could not be shared because one that is gone was
// shared. The caller holds l.mu.
func (l *Library) heirs(gone []*item) (found []*item) {
	free := make(map[infohash.T]bool)
	for _, it := range gone {
		if it.was == shared {
			free[it.hash] = true
		}
	}
	if len(free) == 0 {
		return nil
	}
	for _, it := range l.items {
		if it.state == failed && free[it.hash] && errors.Is(it.err, peer.ErrAdded) {
			l.enter(it, fresh)
			found = append(found, it)
		}
	}
	return found
}

// changed returns the torrents that failed, that look different since, and that
// nobody is just writing to.
func (l *Library) changed() (again []*item) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, it := range l.items {
		if it.state != failed {
			continue
		}
		m := look(it)
		if m == it.marks.seen && m != it.marks.tried {
			l.enter(it, fresh)
			again = append(again, it)
		}
		it.marks.seen = m
	}
	return again
}
