package history

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"os"
	"slices"

	"p2p/peer/ext/chat/room"
)

// LimitPages makes the disk full when the archive has that many pages.
func LimitPages(a *Archive, n int) {
	a.write.mu.Lock()
	defer a.write.mu.Unlock()
	if err := a.write.exec(fmt.Sprintf("PRAGMA max_page_count=%d", n)); err != nil {
		panic(err)
	}
}

// Intact lets SQLite look for damage.
func Intact(a *Archive) error {
	a.write.mu.Lock()
	defer a.write.mu.Unlock()
	var verdict string
	if _, err := a.write.row("PRAGMA integrity_check", nil, &verdict); err != nil || verdict != "ok" {
		return fmt.Errorf("%s: %w", verdict, err)
	}
	if a.box.plain() {
		return a.write.exec("INSERT INTO words (words) VALUES ('integrity-check')")
	}
	return nil
}

// Multiply writes n copies of the last event, with their own texts, numbers and keys.
func Multiply(a *Archive, n int, text func(i int) string) error {
	var newest int64
	err := a.write.transaction(false, func() error {
		var last, in, author, view, seq, lamport, wall int64
		var header, key []byte
		if _, err := a.write.row("SELECT n, room, author, view, seq, lamport, wall, header, key FROM events ORDER BY n DESC LIMIT 1", nil, &last, &in, &author, &view, &seq, &lamport, &wall, &header, &key); err != nil {
			return err
		}
		header, err := a.box.open(sealedHeader, key, header)
		if err != nil {
			return err
		}
		for i := 1; i <= n; i++ {
			at := int64(i)
			copyKey := sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(i)))
			e, err := room.Reread(header)
			if err != nil {
				return err
			}
			e.Seq, e.Lamport, e.Wall = e.Seq+uint64(i), e.Lamport+uint64(i), e.Wall+uint64(i)*1000
			if err := a.write.exec("INSERT INTO events VALUES (?,?,?,?,?,?,?,?,?,?,?,NULL,1,1,0,0,0)", last+at, in, copyKey[:], author, seq+at, lamport+at, 16, view,
				a.box.seal(sealedHeader, copyKey[:], e.AppendTo(nil)), wall+at*1000, wall); err != nil {
				return err
			}
			if err := a.write.exec("INSERT INTO bodies VALUES (?, ?)", last+at, a.box.seal(sealedBody, copyKey[:], []byte(text(i)))); err != nil {
				return err
			}
			newest = last + at
		}
		if err := a.write.exec("UPDATE devices SET last = ?, log = ?", seq+int64(n), last+int64(n)); err != nil {
			return err
		}
		return a.write.exec("UPDATE runs SET last = ?1, counted = ?1 WHERE view = ?2", seq+int64(n), view)
	}, nil)
	if !a.index.memory() {
		a.index.commit([]wordChange{{n: newest}})
	}
	a.ink.wrote(n, true)
	return err
}

// Behind reports whether the next search has texts to take into the index first.
func Behind(a *Archive) bool { return a.index.upto.Load() < a.index.newest.Load() }

// IndexFrom has texts taken into the index while others come when there are so many, and returns what tells how many there
// are. It is called before there are any.
func IndexFrom(a *Archive, most int64) (missing func() int64) {
	a.index.most = most
	return func() int64 { return a.index.newest.Load() - a.index.upto.Load() }
}

// Parts returns how many parts the index has that are not merged.
func Parts(a *Archive) (n int) {
	if _, err := a.read.row(context.Background(), "SELECT count(DISTINCT segid) FROM words_idx", nil, &n); err != nil {
		panic(err)
	}
	return n
}

// WaitsForDisk reports whether the last transaction did.
func WaitsForDisk(a *Archive) bool {
	a.write.mu.Lock()
	defer a.write.mu.Unlock()
	var level int
	if _, err := a.write.row("PRAGMA synchronous", nil, &level); err != nil {
		panic(err)
	}
	return level >= 2
}

// LengthenLog makes room for so many pages in the write-ahead log, and returns how many bytes it has then.
func LengthenLog(a *Archive, pages int) int64 {
	a.ink.lay(pages)
	f, err := os.Stat(a.path + "-wal")
	if err != nil {
		panic(err)
	}
	return f.Size()
}

// LimitLog has the write-ahead log copied as soon as it has so many pages.
func LimitLog(a *Archive, pages int) {
	a.ink.mu.Lock()
	defer a.ink.mu.Unlock()
	a.ink.most = pages
}

// LimitAside makes the disk full when the new archive of a conversion has that many pages, until undo is called.
func LimitAside(n int) (undo func()) {
	was := asidePragmas
	asidePragmas = append(slices.Clone(was), fmt.Sprintf("max_page_count(%d)", n))
	return func() { asidePragmas = was }
}

// Spoil destroys the header of an event.
func Spoil(a *Archive, n int64) {
	if err := a.write.transaction(false, func() error { return a.write.exec("UPDATE events SET header = x'00' WHERE n = ?", n) }, nil); err != nil {
		panic(err)
	}
}

// Between has f called when a transaction can be read and its writer has not told memory of it yet.
func Between(a *Archive, f func()) {
	a.write.lock()
	defer a.write.unlock()
	a.write.between = f
}
