package history_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"p2p/peer/ext/chat/history"
	"p2p/peer/ext/chat/room"
)

var ctx = context.Background()

// both runs a test with and without a passphrase.
func both(t *testing.T, test func(t *testing.T, o history.Options)) {
	t.Run("plain", func(t *testing.T) { test(t, history.Options{}) })
	t.Run("sealed", func(t *testing.T) { test(t, history.Options{Passphrase: []byte("correct horse")}) })
}

func seeded(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 11)) }

func TestAConversationIsReadInItsOrder(t *testing.T) {
	both(t, func(t *testing.T, o history.Options) {
		rng := seeded(1)
		ann, birth := founder(t, rng)
		ben, invited := ann.invite(rng)
		k := keep(t, ann.room.ID(), o)
		k.take(birth)
		k.take(invited...)
		var want []string
		var late []parcel
		for i := range 21 {
			p := ann
			if i%3 == 0 {
				p = ben
			}
			x := p.say(fmt.Sprintf("line %d", i))
			y := p.edit(x.event.ID, "an edit")
			k.take(x, y)
			late = append(late, x, y)
			if i%4 == 0 { // until then they write at the same time
				ann.take(late...)
				ben.take(late...)
				late = nil
			}
		}
		said := slices.DeleteFunc(slices.Clone(ann.shelf.order), func(id room.ID) bool { return ann.shelf.metas[id].Kind != said })
		slices.SortFunc(said, func(a, b room.ID) int {
			x, y := ann.shelf.metas[a], ann.shelf.metas[b]
			return x.Compare(&y.Event)
		})
		for _, id := range said {
			want = append(want, string(ann.shelf.bodies[id]))
		}
		id := ann.room.ID()
		for range 2 {
			all, err := k.Before(ctx, id, history.End, 100)
			must(t, err)
			if got := bodies(all); !slices.Equal(got, want) {
				t.Fatalf("the room reads %q", got)
			}
			var paged []string
			for p := history.End; ; {
				page, err := k.Before(ctx, id, p, 7)
				must(t, err)
				if len(page) == 0 {
					break
				}
				p, paged = page[0].Position(), append(bodies(page), paged...)
			}
			if !slices.Equal(paged, want) {
				t.Errorf("page by page it reads %q", paged)
			}
			after, err := k.After(ctx, id, all[3].Position(), 5)
			must(t, err)
			around, err2 := k.Around(ctx, all[10].Event.ID, 2)
			must(t, err2)
			if got := bodies(after); !slices.Equal(got, want[4:9]) {
				t.Errorf("after the fourth come %q", got)
			}
			if got := bodies(around); !slices.Equal(got, want[8:13]) {
				t.Errorf("around the eleventh are %q", got)
			}
			about, err := k.About(ctx, all[3].Event.ID)
			must(t, err)
			if len(about) != 1 || about[0].Target != all[3].Event.ID || about[0].Line || about[0].Account != all[3].Account {
				t.Errorf("about the fourth is %+v", about)
			}
			k.shut()
			k.open(id)
		}
		rooms, err := k.Rooms(ctx)
		if must(t, err); len(rooms) != 1 || rooms[0] != id {
			t.Errorf("the rooms are %v", rooms)
		}
	})
}

