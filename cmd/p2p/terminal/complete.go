package terminal

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"p2p/cmd/p2p/api/p2pv1"
	"p2p/cmd/p2p/emoji"
)

// completion is a word that is being completed: Tab goes through what it could become.
type completion struct {
	choices []string
	at      int
	start   int // bytes of the text before the word
}

// complete completes the word before the cursor: a command, a name after @ or in a command, an emoji
// after a colon.
func (s *session) complete(by int) {
	c, e := &s.composer.completion, &s.composer.editor
	if len(c.choices) > 0 {
		c.at = (c.at + by + len(c.choices)) % len(c.choices)
	} else {
		word := e.word()
		if whole, only := wholeName(e.before); only {
			word = whole
		}
		if path, ok := strings.CutPrefix(e.before, "/send "); ok {
			s.do(lookUp{path})
			return
		}
		c.choices, c.at, c.start = s.candidates(word), 0, len(e.before)-len(word)
		if len(c.choices) == 0 {
			return
		}
	}
	e.before = e.before[:c.start] + c.choices[c.at]
	if len(c.choices) == 1 {
		if !strings.HasSuffix(e.before, "/") {
			e.before += " "
		}
		*c = completion{}
	}
}

// candidates returns what a word could become.
func (s *session) candidates(word string) []string {
	before := s.composer.editor.before
	switch {
	case strings.HasPrefix(word, "/") && word == before:
		var names []string
		for _, c := range commands {
			names = append(names, "/"+c.name)
		}
		return starting(names, word)
	case strings.HasPrefix(word, ":") && len(word) > 1:
		return emojiStarting(":" + strings.TrimLeft(word, ":"))
	case strings.HasPrefix(word, "@"):
		var names []string
		for _, m := range s.current.people() {
			if !m.GetMe() {
				names = append(names, "@"+clean(m.GetName()))
			}
		}
		return starting(names, word)
	case strings.HasPrefix(before, "/"):
		return s.apart(before, starting(s.arguments(strings.TrimSuffix(before, word)), word))
	}
	return nil
}

// wholeName returns what stands behind a command that takes a name alone, which may be of several words.
func wholeName(before string) (name string, only bool) {
	rest, slash := strings.CutPrefix(before, "/")
	first, name, behind := strings.Cut(rest, " ")
	c := commandNamed(strings.ToLower(first))
	only = slash && behind && c != nil && strings.Contains(c.args, "NAME") && len(strings.Fields(c.args)) == 1
	return strings.TrimLeft(name, " "), only
}

// apart puts in the place of names that several conversations have, and that open none of them, what each is known by.
func (s *session) apart(before string, names []string) (all []string) {
	if c := commandNamed(strings.ToLower(strings.Fields(before)[0][1:])); c == nil || c.name != "open" {
		return names
	}
	for _, name := range names {
		found, exact := s.meant(name)
		if !exact || len(found) < 2 {
			all = append(all, name)
			continue
		}
		for _, f := range found {
			all = append(all, cmp.Or(s.apartBy(f.Is), shortID(f.ID)))
		}
	}
	slices.Sort(all)
	return all
}

// arguments returns what the next word of a command can be, by how the help writes it.
func (s *session) arguments(before string) []string {
	words := strings.Fields(before)
	c := commandNamed(strings.ToLower(strings.TrimPrefix(words[0], "/")))
	if c == nil || c.args == "" {
		return nil
	}
	var all []string
	slots := strings.Fields(c.args)
	for word := range strings.SplitSeq(strings.Trim(slots[min(len(words), len(slots))-1], "[]"), "|") {
		switch {
		case word == "COMMAND":
			for _, other := range commands {
				all = append(all, other.name)
			}
		case word == "NAME":
			all = append(all, s.namesFor(c.name)...)
		case word == strings.ToLower(word):
			all = append(all, word)
		}
	}
	return all
}

