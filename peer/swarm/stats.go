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
	DownRate, UpRate                      int64 // bytes/s
	Connected, Seeds, Sending, Receiving  int   // peers; Sending to us, Receiving from us
	Known                                 int   // addresses
	Unavailable                           int   // missing wanted pieces that no connected peer has
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
		DownRate: int64(l.down.Rate(now)), UpRate: int64(l.up.Rate(now)),
		Wasted: l.core.Wasted, HashFails: l.core.HashFails, Banned: l.core.Banned,
		Known: l.core.Known(), LastError: l.reason,
	}
	s.PiecesHave = s.PiecesWanted - q.Left()
	s.BytesDone, s.BytesWanted = held(q.Layout(), q.Wanted(), q.Have())
	_, total := held(q.Layout(), q.Have(), q.Have())
	s.BytesLeft = q.Layout().Total() - total
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

// held returns how many bytes the pieces of set have, and how many of those are
// in have. Only the last piece has a length of its own.
func held(l piece.Layout, set, have *piece.Bitfield) (done, all int64) {
	for i := range set.And(have) {
		done += int64(l.Size(i))
	}
	if set == have {
		return done, done
	}
	for i := range set.All() {
		all += int64(l.Size(i))
	}
	return done, all
}

func describe(now time.Time, m Member) PeerStatus {
	has := m.Conn.PeerHas()
	p := PeerStatus{
		Addr: m.Peer.Addr, ID: m.Peer.ID, Incoming: !m.Peer.Dialled,
		Client: m.Conn.PeerExt().Client, Snubbed: m.Conn.Snubbed(),
		Downloaded: m.Conn.Down().Total(), Uploaded: m.Conn.Up().Total(),
		DownRate: int64(m.Conn.Down().Rate(now)), UpRate: int64(m.Conn.Up().Rate(now)),
		AmChoking: m.Conn.AmChoking(), AmInterested: m.Conn.AmInterested(),
		PeerChoking: m.Conn.PeerChoking(), PeerInterested: m.Conn.PeerInterested(),
	}
	if has.Len() > 0 {
		p.Have = float64(has.Count()) / float64(has.Len())
	}
	return p
}
