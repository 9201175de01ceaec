package terminal

import (
	"slices"
	"strings"
	"time"
)

// ringEvery is how often messages ring at the most. Who comes back to ten thousand of them is called once, and told how many there are.
const ringEvery = 3 * time.Second

// bell says which messages have not rung yet. It is the session's.
type bell struct {
	next    time.Time                // not before that it rings
	waiting map[*conversation]string // of which conversations, and how the last message of each reads
	set     bool                     // bellRings comes
}

// bellRings is the time for what waits.
type bellRings struct{}

// ringFor calls the person for a message in a conversation that she does not look at.
func (s *session) ringFor(c *conversation, said string) {
	if !s.now.Before(s.bell.next) && !s.bell.set {
		s.bell.next = s.now.Add(ringEvery)
		s.do(ring{s.title(c), said})
		return
	}
	if s.bell.waiting == nil {
		s.bell.waiting = map[*conversation]string{}
	}
	s.bell.waiting[c] = said
	if !s.bell.set {
		s.bell.set = true
		s.in(s.bell.next.Sub(s.now), bellRings{})
	}
}

// ringNow calls the person once for all that waits, and was not read meanwhile.
func (s *session) ringNow() {
	b := s.bell
	s.bell = bell{next: s.now.Add(ringEvery)}
	var counts []string
	var one ring
	for c, said := range b.waiting {
		if s.conversations[c.GetId()] != c || c.GetUnread() == 0 {
			continue
		}
		count := s.unreadOf(c)
		counts = append(counts, count)
		if one = (ring{s.title(c), said}); c.GetUnread() > 1 {
			one.body = s.say.Say("chat.plain.unread", count)
		}
	}
	slices.Sort(counts)
	switch len(counts) {
	case 0:
	case 1:
		s.do(one)
	default:
		s.do(ring{s.say.Say("chat.title"), s.say.Say("chat.plain.unread", strings.Join(counts, ", "))})
	}
}