// namesFor returns the names that a command can be about; none where it gives one.
func (s *session) namesFor(command string) (names []string) {
	switch command {
	case "room", "title", "nick", "add", "get", "cancel":
	case "open":
		return s.allNames()
	case "kick", "role":
		for _, m := range s.current.people() {
			if !m.GetMe() {
				names = append(names, clean(m.GetName()))
			}
		}
	default:
		for _, c := range s.contacts {
			if want, only := statesFor[command]; !only || c.GetState() == want {
				names = append(names, clean(c.GetName()))
			}
		}
	}
	return names
}

// statesFor are how those stand whom a command can be about, where it is not anybody.
var statesFor = map[string]p2pv1.ContactState{
	"accept": p2pv1.ContactState_CONTACT_STATE_ASKS, "refuse": p2pv1.ContactState_CONTACT_STATE_ASKS, "unblock": p2pv1.ContactState_CONTACT_STATE_BLOCKED,
}

// people returns the members of a conversation, none without one.
func (c *conversation) people() []*p2pv1.Member {
	if c == nil {
		return nil
	}
	return c.GetMembers()
}

// allNames returns the names of all contacts and conversations.
func (s *session) allNames() []string {
	var names []string
	for _, c := range s.contacts {
		names = append(names, clean(c.GetName()))
	}
	for _, c := range s.conversations {
		if !c.GetDirect() {
			names = append(names, s.title(c))
		}
	}
	return names
}

// starting returns those of names that begin with prefix, sorted; upper and lower case are the same.
func starting(names []string, prefix string) []string {
	var found []string
	for _, n := range names {
		if len(n) >= len(prefix) && strings.EqualFold(n[:len(prefix)], prefix) {
			found = append(found, n)
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// maxChoices is how many emoji are offered.
const maxChoices = 40

func emojiStarting(prefix string) []string {
	all := emoji.Names()
	at, _ := slices.BinarySearch(all, prefix)
	var found []string
	for _, name := range all[at:] {
		if !strings.HasPrefix(name, prefix) || len(found) == maxChoices {
			break
		}
		if e, _ := emoji.Of(name); !slices.Contains(found, e) {
			found = append(found, e)
		}
	}
	return found
}

// closeEmoji turns :name: before the cursor into its emoji when the last colon is typed.
func (e *editor) closeEmoji() {
	word := e.word()
	at := strings.LastIndexByte(strings.TrimSuffix(word, ":"), ':')
	if at < 0 {
		return
	}
	if symbol, ok := emoji.Of(word[at:]); ok {
		e.before = e.before[:len(e.before)-len(word)+at] + symbol
	}
}

// lookUp is an effect: the files whose paths begin with prefix are wanted. They come back as a lookedUp.
type lookUp struct{ prefix string }

type lookedUp struct {
	lookUp
	paths []string // folders end with a slash
}

// look reads the folder of the prefix. One that cannot be read has nothing to offer.
func (l lookUp) look() lookedUp {
	dir, start := filepath.Split(l.prefix)
	found := lookedUp{lookUp: l}
	entries, _ := os.ReadDir(absolute(dir))
	for _, e := range entries {
		hidden := strings.HasPrefix(e.Name(), ".") && start == ""
		if strings.HasPrefix(e.Name(), start) && !hidden && len(found.paths) < maxChoices {
			path := dir + e.Name()
			if e.IsDir() {
				path += string(filepath.Separator)
			}
			found.paths = append(found.paths, path)
		}
	}
	return found
}

// lookedUp offers the paths that were found, if the text is still the one that they complete.
func (s *session) lookedUp(l lookedUp) {
	c, e := &s.composer.completion, &s.composer.editor
	before := "/send " + l.prefix
	if e.before != before || len(l.paths) == 0 || clean(l.paths[0]) != l.paths[0] {
		return
	}
	*c = completion{choices: l.paths, start: len("/send ")}
	e.before = e.before[:c.start] + c.choices[0]
	if len(c.choices) == 1 {
		*c = completion{}
	}
}
