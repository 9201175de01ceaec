package session_test

import (
	"testing"

	"p2p/peer/session"
)

// asks lets the peer of r ask for blocks, the first two of which go to the writer
// at once, and returns a function that lets the writer send so many.
func (r *rig) asks(blocks ...string) func(n int, want ...string) {
	r.t.Helper()
	r.conn.SetChoking(r.now, false, nil)
	for _, b := range blocks {
		r.events("request " + b)
	}
	return func(n int, want ...string) {
		r.t.Helper()
		r.does("sent", r.conn.Sent(r.now, n, n<<14, nil), want...)
	}
}

// A line that is scarce is spent on what nobody has yet.
func TestWhatNobodyElseWasSentGoesOutFirst(t *testing.T) {
	spread := session.NewSpread(4)
	have := []int{0, 1, 2, 3}
	first := connect(t, options{have: have, fast: true, spread: spread})
	first.asks("0/0", "1/0")

	second := connect(t, options{have: have, fast: true, spread: spread})
	second.conn = second.another(8, true, spread)
	sent := second.asks("2/0", "2/1", "0/0", "0/1", "3/0", "1/0", "3/1")
	sent(2, "serve 3/0", "serve 3/1")
	sent(2, "serve 0/0", "serve 0/1") // nothing fresh is left: in order
	sent(2, "serve 1/0")
}

// BEP 6 promises an answer to every request; without it, a request that is passed
// over looks lost.
func TestAPeerWithoutTheFastExtensionIsAnsweredInOrder(t *testing.T) {
	spread := session.NewSpread(4)
	have := []int{0, 1, 2, 3}
	first := connect(t, options{have: have, fast: true, spread: spread})
	first.asks("0/0", "1/0")

	second := connect(t, options{have: have, spread: spread})
	second.conn = second.another(8, false, spread)
	sent := second.asks("2/0", "2/1", "0/0", "0/1", "3/0")
	sent(2, "serve 0/0", "serve 0/1")
}

// Who has gone may have taken the only copy along.
func TestWhatAPeerWasSentThatHasGoneIsFreshAgain(t *testing.T) {
	spread := session.NewSpread(4)
	have := []int{0, 1, 2, 3}
	connect(t, options{have: have, fast: true, spread: spread}).asks("0/0", "1/0")
	third := connect(t, options{have: have, fast: true, spread: spread})
	third.conn = third.another(9, true, spread)
	third.asks("3/0")
	spread.Left(key)

	second := connect(t, options{have: have, fast: true, spread: spread})
	second.conn = second.another(8, true, spread)
	sent := second.asks("2/0", "2/1", "3/0", "3/1", "0/0", "1/0")
	sent(2, "serve 0/0", "serve 1/0")
}
