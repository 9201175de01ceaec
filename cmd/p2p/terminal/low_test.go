package terminal

import (
	"strings"
	"testing"

	"p2p/cmd/p2p/api/p2pv1"
	"p2p/cmd/p2p/text"
)

// lows are windows in which there is little room.
var lows = [][2]int{{20, 5}, {40, 5}, {80, 6}, {40, 10}, {80, 7}, {80, 24}}

// words returns what a screen says, without where its lines end.
func (st *stage) words() string {
	var all []string
	for l := range strings.SplitSeq(st.text(), "\n") {
		if _, right, beside := strings.Cut(l, "│"); beside {
			l = right
		}
		all = append(all, strings.Trim(l, " ─"))
	}
	return strings.Join(strings.Fields(strings.Join(all, " ")), " ")
}

func TestWhatIsSaidIsSeenInLowWindows(t *testing.T) {
	for _, size := range lows {
		st := newStage(t, text.English(), size[0], size[1])
		if st.keys("'/get it", "enter"); !strings.Contains(st.words(), "no file called it") {
			t.Errorf("at %v a refusal is not seen:\n%s", size, st.text())
		}
		st.in(fade{st.s.flash.serial}).keys("up", "up", "d")
		if !strings.Contains(st.words(), "once more d delete") {
			t.Errorf("at %v it is not seen what d will do:\n%s", size, st.text())
		}
		if lines := strings.Split(st.s.draw(newTheme(None)).content, "\n"); len(lines) != size[1] {
			t.Errorf("at %v there are %d lines", size, len(lines))
		}
		st.keys("esc", "esc").shows("Anna")
	}
}

func TestARefusalIsSaidToItsEndWhereThereIsRoom(t *testing.T) {
	for _, size := range [][2]int{{40, 10}, {80, 7}} {
		st := newStage(t, text.English(), size[0], size[1]).keys("'/open field", "enter", "'/leave", "enter")
		if want := st.s.flash.text; !strings.Contains(st.words(), want) {
			t.Errorf("at %v it is cut:\n%s", size, st.text())
		}
	}
	st := usual(t)
	st.s.complain("inside.reason.number_differs", "Anna")
	if want := st.s.flash.text; !strings.Contains(st.words(), want) {
		t.Errorf("it is cut:\n%s", st.text())
	}
}

func TestAWarningForWhichThereIsNoRoomIsReadBeforeItGoes(t *testing.T) {
	for _, size := range lows {
		st := newStage(t, text.English(), size[0], size[1])
		st.in(&p2pv1.Event{What: &p2pv1.Event_Alert{Alert: &p2pv1.Alert{Kind: p2pv1.Alert_KIND_NEW_DEVICE, Account: account("anna"), Name: "Anna", Text: "second"}}})
		want, seen := st.s.alertText(st.s.alerts[0]), ""
		for range 10 {
			seen += st.words() + "\n"
			if st.s.panel == nil {
				st.keys("ctrl+y")
			} else {
				st.keys("down")
			}
			if len(st.s.alerts) == 0 {
				break
			}
		}
		if fields := strings.Fields(want); !strings.Contains(seen, strings.Join(fields[:4], " ")) || !strings.Contains(seen, fields[len(fields)-1]) {
			t.Errorf("at %v it was seen\n%s", size, seen)
		}
		if st.keys("ctrl+y"); len(st.s.alerts) > 0 || st.s.panel != nil {
			t.Errorf("at %v it stays", size)
		}
	}
}
