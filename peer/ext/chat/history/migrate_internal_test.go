package history

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"p2p/peer/ext/chat/room"
	"p2p/peer/identity"
)

// With -golden the archive of the present version is written to testdata. It is done once, when
// a version is released; older ones are never written again.
var golden = flag.Bool("golden", false, "write testdata/<version>.sql")

func fail(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// goldenPeople are the same in all golden archives.
func goldenPeople(t testing.TB) (account, device identity.Secret) {
	rng := rand.New(rand.NewPCG(2026, 11))
	for _, s := range []*identity.Secret{&account, &device} {
		b := make([]byte, identity.SeedSize)
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		var err error
		*s, err = identity.SecretOf(b)
		fail(t, err)
	}
	return account, device
}

func goldenOptions(t testing.TB) Options {
	account, device := goldenPeople(t)
	return Options{Account: account.Key(), Device: device.Key(), Clock: func() time.Time { return time.UnixMilli(1_790_000_000_000) }}
}

// fillGolden writes a little of everything.
func fillGolden(t testing.TB, a *Archive) {
	account, device := goldenPeople(t)
	c, err := identity.Certify(account, device.Key(), "golden", time.Unix(1_700_000_000, 0), false)
	fail(t, err)
	e, body, err := room.Found(device, room.Birth{Certificate: c, Options: room.Options{Name: "golden", Limit: 5, History: -1}}, 1)
	fail(t, err)
	l, err := a.Room(context.Background(), e.ID)
	fail(t, err)
	out, err := l.Room.Receive(e, body, 0)
	fail(t, err)
	fail(t, l.Commit(out))
	id := e.ID
	write := func(kind room.Kind, body []byte) room.ID {
		e, out, err := l.Room.Write(device, kind, body, 1_790_000_000_000)
		fail(t, err)
		fail(t, l.Commit(out))
		return e.ID
	}
	write(room.Content, []byte("hello golden world"))
	read := write(room.Content, []byte("你好世界"))
	gone := write(room.Content, []byte("taken back"))
	write(room.Delete, gone[:])
	add := room.Change{Op: room.Add, Account: identity.Key{7}, Role: room.Member}
	write(room.Admin, add.AppendTo(nil))
	e, out, err = l.Room.Write(device, room.Content, []byte("the last"), 1_790_000_000_000)
	fail(t, err)
	l.Under("key")
	fail(t, l.Commit(out))
	_, err = a.MarkRead(account.Key(), read)
	fail(t, err)
	fail(t, a.SaveDraft("place", "a draft"))
	fail(t, a.SaveSetting("name", []byte("value")))
	fail(t, a.SaveDelivered(id, []Delivery{{identity.Key{7}, device.Key(), 6, 5}}))
}

// checkGolden looks for all of it, and goes on writing.
func checkGolden(t *testing.T, a *Archive, version int) {
	t.Helper()
	ctx := context.Background()
	_, device := goldenPeople(t)
	rooms, err := a.Rooms(ctx)
	fail(t, err)
	if len(rooms) != 1 {
		t.Fatalf("there are %d rooms", len(rooms))
	}
	l, err := a.Room(ctx, rooms[0])
	fail(t, err)
	if m := l.Room.Mark(device.Key()); m.Seq != 7 || len(l.Room.Members()) != 2 || l.Room.Options().Name != "golden" {
		t.Errorf("the room goes to %d with %v", m.Seq, l.Room.Members())
	}
	lines, err := a.Before(ctx, rooms[0], End, 10)
	fail(t, err)
	var texts []string
	for _, e := range lines {
		texts = append(texts, fmt.Sprint(string(e.Body), e.Gone, e.Late, e.Counts))
	}
	if want := []string{"hello golden worldfalse false true", "你好世界false false true", "true false true", "the lastfalse false true"}; !slices.Equal(texts, want) {
		t.Errorf("it reads %q", texts)
	}
	for _, text := range []string{"golden wor", "好世"} {
		if found, _, err := a.Search(ctx, Query{Text: text, Room: rooms[0]}); err != nil || len(found) != 1 {
			t.Errorf("%s is found %d times: %v", text, len(found), err)
		}
	}
	reads, err := a.Reads(ctx, rooms[0])
	fail(t, err)
	drafts, err := a.Drafts(ctx)
	fail(t, err)
	value, err := a.Setting(ctx, "name")
	fail(t, err)
	if len(reads) != 1 || len(drafts) != 1 || drafts[0].Text != "a draft" || string(value) != "value" {
		t.Errorf("marks %v, drafts %v, setting %s", reads, drafts, value)
	}
	delivered, err := a.Delivered(ctx, rooms[0])
	fail(t, err)
	want := Delivery{identity.Key{7}, device.Key(), 6, 0}
	if version > 8 {
		want.Read = 5
	}
	if version > 1 && (len(delivered) != 1 || delivered[0] != want) {
		t.Errorf("delivered: %v", delivered)
	}
	sent, found, err := a.Sent(ctx, rooms[0], "key")
	fail(t, err)
	if version > 7 && (!found || sent.ID != lines[3].Event.ID) {
		t.Errorf("under the key %v was sent: %v", sent.ID, found)
	}
	_, out, err := l.Room.Write(device, room.Content, []byte("and on"), 1)
	fail(t, err)
	fail(t, l.Commit(out))
	fail(t, Intact(a))
}

// script makes a database of SQL.
func script(t *testing.T, path, text string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	fail(t, err)
	db.SetMaxOpenConns(1)
	_, err = db.Exec(text)
	fail(t, errors.Join(err, db.Close()))
}

func TestArchivesOfAllVersionsAreOpened(t *testing.T) {
	if *golden {
		writeGolden(t)
	}
	files, err := filepath.Glob("testdata/*.sql")
	fail(t, err)
	if len(files) != len(migrations) {
		t.Fatalf("there are %d golden archives of %d versions", len(files), len(migrations))
	}
	fresh, err := Open(filepath.Join(t.TempDir(), "fresh"), goldenOptions(t))
	fail(t, err)
	defer func() { fail(t, fresh.Close()) }()
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			fail(t, err)
			path := filepath.Join(t.TempDir(), "archive")
			script(t, path, string(text))
			a, err := Open(path, goldenOptions(t))
			fail(t, err)
			if got, want := schemaOf(t, a), schemaOf(t, fresh); got != want {
				t.Errorf("its schema is\n%s\nthat of a new one\n%s", got, want)
			}
			version, err := strconv.Atoi(strings.TrimSuffix(filepath.Base(file), ".sql"))
			fail(t, err)
			checkGolden(t, a, version)
			fail(t, a.Close())
		})
	}
}

