package directory

import (
	"context"
	"encoding/json"
	"errors"
	"net/netip"
	"time"

	"p2p/peer/identity"
	"p2p/tracker/dirwire"
	"p2p/tracker/ledger"
	"p2p/tracker/wire"
)

// session returns the session of a ticket, with the key of its device, by which a request must be
// signed.
func (d *Directory) session(ticket []byte) (*session, identity.Key, error) {
	if len(ticket) != len(sessionID{}) {
		return nil, identity.Key{}, &dirwire.Failure{Code: dirwire.CodeSession}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.hall.sessions[sessionID(ticket)]
	if s == nil {
		return nil, identity.Key{}, &dirwire.Failure{Code: dirwire.CodeSession}
	}
	return s, s.device.certificate.Device, nil
}

// count takes the count of a request that was signed by the device.
func (d *Directory) count(s *session, count uint64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !s.counts.take(count) {
		return &dirwire.Failure{Code: dirwire.CodeProof}
	}
	return nil
}

// openSession lets a device in whose certificate is the account's last word about it.
// Known is what the account has certified.
func (d *Directory) openSession(c identity.Certificate, known []identity.Certificate) (dirwire.Session, error) {
	now := time.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.hall.sessions) >= d.limits.sessions {
		return dirwire.Session{}, &dirwire.Failure{Code: dirwire.CodeTrouble, RetryMS: int64(time.Minute / time.Millisecond)}
	}
	s := d.hall.open(d.id, c, now)
	// A letter that is not among them is told by the watch, which waits for mu.
	for _, from := range d.mailbox.waiting(c.Account) {
		s.news.letters[from] = struct{}{}
	}
	for _, k := range known {
		s.known[k.Device] = k
	}
	d.counters.Opened.Add(1)
	return dirwire.Session{Session: s.id[:], Heartbeat: heartbeat.Milliseconds()}, nil
}

// begin takes in what a device says as it attends: its lease, what has come, and its state when that is newer
// than what was said before. It returns the channel that is closed when the attend is to end, nil
// when that is a later one's already.
func (d *Directory) begin(s *session, count uint64, m dirwire.Attend, source netip.Addr) (ended <-chan struct{}, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	select {
	case <-d.stopped: // the client is to look elsewhere
		return nil, &dirwire.Failure{Code: dirwire.CodeTrouble}
	default:
	}
	if d.hall.sessions[s.id] != s {
		return nil, &dirwire.Failure{Code: dirwire.CodeSession}
	}
	if count < s.newest {
		return nil, nil
	}
	s.newest = count
	close(s.replace)
	s.replace = make(chan struct{})
	s.until = time.Now().Add(leaseFor)
	if m.Seen != s.number {
		s.news.add(s.told)
	}
	s.told = newNews()
	if m.Friends != nil {
		if !d.hall.befriend(s.device, sortedKeys(*m.Friends)) {
			return nil, &dirwire.Failure{Code: dirwire.CodeTrouble, RetryMS: int64(time.Minute / time.Millisecond)}
		}
	}
	if p := m.Presence; p != nil {
		s.device.away, s.device.addrs = p.Away, addrsOf(source, p)
		d.hall.changed(s.device)
	}
	if s.news.empty() {
		return s.replace, nil
	}
	s.rouse()
	return s.replace, nil
}

// addrsOf returns where a device may be reached: at the address that was seen, then where it says.
func addrsOf(source netip.Addr, p *dirwire.Presence) (addrs []netip.AddrPort) {
	seen := netip.AddrPortFrom(source, p.Port)
	for _, a := range append([]netip.AddrPort{seen}, p.Addrs[:min(len(p.Addrs), dirwire.MaxAddrs)]...) {
		a = netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
		// An address of the machine itself is another machine's for everybody else.
		if wire.Connectable(a) && (!a.Addr().IsLoopback() || source.IsLoopback()) {
			addrs = append(addrs, a)
		}
	}
	return addrs
}

// attend answers an attend with what is new, once there is something.
func (d *Directory) attend(ctx context.Context, s *session, count uint64, m dirwire.Attend, source netip.Addr) (dirwire.Events, error) {
	ended, err := d.begin(s, count, m, source)
	if err != nil || ended == nil {
		return dirwire.Events{}, err
	}
	wait := min(time.Duration(max(0, m.Wait))*time.Millisecond, heartbeat)
	busy := false
	select {
	case d.waiting <- struct{}{}:
		defer func() { <-d.waiting }()
	default:
		wait, busy = 0, true
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-s.wake:
	default:
		select {
		case <-s.wake:
		case <-timer.C:
		case <-ended:
		case <-d.stopped:
		case <-ctx.Done():
		}
	}
	e, err := d.events(ctx, s, ended)
	e.Busy = busy
	return e, err
}

// batch bounds what one answer tells.
const (
	batchBytes   = dirwire.MaxAnswer / 4 // of friends; one more may exceed it by a tenth
	batchLetters = 16
)

