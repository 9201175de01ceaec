package terminal

// What is typed while no conversation is open goes along into the one that is opened. No node keeps it, so the file does.

// loose returns what is being written to nobody.
func (s *session) loose() string {
	if s.current != nil || s.plain { // in plain mode a line was refused, and is no more
		return ""
	}
	return s.composer.draft()
}

// keepLoose keeps what is being written to nobody.
func (s *session) keepLoose() {
	if now := s.loose(); now != s.keptLoose {
		s.keptLoose = now
		s.keep()
	}
}

// takeAlong has what was written to nobody stand in the conversation that is opened, below what was being written there.
func (s *session) takeAlong(c *conversation) {
	if loose := s.loose(); loose != "" {
		c.draft, s.keptLoose = joined(c.draft, loose), ""
	}
	if s.flash.text == s.say.Say("chat.error.nowhere") {
		s.flash.text = ""
	}
}

// recallLoose brings back what an earlier session kept that was written to nobody. In plain mode it stays for a screen.
func (s *session) recallLoose() {
	text := s.before.Drafts[""]
	if text == "" || s.plain {
		return
	}
	delete(s.before.Drafts, "")
	switch c := s.current; {
	case c == nil:
		s.composer.begin(joined(text, s.composer.written()))
		s.keptLoose = s.loose()
	default:
		s.giveBack(c, text)
		s.saveDraft(pause{c.GetId(), c.wording})
	}
}