// OpenGolden opens the archive of a version after something was done to it in SQL.
func OpenGolden(t *testing.T, version int, path, change string) (*Archive, error) {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("testdata/%d.sql", version))
	fail(t, err)
	script(t, path, string(text)+change)
	return Open(path, goldenOptions(t))
}

func schemaOf(t *testing.T, a *Archive) string {
	var b strings.Builder
	err := a.read.rows(context.Background(), "SELECT type, name, coalesce(sql, '') FROM sqlite_schema ORDER BY type, name", nil, func(scan func(...any) error) error {
		var kind, name, text string
		err := scan(&kind, &name, &text)
		fmt.Fprintln(&b, kind, name, strings.Join(strings.Fields(text), " "))
		return err
	})
	fail(t, err)
	return b.String()
}

// writeGolden writes the archive of this version as SQL.
func writeGolden(t *testing.T) {
	a, err := Open(filepath.Join(t.TempDir(), "golden"), goldenOptions(t))
	fail(t, err)
	fillGolden(t, a)
	var b strings.Builder
	fmt.Fprintf(&b, "-- An archive of version %d.\n%s", len(migrations), strings.Join(migrations, ""))
	for _, table := range []string{"rooms", "devices", "views", "events", "bodies", "heads", "forks", "runs", "marks", "drafts", "settings", "delivered", "sent"} {
		dump(t, a, &b, table)
	}
	for i, text := range []string{"hello golden world", "你好世界", "the last"} {
		fmt.Fprintf(&b, "INSERT INTO words (rowid, text, room) VALUES (%d, '%s', 'r1');\n", []int{2, 3, 7}[i], terms(text))
	}
	fmt.Fprintf(&b, "PRAGMA application_id=%d;\nPRAGMA user_version=%d;\n", applicationID, len(migrations))
	fail(t, a.Close())
	fail(t, os.WriteFile(fmt.Sprintf("testdata/%d.sql", len(migrations)), []byte(b.String()), 0o644))
}

func dump(t *testing.T, a *Archive, b *strings.Builder, table string) {
	rows, err := a.read.db.Query("SELECT * FROM " + table)
	fail(t, err)
	columns, err := rows.Columns()
	fail(t, err)
	for rows.Next() {
		values := make([]any, len(columns))
		at := make([]any, len(columns))
		for i := range values {
			at[i] = &values[i]
		}
		fail(t, rows.Scan(at...))
		var parts []string
		for _, v := range values {
			switch v := v.(type) {
			case nil:
				parts = append(parts, "NULL")
			case []byte:
				parts = append(parts, "x'"+hex.EncodeToString(v)+"'")
			case string:
				parts = append(parts, "'"+v+"'")
			default:
				parts = append(parts, fmt.Sprint(v))
			}
		}
		fmt.Fprintf(b, "INSERT INTO %s VALUES (%s);\n", table, strings.Join(parts, ", "))
	}
	fail(t, errors.Join(rows.Err(), rows.Close()))
}

