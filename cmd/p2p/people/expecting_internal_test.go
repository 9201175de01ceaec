package people

import (
	"testing"
	"time"

	"p2p/peer/announce"
	"p2p/peer/identity"
)

func TestADoorIsWatchedAsLongAsALinkToItIsGoodAndCloselyWhenThatIsFresh(t *testing.T) {
	now := time.Now()
	at := func(d time.Duration) int64 { return now.Add(d).UnixMilli() }
	const day = 24 * time.Hour
	fresh, old := invite{Made: at(-time.Minute), Until: at(day)}, invite{Made: at(-20 * day), Until: at(day)}
	void, over := fresh, fresh
	void.Void, over.Until = true, at(-time.Second)
	for what, c := range map[string]struct {
		given []invite
		want  time.Duration
	}{
		"no link":                         {nil, 0},
		"links that lead in no more":      {[]invite{void, over}, 0},
		"an old link":                     {[]invite{old, over}, laterEvery},
		"a link of an older version":      {[]invite{{Until: at(day)}}, laterEvery},
		"a fresh link among others":       {[]invite{old, fresh, void}, freshEvery},
		"one that is made when clocks go": {[]invite{{Made: at(90 * day), Until: at(91 * day)}}, laterEvery},
	} {
		n := &Node{book: newBook()}
		for i, given := range c.given {
			given.Token = identity.Token{byte(i + 1)}
			n.book.invites[given.Token] = &given
		}
		if got := n.expecting(); got != c.want {
			t.Errorf("with %s trackers are asked every %v, want %v", what, got, c.want)
		}
	}
}

func TestWhoRingsIsToldWhenHeIsCalledAtTheLatest(t *testing.T) {
	answered := time.Now()
	for what, c := range map[string]struct {
		trackers []announce.Status
		want     int
	}{
		"no tracker":                       {nil, 0},
		"one that has not answered":        {[]announce.Status{{Least: time.Minute}}, 0},
		"one of this program":              {[]announce.Status{{Answered: answered, Least: 30 * time.Second}}, 1},
		"one with an interval alone":       {[]announce.Status{{Answered: answered, Least: 30 * time.Minute}}, 31},
		"one of each":                      {[]announce.Status{{Answered: answered, Least: 15 * time.Minute}, {Answered: answered, Least: 15 * time.Second}}, 1},
		"one that answers, and one silent": {[]announce.Status{{}, {Answered: answered, Least: 15 * time.Minute}}, 16},
	} {
		if got := calledWithin(c.trackers); got != c.want {
			t.Errorf("with %s he is called within %d minutes, want %d", what, got, c.want)
		}
	}
}
