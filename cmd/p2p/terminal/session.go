package terminal

import (
	"errors"
	"time"

	"google.golang.org/protobuf/proto"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
	"p2p/cmd/p2p/text"
)

// session is what this program knows and what the person is doing. It is pure: handle takes an
// input with the time at which it came, and returns what is to be done.
type session struct {
	say    *text.Catalogue
	newKey func() string // names a message before it is sent, so that it is sent once
	now    time.Time
	loc    *time.Location

	me            *p2pv1.WhoamiResponse
	contacts      map[string]*p2pv1.Contact // by account
	conversations map[string]*conversation  // by id
	transfers     map[string]*p2pv1.Transfer
	moving        map[string]bool // by info-hash: transfers of which it is news how they end
	since         int64           // what has a higher number came while this program ran
	wanted        string          // id of the conversation to open when it is known
	linked        bool            // the node answers
	lostErr       error
	starting      bool       // another node is being started
	rests         bool       // it was stopped, or does not come up, and is started when the person needs it
	unsure        meantTwice // what is done when it is said once more
	retryAt       time.Time
	missed        bool              // the person was told that the directory is not reached
	alerts        []*p2pv1.Alert    // not acknowledged yet, oldest first
	doubts        map[string]string // the other keys of contacts, by account, of which the person was warned

	current  *conversation
	focused  bool // the window; true until the terminal says otherwise
	muted    map[string]bool
	bell     bell
	composer composer
	choice   choice // the message that is selected
	letter   letter // the last one that was pressed for it, or for the panel
	sidebar  sidebar
	panel    *panel // lies over the conversation
	flash    flash
	refusals int // of texts that could not be sent

	clipboard  bool               // there may be one
	plain      bool               // lines are typed whole
	console    bool               // in plain mode: it is known what is being typed
	line       string             // that
	lineWaits  bool               // it is kept soon
	scheme     Colour             // asked for by the person, Auto: none
	before     map[string][]sheet // taken over, for conversations that are not known yet
	sheets     map[string]bool    // the names of all that are this terminal's, and were
	unreadable int                // sheets that nobody can read, as was said
	looseSheet string             // the name of that for what is written while no conversation is open
	keptLoose  string             // what lies on it
	keepsAgain bool               // what could not be kept is tried again
	editsOnce  bool               // the node does an edit once, and over what it is for alone
	seal       []byte             // key of what is kept; nil without a passphrase, and before the first hello
	sealed     []byte             // what is remembered, until the key is known
	bare       bool               // it was not sealed

	width, height int
	m             measure

	out  []effect
	told []line // for the plain mode: what happened since it was last printed
}

// An effect is what the shell is to do: a request, an after, a ring, a copyText, an unsent, a putBack, a seek, a prefer, a wake,
// a lookUp, a repaint, a suspend or a quit.
type effect any

// request asks the node; the answer comes back with it.
type request struct {
	ask  proto.Message
	note any // for the one who asked
}

// answer is an input: what the node said to a request.
type answer struct {
	request
	got proto.Message
	err error
}

// after brings its input back later.
type after struct {
	wait time.Duration
	in   any
}

// ring rings the bell and tells the desktop.
type ring struct{ title, body string }

// copyText puts text into the clipboard.
type copyText struct{ text string }

// wake says that the person needs the node, which is away.
type wake struct{}

// quit ends the session.
type quit struct{}

// repaint draws the whole screen anew: something else may have written on it.
type repaint struct{}

// suspend stops the program until the shell goes on with it, as Ctrl+Z does elsewhere.
type suspend struct{}

// Inputs besides *p2pv1.Event, answer and lost.
type (
	key     struct{ name, text string } // as bubbletea names it: "ctrl+j"; text is what it types
	paste   struct{ text string }
	resized struct{ width, height int }
	focus   struct{ on bool }
	click   struct{ x, y int }
	wheel   struct{ x, y, by int } // lines, up is negative
	metric  struct{ m measure }
	pause   struct { // the person may have stopped writing
		conversation string
		wording
	}
	tick   struct{} // redraw: something counts down
	expire struct{ conversation, account string }
	fade   struct{ serial int }
	typed  struct{ line string } // a whole line, in plain mode
)

func newSession(o Options, key func() string) *session {
	s := &session{
		say: o.Text.ForTerminal(), newKey: key, wanted: o.Where, focused: true, loc: time.Local, scheme: o.Colour,
		contacts: map[string]*p2pv1.Contact{}, conversations: map[string]*conversation{},
		transfers: map[string]*p2pv1.Transfer{}, moving: map[string]bool{}, muted: map[string]bool{}, doubts: map[string]string{},
		before: map[string][]sheet{}, sheets: map[string]bool{},
		me: &p2pv1.WhoamiResponse{}, width: 80, height: 24,
	}
	s.composer.typedAt = -1
	return s
}

// handle takes an input and returns what is to be done.
func (s *session) handle(now time.Time, in any) []effect {
	s.now, s.out, s.told = now, nil, nil
	switch in := in.(type) {
	case *p2pv1.Event:
		s.event(in)
	case answer:
		s.answer(in)
	case lost:
		s.lose(in)
	case goesOn:
		s.goOn()
	case revival:
		s.restarting()
	case key:
		s.key(in)
	case typed:
		s.line = ""
		s.composer.begin(in.line)
		s.submit()
		s.keep()
	case typing:
		s.typing(in)
	case paste:
		s.paste(in.text)
	case click:
		s.letterDone()
		s.click(in.x, in.y)
	case wheel:
		s.wheel(in)
	case resized:
		s.width, s.height = in.width, in.height
		if c := s.current; c != nil && c.scroll.fromUnread {
			s.showUnread(c)
		}
	case metric:
		s.m = in.m
	case focus:
		s.focused = in.on
		s.markRead()
	case remembered:
		s.recall(in)
	case lookedUp:
		s.lookedUp(in)
	case saved:
		if in.err != nil {
			s.unkept(in.err)
		}
	default:
		s.comes(in)
	}
	return s.out
}

