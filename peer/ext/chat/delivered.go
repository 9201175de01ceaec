package chat

import (
	"sync"
	"time"

	"go.uber.org/zap"

	"p2p/peer/ext/chat/history"
	"p2p/peer/ext/chat/room"
	"p2p/peer/identity"
)

// deliveries is what others have stored and read of what the devices of this account wrote: for each device and
// each other account, up to which number. They go by what the others say that they have stored, and by what they
// wrote upon; never by what was sent.
type deliveries struct {
	mu    sync.RWMutex
	at    map[identity.Key]map[identity.Key]history.Delivery // by own device, then by account
	dirty map[[2]identity.Key]history.Delivery               // not kept yet, by account and device
	next  time.Time                                          // when it is to be
}

func (d *deliveries) restore(kept []history.Delivery) {
	d.at, d.dirty = map[identity.Key]map[identity.Key]history.Delivery{}, map[[2]identity.Key]history.Delivery{}
	for _, k := range kept {
		d.set(k)
	}
}

func (d *deliveries) set(k history.Delivery) {
	if d.at[k.Device] == nil {
		d.at[k.Device] = map[identity.Key]history.Delivery{}
	}
	d.at[k.Device][k.Account] = k
}

// raise notes a delivery, and reports what of it is news. What was read was stored before.
func (d *deliveries) raise(k history.Delivery, now time.Time) (stored, read bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	before := d.at[k.Device][k.Account]
	k.Read = max(k.Read, before.Read)
	k.Seq = max(k.Seq, k.Read, before.Seq)
	stored, read = k.Seq > before.Seq, k.Read > before.Read
	if !stored && !read {
		return false, false
	}
	d.set(k)
	if len(d.dirty) == 0 {
		d.next = now.Add(saveEvery)
	}
	d.dirty[[2]identity.Key{k.Account, k.Device}] = k
	return stored, read
}

// due returns when something is to be kept, zero for never.
func (d *deliveries) due() time.Time {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if len(d.dirty) == 0 {
		return time.Time{}
	}
	return d.next
}

// take returns what is to be kept.
func (d *deliveries) take() []history.Delivery {
	d.mu.Lock()
	defer d.mu.Unlock()
	var all []history.Delivery
	for _, k := range d.dirty {
		all = append(all, k)
	}
	clear(d.dirty)
	return all
}

// save keeps what was delivered. What cannot be kept is heard again.
func (t *Talk) save() {
	if all := t.stored.take(); len(all) > 0 {
		if err := t.archive.SaveDelivered(t.id, all); err != nil {
			t.log.Debug("what was delivered cannot be kept", zap.Error(err))
		}
	}
}

// Delivered returns the accounts of which a device is known to have stored an event that a device of this
// account wrote.
func (t *Talk) Delivered(e *room.Event) map[identity.Key]bool {
	return t.stored.who(e, func(k history.Delivery) uint64 { return k.Seq })
}

// ReadBy returns the accounts that are known to have read an event that a device of this account wrote: it was there when
// they read so far.
func (t *Talk) ReadBy(e *room.Event) map[identity.Key]bool {
	return t.stored.who(e, func(k history.Delivery) uint64 { return k.Read })
}

// who returns the accounts that have come up to an event.
func (d *deliveries) who(e *room.Event, come func(history.Delivery) uint64) map[identity.Key]bool {
	d.mu.RLock()
	defer d.mu.RUnlock()
	all := map[identity.Key]bool{}
	for account, k := range d.at[e.Author] {
		if come(k) >= e.Seq {
			all[account] = true
		}
	}
	return all
}

// delivered notes how far an account has a log of this account's.
func (t *Talk) delivered(account, device identity.Key, seq uint64) {
	k := history.Delivery{Account: account, Device: device, Seq: min(seq, t.store.Room.Mark(device).Seq)}
	if k.Seq == 0 || account == t.o.Account || account.IsZero() {
		return
	}
	if news, _ := t.stored.raise(k, time.Now()); news {
		t.told.Delivered = append(t.told.Delivered, k)
	}
}

// note takes what the other end of a link says that it has stored.
func (t *Talk) note(l *link) {
	for _, device := range t.Devices(t.o.Account) {
		t.delivered(l.whose(), device, l.session.Stored(device))
	}
}

// maxCovered is how many events are remembered with what they stand upon.
const maxCovered = 4096

// cover takes an event as word that its author had stored what it stands upon: so a message counts as delivered
// also where two never meet, and hear of each other through a third.
func (t *Talk) cover(e *history.Entry) {
	own := t.o.Device.Key()
	if e.Event.Author == own {
		return
	}
	var seq uint64
	for _, id := range append([]room.ID{e.Event.Prev}, e.Event.Deps...) {
		if m, ok := t.store.Find(id); ok && m.Author == own {
			seq = max(seq, m.Seq)
		}
		seq = max(seq, t.covered[id])
	}
	if seq == 0 {
		return
	}
	if len(t.covered) >= maxCovered {
		clear(t.covered)
	}
	t.covered[e.Event.ID] = seq
	t.delivered(e.Account, own, seq)
}