func TestWhatIsDeletedIsNowhereOnTheDisk(t *testing.T) {
	rng := seeded(2)
	ann, birth := founder(t, rng)
	ben, invited := ann.invite(rng)
	k := keep(t, ann.room.ID(), history.Options{})
	k.take(birth)
	k.take(invited...)
	for i := range 300 {
		k.take(ann.say(fmt.Sprintf("filler number%d", i)))
	}
	x := ann.say("a SwordfishSecret that nobody should know")
	y := ann.edit(x.event.ID, "a TroutSecret instead")
	ben.take(x)
	z := ben.edit(x.event.ID, "ReactionOfBen")
	no := ben.write(room.Delete, x.event.ID[:]) // it is not his
	k.take(x, y, z, no)
	if found, _, err := k.Search(ctx, history.Query{Text: "swordfishsecret"}); err != nil || len(found) != 1 {
		t.Fatalf("before, %d are found: %v", len(found), err)
	}
	k.take(ann.write(room.Delete, x.event.ID[:]))
	for _, text := range []string{"swordfishsecret", "troutsecret"} {
		if found, _, err := k.Search(ctx, history.Query{Text: text}); err != nil || len(found) != 0 {
			t.Errorf("%s is found: %v, %v", text, bodies(found), err)
		}
	}
	e, found, err := k.Event(ctx, x.event.ID)
	if must(t, err); !found || e.Body != nil || !e.Gone || !e.Counts {
		t.Errorf("the tombstone is %+v", e)
	}
	if m, ok := k.log.Find(x.event.ID); !ok || k.log.Body(&m) != nil {
		t.Error("the body is still given to others")
	}
	k.shut()
	files, err := filepath.Glob(filepath.Dir(k.path) + "/*")
	must(t, err)
	for _, name := range files {
		b, err := os.ReadFile(name)
		must(t, err)
		b = bytes.ToLower(b)
		for _, gone := range []string{"ordfishsecr", "outsecr"} {
			if i := bytes.Index(b, []byte(gone)); i >= 0 {
				t.Errorf("%s has %q at %d", filepath.Base(name), b[max(0, i-20):i+30], i)
			}
		}
		if name == k.path && (!bytes.Contains(b, []byte("eactionofben")) || !bytes.Contains(b, []byte("number299"))) {
			t.Error("what was not deleted is gone")
		}
	}
}

func TestADeleteThatComesFirstTakesItsTargetAwayToo(t *testing.T) {
	both(t, func(t *testing.T, o history.Options) {
		rng := seeded(3)
		ann, birth := founder(t, rng)
		ben, invited := ann.invite(rng)
		k := keep(t, ann.room.ID(), o)
		k.take(birth)
		k.take(invited...)
		x := ben.say("regretted")
		_ = ann.write(room.Admin, (&room.Change{Op: room.SetRole, Account: ann.account.Key(), Role: room.Owner}).AppendTo(nil))
		// The owner has heard of x on another way, and has not seen it.
		k.take(parcel{ann.shelf.metas[ann.shelf.order[len(ann.shelf.order)-1]].Event, ann.shelf.bodies[ann.shelf.order[len(ann.shelf.order)-1]]})
		k.take(ann.write(room.Delete, x.event.ID[:]), x)
		e, _, err := k.Event(ctx, x.event.ID)
		if must(t, err); e.Body != nil || !e.Gone {
			t.Errorf("it came back: %+v", e)
		}
		if found, _, err := k.Search(ctx, history.Query{Text: "regretted"}); err != nil || len(found) > 0 {
			t.Errorf("it is found: %v %v", found, err)
		}
	})
}

