package talk

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestAMessageThatIsToldAgainCountsOnce(t *testing.T) {
	p := newProbe(2, 2)
	at := p.from.Add(time.Second)
	p.begun[1].Store(int64(time.Second / 4))
	for _, person := range []int{1, 2, 1, 0} {
		p.saw(person, p.text(0), at)
		p.saw(person, p.text(1), at)
	}
	p.saw(1, "something else", at)
	p.saw(1, p.name+" 2 of another run", at)
	select {
	case <-p.all:
	default:
		t.Fatalf("%d are left", p.left)
	}
	got := p.times()
	if len(got.Each) != 4 || got.Last[0] != 1 || got.Last[1] != .75 || got.Took != 1 {
		t.Errorf("%+v", got)
	}
}

func TestTheLanguageHasWordsThatDifferAndQueriesThatAreInIt(t *testing.T) {
	seen := map[string]bool{}
	for n := range vocabulary {
		seen[word(n)] = true
	}
	if len(seen) < vocabulary*7/8 {
		t.Errorf("%d words differ", len(seen))
	}
	rng := rand.New(rand.NewPCG(1, 1))
	if got := strings.Fields(words(rng, sentence)); len(got) != sentence {
		t.Errorf("%q", got)
	}
	for i := range 600 {
		if q := query(rng, i); q == "" || !utf8.ValidString(q) {
			t.Errorf("query %d is %q", i, q)
		}
	}
}
