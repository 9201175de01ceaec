package terminal

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"p2p/cmd/p2p/api/p2pv1"
)

// sheet is a text that was typed and is not sent, with all that belongs to it: what it is for, and what is on its way and not
// confirmed. Each conversation in which something is being written has one, and those that came from terminals that have ended wait
// beside it. A sheet is a file of its own (desk), so it passes from one terminal to another as a whole.
type sheet struct {
	name string // of the file

	Conversation string     `json:"conversation,omitempty"` // empty: it was typed while none was open
	Draft        string     `json:"draft,omitempty"`
	Begun        begun      `json:"begun,omitzero"`
	Claim        string     `json:"claim,omitempty"` // what the node keeps and was asked to give away
	Unsent       []kept     `json:"unsent,omitempty"`
	Edits        []keptEdit `json:"edits,omitempty"`
}

// kept is a message that was not sent yet. With its key it is sent once, whoever sends it.
type kept struct {
	Key     string `json:"key"`
	Text    string `json:"text"`
	ReplyTo string `json:"reply_to,omitempty"`
	After   int64  `json:"after,omitempty"` // as in outgoing
	Doubt   bool   `json:"doubt,omitempty"`
}

// keptEdit is what a message is to say. With its key it is done once, and only over what the message said; before December 2026 it had
// neither.
type keptEdit struct {
	Message string  `json:"message"`
	Text    string  `json:"text"`
	Key     string  `json:"key,omitempty"`
	Was     *string `json:"was,omitempty"`
}

// change returns what is to be asked for. What has become of it nobody knows.
func (k *keptEdit) change() change {
	q := &p2pv1.EditRequest{Message: k.Message, Text: k.Text, Key: k.Key, Replaces: k.Was}
	return change{message: k.Message, ask: q, doubt: true}
}

func (sh *sheet) empty() bool { return !sh.outgoing() && sh.wording() == wording{} }

// outgoing reports whether something of it is on its way: that need not wait until somebody opens its conversation.
func (sh *sheet) outgoing() bool { return len(sh.Unsent)+len(sh.Edits) > 0 }

// wording returns what is being written on it. What the node was asked for belongs to it, whether it was given or not.
func (sh *sheet) wording() wording { return wording{joinedOnce(sh.Claim, sh.Draft), sh.Begun} }

// unsent is an effect: all sheets of this terminal as they are now, the empty ones too, which are to go.
type unsent struct {
	sheets []sheet
	seal   []byte // key to seal them with; nil: they lie open
	told   bool   // the node has just told it
}

// seek is an effect: sheets of terminals that have ended are to be taken over. Those of which something is on its way all are, and what was
// typed while no conversation was open. Of the other texts in a conversation one is, the rest stays for the terminals that are started next, or until
// the person asks for it.
type seek struct {
	conversation string // empty: all, but none that is only a text for one
	next         bool   // the person asks
	text         bool   // there is room for one
	plain        bool   // what is not of one line stays for a screen, and is only told
	seal         []byte
}

// wants reports whether a sheet is sought.
func (k *seek) wants(sh *sheet) bool {
	switch {
	case k.conversation != "":
		return sh.Conversation == k.conversation
	case k.plain:
		return sh.outgoing()
	}
	return sh.outgoing() || sh.Conversation == ""
}

// taken is an input: the sheets that were sought and are this terminal's now, the one that was written on last first.
type taken struct {
	seek
	sheets     []sheet
	rest       []sheet // that stay where they are
	unreadable int     // of those that lie there, how many are sealed with another key, or damaged
	err        error   // why not all could be taken
}

// keep has all that is not sent laid where the next program finds it.
func (s *session) keep() { s.do(s.allUnsent(false)) }