func TestNothingOfASealedArchiveIsReadable(t *testing.T) {
	rng := seeded(4)
	ann, birth := founder(t, rng)
	k := keep(t, ann.room.ID(), history.Options{Passphrase: []byte("pass one")})
	k.take(birth)
	x := ann.say("the visible text of a message")
	k.take(x)
	must(t, k.SaveDraft("room-of-ann", "an unsent thought"))
	must(t, k.SaveSetting("contacts", []byte("names of friends")))
	found, _, err := k.Search(ctx, history.Query{Text: "visible"})
	if must(t, err); len(found) != 1 {
		t.Errorf("%d are found", len(found))
	}
	must(t, k.ChangePassphrase([]byte("pass one"), []byte("pass two")))
	if err := k.ChangePassphrase([]byte("pass one"), []byte("pass three")); !errors.Is(err, history.ErrPassphrase) {
		t.Errorf("the old passphrase changes it: %v", err)
	}
	k.shut()
	files, err := filepath.Glob(filepath.Dir(k.path) + "/*")
	must(t, err)
	if len(files) < 3 {
		t.Fatalf("only %v are there", files)
	}
	id := x.event.ID
	for _, name := range files {
		b, err := os.ReadFile(name)
		must(t, err)
		for what, clear := range map[string]string{"text": "visible", "draft": "unsent", "place": "room-of-ann", "setting": "friends", "id": string(id[:]), "hash": string(x.event.Body[:])} {
			if bytes.Contains(b, []byte(clear)) {
				t.Errorf("the %s can be read in %s", what, filepath.Base(name))
			}
		}
	}
	for _, p := range []string{"", "pass one", "wrong"} {
		o := k.options
		o.Passphrase = []byte(p)
		if a, err := history.Open(k.path, o); !errors.Is(err, history.ErrPassphrase) {
			t.Errorf("%q opens it: %v", p, err)
			_ = a.Close()
		}
	}
	k.options.Passphrase = []byte("pass two")
	k.open(ann.room.ID())
	drafts, err := k.Drafts(ctx)
	if must(t, err); len(drafts) != 1 || drafts[0].Text != "an unsent thought" || drafts[0].Place != "room-of-ann" {
		t.Errorf("the drafts are %+v", drafts)
	}
	v, err := k.Setting(ctx, "contacts")
	if must(t, err); string(v) != "names of friends" {
		t.Errorf("the setting is %q", v)
	}
	k.take(ann.say("another visible text, after the index was kept"))
	if found, _, err = k.Search(ctx, history.Query{Text: "visible"}); err != nil || len(found) != 2 {
		t.Errorf("after opening again %d are found: %v", len(found), err)
	}
	// Its author takes it back while the index is in a file.
	k.shut()
	k.open(ann.room.ID())
	k.take(ann.write(room.Delete, x.event.ID[:]))
	if found, _, err = k.Search(ctx, history.Query{Text: "visible"}); err != nil || len(found) != 1 {
		t.Errorf("after a deletion %d are found: %v", len(found), err)
	}
}

func TestOnlyOneProgramHasAnArchiveOpen(t *testing.T) {
	k := keep(t, room.ID{1}, history.Options{})
	if _, err := history.Open(k.path, k.options); !errors.Is(err, history.ErrBusy) {
		t.Errorf("a second one opens it: %v", err)
	}
	if runtime.GOOS == "windows" {
		return
	}
	files, err := filepath.Glob(filepath.Dir(k.path) + "/*")
	must(t, err)
	for _, name := range files {
		info, err := os.Stat(name)
		if must(t, err); info.Mode().Perm() != 0o600 {
			t.Errorf("%s has the mode %v", filepath.Base(name), info.Mode())
		}
	}
	if len(files) < 3 {
		t.Errorf("only %v are there", files)
	}
}

