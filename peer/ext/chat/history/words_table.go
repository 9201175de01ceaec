package history

import (
	"context"
	"errors"
	"time"
)

// follow starts the goroutine that keeps the table up to date.
func (x *wordIndex) follow() error {
	// Of each text that is in the table, this one of its own tables has a row. What comes after the last was not taken in.
	var upto, newest int64
	_, err := x.archive.write.row("SELECT (SELECT coalesce(max(id), 0) FROM words_docsize), (SELECT coalesce(max(event), 0) FROM bodies)", nil, &upto, &newest)
	if err != nil {
		return err
	}
	x.upto.Store(upto)
	x.newest.Store(newest)
	x.start(indexPause, x.catchUp)
	return nil
}

// When the table is brought up to date: after indexPause without new texts, since it takes as long as what it waits for. When
// there are indexMost of them a few are taken in once in that time, though more come; and all when there are twice as many,
// as whoever searches then has to wait for it.
const (
	indexPause = time.Second
	indexMost  = 32_768
)

// catchUp takes in what there is, and merges what has come together; a few only while somebody writes.
func (x *wordIndex) catchUp() {
	for more := true; more && !x.stopping(); {
		texts, err := x.take(takeAtOnce)
		if err != nil {
			return // a search tries it again, and tells
		}
		parts, err := x.merge()
		if err != nil {
			return
		}
		x.mu.Lock()
		x.taken = time.Now()
		more = (texts || parts) && (x.taken.Sub(x.wrote) >= indexPause || x.isDue())
		x.mu.Unlock()
	}
}

// isDue reports whether texts are to be taken in though more come. The caller holds mu.
func (x *wordIndex) isDue() bool {
	n := x.newest.Load() - x.upto.Load()
	return n >= 2*x.most || n >= x.most && time.Since(x.taken) >= indexPause
}

// takeAtOnce is how many texts the table takes in at a time: a message that is written meanwhile waits for that, a
// millisecond or two. A search, for which somebody waits, takes more.
const takeAtOnce = 64

// take takes the next texts into the table, n at most, and reports whether there may be more.
func (x *wordIndex) take(n int) (more bool, err error) {
	w, upto, texts := x.archive.write, int64(0), 0
	err = w.transaction(false, func() error {
		newest := x.newest.Load()
		changes, last, err := x.texts(w.rows, x.upto.Load(), n)
		if err != nil {
			return err
		}
		upto, texts = last, len(changes)
		if texts < n { // of what is newer nothing is left
			upto = max(upto, newest)
		}
		for i := range changes {
			if c := &changes[i]; c.text != "" {
				if err := w.exec("INSERT INTO words (rowid, text, room) VALUES (?, ?, ?)", c.n, terms(c.text), scope(c.room)); err != nil {
					return err
				}
			}
		}
		return nil
	}, func() { x.upto.Store(max(x.upto.Load(), upto)) })
	if texts > 0 {
		x.archive.ink.wrote(texts, false)
	}
	return err == nil && texts == n, err
}

// mergeSome has FTS5 write mergePages of merged parts, which takes five to ten milliseconds. All that was taken in at one
// time is a part, each of which a search looks into; eight of a size become one of the next (schema/4.sql).
const (
	mergeSome  = "INSERT INTO words (words, rank) VALUES ('merge', 16)"
	mergePages = 16
)

// merge merges some parts of the table, and reports whether there may be more.
func (x *wordIndex) merge() (more bool, err error) {
	w := x.archive.write
	err = w.transaction(false, func() error {
		var before, after int64
		const changes = "SELECT total_changes()"
		if _, err := w.row(changes, nil, &before); err != nil {
			return err
		}
		if err := w.exec(mergeSome); err != nil {
			return err
		}
		_, err := w.row(changes, nil, &after)
		more = after-before > 1 // one is the command itself
		return err
	}, nil)
	if more {
		x.archive.ink.wrote(mergePages, false)
	}
	return more, err
}

// fillAtOnce is how many texts a search takes in at a time. Commits wait while they are written. It does so maxParts
// times before it merges any, which would take as long: more are missing only when an old archive has come from elsewhere.
const (
	fillAtOnce = 500
	maxParts   = 2 * indexMost / fillAtOnce
)

// complete takes in what is missing, since somebody searches.
func (x *wordIndex) complete(ctx context.Context) error {
	more := x.upto.Load() < x.newest.Load()
	for n := 0; more; n++ {
		var err error
		if more, err = x.take(fillAtOnce); err == nil && n >= maxParts {
			_, err = x.merge()
		}
		if err != nil || ctx.Err() != nil {
			return errors.Join(err, ctx.Err())
		}
	}
	return nil
}
