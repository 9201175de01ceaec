package people

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
	"p2p/cmd/p2p/space"
	"p2p/peer"
	"p2p/peer/announce"
	"p2p/peer/ext/chat/room"
	"p2p/piece/store"
	"p2p/torrentfile/infohash"
)

// exchange is the files that this device has offered or accepted. Its methods may be called by any goroutine.
type exchange struct {
	node      *Node
	room      func(dir string) (bytes int64, known bool) // space.Free
	group     sync.WaitGroup
	accepting sync.Mutex // held by who decides whether a transfer goes on; before mu

	mu        sync.Mutex
	all       map[infohash.T]*transfer
	preparing []*preparation // in the order in which they were asked for
	prepares  bool           // some of that is written down
	closed    bool
}

// transfer is one file, or folder. Guarded by its exchange.
type transfer struct {
	deal
	state     p2pv1.Transfer_State
	problem   *p2pv1.Reason
	checked   int64 // while it is: bytes that were looked at, found or not
	info      []byte
	store     *store.Store
	swarm     *peer.Swarm
	cancel    context.CancelFunc // nil: nothing is done for it
	ended     chan struct{}      // closed when what cancel ends has ended
	giverLost bool               // who has offered it says that his copy is not any more what it was
	giverGone bool               // who has offered it is not in the room any more
	away      bool               // nor is this person: it goes on when he is back
	lacks     *p2pv1.Reason      // while it waits for room on the disk
	told      told               // what programs know
	awaited   time.Time          // when those were last called who may be about to fetch it
}

// deal is what is kept of a transfer.
type deal struct {
	Hash    infohash.T `json:"-"`
	Text    string     `json:"hash"`
	Message room.ID    `json:"message"`
	Room    room.ID    `json:"room"`
	Name    string     `json:"name"`
	Size    int64      `json:"size"`
	Files   int32      `json:"files"`
	Folder  bool       `json:"folder,omitempty"`
	Path    string     `json:"path"`              // of the content on this machine
	Mine    bool       `json:"mine,omitempty"`    // this person offers it
	Fetched bool       `json:"fetched,omitempty"` // it was there once: what its owner does with it then is his decision
	Lost    bool       `json:"lost,omitempty"`    // this person was told that what he offers is not there any more
	Stopped bool       `json:"stopped,omitempty"` // the person has cancelled it; Accept goes on with what is there
	Have    int64      `json:"have,omitempty"`    // bytes that were right when it was shared last

	fresh bool // it was hashed a moment ago
}

func newExchange(n *Node) *exchange {
	return &exchange{node: n, room: space.Free, all: map[infohash.T]*transfer{}}
}

// forget makes x empty, after close: the node is another person's, or nobody's.
func (x *exchange) forget() {
	x.mu.Lock()
	defer x.mu.Unlock()
	clear(x.all)
	x.preparing = nil
	x.closed = false
}

// The settings of transfers: the list, and the info dictionary of each.
const dealsSetting = "files"

func infoSetting(h infohash.T) string { return "file " + h.String() }

// keep writes down which transfers there are. The caller holds mu.
func (x *exchange) keep() error {
	list := make([]deal, 0, len(x.all))
	for h, t := range x.all {
		if t.Mine && t.state == p2pv1.Transfer_STATE_CANCELLED {
			continue // taken back: nothing goes on with it
		}
		d := t.deal
		d.Text = h.String()
		list = append(list, d)
	}
	slices.SortFunc(list, func(a, b deal) int { return slices.Compare([]byte(a.Text), []byte(b.Text)) })
	b, err := json.Marshal(list)
	if err != nil {
		return err
	}
	return x.node.archive.SaveSetting(dealsSetting, b)
}

