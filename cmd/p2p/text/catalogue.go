package text

import (
	_ "embed" // the two languages
	"fmt"
	"maps"
	"strings"
)

//go:embed en.txt
var english string

//go:embed zh.txt
var chinese string

// Catalogue is the messages of one language. It never changes, so any
// goroutine may use it.
type Catalogue struct {
	lang     string
	messages map[string]string
}

// English returns the English catalogue.
func English() *Catalogue { return &Catalogue{"en", parse(english)} }

// Chinese returns the Chinese catalogue.
func Chinese() *Catalogue { return &Catalogue{"zh", parse(chinese)} }

// Inside begins the keys of messages that are said otherwise inside the terminal session, where commands begin with a slash: after it
// stands the key of the message as it is said everywhere else, with the same verbs.
const Inside = "inside."

// ForTerminal returns the catalogue of the same language as it speaks inside the terminal session.
func (c *Catalogue) ForTerminal() *Catalogue {
	t := &Catalogue{c.lang, maps.Clone(c.messages)}
	for key, message := range c.messages {
		if elsewhere, is := strings.CutPrefix(key, Inside); is {
			t.messages[elsewhere] = message
		}
	}
	return t
}

// Lang returns "en" or "zh".
func (c *Catalogue) Lang() string { return c.lang }

// Keys returns the number of messages.
func (c *Catalogue) Keys() int { return len(c.messages) }

// Message returns the message of key with its verbs unfilled, and whether
// there is one.
func (c *Catalogue) Message(key string) (string, bool) {
	m, ok := c.messages[key]
	return m, ok
}

// Each calls f for every key and message, in no order.
func (c *Catalogue) Each(f func(key, message string)) {
	for key, message := range c.messages {
		f(key, message)
	}
}

// Say returns the message of key with args in its verbs. A key that does not
// exist is returned itself: a test finds that, and a person still sees a hint.
func (c *Catalogue) Say(key string, args ...any) string {
	m, ok := c.messages[key]
	if !ok {
		return key
	}
	if len(args) == 0 {
		return m
	}
	return fmt.Sprintf(m, args...)
}

// Count returns the message key.one or key.many, as n demands, with n and then
// args in its verbs.
func (c *Catalogue) Count(key string, n int, args ...any) string {
	if n == 1 {
		key += ".one"
	} else {
		key += ".many"
	}
	return c.Say(key, append([]any{n}, args...)...)
}

// List writes what there are several of as the language does.
func (c *Catalogue) List(words []string) string {
	if len(words) == 0 {
		return ""
	}
	list := words[0]
	for _, w := range words[1:] {
		list = c.Say("list.two", list, w)
	}
	return list
}

func parse(file string) map[string]string {
	messages, last := map[string]string{}, ""
	for line := range strings.Lines(file) {
		line = strings.TrimRight(line, "\r\n")
		switch key, message, found := strings.Cut(line, " ="); {
		case strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, " "):
			messages[last] += "\n" + line[1:]
		case found:
			last = key
			messages[key] = strings.TrimPrefix(message, " ")
		}
	}
	return messages
}

// Choose returns the catalogue for what --lang says (auto, zh or en). For auto
// and the empty string it looks at the first of LC_ALL, LC_MESSAGES and LANG
// that is set, as POSIX does, through env; when none is set, at system, which
// may be empty.
func Choose(flag string, env func(string) string, system string) (*Catalogue, error) {
	switch flag {
	case "zh":
		return Chinese(), nil
	case "en":
		return English(), nil
	case "", "auto":
	default:
		return English(), fmt.Errorf("language %q: want auto, zh or en", flag)
	}
	locale := system
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if v := env(name); v != "" {
			locale = v
			break
		}
	}
	if strings.HasPrefix(strings.ToLower(locale), "zh") {
		return Chinese(), nil
	}
	return English(), nil
}
