package people

import (
	"context"

	"go.uber.org/zap"

	"p2p/peer/ext/chat/body"
	"p2p/peer/identity"
)

// Who was added to a room, and has not come yet, has said nothing there: others would see a key. So whoever adds somebody says what
// that one calls himself (body.Guest). It is believed of who added that account, until the account is heard of itself, and shown as of
// one who was invited. Whoever adds a stranger under the name of somebody whom the reader knows, or of the reader, is not believed.

// introduce says in a room what somebody calls himself who was just added. A name that this person has given him is nobody else's business.
func (n *Node) introduce(ctx context.Context, c *conversation, account identity.Key) {
	name := n.faces.name(account)
	if k, known := n.contact(account); known && name == "" {
		if name = k.His; name == "" {
			name = k.Directory
		}
	}
	guest := body.GuestOf(account, name)
	if guest.Name == "" {
		return
	}
	if _, err := c.talk.Write(ctx, body.KindGuest, guest.AppendTo(nil)); err != nil && ctx.Err() == nil {
		n.log.Debug("cannot tell a room who was invited", zap.Error(err))
	}
}

// guest returns what a member is called who was never heard of, as who added him says; empty when that is not to be believed. Of who
// was removed before he came anybody's word counts: he is nobody any more.
func (n *Node) guest(ctx context.Context, c *conversation, account identity.Key) (name string) {
	if _, known := n.contact(account); known || n.faces.name(account) != "" || account == n.accountOf() {
		return ""
	}
	all, err := n.archive.OfKind(ctx, c.id, body.KindGuest)
	if err != nil {
		n.log.Debug("cannot read who was invited", zap.Error(err))
		return ""
	}
	by := c.talk.AddedBy(account)
	for i := range all {
		if g, err := body.ParseGuest(all[i].Body); err == nil && g.Account == account && (all[i].Account == by || by.IsZero()) {
			name = g.Name
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.passesFor(name, account) != "" {
		return ""
	}
	return name
}
