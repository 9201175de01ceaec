package main

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"p2p/cmd/p2p/control"
	"p2p/cmd/p2p/progress"
	"p2p/cmd/p2p/units"
	"p2p/peer"
	"p2p/peer/swarm"
	"p2p/piece"
	"p2p/piece/store"
)

// maxPeers is the most connections that anybody may want for a torrent: more than
// twice as many ports an address does not have.
const maxPeers = 30_000

// peerFlags are the flags of a command that talks to peers.
type peerFlags struct {
	listen   string
	peers    []string
	down, up units.Rate
	memory   units.Size
	maxPeers int
	interval units.Duration
}

func (p *peerFlags) add(cmd *cobra.Command, a *app) {
	f, say := cmd.Flags(), a.text.Say
	p.interval = units.Duration(statusEvery)
	f.StringVar(&p.listen, "listen", ":0", say("peer.listen"))
	f.StringArrayVar(&p.peers, "peer", nil, say("peer.peer"))
	f.VarP(&p.up, "up-limit", "u", say("peer.up_limit"))
	p.memory, p.maxPeers = store.DefaultMemory, 200
	f.Var(&p.memory, "memory", say("peer.memory"))
	f.IntVar(&p.maxPeers, "max-peers", p.maxPeers, say("peer.max_peers"))
	f.Var(&p.interval, "interval", say("peer.interval"))
}

// transfer is one torrent on one node: what get and seed have in common. It is
// used by one goroutine, and by its watch as far as the fields say.
type transfer struct {
	app   *app
	verb  string
	t     loaded
	store *store.Store
	node  *peer.Node
	swarm *peer.Swarm
	path  string // of the content

	target string                       // the torrent, as the user named it; "" = it was made of the content
	files  func() (*store.Store, error) // opens the content once more

	deaf   func()                  // nobody changes the limits any more; nil = nobody could
	every  time.Duration           // between JSON lines
	broken context.CancelCauseFunc // ends the transfer when nobody reads them

	begin    time.Time // of the exchange with peers
	had      int64     // bytes that were there then
	finished time.Time // when the download was complete

	// While the content is checked anew, and when that was in vain. The watch, which
	// reads them, is stopped meanwhile.
	shared  peer.Torrent    // what join was told
	past    swarm.Stats     // of what was before
	checked *piece.Bitfield // what is known to be there; nil while it is shared

	// owned by the watch while there is one
	watcher   watcher
	unwatch   func()    // stops it; may be called twice
	seedSince time.Time // when it first saw that there was nothing left to fetch
}

// resolvePeers returns the addresses behind the values of --peer.
func (a *app) resolvePeers(ctx context.Context, list []string) ([]netip.AddrPort, error) {
	var all []netip.AddrPort
	for _, s := range list {
		host, port, err := net.SplitHostPort(s)
		n, portErr := strconv.ParseUint(port, 10, 16)
		if err != nil || portErr != nil || n == 0 || host == "" {
			return nil, a.usage("usage.peer", s)
		}
		ctx, cancel := context.WithTimeout(ctx, answerTimeout)
		addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		cancel()
		if err != nil {
			return nil, a.fail(exitNotFound, "peer.unknown_host", host, err)
		}
		for _, addr := range addrs {
			all = append(all, netip.AddrPortFrom(addr.Unmap(), uint16(n)))
		}
	}
	return all, nil
}

// open binds the listener, says so, and finds out what is there already. The
// listener comes first: that a port is taken should not turn out after an hour of
// checking. A caller that gets an error closes x.
func (x *transfer) open(ctx context.Context, listen netip.AddrPort, f peerFlags) (*piece.Bitfield, error) {
	if err := x.listen(listen, f); err != nil {
		return nil, err
	}
	if err := x.app.emit(x.start()); err != nil {
		return nil, err
	}
	return x.check(ctx)
}

// check finds out what is there, and shows how far it has come.
func (x *transfer) check(ctx context.Context) (*piece.Bitfield, error) {
	meter := newMeter(x.t.Info.Total())
	v := meter.view(x.verb, x.t.Info.Name, progress.Checking)
	v.every, v.broken = x.every, x.broken
	v.status = func(_ progress.Snapshot, m *statusMessage) { m.InfoHash = x.t.InfoHash.String() }
	stop := x.app.watch(v)
	defer stop()
	have, err := x.store.Resume(ctx, meter.done.Store)
	return have, stopCause(ctx, err)
}

// listen makes the node of the transfer.
func (x *transfer) listen(listen netip.AddrPort, f peerFlags) (err error) {
	if err := x.app.between("max-peers", f.maxPeers, maxPeers); f.maxPeers != 0 && err != nil {
		return err
	}
	x.node, err = peer.Open(peer.Options{
		Listen: listen, Log: x.app.log, Client: clientName(), DownLimit: int64(f.down), UpLimit: int64(f.up),
		Memory: int64(f.memory), MaxPeers: f.maxPeers, Extensions: extensions(),
	})
	return err
}

// join begins the exchange with peers and says so: who connects earlier is turned
// away. The torrent and its store are put in here.
func (x *transfer) join(t peer.Torrent) (err error) {
	x.shared = t
	t.Meta, t.Store = x.t.Metainfo, x.store
	t.Peers, t.Seen = append(t.Peers, x.t.named...), x.t.seen
	if x.swarm, err = x.node.Add(t); err != nil {
		return err
	}
	if x.begin.IsZero() {
		x.begin, x.had = time.Now(), x.swarm.Stats().BytesDone
		about := control.Transfer{Command: x.verb, Name: x.t.Info.Name, InfoHash: x.t.InfoHash.String()}
		x.deaf = x.app.takeLimits(x.node, func() control.Transfer { return about })
	}
	return x.app.emit(event("ready", map[string]any{"listen": x.node.Addr().String()}))
}

