package terminal

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
)

// remembered is what this program keeps from one session to the next. It is an input when it
// was read, and an effect when it is to be written.
type remembered struct {
	Muted  []string `json:"muted,omitempty"`  // ids of conversations
	Colour string   `json:"colour,omitempty"` // the scheme that was chosen here
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
	return r
}

func (s *session) recall(r remembered) {
	for _, id := range r.Muted {
		s.muted[id] = true
	}
	if s.scheme == Auto {
		s.scheme = Colours[r.Colour]
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