// allUnsent returns all that is not sent, and whether the node has just told the key.
func (s *session) allUnsent(told bool) unsent {
	u := unsent{seal: s.seal, told: told}
	all := map[string]sheet{}
	if loose := s.loose(); loose != "" {
		name := s.sheetName(&s.looseSheet)
		all[name] = sheet{name: name, Draft: loose}
	}
	for _, waiting := range s.before {
		for _, sh := range waiting {
			all[sh.name] = sh
		}
	}
	for _, c := range s.conversations {
		sh := c.own()
		if c == s.current {
			sh.Draft = joined(sh.Draft, s.line)
		}
		if !sh.empty() {
			sh.name = s.sheetName(&c.sheet)
			all[sh.name] = sh
		}
		for _, sh := range c.others {
			all[sh.name] = sh
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.sheets)) {
		sh := all[name]
		sh.name = name
		u.sheets = append(u.sheets, sh)
	}
	return u
}

// sheetName returns the name of a sheet, which gets one with its first word.
func (s *session) sheetName(name *string) string {
	if *name == "" {
		*name = s.newKey()
	}
	s.sheets[*name] = true
	return *name
}

// own returns the sheet of what is being written in a conversation.
func (c *conversation) own() sheet {
	sh := sheet{name: c.sheet, Conversation: c.GetId(), Draft: c.draft, Begun: c.begun, Claim: c.claim}
	for _, p := range c.pending {
		sh.Unsent = append(sh.Unsent, kept{p.key, p.text, p.replyTo, p.after, p.doubt || p.sending()})
	}
	for _, ch := range c.changes {
		if q, edit := ch.ask.(*p2pv1.EditRequest); edit {
			sh.Edits = append(sh.Edits, keptEdit{q.Message, q.Text, q.Key, q.Replaces})
		}
	}
	return sh
}

// take takes in sheets of terminals that have ended.
func (s *session) take(in taken) {
	if in.err != nil {
		s.unkept(in.err)
	}
	if in.unreadable > s.unreadable { // else it was said
		s.tell(s.say.Count("chat.begun.unread", in.unreadable), true)
	}
	s.unreadable = max(s.unreadable, in.unreadable)
	for _, sh := range in.rest {
		if s.plain {
			s.told = append(s.told, plainly(s.say.Say("chat.begun.kept", clean(flat(sh.told()))), style{role: faint}))
		}
	}
	c, news := s.conversations[in.conversation], len(in.sheets) > 0 || in.next
	if c != nil {
		news = news || len(in.rest) > c.rest
		c.rest = len(in.rest)
	}
	for _, sh := range in.sheets {
		s.adopt(sh)
	}
	if in.next && c != nil && c == s.current {
		s.nextSheet(c, len(in.sheets) > 0)
	}
	if !news {
		return
	}
	s.keep()
	s.tellOthers()
	for _, c := range s.conversations {
		s.sendPending(c)
		s.sendChanges(c)
	}
}

// told returns what is said of a sheet to somebody who types lines.
func (sh *sheet) told() string { return joined(sh.wording().draft, sh.Begun.Text) }

// adopt makes a sheet this terminal's. What was being written goes into an input in which nothing is; else it waits beside it.
func (s *session) adopt(sh sheet) {
	s.sheets[sh.name] = true
	if sh.Conversation == "" {
		s.adoptLoose(sh)
		return
	}
	c := s.conversations[sh.Conversation]
	if c == nil {
		s.before[sh.Conversation] = append(s.before[sh.Conversation], sh)
		return
	}
	for _, k := range sh.Unsent {
		if !slices.ContainsFunc(c.pending, func(p outgoing) bool { return p.key == k.Key }) {
			c.pending = append(c.pending, outgoing{key: k.Key, text: k.Text, replyTo: k.ReplyTo, after: k.After, doubt: k.Doubt})
		}
	}
	for _, k := range sh.Edits {
		c.changes = append(c.changes, k.change())
	}
	same := func(o sheet) bool { return o.wording() == sh.wording() } // killed while it was laid elsewhere
	switch w := sh.wording(); {
	case w == wording{} || w == c.wording || slices.ContainsFunc(c.others, same):
	case s.vacant(c):
		if c.sheet = sh.name; s.console && c == s.current && w.isLine() {
			s.line = w.draft
			s.do(putBack{w.draft})
			s.word("chat.begun.line")
			return
		}
		s.write(c, w)
	default:
		c.others = append(c.others, sheet{name: sh.name, Conversation: sh.Conversation, Draft: w.draft, Begun: w.begun})
	}
}

