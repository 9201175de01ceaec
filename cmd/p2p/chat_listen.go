package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
	"p2p/cmd/p2p/progress"
	"p2p/cmd/p2p/units"
)

func (a *app) chatListenCommand(p *profileFlags) *cobra.Command {
	var cursor int64
	var attend bool
	cmd := &cobra.Command{
		Use: "listen", Short: a.text.Say("chat.listen.short"), Long: a.text.Say("chat.listen.long"), Args: a.none,
		Example: "p2p chat listen\np2p chat listen -j --cursor 4711 | jq 'select(.kind==\"message\").detail.text'",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cursor < fromNow {
				return a.usage("usage.cursor", cursor)
			}
			return a.withNode(cmd, p, func(ctx context.Context, c *api.Client) error {
				l := listener{app: a, names: map[string]string{}, out: map[string]string{}, people: map[string]string{}}
				return l.run(ctx, c, &p2pv1.EventsRequest{Cursor: askedCursor(cursor), PresenceFollows: attend})
			})
		},
	}
	cmd.Flags().Int64Var(&cursor, "cursor", fromNow, a.text.Say("chat.listen.cursor"))
	cmd.Flags().Lookup("cursor").DefValue = "" // it is not a number
	cmd.Flags().BoolVar(&attend, "online", false, a.text.Say("chat.listen.online"))
	return cmd
}

// fromNow is the cursor of who has given none.
const fromNow = -1

// askedCursor turns a cursor of the command line, where 0 is before the first message, into that of the node, where it is none.
func askedCursor(n int64) int64 {
	switch n {
	case fromNow:
		return 0
	case 0:
		return -1
	}
	return n
}

// listener prints events.
type listener struct {
	app   *app
	names map[string]string // of conversations, by id
	out   map[string]string // why this person is not in them, by id, as it was printed
	// What was printed of people, by account, and of the directory: what is told again is no news.
	people map[string]string
	lost   string
	seen   int64 // number of the last message that was printed, or was there before
	cursor int64 // of the last event, if one was heard
	heard  bool
}

func (l *listener) run(ctx context.Context, c *api.Client, what *p2pv1.EventsRequest) error {
	return api.Hear(ctx, c, what, func(e *p2pv1.Event) error {
		if e.GetHello() != nil {
			if err := l.learn(ctx, c); err != nil {
				return err
			}
			l.seen = what.Cursor
		}
		return l.hear(e)
	}, l.silent)
}

func (l *listener) hear(e *p2pv1.Event) error {
	l.cursor, l.heard = e.Cursor, true
	return l.print(e)
}

// learn takes in which conversations there are. It is called when the stream has begun, so that nothing falls in between.
func (l *listener) learn(ctx context.Context, c *api.Client) error {
	r, err := c.ListConversations(ctx, request(&p2pv1.ListConversationsRequest{}))
	if err != nil {
		return err
	}
	for _, conversation := range r.Msg.Conversations {
		if err := l.conversation(conversation); err != nil {
			return err
		}
	}
	return nil
}

// silent prints that the node hangs, or goes on. Nothing is lost by that; but who was there may have gone.
func (l *listener) silent(is bool) error {
	switch {
	case l.app.globals.json && !l.heard:
		return nil // there is no cursor yet, by which a script would go on
	case l.app.globals.json:
		return l.app.emit(eventOf{"event", "node", l.cursor, map[string]any{"answers": !is}})
	case is:
		return l.line("listen.silent")
	}
	return l.line("listen.answers")
}

// eventOf is an event of a node as a line of JSON.
type eventOf struct {
	MessageType string         `json:"message_type"` // event
	Kind        string         `json:"kind"`
	Cursor      int64          `json:"cursor"` // of the last message that was told: to go on behind it
	Detail      map[string]any `json:"detail"`
}

func (l *listener) print(e *p2pv1.Event) error {
	if l.app.globals.json {
		m := e.ProtoReflect()
		what := m.WhichOneof(m.Descriptor().Oneofs().ByName("what"))
		if what == nil {
			return nil // a newer node tells more
		}
		return l.app.emit(eventOf{"event", l.kind(e, string(what.Name())), e.Cursor, plainMessage(m.Get(what).Message())})
	}
	switch what := e.What.(type) {
	case *p2pv1.Event_Hello:
		if l.seen > 0 && !what.Hello.Resumed {
			l.app.say("listen.cursor_unknown", l.seen)
		}
		l.hello(what.Hello)
	case *p2pv1.Event_Message:
		return l.message(what.Message)
	case *p2pv1.Event_Conversation:
		return l.conversation(what.Conversation)
	case *p2pv1.Event_Contact:
		return l.contact(what.Contact)
	case *p2pv1.Event_Directory:
		return l.directory(what.Directory)
	case *p2pv1.Event_Alert:
		return l.alert(what.Alert)
	}
	return nil // who types or is about to have said something, and how transfers stand, is for programs
}

