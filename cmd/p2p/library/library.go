package library

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"p2p/peer"
	"p2p/piece/store"
	"p2p/torrentfile"
	"p2p/torrentfile/infohash"
)

// DefaultScanEvery is how often folders are looked at.
const DefaultScanEvery = 5 * time.Second

// Options are what a Library is made of.
type Options struct {
	Node *peer.Node
	// Files are torrent files to share.
	Files []string
	// Folders are folders of which every torrent file is shared: *.torrent, not
	// those of folders inside.
	Folders []string
	// Out is the folder that has the content; "" is the folder of each torrent file.
	Out string
	// StateDir is where it is remembered what was verified. It must be given: who
	// wakes up a torrent that sleeps looks there.
	StateDir string
	// Trackers are asked in place of those of the torrents; nil = those.
	Trackers [][]string
	// ScanEvery is how often the folders are looked at; 0 = DefaultScanEvery.
	ScanEvery time.Duration
	// Tell is called for what happens, by one goroutine at a time; it must not call
	// the Library, but for Status. nil = not called.
	Tell func(Event)
}

// Kind is what an Event tells.
type Kind uint8

// What happens in a Library.
const (
	Ready   Kind = iota // all that was there at the start is shared, failed, or waits to be hashed
	Shared              // a torrent is shared; before Ready not told
	Removed             // a torrent is not shared any more, because its file is gone, or is another one
	Failed              // a torrent cannot be shared
)

// Event is something that has happened.
type Event struct {
	Kind     Kind
	Path     string     // of the torrent file, or of a folder that cannot be read
	InfoHash infohash.T // zero when it was never known
	Err      error      // of Failed
}

// IncompleteError says that content is missing or is not what the torrent says.
type IncompleteError struct{ Bad, Pieces int }

// Error implements error.
func (e *IncompleteError) Error() string {
	return fmt.Sprintf("%d of %d pieces are missing or bad", e.Bad, e.Pieces)
}

// Why content that was right is not shared.
var (
	ErrChanged  = errors.New("the content has changed since it was verified")
	ErrChanging = errors.New("the content changes while it is verified")
)

// Status is a Library at one moment.
type Status struct {
	Torrents  int   // files
	Shared    int   // torrents that peers get
	Checking  int   // torrents that wait to be hashed, or are being hashed
	Failed    int   // torrents that cannot be shared
	Bytes     int64 // content of the shared ones
	CheckDone int64 // bytes of the torrent that is being hashed
	CheckAll  int64
}

// state is what becomes of a torrent file.
type state uint8

const (
	fresh state = iota
	checking
	shared
	failed
	states
)

// item is one torrent file. All but path is guarded by Library.mu.
type item struct {
	path    string
	content string // where its content is, once that is known
	file    mark   // the torrent file, as it was when it was read
	state   state
	gone    bool       // the file is, or there is another one in its place
	was     state      // when that was found out
	hash    infohash.T // zero until the torrent could be read
	bytes   int64
	sleeper *peer.Sleeper // the newest; not nil while it has to be closed
	err     error         // of a failed one
	marks   *marks        // of one that is not shared, once it was tried
}

// Library shares torrents while Run runs. Its methods may be called from any
// goroutine.
type Library struct {
	o Options

	checkDone, checkAll atomic.Int64
	telling             sync.Mutex
	wakeChecker         chan struct{}

	mu     sync.Mutex
	items  map[string]*item
	checks []*item // to be hashed, in this order
	ready  bool
	count  [states]int // of items, in each state
	bytes  int64       // of the shared ones

	folders map[string]*folder // owned by Run
}

// New returns a Library that shares nothing until Run.
func New(o Options) *Library {
	if o.ScanEvery <= 0 {
		o.ScanEvery = DefaultScanEvery
	}
	if o.Tell == nil {
		o.Tell = func(Event) {}
	}
	return &Library{
		o: o, items: make(map[string]*item), folders: make(map[string]*folder), wakeChecker: make(chan struct{}, 1),
	}
}

// Run shares what there is, and what comes, until ctx ends. The torrents are left to
// the Node, which ends them when it is closed.
func (l *Library) Run(ctx context.Context) {
	var checker sync.WaitGroup
	defer checker.Wait()
	checker.Go(func() { l.check(ctx) })
	t := time.NewTicker(l.o.ScanEvery)
	defer t.Stop()
	l.begin(ctx)
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-t.C:
			l.scan(ctx, now)
		}
	}
}

// Status returns how it stands now.
func (l *Library) Status() Status {
	l.mu.Lock()
	defer l.mu.Unlock()
	return Status{
		Torrents: len(l.items), Shared: l.count[shared], Checking: l.count[checking], Failed: l.count[failed],
		Bytes: l.bytes, CheckDone: l.checkDone.Load(), CheckAll: l.checkAll.Load(),
	}
}

// enter moves it to another state, or to none that counts. The caller holds l.mu.
func (l *Library) enter(it *item, to state) {
	if it.state == shared {
		l.bytes -= it.bytes
	}
	l.count[it.state]--
	if it.state = to; to == shared {
		l.bytes += it.bytes
	}
	l.count[to]++
}

