package people

import (
	"context"

	"connectrpc.com/connect"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
	"p2p/peer/identity"
)

// VerifyContact implements p2pv1connect.PeopleHandler.
func (n *Node) VerifyContact(ctx context.Context, r *connect.Request[p2pv1.VerifyContactRequest]) (*connect.Response[p2pv1.VerifyContactResponse], error) {
	k, err := n.decide(ctx, r.Msg)
	if err != nil {
		return nil, failure(err)
	}
	if r.Msg.NewKey {
		if k.State != p2pv1.ContactState_CONTACT_STATE_FRIEND {
			if _, err := n.ask(ctx, k); err != nil {
				return nil, n.named(err, k.Name)
			}
		}
		k, _ = n.contact(k.Account)
	}
	me, v := n.accountOf(), n.viewer(ctx).contactView(k)
	out := &p2pv1.VerifyContactResponse{SafetyNumber: identity.SafetyNumber(me, k.Account), Verified: v.Verified, Contact: v}
	if !k.Changed.IsZero() {
		out.NewSafetyNumber = identity.SafetyNumber(me, k.Changed)
	}
	return connect.NewResponse(out), nil
}

// decide writes down what the person has found out about a contact, and returns him as he is then.
func (n *Node) decide(ctx context.Context, r *p2pv1.VerifyContactRequest) (contact, error) {
	n.asking.Lock()
	defer n.asking.Unlock()
	k, err := n.who(r.Who)
	if err != nil {
		return k, err
	}
	switch {
	case r.NewKey && k.Changed.IsZero():
		return k, fail(failed, api.NoOtherKey, "who", k.Name)
	case r.NewKey:
		return n.replace(ctx, k)
	case r.Same:
		k.Verified, k.Differs, k.Replaced = true, false, identity.Key{}
		if !k.Changed.IsZero() { // the two have made sure which key is his: the other is another's
			k.Changed, k.Other = identity.Key{}, k.Changed
		}
		err = n.rewritten(ctx, k)
	case r.Differ:
		k.Verified, k.Differs = false, true
		err = n.rewritten(ctx, k)
	}
	return k, err
}

// replace takes the key that the directory names for a contact now, since the person has made sure that it is his:
// the old one is no contact any more, and the new one, which it returns, is to be asked. What was said stays where it was.
func (n *Node) replace(ctx context.Context, old contact) (contact, error) {
	name, his, known, key := old.Name, old.His, old.Directory, old.Changed
	if p := n.place(old.Room); p != nil && !p.Left {
		if err := n.depart(ctx, *p); err != nil {
			return old, err
		}
	}
	old.Name = n.freeName(name+"-"+old.Account.Short(), old.Account)
	old.State, old.Verified = p2pv1.ContactState_CONTACT_STATE_REMOVED, false
	old.Directory, old.Changed, old.Other, old.Replaced = "", identity.Key{}, identity.Key{}, key
	if err := n.rewritten(ctx, old); err != nil {
		return old, err
	}
	k, _ := n.contact(key) // he may have asked himself
	k.Account, k.Name, k.His, k.Directory, k.Verified = key, name, his, known, true
	if k.State == p2pv1.ContactState_CONTACT_STATE_FRIEND {
		return k, n.rewritten(ctx, k)
	}
	return k, nil
}
