package main

import (
	"fmt"
	"time"

	"p2p/cmd/p2p/api/p2pv1"
)

// printChange writes what was done to a message that may have been printed long ago: which one it is, and for an edit what it
// says now, so that nobody who reads line by line goes on believing the first version.
func (a *app) printChange(m *p2pv1.Message, now time.Time) error {
	if m.Gone {
		_, err := fmt.Fprintln(a.out, a.change(m, now))
		return err
	}
	style := a.outStyle()
	_, err := fmt.Fprintf(a.out, "%s %s %s\n", style.Dim(clock(m.Change.Written, now)), style.Dim("—"), a.change(m, now))
	return err
}

// change says what was done to a message.
func (a *app) change(m *p2pv1.Message, now time.Time) string {
	c := m.Change
	who := safe(c.GetName())
	if c.GetMine() {
		who = a.text.Say("notice.you")
	}
	whose := a.text.Say("change.whose", safe(m.Name), clock(m.Written, now))
	if m.Mine {
		whose = a.text.Say("change.yours", clock(m.Written, now))
	}
	if m.Gone {
		return a.text.Say("change.gone", whose)
	}
	switch c.Kind {
	case p2pv1.Change_KIND_EDITED:
		return a.text.Say("change.edited", who, clock(m.Written, now), a.indented(m))
	case p2pv1.Change_KIND_DELETED:
		return a.text.Say("change.deleted", who, whose)
	case p2pv1.Change_KIND_WITHDREW:
		return a.text.Say("change.withdrew", who, clock(m.Written, now), safe(m.File.GetName()))
	case p2pv1.Change_KIND_TOOK_BACK:
		return a.text.Say("change.took_back", who, safe(c.Emoji), whose, a.indented(m))
	}
	return a.text.Say("change.reacted", who, safe(c.Emoji), whose, a.indented(m))
}
