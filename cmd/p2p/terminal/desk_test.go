package terminal

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func lay(t testing.TB, d *desk, sheets ...sheet) {
	t.Helper()
	if err := d.lay(unsent{sheets: sheets}); err != nil {
		t.Fatal(err)
	}
}

// Many terminals begin at once where many have died: each sheet is taken by one of them, and by all together every one.
func TestASheetIsTakenByOneTerminal(t *testing.T) {
	profile := t.TempDir()
	for n := range 8 { // every second of them lives
		d := newDesk(profile)
		for i := range 4 {
			lay(t, d, sheet{name: fmt.Sprint(n, "x", i), Conversation: "c", Draft: "text", Unsent: []kept{{Key: fmt.Sprint(n, i)}}})
		}
		defer d.getUp()
		if n%2 == 0 {
			d.getUp()
		}
	}
	var group sync.WaitGroup
	var mu sync.Mutex
	var got []string
	for range 8 {
		group.Go(func() {
			d := newDesk(profile)
			t.Cleanup(d.getUp) // lives until then: a lock that is garbage is given back
			for range 4 {
				taken := d.take(seek{conversation: "c", text: true})
				if taken.err != nil {
					t.Error(taken.err)
				}
				mu.Lock()
				for _, sh := range taken.sheets {
					got = append(got, sh.name)
				}
				mu.Unlock()
			}
		})
	}
	group.Wait()
	slices.Sort(got)
	if n := len(got); len(slices.Compact(got)) != n || n != 16 {
		t.Errorf("%d sheets were taken: %v", n, got)
	}
}

// A file that cannot be written does not take away what was there, and what is moved is laid before it is taken away.
func TestASheetStaysUntilAnotherIsLaid(t *testing.T) {
	profile := t.TempDir()
	d := newDesk(profile)
	defer d.getUp()
	lay(t, d, sheet{name: "A", Draft: "one"})
	if err := os.Mkdir(sheetPath(d.dir, "1", "B"), 0o700); err != nil { // it cannot be replaced
		t.Fatal(err)
	}
	if err := d.lay(unsent{sheets: []sheet{{name: "A"}, {name: "B", Draft: "one"}}}); err == nil || !strings.Contains(filesIn(t, profile), `"one"`) {
		t.Errorf("%v, and there is %s", err, filesIn(t, profile))
	}
	os.Remove(sheetPath(d.dir, "1", "B"))
	lay(t, d, sheet{name: "A"}, sheet{name: "B", Draft: "one"})
	if _, err := os.Stat(sheetPath(d.dir, "1", "A")); err == nil {
		t.Error("it lies in the old place, too")
	}
}

// What was sent must not stand in the input again, though what is written elsewhere cannot be kept.
func TestWhatWasSentIsTakenAwayFromADiskThatIsFull(t *testing.T) {
	profile := t.TempDir()
	d := newDesk(profile)
	defer d.getUp()
	lay(t, d, sheet{name: "A", Conversation: "solo", Draft: "one"}, sheet{name: "L", Draft: "loose"})
	if err := os.Mkdir(sheetPath(d.dir, "1", "B"), 0o700); err != nil { // it cannot be replaced
		t.Fatal(err)
	}
	if err := d.lay(unsent{sheets: []sheet{{name: "A"}, {name: "B", Conversation: "duo", Draft: "loose"}, {name: "L"}}}); err == nil {
		t.Error("nobody was told that a sheet could not be laid")
	}
	if there := filesIn(t, profile); strings.Contains(there, `"one"`) || !strings.Contains(there, `"loose"`) {
		t.Errorf("there is %s", there)
	}
}

func TestOfWhatIsGivenTheLastIsLaidBeforeTheDeskIsLeft(t *testing.T) {
	profile := t.TempDir()
	d := newDesk(profile)
	go d.run(func(err error) { t.Error(err) })
	for i := range 100 {
		d.later(unsent{sheets: []sheet{{name: "A", Draft: fmt.Sprint("text ", i)}}})
		if i == 50 && (!d.settle(time.Minute) || !strings.Contains(filesIn(t, profile), "text 50")) {
			t.Errorf("there is %s", filesIn(t, profile))
		}
	}
	d.leave()
	next := newDesk(profile)
	defer next.getUp()
	if got := next.take(seek{}); len(got.sheets) != 1 || got.sheets[0].Draft != "text 99" {
		t.Errorf("the next one has %v", got)
	}
}

// What is not a sheet, or not one of this history, stays where it is and hinders nobody.
func TestWhatIsNoSheetIsLeftAlone(t *testing.T) {
	profile := t.TempDir()
	dir := filepath.Join(profile, draftsName)
	os.Mkdir(dir, 0o700)
	other, err := (&sheet{Draft: "a secret"}).encode(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"3-A.json": "{", "3-B.json": string(other), ".3-C.json-12": "{}", "notes.txt": "", "3-D.json": `{"draft":"text"}`} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	d := newDesk(profile)
	defer d.getUp()
	if got := d.take(seek{}); got.err != nil || len(got.sheets) != 1 || got.sheets[0].name != "D" || got.unreadable != 2 {
		t.Errorf("taken is %v", got)
	}
	if !strings.Contains(filesIn(t, profile), "3-A.json") || !strings.Contains(filesIn(t, profile), "3-B.json") {
		t.Errorf("there is %s", filesIn(t, profile))
	}
}
