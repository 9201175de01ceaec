package load

import (
	"encoding/binary"
	"testing"
	"time"

	"p2p/tracker/udpwire"
	"p2p/tracker/wire"
)

// script is a flow and the tracker that a test plays.
type script struct {
	t     *testing.T
	flow  *flow
	tally Tally
}

func newScript(t *testing.T, change func(*flowOptions)) *script {
	t.Helper()
	p, err := NewPopulation(Crowd{Torrents: 5, Peers: 100, Sources: 1, Seeds: 0.5, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	o := flowOptions{pop: p, mix: Mix{0, 1, 0}, want: 30, window: 4, patience: time.Second, to: time.Hour, seed: 1}
	if change != nil {
		change(&o)
	}
	s := &script{t: t}
	s.flow = newFlow(o, 0, 1, &s.tally)
	return s
}

// ask returns the next request.
func (s *script) ask(now time.Duration) []byte {
	s.t.Helper()
	if s.flow.room() == 0 {
		s.t.Fatal("the flow has no room")
	}
	return s.flow.append(nil, now)
}

// connect answers the connect that a flow begins with.
func (s *script) connect() {
	s.t.Helper()
	s.flow.take(answerTo(s.ask(0)), 0)
	if !s.flow.connected {
		s.t.Fatal("the flow is not connected")
	}
}

// answerTo is what a good tracker says.
func answerTo(request []byte) []byte { return echoAnswer(make([]byte, packetSize), request, wire.IPv4) }

func TestAFlowConnectsBeforeItAsksForMore(t *testing.T) {
	s := newScript(t, nil)
	r, err := udpwire.ParseConnectRequest(s.ask(0))
	if err != nil || s.flow.room() != 0 {
		t.Fatalf("first request %v, %v; room for %d more", r, err, s.flow.room())
	}
	s.flow.take(udpwire.ConnectResponse{TransactionID: r.TransactionID, ConnectionID: 77}.AppendTo(nil), 0)
	a, err := udpwire.ParseAnnounceRequest(s.ask(0))
	if err != nil || a.ConnectionID != 77 || a.NumWant != 30 || a.Port < firstPort {
		t.Errorf("second request %+v, %v", a, err)
	}
	for range 3 {
		s.ask(0)
	}
	if s.flow.room() != 0 {
		t.Error("more is outstanding than the window has room for")
	}
}

// BEP 15: "A client can use a connection ID until one minute after it has
// received it."
func TestAConnectionIDIsFetchedAgainBeforeAMinuteIsOver(t *testing.T) {
	s := newScript(t, nil)
	s.connect()
	if _, err := udpwire.ParseAnnounceRequest(s.ask(49 * time.Second)); err != nil {
		t.Fatal(err)
	}
	connect := s.ask(51 * time.Second)
	if _, err := udpwire.ParseConnectRequest(connect); err != nil {
		t.Fatal(err)
	}
	if _, err := udpwire.ParseAnnounceRequest(s.ask(52 * time.Second)); err != nil {
		t.Errorf("meanwhile: %v", err)
	}
	s.flow.take(answerTo(connect), 52*time.Second)
	if _, err := udpwire.ParseAnnounceRequest(s.ask(53 * time.Second)); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

func TestAnswersAreCountedForWhatTheyAre(t *testing.T) {
	for name, c := range map[string]struct {
		answer func(request []byte) []byte
		count  func(*Tally) int64
	}{
		"a good one": {answerTo, func(t *Tally) int64 { return t.Answered[Announce] }},
		"an error": {func(r []byte) []byte {
			return udpwire.ErrorResponse{TransactionID: binary.BigEndian.Uint32(r[12:]), Message: "no"}.AppendTo(nil)
		}, func(t *Tally) int64 { return t.Errors }},
		"half a peer": {func(r []byte) []byte { return answerTo(r)[:20+7] }, func(t *Tally) int64 { return t.Malformed }},
		"a short one": {func(r []byte) []byte { return answerTo(r)[:19] }, func(t *Tally) int64 { return t.Malformed }},
		"three bytes": {func(r []byte) []byte { return r[:3] }, func(t *Tally) int64 { return t.Malformed }},
		"another action": {func(r []byte) []byte {
			b := answerTo(r)
			b[3] = byte(udpwire.Scrape)
			return b
		}, func(t *Tally) int64 { return t.Malformed }},
		"nobody's transaction": {func(r []byte) []byte {
			b := answerTo(r)
			b[4] ^= 0x80
			return b
		}, func(t *Tally) int64 { return t.Stray }},
		"no peers": {func(r []byte) []byte { return answerTo(r)[:20] }, func(t *Tally) int64 { return t.Empty }},
	} {
		s := newScript(t, nil)
		s.connect()
		s.flow.take(c.answer(s.ask(time.Millisecond)), 3*time.Millisecond)
		if c.count(&s.tally) != 1 {
			t.Errorf("%s: counted as %+v", name, counts(&s.tally))
		}
		good := int64(0)
		if name == "a good one" || name == "no peers" {
			good = 1
		}
		if s.tally.Answered[Announce] != good {
			t.Errorf("%s: %d answers were understood", name, s.tally.Answered[Announce])
		}
	}
}

// counts is a tally without its histogram, for messages.
func counts(t *Tally) Tally {
	short := *t
	short.Latency = Histogram{}
	return Tally{Sent: short.Sent, Answered: short.Answered, Errors: short.Errors, Malformed: short.Malformed, Stray: short.Stray, Late: short.Late, Lost: short.Lost, Empty: short.Empty}
}

func TestSilenceIsALossAndWhatComesAfterwardsIsLate(t *testing.T) {
	s := newScript(t, nil)
	s.connect()
	request := s.ask(0)
	if n := s.flow.expire(999 * time.Millisecond); n != 0 || s.tally.Lost != 0 {
		t.Errorf("lost after %v", 999*time.Millisecond)
	}
	if n := s.flow.expire(time.Second); n != 1 || s.tally.Lost != 1 || s.flow.busy() != 0 {
		t.Errorf("expire gave up on %d, lost %d, outstanding %d", n, s.tally.Lost, s.flow.busy())
	}
	s.flow.take(answerTo(request), time.Second)
	again := s.ask(time.Second) // the same slot
	s.flow.take(answerTo(request), time.Second)
	if s.tally.Late != 2 || s.tally.Answered[Announce] != 0 {
		t.Errorf("late %d, answered %d", s.tally.Late, s.tally.Answered[Announce])
	}
	s.flow.take(answerTo(again), time.Second)
	s.flow.take(answerTo(again), time.Second) // twice
	if s.tally.Late != 3 || s.tally.Answered[Announce] != 1 {
		t.Errorf("late %d, answered %d", s.tally.Late, s.tally.Answered[Announce])
	}
}

func TestALostConnectIsSentAgain(t *testing.T) {
	s := newScript(t, nil)
	s.ask(0)
	s.flow.expire(time.Second)
	if _, err := udpwire.ParseConnectRequest(s.ask(time.Second)); err != nil {
		t.Error(err)
	}
}

func TestOnlyWhatIsMeasuredCounts(t *testing.T) {
	s := newScript(t, func(o *flowOptions) { o.from, o.to = time.Second, 2*time.Second })
	s.connect()
	early, inside := s.ask(900*time.Millisecond), s.ask(1100*time.Millisecond)
	late := s.ask(1900 * time.Millisecond)
	s.flow.take(answerTo(early), 950*time.Millisecond)
	s.flow.take(answerTo(inside), 1200*time.Millisecond)
	s.flow.take(answerTo(late), 2100*time.Millisecond)
	if s.tally.Sent[Announce] != 2 || s.tally.Answered[Announce] != 1 || s.tally.Lost != 0 {
		t.Errorf("%+v", counts(&s.tally))
	}
	if got := s.tally.Latency.Max(); got != 100*time.Millisecond {
		t.Errorf("latency %v", got)
	}
}

func TestAnEmptyAnswerIsAFaultOnlyWhereSomebodyIsThere(t *testing.T) {
	p, err := NewPopulation(Crowd{Torrents: 1, Peers: 1, Sources: 1, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	alone := newScript(t, func(o *flowOptions) { o.pop = p })
	crowd := newScript(t, nil)
	for _, s := range []*script{alone, crowd} {
		s.connect()
		s.flow.take(answerTo(s.ask(0))[:20], 0)
	}
	if alone.tally.Empty != 1 || alone.tally.Deprived != 0 || crowd.tally.Empty != 1 || crowd.tally.Deprived != 1 {
		t.Errorf("alone: %d, %d; in a crowd: %d, %d", alone.tally.Empty, alone.tally.Deprived, crowd.tally.Empty, crowd.tally.Deprived)
	}
}

func TestRequestsAreMixedAsAsked(t *testing.T) {
	s := newScript(t, func(o *flowOptions) { o.mix = Mix{10, 80, 10} })
	s.connect()
	const all = 20_000
	seen := map[uint32]int{}
	for range all {
		b := s.ask(0)
		seen[binary.BigEndian.Uint32(b[8:])]++
		s.flow.take(answerTo(b), 0)
	}
	for kind, want := range map[Kind]int{Connect: all / 10, Announce: all * 8 / 10, Scrape: all / 10} {
		if got := seen[uint32(kind)]; got < want*9/10 || got > want*11/10 {
			t.Errorf("%d of %d requests are of kind %d; want about %d", got, all, kind, want)
		}
	}
	if s.tally.Total() != all+1 || s.tally.Malformed+s.tally.Stray+s.tally.Late != 0 {
		t.Errorf("%+v", counts(&s.tally))
	}
}

func TestAPrefillAnnouncesEveryPeerOnce(t *testing.T) {
	p, err := NewPopulation(Crowd{Torrents: 5, Peers: 101, Sources: 3, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[[wire.PeerIDSize]byte]int{}
	for n := range 7 { // more flows than sources: they share
		s := newScript(t, func(o *flowOptions) { o.pop, o.prefill = p, true })
		s.flow = newFlow(flowOptions{pop: p, window: 4, patience: time.Second, to: time.Hour, prefill: true}, n, 7, &s.tally)
		s.connect()
		for s.flow.room() > 0 {
			b := s.ask(0)
			r, err := udpwire.ParseAnnounceRequest(b)
			if err != nil || r.Event != wire.Started {
				t.Fatalf("%+v, %v", r, err)
			}
			seen[r.PeerID]++
			s.flow.take(answerTo(b), 0)
		}
	}
	for id, times := range seen {
		if times != 1 {
			t.Errorf("%q was announced %d times", id, times)
		}
	}
	if len(seen) != 101 {
		t.Errorf("%d of 101 peers were announced", len(seen))
	}
}

func TestTransactionsStayApartWhenTheirNumbersWrap(t *testing.T) {
	s := newScript(t, nil)
	s.connect()
	for n := range s.flow.slots {
		s.flow.slots[n].turn = 1<<(32-slotBits) - 2
	}
	for range 40 {
		s.flow.take(answerTo(s.ask(0)), 0)
	}
	if s.tally.Answered[Announce] != 40 {
		t.Errorf("%+v", counts(&s.tally))
	}
}

func TestARequestAllocatesNothing(t *testing.T) {
	s := newScript(t, func(o *flowOptions) { o.mix = Mix{1, 10, 1} })
	s.connect()
	room, answer := make([]byte, 0, packetSize), make([]byte, packetSize)
	if n := testing.AllocsPerRun(1000, func() {
		s.flow.take(echoAnswer(answer, s.flow.append(room, 0), wire.IPv4), time.Microsecond)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzFlowTakesAnything(f *testing.F) {
	f.Add([]byte{0, 0, 0, 1, 0, 0, 4, 0})
	f.Add(make([]byte, 200))
	f.Fuzz(func(t *testing.T, b []byte) {
		s := newScript(t, nil)
		s.connect()
		s.ask(0)
		s.flow.take(b, 0)
		if s.flow.busy() < 0 || s.flow.busy() > 1 || s.tally.Total() > 2 {
			t.Errorf("outstanding %d, answered %d", s.flow.busy(), s.tally.Total())
		}
	})
}
