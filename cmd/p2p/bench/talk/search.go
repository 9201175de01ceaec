package talk

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"time"

	"p2p/cmd/p2p/api/p2pv1"
)

// The language of the messages that are searched: words of which some are everywhere and most are rare, as in any
// language, some of them Chinese.
const (
	vocabulary = 50_000
	skew       = 1.1
	sentence   = 9 // words of a message
	chinese    = "天地人山水火风云日月星花草木鸟鱼春夏秋冬东西南北上下大小多少来去"
)

// Search is what comes of searching.
type Search struct {
	Messages int
	Filled   float64   // seconds in which they were written
	Times    []float64 // of each search, seconds
	Found    int       // by the searches with results, together
}

// Search fills the history of the first person with messages, in a room of his own, and searches in it.
// told is called now and then with how many are written.
func (c *Crowd) Search(ctx context.Context, messages, searches int, told func(int)) (Search, error) {
	s := Search{Messages: messages}
	client := c.people[0].client
	made, err := ask(ctx, client.CreateRoom, &p2pv1.CreateRoomRequest{Name: "notes", Limit: 1})
	if err != nil {
		return s, err
	}
	begin := time.Now()
	var written atomic.Int64
	err = c.flood(ctx, messages, 512, func(ctx context.Context, i int) error {
		_, err := ask(ctx, client.Send, &p2pv1.SendRequest{Where: made.Conversation.Id, Text: words(rand.New(rand.NewPCG(1, uint64(i))), sentence)})
		if n := written.Add(1); n%1000 == 0 {
			told(int(n))
		}
		return err
	})
	if err != nil {
		return s, err
	}
	s.Filled = time.Since(begin).Seconds()
	if err := settle(ctx); err != nil {
		return s, err
	}
	rng := rand.New(rand.NewPCG(2, 2))
	for i := range searches {
		q := query(rng, i)
		begin := time.Now()
		found, err := ask(ctx, client.Search, &p2pv1.SearchRequest{Query: q})
		if err != nil {
			return s, fmt.Errorf("search for %q: %w", q, err)
		}
		s.Times = append(s.Times, time.Since(begin).Seconds())
		s.Found += len(found.Messages)
	}
	return s, nil
}

// words draws a text.
func words(rng *rand.Rand, n int) string {
	z := rand.NewZipf(rng, skew, 1, vocabulary-1)
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(word(int(z.Uint64())))
	}
	return b.String()
}

// word returns a word of the language: every eighth is Chinese.
func word(n int) string {
	if n%8 == 7 {
		signs := []rune(chinese)
		return string([]rune{signs[n/8%len(signs)], signs[n/8/len(signs)%len(signs)]})
	}
	const syllables = "kotaminerusalopibedufage"
	var b strings.Builder
	for n += 24; n > 0; n /= 12 {
		at := n % 12 * 2
		b.WriteString(syllables[at : at+2])
	}
	return b.String()
}

// query draws what is searched: by turns a common word, one of any frequency, two of them, the start of one, one that
// is being typed, and something that is nowhere.
func query(rng *rand.Rand, i int) string {
	any := func() string { return word(rng.IntN(vocabulary)) }
	switch i % 6 {
	case 0:
		return word(rng.IntN(20))
	case 1:
		return any()
	case 2:
		return words(rng, 2)
	case 3:
		w := []rune(any())
		return string(w[:max(1, len(w)-2)])
	case 4:
		return string([]rune(any())[:1])
	}
	return any() + " xyzzy"
}