func TestAMigrationIsWholeOrNotAtAll(t *testing.T) {
	path := filepath.Join(t.TempDir(), "archive")
	a, err := Open(path, goldenOptions(t))
	fail(t, err)
	fillGolden(t, a)
	fail(t, a.Close())
	real := migrations
	defer func() { migrations = real }()
	migrations = append(slices.Clone(real), "CREATE TABLE extra (x); INSERT INTO extra SELECT n FROM events", "CREATE TABLE further (x); SELECT no_such_function()")
	if a, err := Open(path, goldenOptions(t)); err == nil {
		t.Error("a step that fails is taken")
		fail(t, a.Close())
	}
	migrations = real
	if a, err = Open(path, goldenOptions(t)); err != nil {
		t.Fatalf("after a step that failed: %v", err)
	}
	if strings.Contains(schemaOf(t, a), "extra") {
		t.Error("half of it was done")
	}
	fail(t, a.Close())
	migrations = append(slices.Clone(real), "CREATE TABLE extra (x); INSERT INTO extra SELECT n FROM events")
	a, err = Open(path, goldenOptions(t))
	fail(t, err)
	var n int
	if _, err := a.read.row(context.Background(), "SELECT count(*) FROM extra", nil, &n); err != nil || n != 7 {
		t.Errorf("the step found %d events: %v", n, err)
	}
	checkGolden(t, a, len(migrations))
	fail(t, a.Close())
	migrations = real
	if _, err := Open(path, goldenOptions(t)); !errors.Is(err, ErrNewer) {
		t.Errorf("an archive of a newer program is opened: %v", err)
	}
}

func TestAnotherFileIsLeftAlone(t *testing.T) {
	dir := t.TempDir()
	database, text := filepath.Join(dir, "database"), filepath.Join(dir, "text")
	script(t, database, "CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)")
	fail(t, os.WriteFile(text, []byte(strings.Repeat("no database\n", 1000)), 0o600))
	for _, path := range []string{database, text} {
		before, err := os.ReadFile(path)
		fail(t, err)
		if _, err := Open(path, Options{}); !errors.Is(err, ErrForeign) {
			t.Errorf("%s is opened: %v", filepath.Base(path), err)
		}
		if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
			t.Errorf("%s was changed: %v", filepath.Base(path), err)
		}
	}
}

func TestAPassphraseIsAskedOfPlainArchivesInVain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "archive")
	a, err := Open(path, goldenOptions(t))
	fail(t, err)
	fillGolden(t, a)
	if err := a.ChangePassphrase(nil, []byte("x")); !errors.Is(err, ErrPlain) {
		t.Errorf("a passphrase is set on text that lies open: %v", err)
	}
	fail(t, a.Close())
	o := goldenOptions(t)
	o.Passphrase = []byte("x")
	if _, err := Open(path, o); !errors.Is(err, ErrPlain) {
		t.Errorf("it is opened as if it were sealed: %v", err)
	}
}

// TestASealedArchiveIsSearchedWhileItIsWritten lets the index be made while messages come and go.
func TestASealedArchiveIsSearchedWhileItIsWritten(t *testing.T) {
	o := goldenOptions(t)
	o.Passphrase = []byte("x")
	a, err := Open(filepath.Join(t.TempDir(), "archive"), o)
	fail(t, err)
	defer func() { fail(t, a.Close()) }()
	fillGolden(t, a)
	ctx := context.Background()
	rooms, err := a.Rooms(ctx)
	fail(t, err)
	l, err := a.Room(ctx, rooms[0])
	fail(t, err)
	_, device := goldenPeople(t)
	write := func(kind room.Kind, body []byte) room.ID {
		e, out, err := l.Room.Write(device, kind, body, 1)
		fail(t, err)
		fail(t, l.Commit(out))
		return e.ID
	}
	const n = 1500
	for range n {
		write(room.Content, []byte("before"))
	}
	done := make(chan error)
	go func() {
		for range 3 {
			if _, _, err := a.Search(ctx, Query{Text: "before"}); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	for range 50 {
		id := write(room.Content, []byte("fleeting"))
		write(room.Content, []byte("during"))
		write(room.Delete, id[:])
	}
	fail(t, <-done)
	for text, want := range map[string]int{"before": 1000, "during": 50, "fleeting": 0} {
		if found, _, err := a.Search(ctx, Query{Text: text, Limit: 1000}); err != nil || len(found) != want {
			t.Errorf("%s is found %d times, not %d: %v", text, len(found), want, err)
		}
	}
	var left int
	fail(t, a.index.db.QueryRow("SELECT count(*) FROM words WHERE words MATCH 'fleeting'").Scan(&left))
	if left != 0 {
		t.Errorf("%d deleted texts are in the index", left)
	}
}
