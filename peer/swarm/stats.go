package swarm

import (
	"net/netip"
	"time"

	"p2p/piece"
)

// Stats is a torrent at one moment.
type Stats struct {
	PiecesHave, PiecesWanted, PiecesTotal int   // PiecesHave counts wanted ones
	BytesDone, BytesWanted                int64 // of wanted pieces
	BytesLeft                             int64 // of the whole torrent, wanted or not
	Downloaded, Uploaded                  int64 // payload of this session
	Wasted                                int64 // payload that came twice or failed its hash
	HashFails, Banned                     int
	DownRate, UpRate                      int64     // bytes/s, zero a few seconds after the last one
	Connected, Seeds, Sending, Receiving  int       // peers; Sending to us, Receiving from us
	Known                                 int       // addresses
	Unavailable                           int       // missing wanted pieces that no connected peer has
	FilesNamed, FilesWanted               int       // wanted files that have their final names; all of them
	Finishing                             bool      // every wanted piece is here, and is being made safe: synced, and the files named
	Moved                                 time.Time // when payload last went either way; zero = never
	Peers                                 []PeerStatus
	// LastError is the newest reason for which a peer was dropped, refused or
	// not reached.
	LastError string
}

// PeerStatus is one connected peer at one moment.
type PeerStatus struct {
	Addr                        netip.AddrPort
	ID                          [20]byte
	Client                      string  // as it calls itself, made printable
	Have                        float64 // share of the pieces, 0 to 1
	Downloaded, Uploaded        int64
	DownRate, UpRate            int64
	AmChoking, AmInterested     bool
	PeerChoking, PeerInterested bool
	Incoming                    bool
	Snubbed                     bool
}

// Stats returns the newest snapshot, which is at most TickEvery old.
func (l *Loop) Stats() Stats { return *l.stats.Load() }

// publish makes a new snapshot.
func (l *Loop) publish(now time.Time) {
	q := l.core.Queue()
	s := &Stats{
		PiecesTotal: q.Layout().Pieces(), PiecesWanted: q.Wanted().Count(),
		Downloaded: l.down.Total(), Uploaded: l.up.Total(),
		DownRate: int64(l.down.Shown(now)), UpRate: int64(l.up.Shown(now)),
		Wasted: l.core.Wasted, HashFails: l.core.HashFails, Banned: l.core.Banned,
		Known: l.core.Known(), LastError: l.reason, Moved: l.moved,
	}
	s.FilesNamed, s.FilesWanted = l.opt.Store.Named()
	s.Finishing = q.Done() && !l.safe
	s.PiecesHave = s.PiecesWanted - q.Left()
	layout := q.Layout()
	wantsLast, hasIt := hasLast(layout, q.Wanted()), hasLast(layout, q.Have())
	s.BytesWanted = held(layout, s.PiecesWanted, wantsLast)
	s.BytesDone = held(layout, s.PiecesHave, wantsLast && hasIt)
	s.BytesLeft = layout.Total() - held(layout, q.Have().Count(), hasIt)
	if !q.Done() {
		s.Unavailable = q.Unavailable()
	}
	l.core.Members(func(m Member) {
		p := describe(now, m)
		s.Connected++
		if m.Conn.PeerHas().Full() {
			s.Seeds++
		}
		if p.DownRate > 0 {
			s.Sending++
		}
		if p.UpRate > 0 {
			s.Receiving++
		}
		s.Peers = append(s.Peers, p)
	})
	l.stats.Store(s)
}

// held returns how many bytes n pieces have, which include the last one or not.
// Only that has a length of its own.
func held(l piece.Layout, n int, last bool) int64 {
	if !last {
		return int64(n) * l.PieceLen()
	}
	return int64(n-1)*l.PieceLen() + int64(l.Size(l.MustIndex(l.Pieces()-1)))
}

// hasLast reports whether the last piece of the torrent is in set.
func hasLast(l piece.Layout, set *piece.Bitfield) bool {
	return l.Pieces() > 0 && set.Has(l.MustIndex(l.Pieces()-1))
}

func describe(now time.Time, m Member) PeerStatus {
	has := m.Conn.PeerHas()
	p := PeerStatus{
		Addr: m.Peer.Addr, ID: m.Peer.ID, Incoming: !m.Peer.Dialled,
		Client: m.Conn.PeerExt().Client, Snubbed: m.Conn.Snubbed(),
		Downloaded: m.Conn.Down().Total(), Uploaded: m.Conn.Up().Total(),
		DownRate: int64(m.Conn.Down().Shown(now)), UpRate: int64(m.Conn.Up().Shown(now)),
		AmChoking: m.Conn.AmChoking(), AmInterested: m.Conn.AmInterested(),
		PeerChoking: m.Conn.PeerChoking(), PeerInterested: m.Conn.PeerInterested(),
	}
	if has.Len() > 0 {
		p.Have = float64(has.Count()) / float64(has.Len())
	}
	return p
}
