package people

import (
	"context"
	"time"

	"p2p/cmd/p2p/api/p2pv1"
	"p2p/peer/identity"
)

// Two who are there, as the directory says, call each other as soon as it does. When nothing connects them all the same it is their
// routers, or firewalls, that keep them apart, on both sides: where one of the two lets the other one in, or their calls can meet (package
// punch), they are connected within seconds. That is to be said: what they write waits, although both are there.

// apartAfter is how long two have to have been there: they meet in that time if they ever do, also where one has just moved or come.
const apartAfter = time.Minute

// gap is since when somebody is there whom nothing connects with this device.
type gap struct {
	since time.Time
	told  bool
}

// unreached reports whether somebody is there, and nothing connects him with this device.
func (s *sight) unreached() bool {
	return s.presence != p2pv1.Presence_PRESENCE_OFFLINE && s.path == p2pv1.Path_PATH_UNSPECIFIED
}

// separate takes in who is there and not reached now, and returns of whom it is to be told that this has lasted, or is over.
func (f *faces) separate(now time.Time) (news []identity.Key) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for k := range f.far {
		s, g := f.look(k), f.gaps[k]
		switch {
		case !s.unreached():
		case g.since.IsZero():
			f.gaps[k] = gap{since: now}
		case !g.told && now.Sub(g.since) >= apartAfter:
			f.gaps[k] = gap{since: g.since, told: true}
			news = append(news, k)
		}
	}
	for k, g := range f.gaps {
		if s := f.look(k); s.unreached() {
			continue
		}
		if delete(f.gaps, k); g.told {
			news = append(news, k)
		}
	}
	return news
}

// tellApart tells programs who is there and is not reached. The clerk calls it.
func (n *Node) tellApart(ctx context.Context) {
	for _, k := range n.faces.separate(time.Now()) {
		n.looks(ctx, k)
	}
}

// keptApart reports whether a contact is there, and he and this person do not reach each other, though both want to.
func (n *Node) keptApart(k contact) bool {
	return k.State == p2pv1.ContactState_CONTACT_STATE_FRIEND && n.faces.of(k.Account).apart && !k.doubtful() && n.conversation(k.Room) != nil
}
