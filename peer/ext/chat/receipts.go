package chat

import (
	"context"
	"maps"
	"time"

	"go.uber.org/zap"

	"p2p/peer/ext"
	"p2p/peer/identity"
)

// Two members who never meet get each other's messages through others, and are to know as well what the other one has stored and
// read. That is told by receipts:
//
// 1. A receipt is a device's word on all logs and on its person's read mark, signed by the device, for one room: who passes it on can
// hold it back, and no more. One that is forged ends the connection.
// 2. It replaces those before it, and what it says only grows: one that comes twice, late, or not at all does no harm.
// 3. Each member holds the last one of each device of the room, in memory, also of one that is away.
// 4. None is made while all devices of the room are connected with this one: sessions tell them the same (note). Else it goes to
// who is connected with somebody who is not, and to some who keep it for who is away (receiptHolders).
// 5. It is passed on to who lacks it, but to nobody who says that he is connected with that account (Meets), nor to anybody with
// whom the one is connected that it came from: he tells him himself.
// 6. What waits goes in one frame to each, every receiptsEvery at most, and more seldom the more are connected: ten frames a
// second from each device, whatever happens in the room. A message does not wait for that.
// 7. Who is sent one knows the device (Stored), so that he can say whose it is. What it says of events that have not come waits for them.
// 8. Who shows an older one than is held is told the newer, also the device itself: its clock may have been wrong before it was
// started again.
// 9. Builds of before pass over the frame. They pass nothing on, and make none.
// 10. Beside how far somebody has read stands what was there then: what came to him late has not been read. So the other devices of his
// account learn what was read elsewhere, too. Older builds say it only where an account has several devices, and else that nothing was there.
const (
	receiptsAfter = 200 * time.Millisecond // after something has happened
	receiptsEvery = 500 * time.Millisecond
	receiptsShare = 100 * time.Millisecond // for each connection, if that is more
	// receiptHolders is how many keep this device's for whoever is away, those who have been connected for longest.
	receiptHolders = 4
)

// receiptAllowance is how many receipts of one connection are verified, which takes a tenth of a millisecond each.
var receiptAllowance = ext.Allowance{Most: 256, Every: 10 * time.Millisecond}

// receipts are what the devices of the room say that they have stored and read.
type receipts struct {
	held   map[identity.Key]*held // by device, this one's too
	fresh  bool                   // one has come that is not taken in
	last   uint64                 // greatest number that this device is known to have given
	due    time.Time              // when the others are to be told, zero for nothing has happened
	looked time.Time              // when it was last due
}

// held is the last receipt of a device.
type held struct {
	receipt
	account identity.Key
	from    uint64 // number of the link by which it came, zero for this device's own
	waits   bool   // what it says is not all taken in: it may speak of events that are not here
	taken   bool   // what it says of reading is
}

// receiptsOf is what the other end of a link has of the receipts.
type receiptsOf struct {
	has       map[identity.Key]uint64 // numbers, by device
	behind    map[identity.Key]bool   // devices of which it has shown an older one than is held
	allowance ext.Allowance
}

// receive takes a frameReceipts.
func (t *Talk) receive(n *turn, l *link, b []byte) error {
	all, err := parseReceipts(b)
	if err != nil || t.store == nil || l.session == nil {
		return err
	}
	for i := range all {
		if err := t.takeReceipt(n, l, all[i]); err != nil {
			return err
		}
	}
	return nil
}

// takeReceipt takes one receipt.
func (t *Talk) takeReceipt(n *turn, l *link, r receipt) error {
	v := t.view.Load()
	account, before := v.accounts[r.device], t.receipts.held[r.device]
	if account.IsZero() || v.ended[r.device] {
		return nil
	}
	l.receipts.has[r.device] = max(l.receipts.has[r.device], r.number)
	if before != nil && before.number >= r.number {
		if before.number > r.number {
			l.receipts.behind[r.device] = true
			t.receiptsSoon(n)
		}
		return nil
	}
	if !l.receipts.allowance.Take(n.now) {
		return nil // it is heard from others, or the next one is
	}
	if !r.signs(t.id) {
		return errReceipt
	}
	t.receiptsSoon(n)
	if r.device == t.o.Device.Key() { // from before this program was started
		t.receipts.last = max(t.receipts.last, r.number)
		delete(t.receipts.held, r.device)
		return nil
	}
	h := &held{receipt: r, account: account, from: l.number, waits: true}
	h.taken = before != nil && before.taken && h.reads(before)
	t.receipts.held[r.device], t.receipts.fresh = h, true
	return nil
}

// creditAll takes in what receipts say, as soon as the events that they speak of are here. It is called after the commit. For the
// accounts that are concerned some have come that may have been read before.
func (t *Talk) creditAll(n *turn, concerned func(identity.Key) bool) {
	if !t.receipts.fresh && len(t.told.Added) == 0 {
		return
	}
	t.receipts.fresh = false
	for _, h := range t.receipts.held {
		if h.from != 0 && concerned(h.account) {
			h.waits, h.taken = true, false
		}
		if h.waits {
			t.credit(n, h)
		}
	}
}