// vacant reports whether nothing is being written in a conversation.
func (s *session) vacant(c *conversation) bool {
	input := &s.composer
	return c.wording == wording{} && (c != s.current || s.plain && s.line == "" || !s.plain && input.mode == writing && input.editor.empty())
}

// write goes on with what lies on the sheet of a conversation.
func (s *session) write(c *conversation, w wording) {
	c.wording, c.saved = w, w
	if c == s.current && !s.plain {
		s.composer.leaveMode()
		s.composer.begin(w.draft)
		s.resume()
	}
}

// seekNext goes on with another text that was begun in the conversation.
func (s *session) seekNext() {
	if s.current == nil {
		s.complain("chat.begun.none")
		return
	}
	s.keepDraft()
	s.do(seek{conversation: s.current.GetId(), next: true, text: true, seal: s.seal})
}

// nextSheet goes on with the sheet that has waited longest; the one that lies here waits as the last. One that was found may lie here
// already.
func (s *session) nextSheet(c *conversation, found bool) {
	s.panel, s.choice, s.sidebar.focused = nil, choice{}, false
	if len(c.others) == 0 {
		if !found {
			s.complain("chat.begun.none")
		}
		return
	}
	s.keepDraft()
	if c.wording != (wording{}) {
		c.others = append(c.others, sheet{name: s.sheetName(&c.sheet), Conversation: c.GetId(), Draft: c.draft, Begun: c.begun})
	}
	s.write(c, c.nextOther())
}

// nextOther takes the first of the sheets that wait for the one of the conversation, and returns what is being written on it.
func (c *conversation) nextOther() wording {
	first := c.others[0]
	c.sheet, c.others = first.name, c.others[1:]
	return first.wording()
}

// waiting returns how many texts wait beside the one that is being written.
func (c *conversation) waiting() int { return len(c.others) + c.rest }

// seekFor takes over what was begun in a conversation that is opened.
func (s *session) seekFor(c *conversation) {
	s.do(seek{conversation: c.GetId(), text: s.vacant(c) && (s.console || !s.plain), plain: s.plain, seal: s.seal})
}

// tellOthers says that texts wait beside the one in the input.
func (s *session) tellOthers() {
	if c := s.current; c != nil && c.waiting() > 0 && !s.plain {
		s.tell(s.say.Count("chat.begun.more", c.waiting()), false)
	}
}

// restore gives a conversation that was not known the sheets that are for it.
func (s *session) restore(c *conversation) {
	waiting := s.before[c.GetId()]
	delete(s.before, c.GetId())
	for _, sh := range waiting {
		s.adopt(sh)
	}
}

// setAside has the sheets of a conversation wait under an id, until one with that is known.
func (s *session) setAside(c *conversation, id string) {
	own := c.own()
	if !own.empty() {
		own.name = s.sheetName(&c.sheet)
		s.before[id] = append(s.before[id], own)
	}
	s.before[id] = append(s.before[id], c.others...)
	for i := range s.before[id] {
		s.before[id][i].Conversation = id
	}
}

// claim takes what the node keeps to be written, such as words that were withdrawn, to the input of one terminal alone. It lies on the
// sheet before the node is asked to give it away, and is shown when it has: of two terminals that ask, one gets it.
func (s *session) claim(where, draft string) {
	c := s.conversations[where]
	if c == nil || s.plain {
		return
	}
	if c.claim != "" && c.claim != draft { // the answer was lost, or somebody else has it: rather twice than never
		s.claimed(c)
	}
	if draft != "" {
		c.claim = draft
		s.keep()
		s.ask(&p2pv1.SaveDraftRequest{Where: c.GetId(), Replaces: &draft})
	}
}