// restore goes on with the transfers of earlier runs.
func (x *exchange) restore(ctx context.Context) {
	b, err := x.node.archive.Setting(ctx, dealsSetting)
	var list []deal
	if err == nil && b != nil {
		err = json.Unmarshal(b, &list)
	}
	if err != nil {
		x.node.log.Error("cannot go on with files", zap.Error(err))
		return
	}
	for _, d := range list {
		if d.Hash, err = infohash.Parse(d.Text); err != nil {
			continue
		}
		info, err := x.node.archive.Setting(ctx, infoSetting(d.Hash))
		why := cmp.Or(x.node.absence(d.Room), x.unheard(ctx, newTransfer(d, nil)))
		switch {
		case err == nil && !d.Fetched && x.restoreOver(ctx, d, info):
		case err == nil && d.Stopped:
			x.remember(d, info)
		case err == nil && why != nil:
			x.rememberAbsent(d, info, why)
		case err == nil && info != nil:
			x.resume(d, info)
		case err == nil && !d.Mine:
			t := newTransfer(d, nil)
			x.mu.Lock()
			x.all[d.Hash] = t
			x.mu.Unlock()
			err = x.seekFor(ctx, t)
		}
		if err != nil {
			x.node.log.Warn("cannot go on with a file", zap.String("path", d.Path), zap.Error(err))
		}
	}
	x.restorePrepared(ctx)
	x.node.fitFiles()
}

// resume goes on with a transfer of an earlier run.
func (x *exchange) resume(d deal, info []byte) {
	x.mu.Lock()
	t := newTransfer(d, info)
	x.all[d.Hash] = t
	x.start(t, p2pv1.Transfer_STATE_CHECKING, func(ctx context.Context) error { return x.run(ctx, t) })
	x.mu.Unlock()
	x.gained(t)
}

// restoreOver is resume for a transfer whose offer was taken back while this device was away, which it reports.
func (x *exchange) restoreOver(ctx context.Context, d deal, info []byte) bool {
	e, found, err := x.node.archive.Event(ctx, d.Message)
	if err != nil || !found {
		return false
	}
	why, err := x.node.takenBack(ctx, &e)
	if err != nil || why == nil {
		return false
	}
	t := newTransfer(d, info)
	t.state, t.problem = p2pv1.Transfer_STATE_FAILED, why
	if d.Mine || d.Stopped {
		t.state, t.problem = p2pv1.Transfer_STATE_CANCELLED, nil
	}
	x.mu.Lock()
	x.all[d.Hash] = t
	x.mu.Unlock()
	if x.goesOn(ctx, t) { // another message offers it
		x.mu.Lock()
		defer x.mu.Unlock()
		delete(x.all, d.Hash)
		return false
	}
	return true
}

// remember is resume for a transfer that was cancelled.
func (x *exchange) remember(d deal, info []byte) {
	t := newTransfer(d, info)
	t.state = p2pv1.Transfer_STATE_CANCELLED
	x.mu.Lock()
	defer x.mu.Unlock()
	x.all[d.Hash] = t
}

// gained tells those who have asked in vain what a transfer is: also that of an earlier run, for the rooms were open before it was
// known.
func (x *exchange) gained(t *transfer) {
	if c := x.node.conversation(t.Room); c != nil {
		c.offers.Gained(t.Hash)
	}
}

// meet tells a swarm where the members of its room are who are connected.
func (x *exchange) meet(s *peer.Swarm, c *conversation) {
	if addrs := c.addrs(); len(addrs) > 0 {
		s.Found(context.Background(), "", announce.Response{Peers: addrs})
	}
}

// swarms returns those of the transfers that are meant.
func (x *exchange) swarms(meant func(*transfer) bool) (all []*peer.Swarm) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, t := range x.all {
		if t.swarm != nil && meant(t) {
			all = append(all, t.swarm)
		}
	}
	return all
}

// meets is called when the people of a room have changed.
func (x *exchange) meets(c *conversation) {
	for _, s := range x.swarms(func(t *transfer) bool { return t.Room == c.id }) {
		x.meet(s, c)
	}
}

// review has those sent away who may not have what is exchanged any more: also where the room is open no more.
func (x *exchange) review() {
	for _, s := range x.swarms(func(*transfer) bool { return true }) {
		s.Review()
	}
}

