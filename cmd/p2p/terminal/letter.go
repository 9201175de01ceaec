package terminal

import (
	"strings"
	"time"
)

// wordTime is how soon after a letter another one comes of somebody who writes a word, and means none of them for what is shown.
const wordTime = 150 * time.Millisecond

// letter is the last key that types, pressed where letters are keys: while a message is selected, or a page is shown. What only moves
// or closes is done at once, and is nothing lost when a word follows. All else waits until none did.
type letter struct {
	text  string // it, as often as it was pressed
	at    time.Time
	waits bool // it is done when nothing follows
	held  bool // one that moves: it has come before it, as soon

	panel   *panel // for which it was pressed
	message string // for which it was

	done string // the letter that was done last, and no other key since
}

// letterRests is an input: nothing has followed a letter for a while.
type letterRests struct{ at time.Time }

// pressed notes a letter that is a key, and reports whether it waits.
func (s *session) pressed(text string, moves bool) bool {
	before := s.letter
	s.letter = letter{text: text, at: s.now, waits: !moves, panel: s.panel, message: s.choice.id, done: before.done}
	if moves {
		s.letter.held = before.text == text && s.now.Sub(before.at) < wordTime
		return false
	}
	s.in(wordTime, letterRests{s.now})
	return true
}

// goesOn has a word be written of which the first letter was taken for a key, and reports whether a key goes on with it.
func (s *session) goesOn(k key) bool {
	l := &s.letter
	if k.text != l.done {
		l.done = ""
	}
	if k.name == "esc" { // it was not meant
		l.waits = false
	}
	soon := s.now.Sub(l.at) < wordTime
	again := l.text != "" && strings.HasSuffix(l.text, k.text)
	switch {
	case l.text == "" || k.text == "" || !soon:
		s.letterDone()
		return false
	case l.waits && again: // a word may begin with two of them, and one that is held down is no more than one
		l.text, l.at = l.text+k.text, s.now
		s.in(wordTime, letterRests{s.now})
		return true
	case !l.waits && (again || l.held || strings.Contains("jk", l.text) && strings.Contains("jk", k.text)):
		return false
	}
	s.writeLetter()
	s.composerKey(k)
	return true
}

// writeLetter has a letter be the beginning of what is written.
func (s *session) writeLetter() {
	l := s.letter
	s.panel, s.choice, s.flash.text, s.letter = nil, choice{}, "", letter{}
	for _, r := range l.text {
		s.composerKey(key{string(r), string(r)})
	}
}

// letterDone does what a letter is the key of, if it waits and that which it was pressed for is still there. One that was done before
// and comes many times is held down.
func (s *session) letterDone() {
	l := s.letter
	s.letter = letter{done: l.done}
	first := firstCluster(l.text)
	if !l.waits || l.panel != s.panel || l.message != s.choice.id || l.text != first && l.done == first {
		return
	}
	s.letter.done = first
	if l.panel != nil {
		s.answerRequest(first)
	} else if it := s.chosen(); it != nil {
		choiceDoes(first)(s, it)
	}
}
