package directory

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"p2p/peer/identity"
	"p2p/tracker/dirwire"
	"p2p/tracker/ledger"
)

// Limits of letters. One waits for each pair of people.
const (
	lettersFrom = 64  // one account, that wait
	lettersTo   = 128 // one account
	letterFor   = 30 * 24 * time.Hour
)

// mailbox is the letters that wait. They are in the ledger; what is in memory is who has one from
// whom. Any goroutine may call its methods.
type mailbox struct {
	letters ledger.Bucket
	most    int // that wait

	mu   sync.Mutex
	to   map[identity.Key]map[identity.Key]head // recipient, sender
	from map[identity.Key]int
	all  int
}

// head is what is remembered of a letter.
type head struct {
	sent     time.Time
	revision ledger.Revision
}

func newMailbox(l ledger.Ledger, most int) *mailbox {
	return &mailbox{
		most: most, letters: ledger.Late(l, lettersBucket), to: make(map[identity.Key]map[identity.Key]head), from: make(map[identity.Key]int),
	}
}

// reset forgets what is in memory, for a watch that begins.
func (m *mailbox) reset() {
	m.mu.Lock()
	defer m.mu.Unlock()
	clear(m.to)
	clear(m.from)
	m.all = 0
}

func letterKey(to, from identity.Key) string { return to.String() + "." + from.String() }

func parseLetterKey(key string) (to, from identity.Key, ok bool) {
	a, b, _ := strings.Cut(key, ".")
	to, err := identity.ParseKey(a)
	from, err2 := identity.ParseKey(b)
	return to, from, err == nil && err2 == nil
}

// put leaves a letter, in the place of the one from the same sender.
func (m *mailbox) put(ctx context.Context, to identity.Key, l dirwire.Letter) error {
	m.mu.Lock()
	_, replaces := m.to[to][l.From]
	tooMany, full := m.from[l.From] >= lettersFrom, len(m.to[to]) >= lettersTo || m.all >= m.most
	m.mu.Unlock()
	switch {
	case replaces:
	case tooMany:
		return &dirwire.Failure{Code: dirwire.CodeTooMany}
	case full:
		return errFull
	}
	var id [8]byte
	rand.Read(id[:])
	l.ID = l.From.String() + "." + hex.EncodeToString(id[:])
	l.Sent = time.Now().UnixMilli()
	value, err := json.Marshal(l)
	if err != nil {
		return err
	}
	_, err = ledger.Put(ctx, m.letters, letterKey(to, l.From), value)
	if err != nil {
		return fmt.Errorf("keep a letter: %w", err)
	}
	return nil
}

// get returns a letter, or ledger.ErrMissing.
func (m *mailbox) get(ctx context.Context, to, from identity.Key) (l dirwire.Letter, r ledger.Revision, err error) {
	e, err := m.letters.Get(ctx, letterKey(to, from))
	if err == nil {
		err = json.Unmarshal(e.Value, &l)
	}
	return l, e.Revision, err
}

// taken forgets the letter of an id, if it is still the one that waits.
func (m *mailbox) taken(ctx context.Context, to identity.Key, id string) error {
	sender, _, _ := strings.Cut(id, ".")
	from, err := identity.ParseKey(sender)
	if err != nil {
		return dirwire.Malformed()
	}
	l, revision, err := m.get(ctx, to, from)
	if errors.Is(err, ledger.ErrMissing) || err == nil && l.ID != id {
		return nil // another device was faster, or a newer one has come
	}
	if err == nil {
		err = m.letters.Delete(ctx, letterKey(to, from), revision)
	}
	if errors.Is(err, ledger.ErrMissing) || errors.Is(err, ledger.ErrConflict) {
		return nil
	}
	return err
}

// apply takes in a change of the bucket, and returns whose letter has come, from whom.
func (m *mailbox) apply(c ledger.Change) (to, from identity.Key, came bool) {
	to, from, ok := parseLetterKey(c.Key)
	if c.Synced || !ok {
		return to, from, false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	old, had := m.to[to][from]
	switch {
	case c.Deleted && had:
		delete(m.to[to], from)
		if len(m.to[to]) == 0 {
			delete(m.to, to)
		}
		if m.from[from]--; m.from[from] == 0 {
			delete(m.from, from)
		}
		m.all--
	case !c.Deleted && (!had || c.Revision > old.revision):
		var l dirwire.Letter
		if json.Unmarshal(c.Value, &l) != nil {
			return to, from, false
		}
		if m.to[to] == nil {
			m.to[to] = make(map[identity.Key]head)
		}
		m.to[to][from] = head{time.UnixMilli(l.Sent), c.Revision}
		if !had {
			m.from[from]++
			m.all++
		}
		return to, from, true
	}
	return to, from, false
}

// waiting returns from whom letters wait.
func (m *mailbox) waiting(to identity.Key) (from []identity.Key) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for k := range m.to[to] {
		from = append(from, k)
	}
	return from
}

func (m *mailbox) count() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.all
}

// expire forgets what has waited for too long.
func (m *mailbox) expire(ctx context.Context, now time.Time) {
	type letter struct {
		key      string
		revision ledger.Revision
	}
	var old []letter
	m.mu.Lock()
	for to, all := range m.to {
		for from, h := range all {
			if now.Sub(h.sent) > letterFor {
				old = append(old, letter{letterKey(to, from), h.revision})
			}
		}
	}
	m.mu.Unlock()
	for _, l := range old {
		_ = m.letters.Delete(ctx, l.key, l.revision) // another node may have done so; the next hour tries again
	}
}
