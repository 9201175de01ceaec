package history

import (
	"context"
	"fmt"
	"strings"

	"p2p/peer/ext/chat/room"
)

// Query is what to look for.
type Query struct {
	Text   string  // words that all must be there, the last may be a beginning; "in quotes" as they stand
	Room   room.ID // zero for all
	Before int64   // only what arrived before the entry of this number; 0 for all
	Limit  int     // entries at most; 0 for 50
}

// How many events a search asks of the index at the most, that do not count any more or lack its signs, in pages; with signs each has
// signPage at the least.
const (
	maxRounds = 8
	signPage  = 500
)

// Search returns what was found, what arrived last first, and where it goes on: Before of the next search, 0 when there is nothing more. A
// page may be short before the end, or empty: there is a bound to what one search looks into. Deleted and withheld texts are not found,
// and what does not count is left out. A word with signs in it is found as it stands, and so is what has no letter and no digit.
// The first search in an archive with a passphrase can take a while.
func (a *Archive) Search(ctx context.Context, q Query) (found []Entry, next int64, err error) {
	limit := min(q.Limit, maxPage)
	if limit <= 0 {
		limit = 50
	}
	before := q.Before
	if before <= 0 {
		before = 1<<63 - 1
	}
	var number int64
	if !q.Room.IsZero() {
		n, err := a.roomNumber(ctx, q.Room)
		if n == 0 || err != nil {
			return nil, 0, err
		}
		number = n
	}
	signs := signsOf(q.Text)
	switch words := match(q.Text, number, nobody) != ""; {
	case !words && len(signs) == 0:
		return nil, 0, nil
	case !words:
		return a.scan(ctx, signs, number, before, limit)
	}
	if err := a.index.prepare(ctx); err != nil {
		return nil, 0, fmt.Errorf("search: %w", err)
	}
	question := match(q.Text, number, func(beginning string) []string { return a.index.begun(ctx, beginning) })
	page := limit
	if len(signs) > 0 {
		page = max(limit, signPage)
	}
	for range maxRounds {
		numbers, err := a.index.find(ctx, question, before, page)
		if err != nil {
			return nil, 0, fmt.Errorf("search: %w", err)
		}
		for _, before = range numbers {
			if found, err = a.find(ctx, found, before, signs); err != nil {
				return nil, 0, fmt.Errorf("search: %w", err)
			}
			if len(found) == limit {
				return found, before, nil
			}
		}
		if len(numbers) < page {
			return found, 0, nil
		}
	}
	return found, before, nil
}

// find adds the event numbered n to what was found, if it counts and holds the signs.
func (a *Archive) find(ctx context.Context, found []Entry, n int64, signs []string) ([]Entry, error) {
	all, err := a.entries(ctx, "SELECT "+entryColumns+" FROM events e"+entryTables+"WHERE e.n = ? AND e.counts AND e.gone = 0", n)
	for i := range all {
		if e := &all[i]; len(signs) == 0 || holds(a.textOf(int64(e.Event.Kind), e.Body), signs) {
			found = append(found, *e)
		}
	}
	return found, err
}

// maxBegun is for how many words an index is asked, instead of for their beginning: each of them costs some tenths of a millisecond.
const maxBegun = 48

func nobody(string) []string { return nil }

// begun returns the words of the index that begin so; none if there are more than maxBegun, or if it cannot tell: then it is
// asked for the beginning. Each word is looked up by the one before it: to read on in the vocabulary
// would mean to read all texts that have the word.
func (x *wordIndex) begun(ctx context.Context, beginning string) (all []string) {
	const text = "SELECT term FROM vocabulary WHERE term >= ? LIMIT 1"
	for from := beginning; ; {
		var word string
		var there bool
		var err error
		if x.memory() {
			there, err = scanRow(x.db.QueryRowContext(ctx, text, from), &word)
		} else {
			there, err = x.archive.read.row(ctx, text, []any{from}, &word)
		}
		switch {
		case err != nil:
			return nil
		case !there || !strings.HasPrefix(word, beginning):
			return all
		case len(all) == maxBegun:
			return nil
		}
		all, from = append(all, word), word+"\x00"
	}
}

// find returns the numbers of events, the last first.
func (x *wordIndex) find(ctx context.Context, question string, before int64, limit int) ([]int64, error) {
	const text = "SELECT rowid FROM words WHERE words MATCH ? AND rowid < ? ORDER BY rowid DESC LIMIT 0+?"
	var numbers []int64
	each := func(scan func(...any) error) error {
		var n int64
		err := scan(&n)
		numbers = append(numbers, n)
		return err
	}
	if !x.memory() {
		err := x.archive.read.rows(ctx, text, []any{question, before, limit}, each)
		return numbers, err
	}
	rows, err := x.db.QueryContext(ctx, text, question, before, limit)
	if err != nil {
		return nil, err
	}
	err = eachRow(rows, each)
	return numbers, err
}