// credit takes in what a receipt says.
func (t *Talk) credit(n *turn, h *held) {
	h.waits = false
	if h.account != t.o.Account {
		for _, device := range t.Devices(t.o.Account) {
			stored := h.logs[nameOf(device)].stored
			t.delivered(h.account, device, stored)
			h.waits = h.waits || stored > t.store.Room.Mark(device).Seq
		}
	}
	if h.read.IsZero() || h.taken {
		return
	}
	_, h.taken = t.store.Find(h.read)
	seen := h.seen(t.view.Load())
	switch {
	case !h.taken:
		h.waits = true
	case h.account == t.o.Account:
		t.readElsewhere(n, h.read, seen)
	case len(seen) == 0:
		t.readBy(n, h.account, h.read, nil) // of an older build, or there is nothing that he has read
	default:
		t.readBy(n, h.account, h.read, seen)
	}
}

// reads reports whether h says the same as another of what was read.
func (h *held) reads(other *held) bool {
	return h.read == other.read && maps.EqualFunc(h.logs, other.logs, func(a, b progress) bool { return a.seen == b.seen })
}

// seen returns what of each log was there when it was read.
func (h *held) seen(v *view) map[identity.Key]uint64 {
	seen := map[identity.Key]uint64{}
	for device := range v.accounts {
		if p := h.logs[nameOf(device)]; p.seen > 0 {
			seen[device] = p.seen
		}
	}
	return seen
}

// receiptsSoon has the others told soon what is new.
func (t *Talk) receiptsSoon(n *turn) {
	if t.receipts.due.IsZero() {
		pause := max(receiptsEvery, time.Duration(len(t.links))*receiptsShare)
		t.receipts.due = n.now.Add(receiptsAfter)
		if next := t.receipts.looked.Add(pause); next.After(t.receipts.due) {
			t.receipts.due = next
		}
	}
}

// tellReceipts tells the others what is due.
func (t *Talk) tellReceipts(n *turn) {
	t.receipts.due, t.receipts.looked = time.Time{}, n.now
	v := t.view.Load()
	maps.DeleteFunc(t.receipts.held, func(device identity.Key, _ *held) bool { return v.accounts[device].IsZero() || v.ended[device] })
	away := t.away(v)
	if len(away) > 0 {
		t.vouch(v)
	}
	holders := 0
	for _, l := range t.links {
		if l.session == nil {
			continue
		}
		holders++
		frame, more := t.receiptsFor(l, holders <= receiptHolders || t.meetsAny(l, away))
		if len(frame) > 0 {
			l.send(frame)
		}
		if more {
			t.receiptsSoon(n)
		}
	}
}

// vouch makes this device's receipt, if there is something new to say.
func (t *Talk) vouch(v *view) {
	own := t.o.Device.Key()
	if v.accounts[own].IsZero() || v.ended[own] {
		return
	}
	seen, err := t.archive.Seen(context.Background(), t.id)
	if err != nil {
		t.log.Debug("what was read is not known", zap.Error(err))
	}
	next := &held{account: t.o.Account, receipt: receipt{read: t.marks.id, logs: map[logName]progress{}}}
	for device, mark := range t.store.Room.Clock() {
		if device != own {
			next.logs[nameOf(device)] = progress{mark.Seq, min(seen[device], mark.Seq)}
		}
	}
	if before := t.receipts.held[own]; before != nil && before.read == next.read && maps.Equal(before.logs, next.logs) {
		return
	}
	t.receipts.last = max(t.wall(), t.receipts.last+1)
	next.number = t.receipts.last
	next.sign(t.o.Device, t.id)
	t.receipts.held[own] = next
}

// away returns the accounts that have a device in the room with which this one is not connected.
func (t *Talk) away(v *view) (accounts map[identity.Key]bool) {
	accounts = map[identity.Key]bool{}
	here := map[identity.Key]bool{t.o.Device.Key(): true}
	for _, l := range t.links {
		here[l.state.Device] = here[l.state.Device] || l.session != nil
	}
	for device, account := range v.accounts {
		if !here[device] && !v.ended[device] {
			accounts[account] = true
		}
	}
	return accounts
}

// meetsAny reports whether the other end of a link hears by itself, or says that it meets, one of some accounts.
func (t *Talk) meetsAny(l *link, accounts map[identity.Key]bool) bool {
	for account := range accounts {
		if account == l.whose() || t.meets(l, account) {
			return true
		}
	}
	return false
}

// meets reports whether the other end of a link says that it is connected with an account.
func (t *Talk) meets(l *link, account identity.Key) bool {
	return t.o.Meets != nil && t.o.Meets(l.state.Device, account)
}

// receiptsFor returns a frame with what the other end of a link is to be sent, empty for nothing, and whether there is more. With
// own it is sent this device's too.
func (t *Talk) receiptsFor(l *link, own bool) (frame []byte, more bool) {
	for device, h := range t.receipts.held {
		if h.from == 0 && !own || !t.lacks(l, h) {
			continue
		}
		if len(frame) > 0 && len(frame)+len(h.raw) > maxReceiptFrame {
			return frame, true
		}
		frame = appendReceipt(frame, &h.receipt)
		l.receipts.has[device] = h.number
		delete(l.receipts.behind, device)
	}
	return frame, false
}

// lacks reports whether the other end of a link is to be sent a receipt by this device.
func (t *Talk) lacks(l *link, h *held) bool {
	switch {
	case l.receipts.has[h.device] >= h.number, l.session.Stored(h.device) == 0:
		return false
	case l.receipts.behind[h.device]:
		return true
	case l.state.Device == h.device:
		return false
	case h.account == t.o.Account, h.account == l.whose():
		return true
	case t.meets(l, h.account):
		return false
	}
	for _, from := range t.links {
		if from.number == h.from && from.session != nil && t.meets(from, l.whose()) {
			return false
		}
	}
	return true
}
