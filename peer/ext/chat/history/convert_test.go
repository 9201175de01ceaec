package history_test

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"p2p/peer/ext/chat/history"
	"p2p/peer/ext/chat/room"
)

var sesame = []byte("open sesame")

// everything returns an archive in which each table has rows: a story with lies and deletions, and a second room with what a
// story does not have.
func everything(t *testing.T, seed uint64, o history.Options) *keeper {
	k := told(t, seed, o)
	ann, birth := founder(t, seeded(1000+seed))
	ben, invited := ann.invite(seeded(2000 + seed))
	must(t, k.Close())
	k.options.Account, k.options.Device = ben.account.Key(), ben.device.Key()
	k.open(ann.room.ID())
	k.take(birth)
	k.take(invited...)
	x, withheld, y := ann.say("a halibut that was read"), ann.say("withheld"), ann.say("hay")
	k.take(x, bare(withheld), y, ann.edit(x.event.ID, "a halibut that was changed"), ann.say(""))
	// An edit whose target is not there is itself taken back: nothing says any more what it is about.
	stray := ann.edit(room.ID{77}, "about what never came")
	k.take(stray, ann.write(room.Delete, stray.event.ID[:]))
	keyed := ann.say("sent under a key")
	out, err := k.log.Room.Receive(keyed.event, keyed.body, 1)
	must(t, err)
	k.log.Under("key")
	must(t, k.log.Commit(out))
	_, err = k.MarkRead(ben.account.Key(), y.event.ID)
	must(t, err)
	must(t, k.SaveDraft("a place", "a halibut that is being written"))
	must(t, k.SaveSetting("keys", []byte("a halibut key")))
	must(t, k.SaveSetting("empty", []byte{}))
	must(t, k.SaveDelivered(ann.room.ID(), []history.Delivery{{Account: ann.account.Key(), Device: ben.device.Key(), Seq: 1}}))
	return k
}

// rowsOf returns all that is in the tables of a database, but for the vault and the index of words.
func rowsOf(t *testing.T, path string) map[string]string {
	t.Helper()
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", OmitHost: true, Path: filepath.ToSlash(path)}).String())
	must(t, err)
	defer func() { must(t, db.Close()) }()
	db.SetMaxOpenConns(1)
	all := map[string]string{}
	names, err := db.Query("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'words%' AND name NOT IN ('vault', 'vocabulary')")
	must(t, err)
	for names.Next() {
		var name string
		must(t, names.Scan(&name))
		all[name] = ""
	}
	must(t, errors.Join(names.Err(), names.Close()))
	for name := range all {
		rows, err := db.Query("SELECT * FROM " + name + " ORDER BY 1, 2")
		must(t, err)
		columns, err := rows.Columns()
		must(t, err)
		values, at := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			at[i] = &values[i]
		}
		var b strings.Builder
		for rows.Next() {
			must(t, rows.Scan(at...))
			fmt.Fprintln(&b, values...)
		}
		must(t, errors.Join(rows.Err(), rows.Close()))
		all[name] = b.String()
	}
	return all
}

// files returns the names of what is in the folder of an archive, without those that stay.
func files(t *testing.T, path string) (names []string) {
	t.Helper()
	all, err := os.ReadDir(filepath.Dir(path))
	must(t, err)
	for _, f := range all {
		if n := f.Name(); n != filepath.Base(path) && n != filepath.Base(path)+".lock" {
			names = append(names, n)
		}
	}
	return names
}

// exported returns an export of the archive, and all that it tells of else.
func (k *keeper) exported() string {
	k.t.Helper()
	var b bytes.Buffer
	must(k.t, k.Export(ctx, &b))
	rooms, err := k.Rooms(ctx)
	must(k.t, err)
	for _, id := range rooms {
		reads, err := k.Reads(ctx, id)
		must(k.t, err)
		delivered, err := k.Delivered(ctx, id)
		must(k.t, err)
		unread, upto, err := k.Unread(ctx, id)
		must(k.t, err)
		lines, err := k.Before(ctx, id, history.End, 1000)
		must(k.t, err)
		log, err := k.Room(ctx, id)
		must(k.t, err)
		sent, found, err := k.Sent(ctx, id, "key")
		must(k.t, err)
		fmt.Fprintln(&b, id, sent.ID, found, reads, delivered, unread, upto, lines, log.Room.Members(), log.Room.Forks())
	}
	drafts, err := k.Drafts(ctx)
	must(k.t, err)
	found, _, err := k.Search(ctx, history.Query{Text: "halibut"})
	must(k.t, err)
	for _, name := range []string{"keys", "empty", "none"} {
		value, err := k.Setting(ctx, name)
		must(k.t, err)
		fmt.Fprintf(&b, "%s %q %v\n", name, value, value == nil)
	}
	fmt.Fprintln(&b, drafts, found)
	return b.String()
}