func TestUnreadIsWhatOthersWroteAfterTheMarkOrLate(t *testing.T) {
	both(t, func(t *testing.T, o history.Options) {
		rng := seeded(5)
		ann, birth := founder(t, rng)
		ben, invited := ann.invite(rng)
		o.Account, o.Device = ann.account.Key(), ann.device.Key()
		k := keep(t, ann.room.ID(), o)
		id := ann.room.ID()
		k.take(birth)
		k.take(invited...)
		unread := func(want int, when string) {
			t.Helper()
			if got, _, err := k.Unread(ctx, id); err != nil || got != want {
				t.Errorf("%s %d are unread, want %d: %v", when, got, want, err)
			}
		}
		k.MarkReadOrFail(t, ann, birth.event.ID)
		one := ben.say("one")
		late := ben.say("two")
		k.take(one)
		unread(1, "after one message")
		var last parcel
		for range 5 {
			last = ann.say("mine")
			k.take(last)
		}
		unread(1, "after own messages")
		k.MarkReadOrFail(t, ann, last.event.ID)
		unread(0, "after reading")
		k.take(late)
		unread(1, "after a late one")
		e, _, err := k.Event(ctx, late.event.ID)
		if must(t, err); !e.Late {
			t.Error("it is not marked as late")
		}
		if moved, err := k.MarkRead(ann.account.Key(), one.event.ID); moved || err != nil {
			t.Errorf("the mark goes back: %v", err)
		}
		unread(1, "after a mark that is older")
		for _, news := range []bool{true, false} {
			if moved, err := k.MarkRead(ann.account.Key(), last.event.ID); moved != news || err != nil {
				t.Errorf("that the late one was read is news: %v, %v", moved, err)
			}
		}
		unread(0, "after looking again")
		taken := ben.say("taken back")
		k.take(bare(ben.say("withheld")), taken)
		unread(1, "after one that is withheld")
		k.take(ben.write(room.Delete, taken.event.ID[:]))
		unread(0, "after the other was taken back")
		k.MarkReadOrFail(t, ben, one.event.ID)
		reads, err := k.Reads(ctx, id)
		if must(t, err); len(reads) != 2 || reads[ben.account.Key()].Event.ID != one.event.ID || reads[ann.account.Key()].Event.ID != last.event.ID {
			t.Errorf("the marks are %v", reads)
		}
		if moved, err := k.MarkRead(ann.account.Key(), room.ID{7}); moved || err != nil {
			t.Errorf("an unknown event is read: %v", err)
		}
	})
}

// Who only writes, as a script does, marks nothing as read; what comes between his own lines is late all the same, and counts once.
func TestWhatComesBeforeALineOfOnesOwnIsLateThoughNothingWasRead(t *testing.T) {
	both(t, func(t *testing.T, o history.Options) {
		rng := seeded(8)
		ann, birth := founder(t, rng)
		ben, invited := ann.invite(rng)
		o.Account, o.Device = ann.account.Key(), ann.device.Key()
		k := keep(t, ann.room.ID(), o)
		k.take(birth)
		k.take(invited...)
		early, between, after := ben.say("early"), ben.say("between"), ben.say("after")
		k.take(early)
		for range 5 {
			k.take(ann.say("mine")) // who had seen none of his
		}
		k.take(between)
		k.reopen(ann.room.ID())
		k.take(after)
		ann.take(early, between, after)
		k.take(ann.say("mine"))
		all, err := k.Before(ctx, ann.room.ID(), history.End, 10)
		must(t, err)
		for _, e := range all {
			if late := e.Event.ID == between.event.ID || e.Event.ID == after.event.ID; e.Late != late {
				t.Errorf("that %s is late is %v", e.Body, e.Late)
			}
		}
		if n, _, err := k.Unread(ctx, ann.room.ID()); err != nil || n != 3 {
			t.Errorf("%d are unread, not 3: %v", n, err)
		}
		k.MarkReadOrFail(t, ann, all[len(all)-1].Event.ID)
		if n, _, err := k.Unread(ctx, ann.room.ID()); err != nil || n != 0 {
			t.Errorf("%d are unread, not 0: %v", n, err)
		}
	})
}

func (k *keeper) MarkReadOrFail(t *testing.T, p *person, id room.ID) {
	t.Helper()
	if moved, err := k.MarkRead(p.account.Key(), id); !moved || err != nil {
		t.Fatalf("the mark does not move: %v", err)
	}
}

