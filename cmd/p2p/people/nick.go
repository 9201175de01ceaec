package people

import (
	"context"
	"strings"

	"go.uber.org/zap"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
	"p2p/peer/identity"
	"p2p/tracker/dirwire"
)

// A contact is called here as he calls himself, until this person gives him a name of his own: then he keeps that. When he calls
// himself otherwise (package body, Name), so does the book of this account, and programs are told; what he was called before still
// finds him, unless something else is called so.
//
// # What a contact can do with that
//
// He takes the name of another contact, or of this person, or one that looks like it, to be written to in place of that one: it is
// not taken over, and said. He changes it all the time: the book takes over a few, then one every heedEvery, and the last counts.
// He says what he had said before, or somebody repeats it who has it: it has a lower number (faces.signs).

// callAll has the contacts called as they call themselves now. The clerk calls it.
func (n *Node) callAll(ctx context.Context) {
	if !n.runs() {
		return
	}
	n.mu.Lock()
	var all []identity.Key
	for account, k := range n.book.contacts {
		if k.follows(n.faces.signed(account)) {
			all = append(all, account)
		}
	}
	n.mu.Unlock()
	for _, account := range all {
		if err := n.call(ctx, account); err != nil && ctx.Err() == nil {
			n.log.Warn("a contact keeps an old name", zap.Error(err))
		}
	}
}

// follows reports whether k calls himself otherwise now than he did when he got his name here.
func (k *contact) follows(signed string) bool {
	return signed != "" && k.His != "" && k.His != signed && k.watched() && k.Changed.IsZero() && !k.Differs
}

// call takes over how a contact calls himself.
func (n *Node) call(ctx context.Context, account identity.Key) error {
	n.asking.Lock()
	defer n.asking.Unlock()
	k, _ := n.contact(account)
	name := n.faces.signed(account)
	if !k.follows(name) || !n.mayCall(account) {
		return nil // later: beat looks again
	}
	n.mu.Lock()
	like := n.passesFor(name, account)
	n.mu.Unlock()
	was := k.Name
	k.His = name
	if like == "" {
		k.Was, k.Name = was, name
	}
	if err := n.write(ctx, record{Contact: &k}); err != nil {
		return err
	}
	n.tellDoubt(account)
	switch {
	case like != "":
		n.shout(p2pv1.Alert_KIND_RENAMED, account, name, api.Problem(api.NameOfAnother, "who", was, "now", name, "like", like))
	case !strings.EqualFold(was, name):
		n.shout(p2pv1.Alert_KIND_CALLED, account, name, api.Problem(api.CalledOtherwise, "was", was, "now", name))
	}
	return nil
}

// mayCall reports whether it is time to take over another name of a contact.
func (n *Node) mayCall(account identity.Key) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.calling.pace(account).Allow()
}

// passesFor returns whose name somebody may be taken for who is called name: a contact's, or this person's. Empty for nobody's. The
// caller holds mu.
func (n *Node) passesFor(name string, account identity.Key) string {
	looks := dirwire.Skeleton(name)
	if n.self == nil || looks == "" {
		return ""
	}
	for _, mine := range []string{n.displayName(), n.self.name} {
		if dirwire.Skeleton(mine) == looks {
			return mine
		}
	}
	return n.book.like(looks, account)
}

// like returns the name of a contact, but for one, who has a name of that skeleton here or at the directory, or was called so.
func (b *book) like(looks string, but identity.Key) string {
	if b.looks == nil { // it is asked for every line that somebody else has written
		b.looks = map[string][]*contact{}
		for _, c := range b.contacts {
			for _, name := range []string{c.Name, c.Directory, c.Was} {
				key := dirwire.Skeleton(name)
				b.looks[key] = append(b.looks[key], c)
			}
		}
	}
	for _, c := range b.looks[looks] {
		if c.Account != but {
			return c.Name
		}
	}
	return ""
}

// guess finds out of contacts whom an older program has written down whether they have their names from themselves: they are called
// so at the directory, or have called themselves so.
func (b *book) guess(said func(identity.Key) string) {
	for _, c := range b.contacts {
		for _, his := range []string{c.Directory, said(c.Account)} {
			if rest, same := strings.CutPrefix(strings.ToLower(c.Name), strings.ToLower(his)); c.His == "" && his != "" && same && numbered(rest) {
				c.His = his
			}
		}
	}
}

// numbered reports whether s is nothing, or what free adds to a name.
func numbered(s string) bool {
	number, dash := strings.CutPrefix(s, "-")
	return s == "" || dash && strings.Trim(number, "0123456789") == ""
}
