package history

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// Finds reports whether a search finds a text: what an index of that text alone says, since which words are one word is for the index to
// say. It takes a millisecond.
func Finds(ctx context.Context, search, text string) (found bool, err error) {
	question, signs := match(search, 0, nobody), signsOf(search)
	if question == "" || !holds(text, signs) {
		return len(signs) > 0 && holds(text, signs), nil
	}
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		return false, fmt.Errorf("search a text: %w", err)
	}
	db.SetMaxOpenConns(1)
	defer func() { err = errors.Join(err, db.Close()) }()
	_, err = db.ExecContext(ctx, memoryWords)
	if err == nil {
		_, err = db.ExecContext(ctx, "INSERT INTO words (rowid, text, room) VALUES (1, ?, '')", terms(text))
	}
	if err == nil {
		err = db.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM words WHERE words MATCH ?)", question).Scan(&found)
	}
	if err != nil {
		return false, fmt.Errorf("search a text: %w", err)
	}
	return found, nil
}
