// Package naming decides what a person means by a name. The node does so for all programs, and the terminal for what it knows, since
// it goes on while the node is away: both by these rules. It is pure.
package naming

import (
	"cmp"
	"slices"
	"strings"
)

// Candidate is something that a name may mean.
type Candidate[T any] struct {
	Name, ID string
	Is       T
	Rank     Rank
	One      string // the same for candidates that mean one thing; empty: the ID is
}

// Rank orders what has one name: the lowest is meant. Nobody can take a name from whom this person calls so, by having it at the
// directory, or by giving it to a room.
type Rank int

// The ranks.
const (
	Own       Rank = iota // what this person calls somebody
	Elsewhere             // what others do, at the directory
	Group                 // a room, which its owners name
	Before                // what somebody was called who is there
	Former                // what is over
)

// enoughID is how many characters of an id mean it, if no other begins so.
const enoughID = 6

func (c Candidate[T]) what() string { return cmp.Or(c.One, c.ID) }

// Pick returns what s means: what has that id or that name, or what has an id that begins so; of those with the name only what comes
// first by rank. The start of a name means nobody: a slip would reach somebody else, and what was said cannot be taken back. Of several
// none is meant; exact says that all have the name.
func Pick[T any](s string, all []Candidate[T]) (found []Candidate[T], exact bool) {
	lower := strings.ToLower(strings.TrimSpace(s))
	if lower == "" {
		return nil, false
	}
	for _, fits := range []func(Candidate[T]) bool{
		func(c Candidate[T]) bool { return c.ID == lower },
		func(c Candidate[T]) bool { return strings.ToLower(c.Name) == lower },
		func(c Candidate[T]) bool { return len(lower) >= enoughID && strings.HasPrefix(c.ID, lower) },
	} {
		for _, c := range all {
			if !fits(c) {
				continue
			}
			switch i := slices.IndexFunc(found, func(f Candidate[T]) bool { return f.what() == c.what() }); {
			case i < 0:
				found = append(found, c)
			case c.Rank < found[i].Rank:
				found[i] = c
			}
		}
		if len(found) == 0 {
			continue
		}
		exact = strings.ToLower(found[0].Name) == lower
		if exact {
			first := slices.MinFunc(found, func(a, b Candidate[T]) int { return cmp.Compare(a.Rank, b.Rank) }).Rank
			found = slices.DeleteFunc(found, func(c Candidate[T]) bool { return c.Rank != first })
		}
		return found, exact
	}
	return nil, false
}

// Starting returns the names that begin with s, sorted, each once: what may have been meant by what is nobody's name. The signs in front may be
// part of them.
func Starting[T any](s string, all []Candidate[T]) (names []string) {
	begins := func(name, start string) bool {
		start = strings.ToLower(strings.TrimSpace(start))
		return start != "" && strings.HasPrefix(strings.ToLower(name), start)
	}
	for _, c := range all {
		if (begins(c.Name, strings.TrimLeft(s, signs)) || begins(c.Name, s)) && !slices.Contains(names, c.Name) {
			names = append(names, c.Name)
		}
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(strings.ToLower(a), strings.ToLower(b)), cmp.Compare(a, b))
	})
	return names
}

// Look is Place for who only wants to see what is there, and will see which it is: the start of a name will do, if nothing else begins
// so, or all else is over.
func Look[T any](s string, all []Candidate[T], isRoom func(T) bool) (found []Candidate[T], exact bool) {
	if found, exact = Place(s, all, isRoom); len(found) > 0 {
		return found, exact
	}
	for _, most := range []Rank{Group, Former} {
		some := slices.DeleteFunc(slices.Clone(all), func(c Candidate[T]) bool { return c.Rank > most })
		for _, name := range Starting(s, some) {
			whole := name
			if !strings.HasPrefix(strings.ToLower(name), strings.ToLower(s)) {
				whole = s[:len(s)-len(strings.TrimLeft(s, signs))] + name
			}
			more, _ := Place(whole, some, isRoom)
			for _, c := range more {
				if !slices.ContainsFunc(found, func(f Candidate[T]) bool { return f.what() == c.what() }) {
					found = append(found, c)
				}
			}
		}
		if len(found) > 0 {
			return found, false
		}
	}
	return nil, false
}

// signs say in front of a name what it is.
const signs = "#@"

// Person is Pick for people: there may be an @ in front.
func Person[T any](s string, all []Candidate[T]) (found []Candidate[T], exact bool) {
	if rest, signed := strings.CutPrefix(s, "@"); signed {
		if found, exact = Pick(rest, all); len(found) > 0 {
			return found, exact
		}
	}
	return Pick(s, all) // he may be called so
}

// Place is Pick for conversations: with # in front s is a room, with @ a person.
func Place[T any](s string, all []Candidate[T], isRoom func(T) bool) (found []Candidate[T], exact bool) {
	if !strings.HasPrefix(s, "#") && !strings.HasPrefix(s, "@") {
		return Pick(s, all)
	}
	kind := slices.DeleteFunc(slices.Clone(all), func(c Candidate[T]) bool { return isRoom(c.Is) != (s[0] == '#') })
	if found, exact = Pick(s[1:], kind); len(found) == 0 {
		found, exact = Pick(s, all) // it may be called so, whatever it is
	}
	return found, exact
}