func TestSearchLeavesOutWhatDoesNotCount(t *testing.T) {
	both(t, func(t *testing.T, o history.Options) {
		rng := seeded(6)
		ann, birth := founder(t, rng)
		ben, invited := ann.invite(rng)
		k := keep(t, ann.room.ID(), o)
		k.take(birth)
		k.take(invited...)
		kept := ben.say("apple one")
		k.take(kept)
		ann.take(kept)
		removal := room.Change{Op: room.Remove, Account: ben.account.Key(), Cuts: ann.room.Cuts(ben.account.Key())}
		out := ann.write(room.Admin, removal.AppendTo(nil))
		for range 60 {
			k.take(ben.say("apple of one who does not know that he was removed"))
		}
		found, _, err := k.Search(ctx, history.Query{Text: "appl", Room: ann.room.ID(), Limit: 100})
		if must(t, err); len(found) != 61 {
			t.Errorf("before, %d are found", len(found))
		}
		k.take(out)
		if found, _, err = k.Search(ctx, history.Query{Text: "apple", Limit: 10}); err != nil || len(found) != 1 || found[0].Event.ID != kept.event.ID {
			t.Errorf("after the removal %q are found: %v", bodies(found), err)
		}
		if lines, err := k.Before(ctx, ann.room.ID(), history.End, 100); err != nil || len(lines) != 1 {
			t.Errorf("%d lines are shown: %v", len(lines), err)
		}
		if found, _, err = k.Search(ctx, history.Query{Text: "apple", Room: room.ID{9}}); err != nil || len(found) != 0 {
			t.Errorf("%d are found in no room: %v", len(found), err)
		}
	})
}

func TestDraftsAndSettingsAreKept(t *testing.T) {
	both(t, func(t *testing.T, o history.Options) {
		k := keep(t, room.ID{1}, o)
		must(t, k.SaveDraft("a", "first"))
		must(t, k.SaveDraft("b", "other"))
		must(t, k.SaveDraft("a", "second\nline"))
		must(t, k.SaveDraft("b", ""))
		must(t, k.SaveSetting("x", []byte("1")))
		must(t, k.SaveSetting("y", []byte{}))
		must(t, k.SaveSetting("x", nil))
		k.shut()
		k.open(room.ID{1})
		drafts, err := k.Drafts(ctx)
		if must(t, err); len(drafts) != 1 || drafts[0].Place != "a" || drafts[0].Text != "second\nline" {
			t.Errorf("the drafts are %+v", drafts)
		}
		if x, err := k.Setting(ctx, "x"); x != nil || err != nil {
			t.Errorf("x is %q: %v", x, err)
		}
	})
}

func TestALineIsFoundByTheStartOfItsID(t *testing.T) {
	both(t, func(t *testing.T, o history.Options) {
		rng := seeded(41)
		ann, birth := founder(t, rng)
		k := keep(t, ann.room.ID(), o)
		k.take(birth)
		first := map[string][]room.ID{}
		for i := range 100 {
			x := ann.say(fmt.Sprint("number ", i))
			k.take(x, ann.edit(x.event.ID, "an edit is no line"))
			start := hex.EncodeToString(x.event.ID[:1])[:1]
			first[start] = append(first[start], x.event.ID)
		}
		for start, ids := range first {
			all, err := k.Starting(ctx, strings.ToUpper(start), 1000)
			if must(t, err); len(all) < len(ids) || len(all) > len(ids)+1 { // the birth is a line too
				t.Errorf("with %s begin %d of %d", start, len(all), len(ids))
			}
			if all, err := k.Starting(ctx, start, 2); err != nil || len(all) > 2 {
				t.Errorf("of two %d are found: %v", len(all), err)
			}
			for _, id := range ids {
				for _, n := range []int{12, 13, 64} {
					all, err := k.Starting(ctx, hex.EncodeToString(id[:])[:n], 2)
					if must(t, err); len(all) != 1 || all[0].Event.ID != id {
						t.Errorf("by %d digits %d are found", n, len(all))
					}
				}
			}
		}
		for _, no := range []string{"xyz", strings.Repeat("0", 65), "0123456789abcdef"} {
			if all, err := k.Starting(ctx, no, 2); err != nil || len(all) > 0 {
				t.Errorf("%s finds %d: %v", no, len(all), err)
			}
		}
	})
}

// brief is a context that ends when it has been asked some times.
type brief struct {
	context.Context
	asked, most int
}

func (b *brief) Err() error {
	if b.asked++; b.asked > b.most {
		return context.Canceled
	}
	return nil
}

