package terminal

import (
	"slices"
	"strings"
	"testing"
	"time"

	"p2p/cmd/p2p/api/p2pv1"
	"p2p/cmd/p2p/text"
)

// Notices that follow each other are one list: with a blank line between them a room of ten fills two screens with who came.
func TestABlankLineSetsNoticesApartFromMessagesAndNotFromEachOther(t *testing.T) {
	n := newFakeNode()
	notice := func(who string, kind p2pv1.Notice_Kind, minute int) {
		n.add("r-field", who, "", at.Add(time.Duration(minute)*time.Minute), func(m *p2pv1.Message) {
			m.Notice = &p2pv1.Notice{Kind: kind, Account: account(who), Name: m.Name, Text: "field trip"}
		})
	}
	notice("mia", p2pv1.Notice_KIND_CREATED, -20)
	notice("anna", p2pv1.Notice_KIND_JOINED, -19)
	notice("bo", p2pv1.Notice_KIND_JOINED, -9)
	n.add("r-field", "bo", "hello", at.Add(-8*time.Minute), nil)
	notice("bo", p2pv1.Notice_KIND_LEFT, -8)
	notice("anna", p2pv1.Notice_KIND_LEFT, -7)
	n.add("r-field", "mia", "alone again", at.Add(-7*time.Minute), nil)
	st := stageOf(t, n, text.English(), 80, 30).keys("'/open field trip", "enter")
	var got []string
	for _, v := range st.s.seen(st.s.current, 30) {
		got = append(got, strings.TrimSpace(v.text()))
	}
	want := []string{"· you made the room field trip  14:10", "· Anna joined  14:11", "· Bo joined  14:21", "", "Bo  14:22", "hello", "", "· Bo left  14:22", "· Anna left  14:23", "", "mia  14:23", "alone again ✓"}
	if len(got) < len(want) || !slices.Equal(got[len(got)-len(want):], want) {
		t.Errorf("the list is\n%s", strings.Join(got, "\n"))
	}
}
