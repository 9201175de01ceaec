package terminal

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
	"slices"
	"time"

	"golang.org/x/crypto/chacha20poly1305"

	"p2p/cmd/p2p/api"
	"p2p/cmd/p2p/api/p2pv1"
)

// remembered is what this program keeps from one session to the next. It is an input when it
// was read, and an effect when it is to be written.
type remembered struct {
	Colour string `json:"colour,omitempty"` // the scheme that was chosen here
	private
	Sealed []byte `json:"sealed,omitempty"` // private, where the profile has a passphrase: what was typed is as secret as what was sent

	seal []byte // key to seal private with when it is written; nil: it is not
}

// private is what is not for everybody who can read the file.
type private struct {
	Muted []string `json:"muted,omitempty"` // ids of conversations

	// What was typed while the node was away, by conversation, or while none was open: nothing else holds it until the node is back.
	Drafts map[string]string `json:"drafts,omitempty"`
	Unsent map[string][]kept `json:"unsent,omitempty"`

	Edits map[string][]keptEdit `json:"edits,omitempty"` // that the node has not confirmed

	Begun map[string]begun `json:"begun,omitempty"` // edits and replies under way, by conversation
}

func (p *private) empty() bool {
	return len(p.Muted)+len(p.Drafts)+len(p.Unsent)+len(p.Edits)+len(p.Begun) == 0
}

// sealPurpose is bound to what is sealed.
var sealPurpose = []byte("p2p terminal 1\x00")

// sealed returns r as it may lie in the file.
func (r remembered) sealed() (remembered, error) {
	if r.seal == nil || r.private.empty() {
		return r, nil
	}
	aead, err := chacha20poly1305.NewX(r.seal)
	if err != nil {
		return r, err
	}
	text, err := json.Marshal(r.private)
	if err != nil {
		return r, err
	}
	nonce := make([]byte, aead.NonceSize(), aead.NonceSize()+len(text)+aead.Overhead())
	rand.Read(nonce)
	r.private, r.Sealed = private{}, aead.Seal(nonce, nonce, text, sealPurpose)
	return r, nil
}

// open returns what was sealed with a key, and whether it was.
func (r remembered) open(key []byte) (p private, ok bool) {
	aead, err := chacha20poly1305.NewX(key)
	if err != nil || len(r.Sealed) < aead.NonceSize() {
		return p, false
	}
	text, err := aead.Open(nil, r.Sealed[:aead.NonceSize()], r.Sealed[aead.NonceSize():], sealPurpose)
	return p, err == nil && json.Unmarshal(text, &p) == nil
}

// kept is a message that was not sent yet. With its key it is sent once, whoever sends it.
type kept struct {
	Key     string `json:"key"`
	Text    string `json:"text"`
	ReplyTo string `json:"reply_to,omitempty"`
	After   int64  `json:"after,omitempty"` // as in outgoing
	Doubt   bool   `json:"doubt,omitempty"`
}

// keptEdit is what a message is to say.
type keptEdit struct {
	Message string `json:"message"`
	Text    string `json:"text"`
}

func (s *session) memory() remembered {
	r := remembered{seal: s.seal}
	if s.seal == nil {
		r.Sealed = s.before.Sealed // it is not known yet what is in it
	}
	for id := range s.muted {
		r.Muted = append(r.Muted, id)
	}
	slices.Sort(r.Muted)
	for name, c := range Colours {
		if c == s.scheme && c != Auto {
			r.Colour = name
		}
	}
	r.Drafts, r.Begun = maps.Clone(s.before.Drafts), maps.Clone(s.before.Begun)
	r.Unsent, r.Edits = maps.Clone(s.before.Unsent), maps.Clone(s.before.Edits)
	if loose := s.loose(); loose != "" {
		put(&r.Drafts, "", loose)
	}
	for id, c := range s.conversations {
		if !c.confirmed() {
			put(&r.Drafts, id, c.draft)
		}
		if c.begun != (begun{}) {
			put(&r.Begun, id, c.begun)
		}
		for _, p := range c.pending {
			put(&r.Unsent, id, append(r.Unsent[id], kept{p.key, p.text, p.replyTo, p.after, p.doubt || p.sending()}))
		}
		for _, ch := range c.changes {
			if text := ch.newText(); text != "" {
				put(&r.Edits, id, append(r.Edits[id], keptEdit{ch.message, text}))
			}
		}
	}
	return r
}

func put[V any](m *map[string]V, key string, value V) {
	if *m == nil {
		*m = map[string]V{}
	}
	(*m)[key] = value
}

// rescues reports whether p holds what the node does not.
func (p *private) rescues() bool { return len(p.Drafts)+len(p.Unsent)+len(p.Edits) > 0 }

// keep writes the file.
func (s *session) keep() {
	m := s.memory()
	s.rescued = m.rescues()
	s.do(m)
}

// rescue keeps what was typed while the node is away.
func (s *session) rescue() {
	if !s.linked {
		s.keep()
	}
}

