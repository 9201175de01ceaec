package terminal

import "time"

// scroll says which part of the messages is seen: the last line on the screen is a line of items[at], of
// which skip lines are below the edge. It names a message and no line number, so that pages that arrive above
// and messages that arrive below do not move what somebody reads.
type scroll struct {
	at, skip int
	follow   bool // the end is seen, and stays so
	// fromUnread is that the unread line is the first on the screen, and nobody has moved what is seen since.
	fromUnread bool
}

// choice is the message that is selected; keys act on it.
type choice struct {
	id     string
	delete bool      // a second stroke deletes it
	asked  time.Time // when that was said
}

// scrollBy moves what is seen by lines, up is negative.
func (s *session) scrollBy(by int) {
	c := s.current
	if c == nil || len(c.items) == 0 {
		return
	}
	p := &c.scroll
	p.skip -= by
	p.fromUnread = false
	for p.skip < 0 && p.at < len(c.items)-1 {
		p.at++
		p.skip += len(s.lines(c, p.at))
	}
	for p.at > 0 && p.skip >= len(s.lines(c, p.at)) {
		p.skip -= len(s.lines(c, p.at))
		p.at--
	}
	p.skip = max(p.skip, 0)
	s.settle(c)
}

// settle keeps the screen full, and asks for more where the known messages end.
func (s *session) settle(c *conversation) {
	p, height := &c.scroll, s.place().list.height
	above := -p.skip
	for i := p.at; i >= 0 && above < height; i-- {
		above += len(s.lines(c, i))
	}
	for above < height && (p.at < len(c.items)-1 || p.skip > 0) {
		switch p.skip > 0 {
		case true:
			p.skip--
		default:
			p.at++
			p.skip = len(s.lines(c, p.at)) - 1
		}
		above++
	}
	p.follow = p.at >= len(c.items)-1 && p.skip == 0 && !c.moreAfter
	if p.at < pageSize/2 {
		s.loadMore(c, true)
	}
	if p.at > len(c.items)-pageSize/4 {
		s.loadMore(c, false)
	}
	s.markRead()
}

// fits reports whether the message at an index is on the screen with the newest one, and with what waits below that.
func (s *session) fits(c *conversation, at int) bool {
	room := s.place().list.height
	for _, o := range c.pending {
		room -= len(s.pendingLines(o))
	}
	for i := range c.said {
		room -= len(s.saidLines(c, i))
	}
	for i := len(c.items) - 1; i >= at && room >= 0; i-- {
		room -= len(s.lines(c, i))
	}
	return room >= 0
}

// toTop makes the first line of a message the first one on the screen.
func (s *session) toTop(c *conversation, at int) {
	height, lines := s.place().list.height, len(s.lines(c, at))
	c.scroll.at, c.scroll.skip = at, max(lines-height, 0)
	s.scrollBy(height - min(lines, height))
}

// visible is a line of a message on the screen.
type visible struct {
	line
	at int // index of the item, -1 for what is none
}

// seen returns the lines of messages that are on the screen, the last one last; at most height.
func (s *session) seen(c *conversation, height int) []visible {
	var up []visible // from below
	add := func(lines []line, at int) {
		for j := len(lines) - 1; j >= 0 && len(up) < height; j-- {
			up = append(up, visible{lines[j], at})
		}
	}
	if c.scroll.follow {
		for i := len(c.pending) - 1; i >= 0 && len(up) < height; i-- {
			add(s.pendingLines(c.pending[i]), -1)
		}
		for i := len(c.said) - 1; i >= 0 && len(up) < height; i-- {
			add(s.saidLines(c, i), -1)
		}
	}
	skip := c.scroll.skip
	for i := min(c.scroll.at, len(c.items)-1); i >= 0 && len(up) < height; i-- {
		lines := s.lines(c, i)
		add(lines[:max(len(lines)-skip, 0)], i)
		skip = 0
		if i == 0 && c.GetOlder() != "" && !c.moreBefore {
			add([]line{plainly(s.say.Say("chat.older", shortID(c.GetOlder())), style{role: faint})}, -1)
		}
	}
	return reversed(up)
}

func reversed(lines []visible) []visible {
	for i, j := 0, len(lines)-1; i < j; i, j = i+1, j-1 {
		lines[i], lines[j] = lines[j], lines[i]
	}
	return lines
}

// choose selects a message and brings it into view.
func (s *session) choose(id string) {
	c := s.current
	at := c.index(id)
	if at < 0 {
		return
	}
	s.choice = choice{id: id}
	p, height := &c.scroll, s.place().list.height
	p.fromUnread = false
	if at > p.at || at == p.at && p.skip > 0 { // below the edge
		p.at, p.skip = at, 0
	}
	above := -p.skip
	for i := p.at; i >= at; i-- {
		if above += len(s.lines(c, i)); above > height {
			s.toTop(c, at) // it was above the edge
			return
		}
	}
	s.settle(c)
}

// chooseBy moves the selection by messages; past the newest one it ends.
func (s *session) chooseBy(by int) {
	c := s.current
	if c == nil || len(c.items) == 0 {
		return
	}
	at := c.index(s.choice.id)
	switch {
	case at < 0:
		at = c.scroll.at
	case at+by >= len(c.items):
		s.toEnd()
		return
	default:
		at = max(at+by, 0)
	}
	s.choose(c.items[at].GetId())
}

// chosen returns the message that is selected, or nil.
func (s *session) chosen() *item {
	if s.current == nil || s.choice.id == "" {
		return nil
	}
	return s.current.byID[s.choice.id]
}
