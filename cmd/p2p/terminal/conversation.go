package terminal

import (
	"cmp"
	"slices"
	"time"

	"p2p/cmd/p2p/api/p2pv1"
)

// pageSize is how many messages are asked for at a time.
const pageSize = 100

// conversation is what is known here of one: a stretch of its messages without holes, in order,
// which ends with the newest one unless moreAfter.
type conversation struct {
	*p2pv1.Conversation
	items                 []*item
	byID                  map[string]*item
	moreBefore, moreAfter bool
	loaded, loading       bool
	told                  map[int64]bool // numbers of the messages that came while this program ran
	pending               []outgoing
	changes               []change             // of messages, that the node has not confirmed
	said                  []*item              // by others, and no messages yet
	typing                map[string]time.Time // account -> until when
	newest                int64                // the largest number of a message that was seen here
	unreadFrom            string               // the message above which the unread line stands
	unmarked              int32                // unread ones that stand above what is known
	aloud                 string               // the first message that was read out, in plain mode
	read                  *item                // the last one of which the node was told that it was read, since the line stands
	scroll                scroll

	wording                // what is being written
	saved        wording   // as it was kept last
	unsavedSince time.Time // since when they differ
	sheet        string    // the name of that on which it is kept
	others       []sheet   // that were written on in terminals that have ended, and wait here
	rest         int       // those that wait for any terminal
	claim        string    // what the node was asked to give away
	uncertain    string    // message of the edit that was begun, if nobody knows whether that was done
	resuming     bool      // what was begun waits for its message
	lastTyping   time.Time
	despite      map[string]bool // members in doubt who are to get what is said all the same
	withheld     held
}

// wording is what is being written in a conversation: a text, and an edit, or what the text replies to.
type wording struct {
	draft string
	begun begun
}

// item is a message with its lines as they were last drawn.
type item struct {
	*p2pv1.Message
	lines []line
	drawn layout
}

// outgoing is a message that the node has not confirmed yet. It is sent again with its key
// until the node says what became of it.
type outgoing struct {
	key, text, replyTo string
	despite            []string  // members in doubt who are to get it all the same
	after              int64     // number of the last message when it was sent first
	began              time.Time // to be sent, zero while it is not on its way
	// doubt is that the node went away before it answered: one that is started again does not know the key any more, so
	// the history is looked into (asking) before the message is sent again.
	doubt, asking bool
}

// sending reports whether the node was given it and has not answered.
func (o *outgoing) sending() bool { return !o.began.IsZero() }

func newConversation(c *p2pv1.Conversation) *conversation {
	return &conversation{
		Conversation: c, byID: map[string]*item{}, typing: map[string]time.Time{}, told: map[int64]bool{}, despite: map[string]bool{},
		scroll: scroll{follow: true},
	}
}

// order is that of the history, the same on every device.
func order(a, b *item) int {
	return cmp.Or(cmp.Compare(a.GetLamport(), b.GetLamport()), cmp.Compare(a.GetDevice(), b.GetDevice()), cmp.Compare(a.GetId(), b.GetId()))
}

// put takes in a message that is new, or an old one as it is now. It reports whether it was added.
func (c *conversation) put(m *p2pv1.Message) bool {
	c.newest = max(c.newest, m.GetNumber())
	c.unsay(m)
	if known := c.byID[m.GetId()]; known != nil {
		if m.GetTransfer() == nil && known.GetTransfer() != nil {
			m.Transfer = known.Transfer
		}
		known.Message, known.lines = m, nil
		return false
	}
	it := &item{Message: m}
	at, _ := slices.BinarySearchFunc(c.items, it, order)
	outside := !c.loaded || at == 0 && c.moreBefore || at == len(c.items) && c.moreAfter
	if outside {
		return false // it comes with its page
	}
	c.items = slices.Insert(c.items, at, it)
	c.byID[m.GetId()] = it
	if at <= c.scroll.at && len(c.items) > 1 {
		c.scroll.at++
	}
	c.follow()
	return true
}

// strike takes a message away, and what answers to it show of it. It reports whether it was there.
func (c *conversation) strike(id string) bool {
	at := c.index(id)
	if at < 0 {
		return false
	}
	c.items = slices.Delete(c.items, at, at+1)
	delete(c.byID, id)
	for _, it := range c.items {
		if it.GetReplyTo() == id {
			it.ReplyName, it.ReplyText, it.lines = "", "", nil
		}
	}
	if c.unreadFrom == id {
		c.unreadFrom = ""
		if at < len(c.items) {
			c.unreadFrom = c.items[at].GetId()
		}
	}
	if at < c.scroll.at || c.scroll.at >= len(c.items) {
		c.scroll.at, c.scroll.skip = max(c.scroll.at-1, 0), 0
	}
	return true
}