// overdue is an input: a node that answers has confirmed by now what it was given. One that hangs, on a disk that stalls, has
// not read it, and what was typed would be lost if this program ended first.
type overdue struct{}

func (s *session) overdue() {
	for _, c := range s.conversations {
		late := func(since time.Time) bool { return s.now.Sub(since) >= ackTime }
		if (c.saved.draft != c.held || c.saves > 0) && late(c.given) || len(c.pending) > 0 && late(c.pending[0].began) {
			s.keep()
			return
		}
	}
}

// rescuedAll forgets what was kept when the node has it all.
func (s *session) rescuedAll() {
	if s.rescued && s.linked {
		s.keep()
	}
}

// restore gives a conversation what an earlier session could not hand to the node.
func (s *session) restore(c *conversation) {
	if draft, ok := s.before.Drafts[c.GetId()]; ok {
		delete(s.before.Drafts, c.GetId())
		e := &s.composer.editor
		if c == s.current && s.composer.mode <= replying && (e.empty() || e.text() == c.draft) {
			s.composer.begin(draft)
		}
		c.draft = draft
	}
	for _, k := range s.before.Unsent[c.GetId()] {
		c.pending = append(c.pending, outgoing{key: k.Key, text: k.Text, replyTo: k.ReplyTo, after: k.After, doubt: k.Doubt})
	}
	delete(s.before.Unsent, c.GetId())
	for _, k := range s.before.Edits[c.GetId()] {
		c.changes = append(c.changes, change{message: k.Message, ask: &p2pv1.EditRequest{Message: k.Message, Text: k.Text}})
	}
	delete(s.before.Edits, c.GetId())
	if b, ok := s.before.Begun[c.GetId()]; ok {
		delete(s.before.Begun, c.GetId())
		if c.begun == (begun{}) {
			c.begun, c.saved.begun = b, b
		}
		if c == s.current {
			s.resume()
		}
	}
	s.saveDraft(pause{c.GetId(), c.wording})
}

func (s *session) recall(r remembered) {
	if s.scheme == Auto {
		s.scheme = Colours[r.Colour]
	}
	s.before = remembered{Sealed: r.Sealed}
	s.remind(r.private)
	s.unseal()
}

// unseal takes in what was sealed, when the node has told the key; and has it sealed if it was not.
func (s *session) unseal() {
	if s.seal == nil {
		return
	}
	bare := s.before.Sealed == nil && (len(s.muted)+len(s.before.Begun) > 0 || s.rescued)
	p, _ := s.before.open(s.seal) // what cannot be opened belonged to a history that is no more
	s.before.Sealed = nil
	s.remind(p)
	if bare {
		s.keep()
	}
}

// remind takes in what an earlier session has kept.
func (s *session) remind(p private) {
	for _, id := range p.Muted {
		s.muted[id] = true
	}
	for id, draft := range p.Drafts {
		put(&s.before.Drafts, id, draft)
	}
	s.recallLoose()
	for id, unsent := range p.Unsent {
		put(&s.before.Unsent, id, unsent)
	}
	for id, edits := range p.Edits {
		put(&s.before.Edits, id, edits)
	}
	for id, b := range p.Begun {
		put(&s.before.Begun, id, b)
	}
	s.rescued = s.rescued || p.rescues()
	for _, c := range s.conversations {
		s.restore(c)
		s.sendPending(c)
		s.sendChanges(c)
	}
}

// loadMemory reads the file; a missing or broken one is as none, for nothing in it is needed.
func loadMemory(path string) remembered {
	var r remembered
	if text, err := os.ReadFile(path); err == nil {
		if json.Unmarshal(text, &r) != nil {
			return remembered{}
		}
	}
	return r
}

// save writes the file, the whole or nothing.
func (r remembered) save(path string) error {
	r, err := r.sealed()
	if err != nil {
		return err
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return api.Replace(path, append(text, '\n'))
}

// Reseal has what a session keeps in the file at path sealed with the key is, or lie open when that is nil. It may be sealed
// with was; what neither lies open nor is sealed with that belonged to a history that is no more. A file that is not there stays so.
func Reseal(path string, was, is []byte) error {
	if _, err := os.Stat(path); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	r := loadMemory(path)
	if p, ok := r.open(was); ok {
		p.add(r.private)
		r.private = p
	}
	r.Sealed, r.seal = nil, is
	return r.save(path)
}

// add takes in what was kept later.
func (p *private) add(later private) {
	for _, id := range later.Muted {
		if !slices.Contains(p.Muted, id) {
			p.Muted = append(p.Muted, id)
		}
	}
	for id, draft := range later.Drafts {
		put(&p.Drafts, id, draft)
	}
	for id, unsent := range later.Unsent {
		put(&p.Unsent, id, append(p.Unsent[id], unsent...))
	}
	for id, edits := range later.Edits {
		put(&p.Edits, id, append(p.Edits[id], edits...))
	}
	for id, b := range later.Begun {
		put(&p.Begun, id, b)
	}
}

// saved is an input: the file was written, or not.
type saved struct{ err error }