// Failures returns the torrents that cannot be shared, by path.
func (l *Library) Failures() []Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []Event
	for _, it := range l.items {
		if it.state == failed {
			all = append(all, Event{Failed, it.path, it.hash, it.err})
		}
	}
	slices.SortFunc(all, func(a, b Event) int { return cmp.Compare(a.Path, b.Path) })
	return all
}

// tell passes on what has happened, one thing after the other.
func (l *Library) tell(e Event) {
	l.telling.Lock()
	defer l.telling.Unlock()
	l.o.Tell(e)
}

// opened is a torrent file that was read, and its content.
type opened struct {
	meta  *torrentfile.Metainfo
	store *store.Store
}

// read opens a torrent and its content.
func (l *Library) read(it *item) (opened, error) {
	file := markOf(it.path) // first: what changes while we read has changed since
	m, err := torrentfile.Load(it.path)
	if err != nil {
		l.tries(it, file, "")
		return opened{}, err
	}
	l.tries(it, file, filepath.Join(l.place(it.path), m.Info.Name))
	s, err := store.Open(l.place(it.path), &m.Info, store.Options{ReadOnly: true, StateDir: l.o.StateDir, InfoHash: m.InfoHash})
	if err != nil {
		return opened{}, err
	}
	return opened{m, s}, nil
}

// tries notes how a torrent file looked before it was read, and its content as it is before that is read; content is "" when the
// file does not say. What is shared is only woken up: it is what was read before.
func (l *Library) tries(it *item, file mark, content string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	it.content = cmp.Or(content, it.content)
	if it.state != shared {
		it.file, it.marks = file, &marks{tried: [2]mark{file, look(it)[1]}}
	}
}

// place returns the folder that has the content of a torrent.
func (l *Library) place(path string) string {
	if l.o.Out != "" {
		return l.o.Out
	}
	return filepath.Dir(path)
}

// load looks at a torrent file that is new, or that failed: what an earlier run has
// verified is shared, the rest is to be hashed.
func (l *Library) load(it *item) {
	o, err := l.read(it)
	if err != nil {
		l.fail(it, err)
		return
	}
	have, err := o.store.Trusted()
	switch err = errors.Join(err, o.store.Close()); {
	case err != nil:
		l.fail(it, err)
	case have.Full():
		l.share(it, o.meta)
	default:
		l.queue(it)
	}
}

// share gives a torrent to the Node, asleep.
func (l *Library) share(it *item, m *torrentfile.Metainfo) {
	tell, err := l.add(it, m)
	switch {
	case err != nil:
		l.fail(it, err)
	case tell:
		l.tell(Event{Kind: Shared, Path: it.path, InfoHash: m.InfoHash})
	}
}

// add is the part of share that is done under the lock, so that the Node cannot lose
// the torrent before we know that it has it.
func (l *Library) add(it *item, m *torrentfile.Metainfo) (tell bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if it.gone {
		return false, nil
	}
	trackers := l.o.Trackers
	if trackers == nil {
		trackers = m.Announce
	}
	hash := m.InfoHash
	it.hash = hash
	s, err := l.o.Node.AddDormant(peer.Dormant{
		InfoHash: hash, Trackers: trackers, Prompt: l.ready,
		Open: func(context.Context) (peer.Torrent, error) { return l.wake(it, hash) },
		Lost: func(err error) { l.lost(it) },
	})
	if err != nil {
		return false, err
	}
	it.bytes, it.sleeper, it.err, it.marks = m.Info.Total(), s, nil, nil
	l.enter(it, shared)
	return l.ready, nil
}

// wake opens a torrent that somebody wants. It must still be as it was verified.
func (l *Library) wake(it *item, hash infohash.T) (peer.Torrent, error) {
	o, err := l.read(it)
	if err != nil {
		return peer.Torrent{}, err
	}
	have, err := o.store.Trusted()
	if err == nil && (o.meta.InfoHash != hash || !have.Full()) {
		err = ErrChanged
	}
	if err != nil {
		return peer.Torrent{}, errors.Join(err, o.store.Close())
	}
	return peer.Torrent{Meta: o.meta, Store: o.store, Have: have}, nil
}

// lost has a torrent hashed again that could not be woken, or that broke while it
// was served. The checker closes it.
func (l *Library) lost(it *item) { l.queue(it) }

// fail notes that a torrent cannot be shared, and tells it, unless it failed in the
// same way the last time.
func (l *Library) fail(it *item, err error) {
	l.mu.Lock()
	again := it.err != nil && it.err.Error() == err.Error()
	it.err, it.marks.seen = err, it.marks.tried
	if !it.gone {
		l.enter(it, failed)
	}
	hash := it.hash
	l.mu.Unlock()
	if !again {
		l.tell(Event{Kind: Failed, Path: it.path, InfoHash: hash, Err: err})
	}
}