// follow keeps the list at its end when it is there.
func (c *conversation) follow() {
	if c.scroll.follow {
		c.scroll.at, c.scroll.skip = max(len(c.items)-1, 0), 0
	}
}

// replace takes a stretch of messages for what was known.
func (c *conversation) replace(page *p2pv1.ListMessagesResponse) {
	c.items, c.byID = nil, map[string]*item{}
	c.moreBefore, c.moreAfter, c.loaded = page.GetMoreBefore(), page.GetMoreAfter(), true
	c.scroll = scroll{follow: !c.moreAfter}
	c.extend(page.GetMessages(), false)
	c.scroll.at = max(len(c.items)-1, 0)
}

// extend adds a page before or behind what is known, without moving what is seen.
func (c *conversation) extend(page []*p2pv1.Message, before bool) {
	fresh := make([]*item, 0, len(page))
	for _, m := range page {
		c.newest = max(c.newest, m.GetNumber())
		c.unsay(m)
		if c.byID[m.GetId()] == nil {
			it := &item{Message: m}
			c.byID[m.GetId()] = it
			fresh = append(fresh, it)
		}
	}
	if before {
		c.items = append(fresh, c.items...)
		c.scroll.at += len(fresh)
		c.markAbove(len(fresh))
	} else {
		c.items = append(c.items, fresh...)
	}
	if !slices.IsSortedFunc(c.items, order) { // an event came between two pages
		slices.SortFunc(c.items, order)
	}
	c.follow()
}

// borders reports whether a page that was asked for stands beside what is known.
func (c *conversation) borders(q *p2pv1.ListMessagesRequest) bool {
	switch {
	case q.GetBefore() != "":
		return len(c.items) > 0 && c.items[0].GetId() == q.GetBefore()
	case q.GetAfter() != "":
		return len(c.items) > 0 && c.lastItem().GetId() == q.GetAfter()
	}
	return true
}

// index returns where a message stands, or -1.
func (c *conversation) index(id string) int {
	it := c.byID[id]
	if it == nil {
		return -1
	}
	at, found := slices.BinarySearchFunc(c.items, it, order)
	if !found {
		return -1
	}
	return at
}

// markUnread puts the unread line above the oldest of the last n messages of others; when there are more than are known it is put further
// up as they come (extend).
func (c *conversation) markUnread(n int32) {
	c.unreadFrom, c.unmarked, c.read = "", n, nil
	c.markAbove(len(c.items))
}

// markAbove goes on with markUnread above the message at end.
func (c *conversation) markAbove(end int) {
	for i := end - 1; i >= 0 && c.unmarked > 0; i-- {
		if m := c.items[i]; countsUnread(m.Message) {
			c.unreadFrom = m.GetId()
			c.unmarked--
		}
	}
}

// countsUnread reports whether the node counts a message that was not read: of the notices an invitation alone, which somebody has
// written to this person.
func countsUnread(m *p2pv1.Message) bool {
	said := m.GetNotice() == nil || m.GetNotice().GetKind() == p2pv1.Notice_KIND_INVITED
	return said && !m.GetMine() && !m.GetDeleted() && !m.GetWithheld()
}

// seeking reports whether the first unread message is further back than what is known.
func (c *conversation) seeking() bool {
	return c.loaded && c.unmarked > 0 && c.moreBefore && len(c.items) > 0
}

// drop forgets the messages, to be asked for anew.
func (c *conversation) drop() {
	c.items, c.byID, c.loaded, c.moreBefore, c.moreAfter = nil, map[string]*item{}, false, false, false
	c.scroll = scroll{follow: true}
}

// last returns the newest message that is known, or nil.
func (c *conversation) lastItem() *item {
	if len(c.items) == 0 {
		return nil
	}
	return c.items[len(c.items)-1]
}

// open shows a conversation from what is new in it on, whatever was looked at when it was left.
func (s *session) open(c *conversation) {
	if s.current == c {
		return
	}
	if c.moreAfter {
		c.drop()
	}
	s.enter(c)
	s.load(c)
	s.showUnread(c)
}

// enter makes a conversation the one that is shown.
func (s *session) enter(c *conversation) {
	if s.current == c {
		return
	}
	s.close()
	s.takeAlong(c)
	s.current = c
	s.choice, s.sidebar.shift = choice{}, 0
	if s.composer.leaveMode(); c.wording == (wording{}) && len(c.others) > 0 {
		c.wording = c.nextOther()
	}
	s.composer.begin(c.draft)
	s.wanted = ""
	if c.loaded || c.loading {
		c.markUnread(c.GetUnread())
	}
	s.resume()
	s.saveDraft(pause{c.GetId(), c.wording}) // with what was taken along
	s.seekFor(c)
}