func TestAConversionThereAndBackChangesNothing(t *testing.T) {
	seeds := uint64(2)
	if testing.Short() {
		seeds = 1
	}
	for seed := range seeds {
		k := everything(t, seed, history.Options{})
		rooms, err := k.Rooms(ctx)
		must(t, err)
		second := rooms[len(rooms)-1]
		said := k.exported()
		k.shut()
		rows := rowsOf(t, k.path)
		for table, all := range rows {
			if all == "" {
				t.Fatalf("seed %d: there is nothing in %s", seed, table)
			}
		}
		must(t, history.Convert(ctx, k.path, history.Conversion{To: sesame, Read: read}))
		if left := files(t, k.path); len(left) > 0 {
			t.Errorf("beside it are %q", left)
		}
		k.options.Passphrase = sesame
		k.open(second)
		must(t, history.Intact(k.Archive))
		if got := k.exported(); got != said {
			t.Fatalf("seed %d: sealed it says\n%s\nand said\n%s", seed, got, said)
		}
		k.shut()
		must(t, history.Convert(ctx, k.path, history.Conversion{From: sesame, Read: read}))
		if left := files(t, k.path); len(left) > 0 {
			t.Errorf("beside it are %q", left)
		}
		back := rowsOf(t, k.path)
		for table := range rows {
			was, is := rows[table], back[table]
			if table == "events" { // what nobody can say any more
				was, is = strings.ReplaceAll(was, lost(), "<nil>"), strings.ReplaceAll(is, lost(), "<nil>")
			}
			if was != is {
				t.Errorf("seed %d: in %s was\n%s\nand is\n%s", seed, table, was, is)
			}
		}
		k.options.Passphrase = nil
		k.open(second)
		must(t, history.Intact(k.Archive))
		if got := k.exported(); got != said {
			t.Fatalf("seed %d: plain again it says\n%s\nand said\n%s", seed, got, said)
		}
	}
}

// lost is what the stray edit of everything is about, in a row.
func lost() string { return fmt.Sprint(append([]byte{77}, make([]byte, 31)...)) }

// TestAConvertedRoomGoesOn lets what is about old events come after the conversion: it is found by their keys.
func TestAConvertedRoomGoesOn(t *testing.T) {
	ann, k := begun(t, 5, history.Options{})
	x := ann.say("regretted")
	e := ann.edit(x.event.ID, "regretted still")
	k.take(x, e)
	k.shut()
	must(t, history.Convert(ctx, k.path, history.Conversion{To: sesame, Read: read}))
	k.options.Passphrase = sesame
	k.open(ann.room.ID())
	if about, err := k.About(ctx, x.event.ID); err != nil || len(about) != 1 || about[0].Event.ID != e.event.ID {
		t.Errorf("about it are %v: %v", about, err)
	}
	k.take(ann.say("and on"), ann.write(room.Delete, x.event.ID[:]))
	for _, id := range []room.ID{x.event.ID, e.event.ID} {
		if got, _, err := k.Event(ctx, id); err != nil || got.Body != nil || !got.Gone {
			t.Errorf("it is not deleted: %+v, %v", got, err)
		}
	}
	if found, _, err := k.Search(ctx, history.Query{Text: "regretted"}); err != nil || len(found) > 0 {
		t.Errorf("it is found: %v, %v", found, err)
	}
}

