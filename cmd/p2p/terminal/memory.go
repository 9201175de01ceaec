package terminal

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// remembered is what this program keeps from one session to the next. It is an input when it
// was read, and an effect when it is to be written.
type remembered struct {
	Muted  []string `json:"muted,omitempty"`  // ids of conversations
	Colour string   `json:"colour,omitempty"` // the scheme that was chosen here

	// What was typed while the node was away, by conversation: nothing else holds it until the node is back.
	Drafts map[string]string `json:"drafts,omitempty"`
	Unsent map[string][]kept `json:"unsent,omitempty"`
}

// kept is a message that was not sent yet. With its key it is sent once, whoever sends it.
type kept struct {
	Key     string `json:"key"`
	Text    string `json:"text"`
	ReplyTo string `json:"reply_to,omitempty"`
}

func (s *session) memory() remembered {
	var r remembered
	for id := range s.muted {
		r.Muted = append(r.Muted, id)
	}
	slices.Sort(r.Muted)
	for name, c := range Colours {
		if c == s.scheme && c != Auto {
			r.Colour = name
		}
	}
	r.Drafts, r.Unsent = maps.Clone(s.before.Drafts), maps.Clone(s.before.Unsent)
	for id, c := range s.conversations {
		if c.draft != c.savedDraft {
			put(&r.Drafts, id, c.draft)
		}
		for _, p := range c.pending {
			put(&r.Unsent, id, append(r.Unsent[id], kept{p.key, p.text, p.replyTo}))
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

// rescue keeps what was typed while the node is away.
func (s *session) rescue() {
	if !s.linked {
		s.rescued = true
		s.do(s.memory())
	}
}

// rescuedAll forgets what was kept when the node has it all.
func (s *session) rescuedAll() {
	if s.rescued && s.linked {
		m := s.memory()
		s.rescued = len(m.Drafts)+len(m.Unsent) > 0
		s.do(m)
	}
}

// restore gives a conversation what an earlier session could not hand to the node.
func (s *session) restore(c *conversation) {
	if draft, ok := s.before.Drafts[c.GetId()]; ok {
		c.draft = draft
		delete(s.before.Drafts, c.GetId())
	}
	for _, k := range s.before.Unsent[c.GetId()] {
		c.pending = append(c.pending, outgoing{key: k.Key, text: k.Text, replyTo: k.ReplyTo})
	}
	delete(s.before.Unsent, c.GetId())
	s.saveDraft(pause{c.GetId(), c.draft})
}

func (s *session) recall(r remembered) {
	for _, id := range r.Muted {
		s.muted[id] = true
	}
	if s.scheme == Auto {
		s.scheme = Colours[r.Colour]
	}
	s.before = remembered{Drafts: maps.Clone(r.Drafts), Unsent: maps.Clone(r.Unsent)}
	s.rescued = len(r.Drafts)+len(r.Unsent) > 0
	for _, c := range s.conversations {
		s.restore(c)
		s.sendPending(c)
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
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	temp, err := os.CreateTemp(filepath.Dir(path), ".terminal-*")
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name())
	if _, err := temp.Write(append(text, '\n')); err != nil {
		temp.Close()
		return err
	}
	if err := temp.Close(); err != nil {
		return err
	}
	return os.Rename(temp.Name(), path)
}

// saved is an input: the file was written, or not.
type saved struct{ err error }