// load asks for the newest messages of the conversation that is shown, if they are not there.
func (s *session) load(c *conversation) {
	if c == s.current && s.linked && !c.loaded && !c.loading {
		c.loading = true
		s.ask(&p2pv1.ListMessagesRequest{Where: c.GetId(), Limit: pageSize + c.GetUnread()})
	}
}

// close leaves the conversation that is shown, and keeps what was being written.
func (s *session) close() {
	if s.current == nil {
		s.keepLoose()
		return
	}
	s.keepDraft()
	s.saveDraft(pause{s.current.GetId(), s.current.wording})
	s.stopTyping()
	s.current.unreadFrom, s.current.unmarked = "", 0
	s.current.scroll = scroll{follow: !s.current.moreAfter, at: max(len(s.current.items)-1, 0)}
}

// showUnread begins with the first unread message where the newest ones do not leave room for it; it may have to be asked for.
func (s *session) showUnread(c *conversation) {
	if c.seeking() {
		if !c.loading {
			c.loading = true
			s.askFor(seeking{}, &p2pv1.ListMessagesRequest{Where: c.GetId(), Before: c.items[0].GetId(), Limit: pageSize + c.unmarked})
		}
		return
	}
	if at := c.index(c.unreadFrom); at >= 0 && !s.plain {
		c.scroll = scroll{follow: true}
		if c.follow(); !s.fits(c, at) {
			s.toTop(c, at)
			c.scroll.fromUnread = true
		}
	}
	s.markRead()
}

// seeking is the note of a page that is asked for to find the first unread message.
type seeking struct{}

// markRead tells the node that what is on the screen was read, and what stands above it, if somebody looks at it.
func (s *session) markRead() {
	c := s.current
	if c == nil || !s.focused || !c.loaded || c.GetUnread() == 0 || len(c.items) == 0 {
		return
	}
	if c.scroll.follow && !c.moreAfter {
		c.Unread, c.Mentions = 0, 0
		s.ask(&p2pv1.MarkReadRequest{Where: c.GetId(), Message: c.lastItem().GetId()})
		return
	}
	s.markSeen(c)
}

// markSeen is markRead while newer messages are below the edge: up to the last one that is on the screen to its end.
func (s *session) markSeen(c *conversation) {
	first, last := c.index(c.unreadFrom), c.scroll.at
	if c.scroll.skip > 0 {
		last--
	}
	if c.read != nil {
		first = c.index(c.read.GetId()) + 1
	}
	if first < 0 || last < first || c.index(c.unreadFrom) < 0 {
		return
	}
	c.read = c.items[last]
	for _, it := range c.items[first : last+1] { // the node counts too, and says how many there are
		if countsUnread(it.Message) && c.Unread > 0 {
			c.Unread--
		}
	}
	s.ask(&p2pv1.MarkReadRequest{Where: c.GetId(), Message: c.read.GetId()})
}

// loadMore asks for the page before or behind what is known.
func (s *session) loadMore(c *conversation, before bool) {
	if c.loading || !c.loaded || len(c.items) == 0 || before && !c.moreBefore || !before && !c.moreAfter {
		return
	}
	c.loading = true
	q := &p2pv1.ListMessagesRequest{Where: c.GetId(), Limit: pageSize}
	if before {
		q.Before = c.items[0].GetId()
	} else {
		q.After = c.lastItem().GetId()
	}
	s.ask(q)
}

// jump shows a message, wherever in the history it is.
func (s *session) jump(where, id string) {
	c := s.conversations[where]
	if c == nil {
		s.askFor(opening{id}, &p2pv1.ListConversationsRequest{Where: where})
		return
	}
	s.panel = nil
	s.enter(c) // and not what is new there
	if c.index(id) >= 0 {
		s.choose(id)
		return
	}
	c.loading = true
	s.askFor(chooseAfter{id}, &p2pv1.ListMessagesRequest{Where: where, Around: id, Limit: pageSize})
}

// opens opens a conversation that the node was asked for.
func (s *session) opens(where string, n opening) {
	if n.message != "" {
		s.jump(where, n.message)
		return
	}
	s.open(s.conversations[where])
}

// missed says that there is no conversation to be opened.
func (n opening) missed(s *session, where string) {
	if n.message != "" {
		s.complain("chat.error.gone")
		return
	}
	s.complain("chat.error.nobody", where)
}

// chooseAfter is the note of a page that is asked for to show a message of it.
type chooseAfter struct{ id string }

// toEnd goes to the newest message; from a stretch further back first to what is unread.
func (s *session) toEnd() {
	c := s.current
	if c == nil {
		return
	}
	s.choice = choice{}
	if c.moreAfter {
		c.drop()
		s.load(c)
		return
	}
	c.scroll = scroll{follow: true}
	c.follow()
	s.markRead()
}