func TestALineIsNotLookedForAnyMoreWhenWhoAskedHasGone(t *testing.T) {
	ann, k := begun(t, 43, history.Options{Passphrase: []byte("sesame")})
	for i := range 20 {
		k.take(ann.say(fmt.Sprint("number ", i)))
	}
	b := &brief{Context: ctx, most: 10}
	if all, err := k.Starting(b, "0123456789abcdef", 2); !errors.Is(err, context.Canceled) || b.asked > b.most+1 {
		t.Errorf("after he has been asked %d times, %d are found: %v", b.asked, len(all), err)
	}
}

// TestALineOfASealedArchiveIsFoundWithoutOpeningTheOthersAgain spoils an event when its beginning is known.
func TestALineOfASealedArchiveIsFoundWithoutOpeningTheOthersAgain(t *testing.T) {
	ann, k := begun(t, 44, history.Options{Passphrase: []byte("sesame")})
	found := func(want parcel) {
		t.Helper()
		id := want.event.ID
		all, err := k.Starting(ctx, hex.EncodeToString(id[:6]), 2)
		if err != nil || len(all) != 1 || all[0].Event.ID != id {
			t.Errorf("%v is found %d times: %v", id, len(all), err)
		}
	}
	var said []parcel
	say := func(n int) {
		for range n {
			said = append(said, ann.say(fmt.Sprint("number ", len(said))))
			k.take(said[len(said)-1])
		}
	}
	say(1100) // more than are opened at a time, and than are looked through one by one
	found(said[0])
	history.Spoil(k.Archive, 1)
	for range 3 {
		say(1)
		found(said[len(said)-1])
		found(said[500])
	}
	must(t, k.Erase())
	ben, birth := founder(t, seeded(45))
	k.reopen(ben.room.ID())
	x := ben.say("of another")
	k.take(birth, x)
	found(x)
	if all, err := k.Starting(ctx, hex.EncodeToString(said[1].event.ID[:6]), 2); err != nil || len(all) > 0 {
		t.Errorf("what was erased is found: %v, %v", all, err)
	}
}

func TestAFullDiskLosesNothingThatWasCommitted(t *testing.T) {
	ann, k := begun(t, 7, history.Options{})
	x := ann.say("committed")
	k.take(x)
	history.LimitPages(k.Archive, 64)
	var failed parcel
	for i := range 1000 {
		failed = ann.say(fmt.Sprint(i, strings.Repeat("long", 1000)))
		out, err := k.log.Room.Receive(failed.event, failed.body, 1)
		must(t, err)
		if err := k.log.Commit(out); err != nil {
			if !errors.Is(err, syscall.ENOSPC) {
				t.Errorf("a full disk is called %v", err)
			}
			if again := k.log.Commit(room.Outcome{}); again == nil {
				t.Error("a log whose room is ahead of it goes on")
			}
			break
		}
		if i == 999 {
			t.Fatal("the disk was never full")
		}
	}
	history.LimitPages(k.Archive, 1<<30)
	k.reopen(ann.room.ID())
	if _, there := k.log.Find(failed.event.ID); there {
		t.Error("what was not committed is there")
	}
	if _, there := k.log.Find(x.event.ID); !there {
		t.Error("what was committed is lost")
	}
	k.take(failed)
	if k.log.Room.Mark(ann.device.Key()).ID != failed.event.ID {
		t.Error("it cannot be received again")
	}
}

func TestOnlyOwnEventsWaitForTheDisk(t *testing.T) {
	rng := seeded(8)
	ann, birth := founder(t, rng)
	ben, invited := ann.invite(rng)
	k := keep(t, ann.room.ID(), history.Options{Device: ben.device.Key()})
	k.take(birth)
	k.take(invited...)
	if !history.WaitsForDisk(k.Archive) {
		t.Error("an own event can be signed a second time after a power failure")
	}
	k.take(ann.say("another's"))
	if history.WaitsForDisk(k.Archive) {
		t.Error("another's event waits for the disk")
	}
	must(t, k.SaveSetting("x", []byte("1")))
	if !history.WaitsForDisk(k.Archive) {
		t.Error("a setting can be lost")
	}
	must(t, k.NoteSetting("x", []byte("2")))
	if history.WaitsForDisk(k.Archive) {
		t.Error("what comes back by itself waits for the disk")
	}
}