// hello takes in from which message on it is told.
func (l *listener) hello(h *p2pv1.Hello) {
	if l.seen == 0 || !h.Resumed {
		l.seen = h.Cursor
	}
}

// kind is what an event is called for programs: a message that was told before, or is older, is "changed", so that who takes
// each "message" takes it once.
func (l *listener) kind(e *p2pv1.Event, what string) string {
	if h := e.GetHello(); h != nil {
		l.hello(h)
	}
	m := e.GetMessage()
	if m == nil {
		return what
	}
	if m.Number <= l.seen || m.Gone {
		return "changed"
	}
	l.seen = m.Number
	return what
}

// message prints a new message behind the name of its conversation; of an old one what was done to it, but not who has got it.
func (l *listener) message(m *p2pv1.Message) error {
	fresh := m.Number > l.seen
	if !fresh && m.Change == nil && !m.Gone || fresh && m.Gone {
		return nil
	}
	if _, err := l.app.out.Write([]byte("[" + safe(l.names[m.Conversation]) + "] ")); err != nil {
		return err
	}
	if !fresh {
		return l.app.printChange(m, time.Now())
	}
	l.seen = m.Number
	return l.app.printMessage(m, time.Now())
}

// conversation takes in how a conversation stands, and prints why this person is not let in, or not in it any more.
func (l *listener) conversation(c *p2pv1.Conversation) error {
	l.names[c.Id] = c.Name
	why, known := api.ExplainReason(l.app.text, c.Reason)
	if !known || l.app.globals.json || l.out[c.Id] == why {
		return nil
	}
	l.out[c.Id] = why
	if c.Name != "" {
		why = l.app.text.Say("chat.out", c.Name, why)
	}
	return l.line("listen.alert", why)
}

// contact prints how somebody stands, unless that is as it was. When he was last seen is no news of its own.
func (l *listener) contact(c *p2pv1.Contact) error {
	state := l.app.contactState(c)
	now := c.Name + " " + c.Presence.String() + " " + state
	if l.people[c.Account] == now {
		return nil
	}
	l.people[c.Account] = now
	return l.line("listen.contact", c.Name, l.app.presence(c.Presence, c.LastSeen, time.Now()), state)
}

func (l *listener) directory(d *p2pv1.Directory) error {
	now := l.app.text.Say("directory.connected", d.Url)
	if !d.Connected {
		now = l.app.directoryLost(d)
	}
	if l.lost == now {
		return nil
	}
	l.lost = now
	_, err := l.app.out.Write([]byte(oneLine(now) + "\n"))
	return err
}

// alert prints what must not be overlooked. A request, and an answer to one, is told as a contact too, and that
// somebody was removed from a room as a conversation.
func (l *listener) alert(a *p2pv1.Alert) error {
	switch a.Kind {
	case p2pv1.Alert_KIND_KEY_CHANGED:
		return l.line("listen.alert.key", a.Name, a.Text)
	case p2pv1.Alert_KIND_NEW_DEVICE:
		return l.line("listen.alert.device", a.Name, a.Text)
	case p2pv1.Alert_KIND_DEVICE_LIES:
		return l.line("listen.alert.lies", a.Name, a.Text)
	case p2pv1.Alert_KIND_DISK_FULL:
		return l.line("listen.alert.disk")
	case p2pv1.Alert_KIND_DISK_AGAIN:
		return l.line("listen.disk_again")
	case p2pv1.Alert_KIND_REMOVED, p2pv1.Alert_KIND_ANSWERED:
		return nil
	case p2pv1.Alert_KIND_CALLED:
		return l.line("reason.called_otherwise", a.Reason.GetWith()["was"], a.Text)
	case p2pv1.Alert_KIND_CLOCK:
		return l.line("listen.alert.clock", units.FormatDuration((time.Duration(a.ByMillis)*time.Millisecond).Abs(), progress.Words(l.app.text)))
	}
	if said, known := api.ExplainReason(l.app.text, a.Reason); known {
		return l.line("listen.alert", said)
	}
	return nil
}

// line prints one line of the catalogue.
func (l *listener) line(key string, args ...any) error {
	_, err := l.app.out.Write([]byte(oneLine(l.app.text.Say(key, args...)) + "\n"))
	return err
}