// infoOf returns the info dictionary of what was offered in a room, nil for anything else.
func (x *exchange) infoOf(id room.ID, h infohash.T) []byte {
	x.mu.Lock()
	defer x.mu.Unlock()
	if t := x.all[h]; t != nil && t.Room == id && t.state != p2pv1.Transfer_STATE_CANCELLED {
		t.want()
		x.awaits(t)
		return t.info
	}
	return nil
}

// awaitEach is how often a transfer has those called who may be about to fetch it, at most.
const awaitEach = 10 * time.Second

// awaits has those called who are connected in the room of a transfer: one of them is about to fetch it. He calls this device too, and
// where both are behind routers the two calls have to meet; it has called him before, when he did not want it. The caller holds mu.
func (x *exchange) awaits(t *transfer) {
	if now := time.Now(); t.swarm != nil && now.Sub(t.awaited) >= awaitEach {
		t.awaited = now
		s, id := t.swarm, t.Room
		x.node.clerk.do(func(context.Context) {
			if c := x.node.conversation(id); c != nil {
				s.Expect(c.addrs())
			}
		})
	}
}

// comes has a device called for what is exchanged in a room that has just come there.
func (x *exchange) comes(c *conversation, at netip.AddrPort) {
	for _, s := range x.swarms(func(t *transfer) bool { return t.Room == c.id }) {
		s.Expect([]netip.AddrPort{at})
	}
}

// want has it looked at whether what is shared is still what it was. The caller holds mu.
func (t *transfer) want() {
	if t.swarm != nil {
		t.swarm.Look()
	}
}

// close ends everything; what was verified is kept.
func (x *exchange) close(ctx context.Context) {
	x.mu.Lock()
	x.closed = true
	for _, w := range x.preparing {
		w.cancel(nil)
	}
	var all []*transfer
	for _, t := range x.all {
		if t.cancel != nil {
			t.cancel()
		}
		all = append(all, t)
	}
	x.mu.Unlock()
	x.group.Wait()
	var group sync.WaitGroup
	for _, t := range all {
		group.Go(func() { x.shut(ctx, t) })
	}
	group.Wait()
}

// stop ends one transfer: it is not shared, nor gone on with until it is accepted again. What is there of it stays: a cancel that was
// a mistake does not cost what has taken hours, and who wants the room is told where it lies.
func (x *exchange) stop(ctx context.Context, h infohash.T) error {
	x.accepting.Lock()
	defer x.accepting.Unlock()
	x.mu.Lock()
	t := x.all[h]
	if t == nil || t.state == p2pv1.Transfer_STATE_CANCELLED || t.problem.GetKey() == api.OfferBack { // and why is to be read
		x.mu.Unlock()
		return nil
	}
	t.state, t.away = p2pv1.Transfer_STATE_CANCELLED, false
	x.mu.Unlock()
	x.halt(ctx, t)
	x.mu.Lock()
	t.state, t.problem, t.Stopped = p2pv1.Transfer_STATE_CANCELLED, nil, !t.Mine // it may have ended at that moment
	err := x.keep()
	x.mu.Unlock()
	x.tell()
	if t.Mine {
		err = errors.Join(err, x.node.archive.SaveSetting(infoSetting(h), nil))
	}
	return err
}

// of returns how a transfer stands, nil if there is none.
func (x *exchange) of(h infohash.T) *p2pv1.Transfer {
	x.mu.Lock()
	defer x.mu.Unlock()
	if t := x.all[h]; t != nil {
		return t.view()
	}
	return nil
}

// list returns all transfers, and what is to become one, by path. Who asks may have deleted one: they are looked at soon.
func (x *exchange) list() (all []*p2pv1.Transfer) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, t := range x.all {
		t.want()
		all = append(all, t.view())
	}
	for _, w := range x.preparing {
		all = append(all, w.view(p2pv1.Transfer_STATE_HASHING))
	}
	slices.SortFunc(all, func(a, b *p2pv1.Transfer) int { return slices.Compare([]byte(a.Path), []byte(b.Path)) })
	return all
}

