package history_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"p2p/peer/ext/chat/history"
)

func TestNothingIsLeftOfWhatWasErasedAndTheArchiveGoesOn(t *testing.T) {
	both(t, func(t *testing.T, o history.Options) {
		rng := seeded(31)
		ann, birth := founder(t, rng)
		k := keep(t, ann.room.ID(), o)
		k.take(birth)
		for i := range 500 {
			k.take(ann.say(fmt.Sprintf("a SwordfishSecret, number%d", i)))
		}
		must(t, k.SaveDraft("a", "a TroutSecret"))
		must(t, k.SaveSetting("x", []byte("an EelSecret")))
		if found, _, err := k.Search(ctx, history.Query{Text: "swordfishsecret"}); err != nil || len(found) == 0 {
			t.Fatalf("before, %d are found: %v", len(found), err)
		}
		must(t, k.Erase())
		empty := func() {
			t.Helper()
			rooms, err := k.Rooms(ctx)
			if must(t, err); len(rooms) > 0 {
				t.Errorf("there are the rooms %v", rooms)
			}
			drafts, err := k.Drafts(ctx)
			if must(t, err); len(drafts) > 0 {
				t.Errorf("there are the drafts %v", drafts)
			}
			if x, err := k.Setting(ctx, "x"); x != nil || err != nil {
				t.Errorf("there is the setting %q: %v", x, err)
			}
			for _, text := range []string{"swordfishsecret", "number7"} {
				if found, _, err := k.Search(ctx, history.Query{Text: text}); err != nil || len(found) > 0 {
					t.Errorf("%d are found: %v", len(found), err)
				}
			}
		}
		empty()
		k.shut()
		files, err := filepath.Glob(filepath.Dir(k.path) + "/*")
		must(t, err)
		for _, name := range files {
			b, err := os.ReadFile(name)
			must(t, err)
			for _, gone := range []string{"ordfishsecr", "outsecr", "eelsecr"} {
				if bytes.Contains(bytes.ToLower(b), []byte(gone)) {
					t.Errorf("%s has %q", filepath.Base(name), gone)
				}
			}
			if len(b) > 200<<10 {
				t.Errorf("%s has %d bytes", filepath.Base(name), len(b))
			}
		}
		ben, birth := founder(t, rng)
		k.open(ben.room.ID())
		empty()
		k.take(birth, ben.say("swordfish again"))
		if found, _, err := k.Search(ctx, history.Query{Text: "swordfish"}); err != nil || len(found) != 1 {
			t.Errorf("of another person %d are found: %v", len(found), err)
		}
	})
}