// events takes what is new, and looks up what it is. An attend that has ended gets nothing. What is in an
// answer that does not come is told again: the client says which it had.
func (d *Directory) events(ctx context.Context, s *session, ended <-chan struct{}) (e dirwire.Events, err error) {
	d.mu.Lock()
	switch {
	case d.hall.sessions[s.id] != s:
		err = &dirwire.Failure{Code: dirwire.CodeSession}
	case s.replace != ended:
	default:
		s.number++
		e.Number, e.Friends = s.number, d.friends(s)
	}
	account := s.device.person.key
	var devices, senders []identity.Key
	if e.Number != 0 {
		devices = move(s.news.devices, s.told.devices, dirwire.MaxDevices)
		senders = move(s.news.letters, s.told.letters, batchLetters)
		if !s.news.empty() {
			s.rouse()
		}
	}
	d.mu.Unlock()
	if len(devices) > 0 {
		a, _, err := d.book.account(ctx, account)
		if err != nil {
			return dirwire.Events{}, err
		}
		for _, k := range devices {
			if c, ok := a.certificate(k); ok {
				e.Certificates = append(e.Certificates, c.AppendTo(nil))
			}
		}
	}
	for _, from := range senders {
		l, _, err := d.mailbox.get(ctx, account, from)
		switch {
		case errors.Is(err, ledger.ErrMissing): // taken meanwhile
		case err != nil:
			return dirwire.Events{}, err
		default:
			e.Letters = append(e.Letters, l)
		}
	}
	return e, err
}

// friends moves people from what is to be told to what is told, and returns how they are. The caller
// holds mu.
func (d *Directory) friends(s *session) (all []dirwire.Friend) {
	room := batchBytes
	for k := range s.news.people {
		if room <= 0 {
			break
		}
		delete(s.news.people, k)
		s.told.people[k] = struct{}{}
		f := d.hall.view(s.device.person, k)
		for _, device := range f.Devices {
			room -= 2*len(device.Certificate) + 64*len(device.Addrs)
		}
		room -= 128
		all = append(all, f)
	}
	return all
}

// move moves at most so many keys, and returns them.
func move(from, to map[identity.Key]struct{}, most int) (moved []identity.Key) {
	for k := range from {
		if len(moved) == most {
			break
		}
		delete(from, k)
		to[k] = struct{}{}
		moved = append(moved, k)
	}
	return moved
}

// goodbye ends a session.
func (d *Directory) goodbye(s *session) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.hall.sessions[s.id] == s {
		d.hall.leave(s.device, time.Now())
	}
}

// endLeases lets those go whose lease has run out, and the devices of nodes that are silent.
func (d *Directory) endLeases(now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, s := range d.hall.sessions {
		if now.After(s.until) {
			d.counters.Expired.Add(1)
			d.hall.leave(s.device, s.until.Add(-leaseFor))
		}
	}
	d.endNodes(now)
}

// accountChanged tells the devices of an account what it has certified, and ends the session of one that it
// has revoked.
func (d *Directory) accountChanged(c ledger.Change) {
	k, err := identity.ParseKey(c.Key)
	if err != nil || c.Deleted || c.Synced {
		return
	}
	if !d.online(k) {
		return // most are not
	}
	var a account
	if json.Unmarshal(c.Value, &a) == nil { // else whoever asks for it hears so
		d.certificates(k, certificates(a))
	}
}

// certificates takes in what an account has certified, as its record says.
func (d *Directory) certificates(k identity.Key, all []identity.Certificate) {
	d.mu.Lock()
	defer d.mu.Unlock()
	p := d.hall.people[k]
	if p == nil {
		return
	}
	for _, cert := range all {
		if dev := p.devices[cert.Device]; dev != nil && cert.Revoked && dev.session != nil {
			d.hall.leave(dev, time.Now())
		}
		for _, dev := range p.devices {
			if dev.session != nil {
				dev.session.certified(cert)
			}
		}
	}
}

// certified makes a certificate of the own account news, unless it is known.
func (s *session) certified(cert identity.Certificate) {
	if old, known := s.known[cert.Device]; known && !supersedes(cert, old) {
		return
	}
	s.known[cert.Device] = cert
	s.news.devices[cert.Device] = struct{}{}
	s.rouse()
}

// letterChanged tells the devices of a recipient.
func (d *Directory) letterChanged(c ledger.Change) {
	to, from, came := d.mailbox.apply(c)
	if !came {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	p := d.hall.people[to]
	if p == nil {
		return
	}
	for _, dev := range p.devices {
		if s := dev.session; s != nil {
			s.news.letters[from] = struct{}{}
			s.rouse()
		}
	}
}

// online reports whether a device of an account is there.
func (d *Directory) online(k identity.Key) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	p := d.hall.people[k]
	return p != nil && len(p.devices) > 0
}