// claimed has what the node has given away stand in the input.
func (s *session) claimed(c *conversation) {
	text := editable(c.claim)
	if c.claim = ""; joinedOnce(text, c.draft) != c.draft {
		s.giveBack(c, text)
	}
	s.keep()
}

// claiming is the note of a question for what the node keeps to be written.
type claiming struct{}

// given takes in what the node says to a claim.
func (s *session) given(q *p2pv1.SaveDraftRequest, got *p2pv1.SaveDraftResponse) {
	c := s.conversations[q.GetWhere()]
	switch {
	case c == nil || c.claim == "" || c.claim != q.GetReplaces():
	case !got.GetChanged():
		s.claimed(c)
	default:
		c.claim = ""
		s.keep()
		s.askFor(claiming{}, &p2pv1.ListConversationsRequest{Where: c.GetId()})
	}
}

// ungiven follows a claim that the node did not answer, which is made again when it is back; or has refused, and keeps what it had.
func (s *session) ungiven(q *p2pv1.SaveDraftRequest, err error) {
	if c := s.conversations[q.GetWhere()]; c != nil && !unreachable(err) {
		c.claim = ""
		s.keep()
	}
}

// joinedOnce is joined, but for a text that stands there already.
func joinedOnce(a, b string) string {
	if a == b || len(b) > len(a) && b[:len(a)] == a && b[len(a)] == '\n' {
		return b
	}
	return joined(a, b)
}

// keepAgain is an input: what could not be laid is tried again.
type keepAgain struct{}

// keepAgainAfter is when. Who types on tries sooner.
const keepAgainAfter = 5 * time.Second

// unkept says that what is typed is not safe.
func (s *session) unkept(err error) {
	if errors.Is(err, errOtherKey) {
		s.complain("chat.error.key")
	} else {
		s.complain("chat.error.memory", err)
	}
	if !s.keepsAgain {
		s.keepsAgain = true
		s.in(keepAgainAfter, keepAgain{})
	}
}

// sealedSheet is the content of a file with a sheet.
type sealedSheet struct {
	sheet
	Sealed []byte `json:"sealed,omitempty"` // the sheet, where the profile has a passphrase
}

// encode returns a sheet as it may lie in its file.
func (sh *sheet) encode(seal []byte) ([]byte, error) {
	f := sealedSheet{sheet: *sh}
	if seal != nil {
		sealed, err := sealed(seal, sheetPurpose, sh)
		if err != nil {
			return nil, err
		}
		f = sealedSheet{Sealed: sealed}
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(f)
	return b.Bytes(), err
}

// decodeSheet is the inverse of encode, for a file that may be sealed with a key or lie open.
func decodeSheet(b, seal []byte) (sh sheet, ok bool) {
	var f sealedSheet
	if json.Unmarshal(b, &f) != nil {
		return sh, false
	}
	if f.Sealed == nil {
		return f.sheet, true
	}
	return sh, unsealed(seal, sheetPurpose, f.Sealed, &sh)
}

// typing is an input: what is being typed in plain mode, where that is known. It is kept soon: whoever types may never end the line.
type typing struct{ text string }

// lineRests is an input: what is being typed is to be kept.
type lineRests struct{}

// putBack is an effect: a line goes on being typed.
type putBack struct{ text string }

func (s *session) typing(in typing) {
	if s.line == in.text {
		return
	}
	if s.line = in.text; !s.lineWaits {
		s.lineWaits = true
		s.in(pauseTime, lineRests{})
	}
}

// isLine reports whether a wording is what may be typed in plain mode.
func (w wording) isLine() bool { return w.begun == begun{} && !strings.Contains(w.draft, "\n") }