// close ends the exchange: it keeps what is verified and tells the trackers, for
// as long as a farewell may take. The error is that of files that could not be
// kept. It may be called twice.
func (x *transfer) close() error {
	var err error
	if x.deaf != nil {
		x.deaf()
		x.deaf = nil
	}
	if x.node != nil {
		ctx, cancel := context.WithTimeout(context.Background(), farewell)
		defer cancel()
		err = x.node.Close(ctx)
		x.node = nil
	}
	if x.store != nil {
		err = errors.Join(err, x.store.Close())
		x.store = nil
	}
	return err
}

// complete reports whether every wanted piece is verified.
func (x *transfer) complete() bool {
	if x.checked != nil {
		return false
	}
	select {
	case <-x.swarm.Complete():
		return true
	default:
		return false
	}
}

// stats returns how the transfer stands, with what was before.
func (x *transfer) stats() peer.Stats {
	st := x.swarm.Stats()
	st.Uploaded += x.past.Uploaded
	st.Downloaded += x.past.Downloaded
	st.Wasted += x.past.Wasted
	if x.checked != nil {
		st.PiecesHave, st.BytesDone = x.checked.Count(), 0
		for p := range x.checked.All() {
			st.BytesDone += int64(x.t.Info.Layout().Size(p))
		}
	}
	return st
}

// snapshot is how the transfer stands, for people. The watch calls it.
func (x *transfer) snapshot() progress.Snapshot {
	st, now := x.stats(), time.Now()
	s := progress.Snapshot{
		Verb: x.verb, Name: x.t.Info.Name, State: progress.Downloading,
		Done: st.BytesDone, Total: st.BytesWanted, Down: st.DownRate, Up: st.UpRate, Uploaded: st.Uploaded,
		Peers: st.Connected, Seeds: st.Seeds, Receiving: st.Receiving, Elapsed: now.Sub(x.begin),
	}
	s.DownLimit, s.UpLimit = x.node.Limits()
	if st.Finishing {
		s.State, s.FilesDone, s.Files = progress.Finishing, st.FilesNamed, st.FilesWanted
	}
	if x.complete() {
		if x.seedSince.IsZero() {
			x.seedSince = now
		}
		s.State, s.Elapsed = progress.Seeding, now.Sub(x.seedSince)
	}
	return s
}

// status adds to a status line what only the swarm knows.
func (x *transfer) status(_ progress.Snapshot, m *statusMessage) {
	st := x.stats()
	m.InfoHash = x.t.InfoHash.String()
	m.Peers = &peersObject{st.Connected, st.Seeds, st.Sending, st.Receiving}
	m.SecondsElapsed = int64(time.Since(x.begin).Seconds())
	m.PiecesDone = st.PiecesHave
	m.HashFails = st.HashFails
	m.limits(x.node)
}

// watch shows the transfer until unwatch is called.
func (x *transfer) watch() {
	now := time.Now()
	x.watcher = watcher{app: x.app, aloneSince: now, movingSince: now}
	x.unwatch = x.app.watch(view{
		snapshot: x.snapshot, status: x.status, every: x.every, broken: x.broken,
		each: func(now time.Time) { x.watcher.look(now, x.swarm.Stats(), x.complete()) },
	})
}

// start is the first JSON line of the transfer.
func (x *transfer) start() startMessage {
	l := x.t.Info.Layout()
	m := startMessage{
		MessageType: "start", Schema: schema, Version: version, Command: x.verb,
		InfoHash: x.t.InfoHash.String(), Name: x.t.Info.Name, TotalBytes: l.Total(),
		PieceLength: l.PieceLen(), PieceCount: l.Pieces(), Files: stored(x.t.Metainfo),
	}
	if hash, ok := hybridHash(x.t.InfoBytes); ok {
		m.InfoHashV2 = &hash
	}
	if x.node != nil {
		m.Listen = x.node.Addr().String()
	}
	return m
}

// summary is the last JSON line of the transfer, from the last look at it.
func (x *transfer) summary(st peer.Stats, err error) summaryMessage {
	code, _ := diagnose(err)
	elapsed := time.Since(x.begin)
	return summaryMessage{
		MessageType: "summary", InfoHash: x.t.InfoHash.String(), Complete: x.complete(),
		BytesDone: st.BytesDone, TotalBytes: st.BytesWanted,
		Downloaded: st.Downloaded, Uploaded: st.Uploaded, Wasted: st.Wasted,
		SecondsElapsed: int64(elapsed.Seconds()), MeanRate: meanRate(st.BytesDone-x.had, x.fetchTime()),
		Path: x.path, ExitCode: code,
	}
}

// fetchTime is how long the download took, or has taken so far.
func (x *transfer) fetchTime() time.Duration {
	if x.finished.IsZero() {
		return time.Since(x.begin)
	}
	return x.finished.Sub(x.begin)
}

func meanRate(n int64, d time.Duration) int64 {
	if d <= 0 {
		return 0
	}
	return int64(float64(n) / d.Seconds())
}