// view is a transfer as programs see it. The caller holds mu.
func (t *transfer) view() *p2pv1.Transfer {
	v := &p2pv1.Transfer{
		InfoHash: t.Hash.String(), Message: textID(t.Message), Conversation: textID(t.Room), State: t.state, Path: t.Path, Problem: t.problem,
		Done: t.Have, EtaSeconds: -1,
		File: &p2pv1.File{Name: safeName(t.Name), Size: t.Size, Files: t.Files, InfoHash: t.Hash.String(), Folder: t.Folder},
	}
	if t.swarm == nil {
		switch t.state {
		case p2pv1.Transfer_STATE_WAITING:
			v.Problem = t.waitsFor()
		case p2pv1.Transfer_STATE_CHECKING:
			v.Done = t.checked
		}
		return v
	}
	t.moves(v, t.swarm.Stats())
	return v
}

// moves adds to a view how the swarm of a transfer stands. The caller holds mu.
func (t *transfer) moves(v *p2pv1.Transfer, st peer.Stats) {
	v.Done, v.UpRate, v.Sources, v.Uploaded = st.BytesDone, st.UpRate, int32(st.Connected), st.Uploaded
	if left := t.Size - v.Done; t.state == p2pv1.Transfer_STATE_DOWNLOADING {
		v.DownRate = st.DownRate // who has all of it has none, though the average fades only in seconds
		stuck := t.giverLost && st.Unavailable > 0 && st.DownRate == 0
		switch {
		case st.Finishing: // nobody is needed any more
			v.State, v.FilesDone = p2pv1.Transfer_STATE_FINISHING, int32(st.FilesNamed)
		case st.Connected == 0, stuck:
			v.State, v.Problem = p2pv1.Transfer_STATE_WAITING, t.waitsFor()
		case st.DownRate > 0:
			v.EtaSeconds = (left + st.DownRate - 1) / st.DownRate
		}
	}
}

// waitsFor says why nothing comes of a transfer. The caller holds mu.
func (t *transfer) waitsFor() *p2pv1.Reason {
	if t.lacks != nil {
		return t.lacks
	}
	switch {
	case t.giverLost:
		return api.Problem(api.GiverLost)
	case t.giverGone:
		return api.Problem(api.GiverGone)
	}
	return api.Problem(api.NobodyHasIt)
}

// tell tells programs of transfers that have moved.
func (x *exchange) tell() {
	if _, listeners := x.node.hub.watched(); listeners == 0 {
		return
	}
	x.mu.Lock()
	var news []*p2pv1.Transfer
	for _, t := range x.all {
		v := t.view()
		if now := toldOf(v); now != t.told {
			t.told = now
			news = append(news, v)
		}
	}
	x.mu.Unlock()
	for _, v := range news {
		x.node.hub.tell(&p2pv1.Event{What: &p2pv1.Event_Transfer{Transfer: v}})
	}
}

// told is what programs know of a transfer.
type told struct {
	state          p2pv1.Transfer_State
	done, uploaded int64
	down, up       int64 // rates: they fall when nothing else changes any more
	problem        string
	sources, files int32
}

func toldOf(v *p2pv1.Transfer) told {
	return told{v.State, v.Done, v.Uploaded, v.DownRate, v.UpRate, v.Problem.GetKey(), v.Sources, v.FilesDone}
}

// freePath returns where something of that name can lie in a folder without touching what is there.
func freePath(folder, name string, taken func(string) bool) (string, error) {
	ext := filepath.Ext(name)
	stem := name[:len(name)-len(ext)]
	for n := 1; n < 10_000; n++ {
		try := name
		if n > 1 {
			try = fmt.Sprintf("%s (%d)%s", stem, n, ext)
		}
		path := filepath.Join(folder, try)
		if taken(path) {
			continue
		}
		if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
			continue
		}
		if _, err := os.Lstat(path + ".part"); errors.Is(err, os.ErrNotExist) {
			return path, nil
		}
	}
	return "", fmt.Errorf("find a free name for %s in %s: %w", name, folder, os.ErrExist)
}