// comes handles what the session has asked to be given later.
func (s *session) comes(in any) {
	switch in := in.(type) {
	case pause:
		s.saveDraft(in)
	case expire:
		if c := s.conversations[in.conversation]; c != nil && !s.now.Before(c.typing[in.account]) {
			delete(c.typing, in.account)
		}
	case unsaid:
		s.neverCame(in)
	case retry:
		s.retry(in)
	case taken:
		s.take(in)
	case keepAgain:
		s.keepsAgain = false
		s.keep()
	case fade:
		if s.flash.serial == in.serial {
			s.flash.text = ""
		}
	case tick:
		s.ticking()
	case bellRings:
		s.ringNow()
	case lineRests:
		s.lineWaits = false
		s.keep()
	case letterRests:
		if s.letter.at.Equal(in.at) {
			s.letterDone()
		}
	}
}

func (s *session) do(e effect)                      { s.out = append(s.out, e) }
func (s *session) ask(m proto.Message)              { s.do(request{ask: m}) }
func (s *session) askFor(note any, m proto.Message) { s.do(request{ask: m, note: note}) }
func (s *session) in(wait time.Duration, back any)  { s.do(after{wait, back}) }
func (s *session) ms(milli int64) time.Time         { return time.UnixMilli(milli).In(s.loc) }

// flash is a word to the person that goes away by itself.
type flash struct {
	text   string
	failed bool
	link   bool // it says why the node, or the directory, is not reached
	serial int
}

const flashTime = 8 * time.Second

// word says something in passing.
func (s *session) word(key string, args ...any) { s.tell(s.say.Say(key, args...), false) }

// complain says what went wrong.
func (s *session) complain(key string, args ...any) { s.tell(s.say.Say(key, args...), true) }

func (s *session) tell(what string, failed bool) {
	s.flash = flash{text: clean(what), failed: failed, serial: s.flash.serial + 1}
	s.in(flashTime, fade{s.flash.serial})
	r := normal
	if failed {
		r = failure
	}
	s.told = append(s.told, plainly(s.flash.text, style{role: r}))
}

// lose notes that the node does not answer.
func (s *session) lose(l lost) {
	switch {
	case l.rests && !s.rests:
		s.told = append(s.told, plainly(s.say.Say("chat.link.stopped"), style{role: failure}))
	case !l.rests && (s.linked || s.lostErr == nil):
		s.told = append(s.told, plainly(s.say.Say("chat.link.lost"), style{role: failure}))
	}
	if s.flash.text == s.say.Say("chat.link.back") { // not any more
		s.flash.text = ""
	}
	s.rests = l.rests
	if e, ok := errors.AsType[*api.StartError](l.err); ok {
		s.tell(api.Explain(s.say, e), true)
		s.flash.link = true
	}
	s.linked, s.starting, s.lostErr, s.retryAt = false, false, l.err, s.now.Add(l.in)
	s.unsee()
	s.startTicking()
}

// goOn notes that a node that hung goes on: it tells all that has happened meanwhile, but not who is there and was before.
func (s *session) goOn() {
	if !s.linked && errors.Is(s.lostErr, api.ErrSilent) {
		s.hello(&p2pv1.Hello{Resumed: true, Me: s.me, Seal: s.seal, EditsOnce: s.editsOnce})
	}
}

// unsee forgets who is there, and how he is reached: without the node nobody knows, or reaches anybody. It tells when it is back.
func (s *session) unsee() {
	for _, c := range s.contacts {
		c.Presence, c.PresenceText, c.Path, c.RttMicros = p2pv1.Presence_PRESENCE_UNSPECIFIED, "", p2pv1.Path_PATH_UNSPECIFIED, 0
		if c.GetProblem().GetKey() == api.KeptApart {
			c.Problem = nil
		}
	}
	for _, c := range s.conversations {
		for _, m := range c.GetMembers() {
			if !m.GetMe() {
				m.Presence, m.Path, m.RttMicros = p2pv1.Presence_PRESENCE_UNSPECIFIED, p2pv1.Path_PATH_UNSPECIFIED, 0
			}
		}
	}
}

// errEnded is the loss of a node in whose place another one is started.
var errEnded = errors.New("the node has ended")

// restarting notes that the node is gone, and that another one is started.
func (s *session) restarting() {
	if s.linked || !s.starting {
		s.told = append(s.told, plainly(s.say.Say("chat.link.starting"), style{role: failure}))
	}
	s.linked, s.starting, s.rests, s.lostErr, s.retryAt = false, true, false, errEnded, s.now
	s.unsee()
	s.startTicking()
}

// counting reports whether something on the screen counts seconds.
func (s *session) counting() bool {
	d, c := s.me.GetDirectory(), s.current
	sending := c != nil && (len(c.pending) > 0 && c.pending[0].sending() || len(c.changes) > 0)
	return !s.linked && s.lostErr != nil || d.GetNextTry() != 0 && !d.GetConnected() || sending
}

func (s *session) startTicking() {
	if !s.composer.ticking && s.counting() {
		s.composer.ticking = true
		s.in(time.Second, tick{})
	}
}

func (s *session) ticking() {
	s.composer.ticking = false
	s.startTicking()
}