func TestNothingPlainIsLeftOfAnArchiveThatIsEncrypted(t *testing.T) {
	k := everything(t, 1, history.Options{})
	if found, _, err := k.Search(ctx, history.Query{Text: "halibut"}); err != nil || len(found) == 0 {
		t.Fatalf("%v, %v", found, err)
	}
	k.shut()
	old := filepath.Join(t.TempDir(), "the same file")
	must(t, os.Link(k.path, old))
	var last, total int64
	c := history.Conversion{To: sesame, Read: read, Progress: func(done, all int64) {
		if done < last || done > all || total != 0 && all != total {
			t.Errorf("after %d of %d comes %d of %d", last, total, done, all)
		}
		last, total = done, all
	}}
	must(t, history.Convert(ctx, k.path, c))
	if last == 0 {
		t.Error("nobody was told how far it was")
	}
	for _, path := range []string{k.path, old} {
		b, err := os.ReadFile(path)
		must(t, err)
		if bytes.Contains(b, []byte("alibut")) || bytes.Contains(b, []byte("SQLite")) != (path == k.path) {
			t.Errorf("%s can be read", path)
		}
	}
	if info, err := os.Stat(k.path); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("others can read it: %v, %v", info.Mode(), err)
	}
	for _, p := range []string{"", "wrong"} {
		if _, err := history.Open(k.path, history.Options{Passphrase: []byte(p)}); !errors.Is(err, history.ErrPassphrase) {
			t.Errorf("%q opens it: %v", p, err)
		}
	}
}

func TestAConversionThatCannotBeLeavesEverythingAsItWas(t *testing.T) {
	k := everything(t, 2, history.Options{})
	convert := func(ctx context.Context, from, to []byte) error {
		return history.Convert(ctx, k.path, history.Conversion{From: from, To: to, Read: read})
	}
	if err := convert(ctx, nil, sesame); !errors.Is(err, history.ErrBusy) {
		t.Errorf("while it is open: %v", err)
	}
	k.shut()
	rows := rowsOf(t, k.path)
	if err := convert(ctx, []byte("none"), nil); !errors.Is(err, history.ErrPlain) {
		t.Errorf("of a plain one the passphrase is taken away: %v", err)
	}
	gone, cancel := context.WithCancel(ctx)
	cancel()
	if err := convert(gone, nil, sesame); !errors.Is(err, context.Canceled) {
		t.Errorf("who has gone: %v", err)
	}
	undo := history.LimitAside(30)
	err := convert(ctx, nil, sesame)
	undo()
	var space *history.SpaceError
	if !errors.Is(err, syscall.ENOSPC) || !errors.As(err, &space) || space.Bytes < 100_000 {
		t.Errorf("on a full disk: %v", err)
	}
	if left := files(t, k.path); len(left) > 0 {
		t.Errorf("beside it are %q", left)
	}
	if again := rowsOf(t, k.path); fmt.Sprint(again) != fmt.Sprint(rows) {
		t.Error("it has changed")
	}
	must(t, convert(ctx, nil, sesame))
	for _, from := range []string{"", "wrong"} {
		if err := convert(ctx, []byte(from), nil); !errors.Is(err, history.ErrPassphrase) {
			t.Errorf("with %q: %v", from, err)
		}
	}
	k.path = filepath.Join(t.TempDir(), "none")
	if err := convert(ctx, nil, sesame); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("of none: %v", err)
	}
}

