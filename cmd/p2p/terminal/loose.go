package terminal

// What is typed while no conversation is open goes along into the one that is opened.

// loose returns what is being written to nobody.
func (s *session) loose() string {
	switch {
	case s.current != nil:
		return ""
	case s.plain: // a line that was refused is no more
		return s.line
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

// adoptLoose brings back what was written to nobody in a terminal that has ended.
func (s *session) adoptLoose(sh sheet) {
	text := sh.wording().draft
	if c := s.current; c != nil {
		s.giveBack(c, text)
		return
	}
	s.composer.begin(joined(text, s.composer.written()))
	s.keptLoose = s.loose()
}
