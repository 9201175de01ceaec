package people

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/netip"
	"time"

	"go.uber.org/zap"

	"p2p/cmd/p2p/api"
	"p2p/peer/ext/chat/body"
	"p2p/peer/ext/chat/history"
	"p2p/peer/ext/chat/room"
	"p2p/peer/identity"
)

// openOwn opens the room of the account's devices. The first device of an account makes it, and its self is another one
// then. The caller holds changing.
func (n *Node) openOwn(ctx context.Context, s *self) (*self, error) {
	var birth *room.Birth
	if s.own.IsZero() {
		birth = &room.Birth{Certificate: s.certificate, Options: room.Options{Limit: 1, History: -1}}
	}
	c, err := n.converse(ctx, s.own, birth, n.trackers(), true, false)
	if err != nil {
		return s, err
	}
	if birth != nil {
		if s, err = n.become(s, func(s *self) { s.own = c.id }); err != nil {
			c.close(ctx)
			return s, err
		}
	}
	n.mu.Lock()
	n.own = c
	n.mu.Unlock()
	n.revisit(c)
	n.contradicted(c)
	return s, n.readBook(ctx)
}

// readBook reads the book out of the own room.
func (n *Node) readBook(ctx context.Context) error {
	entries, err := n.archive.OfKind(ctx, n.self.own, body.KindRecord)
	if err != nil {
		return err
	}
	n.read(entries)
	return nil
}

// read takes records of the own room into the book, and reports whether one counts.
func (n *Node) read(entries []history.Entry) (news bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for i := range entries {
		e := &entries[i]
		if e.Event.Kind != body.KindRecord || !e.Counts || e.Body == nil {
			continue
		}
		r, err := parseRecord(e.Body)
		if err != nil {
			n.log.Warn("a record of another version", zap.Error(err))
			continue
		}
		news = n.book.apply(r, e.Position()) || news
	}
	return news
}

// write puts a record into the book, for all devices of the account; it is stored when write returns.
func (n *Node) write(ctx context.Context, r record) error {
	b, err := r.body()
	if err != nil {
		return err
	}
	n.mu.Lock()
	own := n.own
	n.mu.Unlock()
	if own == nil {
		return fail(failed, api.LoggedOut)
	}
	own.join(ctx)
	e, err := own.talk.Write(ctx, body.KindRecord, b)
	if err != nil {
		return stored(err)
	}
	n.unkept.Store(true)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.book.apply(r, history.Position{Lamport: e.Lamport, Device: e.Author})
	return nil
}

// trackers returns the announce URLs under which this person is found.
func (n *Node) trackers() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.announces()
}

// announces is trackers for who holds mu.
func (n *Node) announces() []string {
	switch {
	case len(n.chosen) > 0:
		return n.chosen
	case n.self != nil && n.self.directory != "":
		return []string{announceOf(n.self.directory)}
	case n.directory != "":
		return []string{announceOf(n.directory)}
	case n.opt.Directory != "":
		return []string{announceOf(n.opt.Directory)}
	}
	return nil
}

// place returns the place of a room.
func (n *Node) place(id room.ID) *place {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.book.places[swarmOf(id).String()]
}

// contact returns a copy of what the book has of somebody.
func (n *Node) contact(account identity.Key) (contact, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if c := n.book.contacts[account]; c != nil {
		return *c, true
	}
	return contact{}, false
}

// newToken returns a token that nobody guesses.
func newToken() (t identity.Token) {
	rand.Read(t[:])
	return t
}

// addrs returns where this device listens, for links and letters: addresses of this machine that others may
// reach, or the one that it listens on.
func (n *Node) addrs() []netip.AddrPort {
	n.mu.Lock()
	node := n.node
	n.mu.Unlock()
	if node == nil {
		return nil
	}
	at := node.Addr()
	if !at.Addr().IsUnspecified() {
		return []netip.AddrPort{at}
	}
	return localAddrs(at.Port())
}

// The settings of a profile besides its keys.
const (
	certificatesSetting = "certificates"
	facesSetting        = "faces"
	mannerSetting       = "manner"
	sealSetting         = "seal"
)

// load reads what is remembered of others, and of this person: how he appears, and what he has typed and not sent.
func (n *Node) load(ctx context.Context) error {
	if err := n.recallManner(ctx); err != nil {
		return err
	}
	drafts, err := n.archive.Drafts(ctx)
	if err != nil {
		return err
	}
	n.mu.Lock()
	for _, d := range drafts {
		if id, err := parseID(d.Place); err == nil {
			n.drafts[id] = d.Text
		}
	}
	n.mu.Unlock()
	b, err := n.archive.Setting(ctx, certificatesSetting)
	if err != nil {
		return err
	}
	var certs [][]byte
	if b != nil {
		if err := json.Unmarshal(b, &certs); err != nil {
			return fmt.Errorf("read certificates: %w", err)
		}
	}
	for _, c := range certs {
		if cert, err := identity.ParseCertificate(c); err == nil {
			n.known.add(cert)
		}
	}
	if b, err = n.archive.Setting(ctx, facesSetting); err != nil || b == nil {
		return err
	}
	if err := n.faces.recall(b); err != nil {
		return fmt.Errorf("read names: %w", err)
	}
	return nil
}

// remember keeps what is known of others, if that has changed.
func (n *Node) remember() {
	if certs, changed := n.known.keep(); changed {
		b, err := json.Marshal(certs)
		if err == nil {
			err = n.archive.NoteSetting(certificatesSetting, b)
		}
		n.lost("certificates", err)
	}
	if b, changed, err := n.faces.keep(); changed {
		if err == nil {
			err = n.archive.NoteSetting(facesSetting, b)
		}
		n.lost("names", err)
	}
}

// lost logs that something could not be kept that comes back by itself.
func (n *Node) lost(what string, err error) {
	if err != nil {
		n.log.Warn("cannot keep "+what, zap.Error(err))
	}
}

// beatEvery is how often the Node looks after what nobody asks it to.
const beatEvery = time.Second