// After a crash there are zeros in the file of the log, behind what was written or between: they are its end.
func TestALogThatWasMadeLongerIsReadToItsEndAfterACrash(t *testing.T) {
	ann, k := begun(t, 9, history.Options{})
	const pages = 600
	if got := history.LengthenLog(k.Archive, pages); got != pages*(4096+24) {
		t.Errorf("the log has %d bytes", got)
	}
	var said []parcel
	for i := range 150 { // some fit, some do not
		said = append(said, ann.say(fmt.Sprint(i, strings.Repeat("long", 3000))))
		k.take(said[i])
		if i == 20 || i == 149 {
			crashed := filepath.Join(t.TempDir(), "crashed")
			for _, end := range []string{"", "-wal"} {
				b, err := os.ReadFile(k.path + end)
				must(t, err)
				must(t, os.WriteFile(crashed+end, b, 0o600))
			}
			a, err := history.Open(crashed, k.options)
			must(t, err)
			must(t, history.Intact(a))
			log, err := a.Room(ctx, ann.room.ID())
			must(t, err)
			for _, x := range said {
				if _, there := log.Find(x.event.ID); !there {
					t.Errorf("after %d, %v is lost", i, x.event.ID)
				}
			}
			must(t, a.Close())
		}
	}
}

func TestTheLogOfWhoNeverPausesDoesNotGrowForEver(t *testing.T) {
	ann, k := begun(t, 10, history.Options{})
	const limit = 500
	history.LimitLog(k.Archive, limit)
	text := strings.Repeat("long", 5000)
	var said []parcel
	for i := range 2000 {
		said = append(said, ann.say(fmt.Sprint(i, text)))
	}
	for _, x := range said {
		k.take(x)
	}
	f, err := os.Stat(k.path + "-wal")
	must(t, err)
	if f.Size() > 10*limit*4120 {
		t.Errorf("it has %d bytes", f.Size())
	}
}

func TestADeleteThatComesToCountDeletes(t *testing.T) {
	both(t, func(t *testing.T, o history.Options) {
		rng := seeded(9)
		ann, birth := founder(t, rng)
		ben, invited := ann.invite(rng)
		k := keep(t, ann.room.ID(), o)
		k.take(birth)
		k.take(invited...)
		liar := ann.twin()
		x := ben.say("to be taken back")
		remove := room.Change{Op: room.Remove, Account: ben.account.Key()}
		k.take(ann.write(room.Admin, remove.AppendTo(nil)), x, ben.write(room.Delete, idOf(x)))
		e, _, err := k.Event(ctx, x.event.ID)
		if must(t, err); e.Counts || e.Body == nil {
			t.Fatalf("what one who was removed deletes is %+v", e)
		}
		k.take(liar.say("the removal was a lie"))
		if e, _, err = k.Event(ctx, x.event.ID); err != nil || !e.Counts || e.Body != nil || !e.Gone {
			t.Errorf("after the removal was withdrawn it is %+v: %v", e, err)
		}
	})
}

