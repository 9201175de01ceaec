package terminal

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/flock"
	"golang.org/x/crypto/chacha20poly1305"

	"p2p/cmd/p2p/api"
)

// remembered is what all terminals of a profile keep from one session to the next: one file, which each changes by what was chosen in it
// (prefer). It is an input when it was read.
type remembered struct {
	Colour string `json:"colour,omitempty"` // the scheme that was chosen here
	private
	Sealed []byte `json:"sealed,omitempty"` // private, where the profile has a passphrase: what was typed is as secret as what was sent
}

// private is what is not for everybody who can read the file.
type private struct {
	Muted []string `json:"muted,omitempty"` // ids of conversations

	typedBefore
}

// typedBefore is what was typed and not sent as builds before December 2026 kept it for all terminals together, by conversation. It is
// turned into sheets (inherit).
type typedBefore struct {
	Drafts map[string]string     `json:"drafts,omitempty"`
	Unsent map[string][]kept     `json:"unsent,omitempty"`
	Edits  map[string][]keptEdit `json:"edits,omitempty"`
	Begun  map[string]begun      `json:"begun,omitempty"`
}

func (t *typedBefore) empty() bool { return len(t.Drafts)+len(t.Unsent)+len(t.Edits)+len(t.Begun) == 0 }

func (p *private) empty() bool { return len(p.Muted) == 0 && p.typedBefore.empty() }

// What is bound to what is sealed, so that one is not taken for the other.
var (
	sealPurpose  = []byte("p2p terminal 1\x00")
	sheetPurpose = []byte("p2p terminal sheet 1\x00")
	printPurpose = []byte("p2p terminal sheets of a key 1\x00")
)

// sealed returns v for nobody who has not the key.
func sealed(key, purpose []byte, v any) ([]byte, error) {
	aead, err := chacha20poly1305.NewX(key)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, aead.NonceSize(), aead.NonceSize()+len(text)+aead.Overhead())
	rand.Read(nonce)
	return aead.Seal(nonce, nonce, text, purpose), nil
}

// unsealed reads into v what was sealed with a key, and reports whether it was.
func unsealed(key, purpose, b []byte, v any) bool {
	aead, err := chacha20poly1305.NewX(key)
	if err != nil || len(b) < aead.NonceSize() {
		return false
	}
	text, err := aead.Open(nil, b[:aead.NonceSize()], b[aead.NonceSize():], purpose)
	return err == nil && json.Unmarshal(text, v) == nil
}

// open returns what was sealed with a key, and whether it was.
func (r remembered) open(key []byte) (p private, ok bool) {
	return p, unsealed(key, sealPurpose, r.Sealed, &p)
}

// prefer is an effect: something was chosen in this terminal, and is so for all that begin later. Without a choice the file is
// sealed if it was not.
type prefer struct {
	colour string // empty: as it is
	where  string // a conversation, which is muted now or not; empty: none
	muted  bool
	seal   []byte // key to seal private with; nil: it lies open
}

func (s *session) recall(r remembered) {
	if s.scheme == Auto {
		s.scheme = Colours[r.Colour]
	}
	s.sealed = r.Sealed
	s.remind(r.private)
	s.bare = s.sealed == nil && !r.private.empty()
	s.unseal()
}

// unseal takes in what was sealed, when the node has told the key; and has it sealed if it was not.
func (s *session) unseal() {
	if s.seal == nil {
		return
	}
	p, _ := remembered{Sealed: s.sealed}.open(s.seal) // what cannot be opened belonged to a history that is no more
	s.remind(p)
	if s.sealed = nil; s.bare {
		s.bare = false
		s.do(prefer{seal: s.seal})
	}
}

func (s *session) remind(p private) {
	for _, id := range p.Muted {
		s.muted[id] = true
	}
}

const memoryName = "terminal.json"

// loadMemory reads the file; a missing or broken one is as none, for nothing in it is needed.
func loadMemory(profile string) remembered {
	var r remembered
	if profile == "" {
		return r
	}
	if text, err := os.ReadFile(filepath.Join(profile, memoryName)); err == nil {
		if json.Unmarshal(text, &r) != nil {
			return remembered{}
		}
	}
	return r
}

