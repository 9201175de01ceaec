package chat

import (
	"p2p/peer/ext/chat/history"
	"p2p/peer/ext/chat/room"
	"p2p/peer/identity"
)

// view is what a room is like, for other goroutines: it never changes.
type view struct {
	known    bool
	members  []room.Person
	roles    map[identity.Key]room.Role
	former   map[identity.Key]identity.Key   // who has removed them
	accounts map[identity.Key]identity.Key   // of devices that have joined
	devices  map[identity.Key][]identity.Key // of accounts
	ended    map[identity.Key]bool           // devices that have no business here
	liars    map[identity.Key]bool           // devices that have signed two histories
	split    []room.Proof                    // of those of this account
	options  room.Options
	since    map[identity.Key]history.Position // when the members came
	added    map[identity.Key]identity.Key     // by whom
	least    int                               // how many lines before that they got for sure, negative for all
}

// refresh makes the view anew. It is called by the goroutine of the Talk after a commit.
func (t *Talk) refresh() {
	r := t.store.Room
	v := &view{
		members: r.Members(), roles: map[identity.Key]room.Role{}, former: map[identity.Key]identity.Key{}, accounts: r.Joined(),
		devices: map[identity.Key][]identity.Key{}, ended: map[identity.Key]bool{}, liars: map[identity.Key]bool{}, options: r.Options(),
		since: map[identity.Key]history.Position{}, added: map[identity.Key]identity.Key{}, least: r.LeastHistory(),
	}
	v.known = len(v.accounts) > 0
	for _, p := range v.members {
		v.roles[p.Account] = p.Role
		if since, ok := r.Since(p.Account); ok {
			v.since[p.Account], v.added[p.Account] = since.Position(), v.accounts[since.Author]
		}
	}
	for _, account := range r.Former() {
		by, _ := r.Removal(account)
		v.former[account] = by.Account
	}
	for _, p := range r.Forks() {
		v.liars[p.A.Author] = true
		if v.accounts[p.A.Author] == t.o.Account {
			v.split = append(v.split, p)
		}
	}
	for device, account := range v.accounts {
		if v.devices[account] == nil {
			v.devices[account] = r.Devices(account)
		}
		if r.Ended(device) {
			v.ended[device] = true
		}
	}
	t.view.Store(v)
}

// Known reports whether the beginning of the room is here. Before that nobody is known to be a member.
func (t *Talk) Known() bool { return t.view.Load().known }

// Joined reports whether this device may write: its Join is here, and its account is a member.
func (t *Talk) Joined() bool {
	device := t.o.Device.Key()
	v := t.view.Load()
	return !v.accounts[device].IsZero() && !v.ended[device]
}

// Lies reports whether a device is known to have signed two histories: nothing that it writes counts any more.
func (t *Talk) Lies(device identity.Key) bool { return t.view.Load().liars[device] }

// Members returns who is in the room now, by key. The slice is shared, and not to be changed.
func (t *Talk) Members() []room.Person { return t.view.Load().members }

// Options returns what the room is like now.
func (t *Talk) Options() room.Options { return t.view.Load().options }

// Role returns what an account may do now.
func (t *Talk) Role(account identity.Key) room.Role { return t.view.Load().roles[account] }

// Removed reports whether an account was added to the room and is no member now: it was removed, or has left.
func (t *Talk) Removed(account identity.Key) bool {
	_, former := t.view.Load().former[account]
	return former
}

// RemovedBy returns who has removed an account: itself, if it has left; zero for a member, and for who was
// added when there was no place any more.
func (t *Talk) RemovedBy(account identity.Key) identity.Key { return t.view.Load().former[account] }

// AddedBy returns who has made an account the member that it is; zero for who is none.
func (t *Talk) AddedBy(account identity.Key) identity.Key { return t.view.Load().added[account] }

// Devices returns the devices of an account that have joined, by key. The slice is shared, and not to be changed.
func (t *Talk) Devices(account identity.Key) []identity.Key { return t.view.Load().devices[account] }

// Knows returns whose a device is that has joined, and whether it may come in: it was not revoked, and its account
// is a member now.
func (t *Talk) Knows(device identity.Key) (account identity.Key, member bool) {
	v := t.view.Load()
	account = v.accounts[device]
	return account, !account.IsZero() && !v.ended[device]
}

// Peers returns the devices that are connected, in the order in which they came.
func (t *Talk) Peers() []PeerState { return append([]PeerState(nil), *t.peers.Load()...) }