// TestTextsComeIntoTheIndexLaterAndAreFoundAtOnce: the index of words follows at some distance, which nobody who searches
// sees; neither after a close in between, nor when a text is deleted before it came in.
func TestTextsComeIntoTheIndexLaterAndAreFoundAtOnce(t *testing.T) {
	both(t, func(t *testing.T, o history.Options) {
		ann, k := begun(t, 11, o)
		const n = 200 // more than come in at once
		var fleeting parcel
		for i := range n {
			p := ann.say(fmt.Sprintf("word%d common", i))
			k.take(p)
			if i == n/2 {
				fleeting = p
			}
		}
		k.take(ann.write(room.Delete, fleeting.event.ID[:]))
		count := func(text string, want int) {
			t.Helper()
			if found, _, err := k.Search(ctx, history.Query{Text: text, Limit: 1000}); err != nil || len(found) != want {
				t.Errorf("%s is found %d times, not %d: %v", text, len(found), want, err)
			}
		}
		k.shut()
		k.open(ann.room.ID())
		count("common", n-1)
		k.take(ann.say("and one more in common"))
		count("common", n)
		count(fmt.Sprintf("word%d", n/2), 0)
		last := ann.say("the last, fleeting")
		k.take(last, ann.write(room.Delete, last.event.ID[:]))
		count("fleeting", 0)
		if history.Behind(k.Archive) {
			t.Error("every search looks for a text that is gone")
		}
		k.shut()
		k.open(ann.room.ID())
		count("common", n)
		must(t, history.Intact(k.Archive))
	})
}

func TestWhoWritesAllTheTimeHasTextsTakenIntoTheIndexAFewAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ann, k := begun(t, 12, history.Options{})
		const most = 300
		missing, top := history.IndexFrom(k.Archive, most), int64(0)
		for range 1250 {
			k.take(ann.say("something"))
			top = max(top, missing())
			time.Sleep(5 * time.Millisecond)
		}
		if top < most+100 || top > 2*most+100 {
			t.Errorf("%d texts were missing at most", top)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := missing(); n != 0 {
			t.Errorf("%d are missing in the end", n)
		}
		k.shut()
	})
}

// TestTheIndexMergesItsPartsWhenNobodyWrites has many texts taken in at once, a few at a time.
func TestTheIndexMergesItsPartsWhenNobodyWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ann, k := begun(t, 12, history.Options{})
		k.take(ann.say("the first"))
		must(t, history.Multiply(k.Archive, 10_000, func(i int) string { return fmt.Sprintf("text %d", i) }))
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := history.Parts(k.Archive); history.Behind(k.Archive) || n > 21 { // seven of each of three sizes
			t.Errorf("there are %d parts; something is missing: %v", n, history.Behind(k.Archive))
		}
		if found, _, err := k.Search(ctx, history.Query{Text: "text 9876"}); err != nil || len(found) != 1 {
			t.Errorf("%d are found: %v", len(found), err)
		}
		k.shut()
	})
}

// TestWhatWasJustCommittedIsToldAsItIsOnDisk compares what is kept in memory of the last commits with what is read.
func TestWhatWasJustCommittedIsToldAsItIsOnDisk(t *testing.T) {
	both(t, func(t *testing.T, o history.Options) {
		ann, k := begun(t, 12, o)
		said := ann.say("first")
		k.take(said, ann.say("second"))
		k.take(ann.say("third"))
		told, err := k.Arrived(ctx, 1, 10)
		must(t, err)
		k.shut()
		k.open(ann.room.ID())
		read, err := k.Arrived(ctx, 1, 10)
		must(t, err)
		if len(told) != 3 || len(read) != 3 {
			t.Fatalf("%d are told, %d are read", len(told), len(read))
		}
		for i := range told {
			if !told[i].Alone {
				t.Errorf("%q is not known to be alone", told[i].Body)
			}
			told[i].Alone = false
			if fmt.Sprint(told[i]) != fmt.Sprint(read[i]) {
				t.Errorf("event %d is told otherwise than it is read", told[i].N)
			}
		}
		// What becomes of it is seen too.
		k.take(ann.say("fourth"))
		k.take(ann.write(room.Delete, said.event.ID[:]))
		if e, found, err := k.Event(ctx, said.event.ID); err != nil || !found || !e.Gone || e.Body != nil {
			t.Errorf("what was deleted is told as %+v, %v: %v", e, found, err)
		}
		if all, err := k.Arrived(ctx, 1, 10); err != nil || len(all) != 5 {
			t.Errorf("%d are told: %v", len(all), err)
		}
	})
}