// TestWhatAConversionLeftIsCleanedUp has it killed before and after the new archive has its name.
func TestWhatAConversionLeftIsCleanedUp(t *testing.T) {
	k := everything(t, 3, history.Options{})
	said := k.exported()
	k.shut()
	plain, err := os.ReadFile(k.path)
	must(t, err)
	for _, end := range []string{"-wal", "-shm", ""} {
		must(t, os.WriteFile(k.path+".p2p-new"+end, []byte("half of it"), 0o600))
	}
	must(t, os.Link(k.path, k.path+".p2p-old"))
	check := func() {
		t.Helper()
		k.open(room.ID{})
		if got := k.exported(); got != said {
			t.Errorf("it says\n%s\nand said\n%s", got, said)
		}
		k.shut()
		for _, name := range files(t, k.path) {
			if strings.Contains(name, "p2p-") {
				t.Errorf("there is still %s", name)
			}
		}
	}
	check()
	// A second name that looks like a file of its own is not overwritten either.
	must(t, os.WriteFile(k.path+".p2p-old", plain, 0o600))
	same := filepath.Join(t.TempDir(), "the same file")
	must(t, os.Link(k.path+".p2p-old", same))
	must(t, os.WriteFile(k.path, plain, 0o600))
	now, err := os.Stat(k.path)
	must(t, err)
	must(t, os.Chtimes(same, time.Time{}, now.ModTime()))
	check()
	if b, err := os.ReadFile(same); err != nil || !bytes.Equal(b, plain) {
		t.Errorf("it is overwritten: %v", err)
	}
	must(t, history.Convert(ctx, k.path, history.Conversion{To: sesame, Read: read}))
	must(t, os.WriteFile(k.path+".p2p-old", plain, 0o600))
	old := filepath.Join(t.TempDir(), "the same file")
	must(t, os.Link(k.path+".p2p-old", old))
	k.options.Passphrase = sesame
	check()
	if b, err := os.ReadFile(old); err != nil || bytes.Contains(b, []byte("alibut")) {
		t.Errorf("the old one can be read: %v", err)
	}
	must(t, os.Rename(k.path, k.path+".p2p-old")) // somebody has taken the only one away
	check()
}

// convertedEnv makes the test program the one that is killed while it converts the archive of that path. It says how far it is,
// and goes on when it is told to.
const convertedEnv = "P2P_TEST_HISTORY_CONVERTED"

func convertUntilKilled(path string) error {
	told := bufio.NewReader(os.Stdin)
	return history.Convert(ctx, path, history.Conversion{To: sesame, Read: read, Progress: func(done, total int64) {
		fmt.Println("at", done, total)
		_, _ = told.ReadString('\n')
	}})
}

// TestAConversionThatIsKilledLeavesTheOldArchiveOrTheNewOne kills it wherever it says how far it is.
func TestAConversionThatIsKilledLeavesTheOldArchiveOrTheNewOne(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a program two dozen times; in short the race detector looks on, to which who is killed tells nothing")
	}
	ann, k := begun(t, 6, history.Options{})
	for i := range 450 {
		k.take(ann.say(fmt.Sprintf("a halibut, number%d", i)))
	}
	said := k.exported()
	k.shut()
	plain, err := os.ReadFile(k.path)
	must(t, err)
	olds, news := 0, 0
	for steps, over := 1, false; !over; steps++ {
		must(t, os.WriteFile(k.path, plain, 0o600))
		over = killConversion(t, k.path, steps)
		k.options.Passphrase = nil
		a, err := history.Open(k.path, k.options)
		if errors.Is(err, history.ErrPassphrase) {
			k.options.Passphrase = sesame
			a, err = history.Open(k.path, k.options)
			news++
		} else {
			olds++
		}
		must(t, err)
		k.Archive = a
		if got := k.exported(); got != said {
			t.Fatalf("killed at step %d it says\n%s\nand said\n%s", steps, got, said)
		}
		k.shut()
		for _, name := range files(t, k.path) {
			if strings.Contains(name, "p2p-") {
				t.Errorf("killed at step %d there is still %s", steps, name)
			}
		}
		must(t, os.RemoveAll(k.path+".words"))
	}
	if olds < 3 || news < 2 { // with the one that was not killed
		t.Errorf("%d times the old one was left, %d times the new one", olds, news)
	}
}

// killConversion kills the program when it has said so often how far it is, and reports whether it was over before.
func killConversion(t *testing.T, path string, steps int) (over bool) {
	t.Helper()
	program, err := os.Executable()
	must(t, err)
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), convertedEnv+"="+path)
	out, err := cmd.StdoutPipe()
	must(t, err)
	in, err := cmd.StdinPipe()
	must(t, err)
	must(t, cmd.Start())
	lines := bufio.NewScanner(out)
	for ; steps > 0; steps-- {
		if !lines.Scan() {
			must(t, cmd.Wait())
			return true
		}
		if !strings.HasPrefix(lines.Text(), "at ") {
			t.Fatalf("the program says %s", lines.Text())
		}
		if steps > 1 {
			_, err = fmt.Fprintln(in)
			must(t, err)
		}
	}
	must(t, cmd.Process.Kill())
	_ = cmd.Wait()
	return false
}