// save writes the file, the whole or nothing, sealed with a key unless that is nil.
func (r remembered) save(profile string, seal []byte) error {
	if seal != nil && !r.private.empty() {
		b, err := sealed(seal, sealPurpose, r.private)
		if err != nil {
			return err
		}
		r.private, r.Sealed = private{}, b
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return api.Replace(filepath.Join(profile, memoryName), append(text, '\n'))
}

// lockTime is how long one terminal waits for another that changes the file.
const lockTime = 2 * time.Second

// changeMemory has do change what the file says. It may be sealed with a key, and is then; nobody else changes it meanwhile.
func changeMemory(profile string, seal []byte, do func(r *remembered) error) error {
	l := flock.New(filepath.Join(profile, "terminal.lock"), flock.SetPermissions(0o600))
	ctx, cancel := context.WithTimeout(context.Background(), lockTime)
	defer cancel()
	if _, err := l.TryLockContext(ctx, 10*time.Millisecond); err != nil {
		return err
	}
	defer l.Unlock()
	r := loadMemory(profile)
	if seal != nil { // else it is not known yet what is sealed
		r.unseal(seal)
	}
	if err := do(&r); err != nil {
		return err
	}
	return r.save(profile, seal)
}

// unseal opens what is sealed with a key. What cannot be opened belonged to a history that is no more.
func (r *remembered) unseal(key []byte) {
	p, _ := r.open(key)
	p.add(r.private)
	r.private, r.Sealed = p, nil
}

// do changes the file by what was chosen.
func (p prefer) do(profile string) error {
	if profile == "" {
		return nil
	}
	return changeMemory(profile, p.seal, func(r *remembered) error {
		if p.colour != "" {
			r.Colour = p.colour
		}
		if at := slices.Index(r.Muted, p.where); p.where != "" && at < 0 == p.muted {
			if p.muted {
				r.Muted = append(r.Muted, p.where)
				slices.Sort(r.Muted)
			} else {
				r.Muted = slices.Delete(r.Muted, at, at+1)
			}
		}
		return nil
	})
}

// inherit turns what builds before December 2026 kept in the one file into sheets on a desk at which nobody sits.
func inherit(profile string, seal []byte) error {
	r := loadMemory(profile)
	r.unseal(seal)
	if r.typedBefore.empty() {
		return nil
	}
	return changeMemory(profile, seal, func(r *remembered) error {
		if err := os.MkdirAll(filepath.Join(profile, draftsName), 0o700); err != nil {
			return err
		}
		for _, sh := range r.sheets() {
			b, err := sh.encode(seal)
			if err == nil {
				err = api.Replace(sheetPath(filepath.Join(profile, draftsName), nobodysDesk, randomKey()), b)
			}
			if err != nil {
				return err
			}
		}
		r.typedBefore = typedBefore{}
		return nil
	})
}

// sheets returns what was typed before, by conversation.
func (t *typedBefore) sheets() []sheet {
	all := map[string]sheet{}
	on := func(id string, change func(sh *sheet)) {
		sh := all[id]
		sh.Conversation = id
		change(&sh)
		all[id] = sh
	}
	for id, draft := range t.Drafts {
		on(id, func(sh *sheet) { sh.Draft = draft })
	}
	for id, unsent := range t.Unsent {
		on(id, func(sh *sheet) { sh.Unsent = unsent })
	}
	for id, edits := range t.Edits {
		on(id, func(sh *sheet) { sh.Edits = edits })
	}
	for id, b := range t.Begun {
		on(id, func(sh *sheet) { sh.Begun = b })
	}
	return slices.Collect(maps.Values(all))
}

// Reseal has what terminals of a profile keep sealed with the key is, or lie open when that is nil. It may be sealed with was;
// what neither lies open nor is sealed with that belonged to a history that is no more. Files that are not there stay so.
func Reseal(profile string, was, is []byte) error {
	var err error
	switch { // first, for those that write meanwhile
	case is != nil:
		err = sealing(profile, is)
	case was != nil:
		err = opened(profile)
	}
	if err != nil {
		return err
	}
	err = eachSheet(profile, func(path string) error {
		b, _, err := readSheet(path)
		if err != nil {
			return err
		}
		sh, ok := decodeSheet(b, was)
		if !ok {
			return nil
		}
		if b, err = sh.encode(is); err != nil {
			return err
		}
		return api.Replace(path, b)
	})
	if _, missing := os.Stat(filepath.Join(profile, memoryName)); missing != nil {
		if errors.Is(missing, fs.ErrNotExist) {
			return err
		}
		return missing
	}
	r := loadMemory(profile)
	r.unseal(was)
	return errors.Join(err, r.save(profile, is))
}

// Forget takes away what terminals of a profile keep, and what those left that were killed while they wrote.
func Forget(profile string) error {
	return errors.Join(
		eachSheet(profile, os.Remove), remove(filepath.Join(profile, memoryName)),
		removeAll(filepath.Join(profile, draftsName), "."), removeAll(profile, "."+memoryName+"-"),
	)
}

// removeAll takes away the files in a folder whose names begin so. The folder need not be there.
func removeAll(dir, prefix string) error {
	files, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, f := range files {
		if strings.HasPrefix(f.Name(), prefix) {
			err = errors.Join(err, remove(filepath.Join(dir, f.Name())))
		}
	}
	return err
}

// add takes in what was kept later.
func (p *private) add(later private) {
	for _, id := range later.Muted {
		if !slices.Contains(p.Muted, id) {
			p.Muted = append(p.Muted, id)
		}
	}
	for id, draft := range later.Drafts {
		put(&p.Drafts, id, joinedOnce(p.Drafts[id], draft))
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

func put[V any](m *map[string]V, key string, value V) {
	if *m == nil {
		*m = map[string]V{}
	}
	(*m)[key] = value
}

// saved is an input: something could not be kept.
type saved struct{ err error }
