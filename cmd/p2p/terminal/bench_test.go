package terminal

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"p2p/cmd/p2p/api/p2pv1"
	"p2p/cmd/p2p/text"
)

// longHistory is a session with 100,000 messages loaded.
func longHistory(b *testing.B) *stage {
	n := newFakeNode()
	st := stageOf(b, n, text.English(), 120, 40)
	page := &p2pv1.ListMessagesResponse{}
	for i := range 100_000 {
		who := []string{"anna", "mia", "bo"}[i/3%3]
		page.Messages = append(page.Messages, &p2pv1.Message{
			Id: fmt.Sprintf("%064d", i), Conversation: "c-anna", Number: int64(i), Lamport: uint64(i), Account: account(who), Name: who, Mine: who == "mia",
			Written: at.Add(time.Duration(i-100_000) * time.Minute).UnixMilli(), Text: "a *message* with `code` and 一些中文 " + strings.Repeat("and words ", i%20),
		})
	}
	st.s.current.replace(page)
	st.in(key{name: "ctrl+end"})
	return st
}

// BenchmarkRedraw is a frame after each event that a person causes or sees, with 100,000 messages loaded. A frame of
// a screen with 60 Hz has 16 ms.
func BenchmarkRedraw(b *testing.B) {
	st, th := longHistory(b), newTheme(Dark)
	number := int64(200_000)
	for _, c := range []struct {
		name string
		do   func(i int)
	}{
		{"typing", func(i int) { st.in(key{"a", "a"}) }},
		{"scrolling", func(i int) { st.in(wheel{60, 10, -3}) }},
		{"message arrives", func(int) {
			number++
			st.in(&p2pv1.Event{What: &p2pv1.Event_Message{Message: &p2pv1.Message{
				Id: fmt.Sprintf("%064d", number), Conversation: "c-anna", Number: number, Lamport: uint64(number), Account: account("anna"), Written: at.UnixMilli(), Text: "news *of* the day",
			}}})
		}},
		{"resizing", func(i int) { st.in(resized{100 + i%40, 40}) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			st.s.composer.editor.set("")
			st.s.toEnd()
			st.did = nil
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				c.do(i)
				st.s.draw(th)
				st.did = st.did[:0]
				if i%2000 == 1999 {
					st.s.composer.editor.set("")
				}
			}
		})
	}
}
