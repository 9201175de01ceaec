package offer_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"p2p/peer/ext"
	"p2p/peer/ext/exttest"
	"p2p/peer/ext/offer"
	"p2p/peer/identity"
	"p2p/torrentfile/infohash"
)

func TestItIsSpokenInRoomsAndByDevicesAlone(t *testing.T) {
	e := offer.New(offer.Options{})
	if e.Name() != "p2_file" || !ext.Guarded(e).Secure() {
		t.Error("plain peers hear of it, or under another name")
	}
	if e.Open(ext.Torrent{}) != nil || e.Open(ext.Torrent{Room: true, Private: true}) != nil {
		t.Error("it is there in the swarm of a file, or at a doorbell")
	}
}

func TestWhatWasOfferedHereIsGivenInChunks(t *testing.T) {
	bubble(t, func(r *rig) {
		info := dictionary(offer.ChunkSize+5, 1)
		h := infohash.Of(info)
		r.files[h] = info
		m := r.joins(nil, silent)
		for _, c := range []struct{ says, hears string }{
			{want(h), have(h, len(info))},
			{ask(h, 0), chunk(h, 0, part(info, 0))},
			{ask(h, 1), chunk(h, 1, part(info, 1))},
			{ask(h, 2), have(h, len(info))},
			{ask(h, 1<<31-1), have(h, len(info))},
			{want(offer.Hash{1}), have(offer.Hash{1}, 0)},
			{ask(offer.Hash{1}, 0), have(offer.Hash{1}, 0)},
			{"\x09whatever", ""},
		} {
			if err := m.Handle(r.now, []byte(c.says)); err != nil {
				t.Fatal(err)
			}
			if slices.ContainsFunc(m.Classes, func(c ext.Class) bool { return c != ext.Bulk }) {
				t.Errorf("%q is answered with class %v", c.says, m.Classes)
			}
			if got := strings.Join(m.Take(), ""); got != c.hears {
				t.Errorf("%.30q is answered %.30q", c.says, got)
			}
		}
		r.files[h] = dictionary(ext.MaxInfo+1, 1) // which nobody would take
		m.Handle(r.now, []byte(want(h)))
		if got := m.Take(); !slices.Equal(got, []string{have(h, 0)}) {
			t.Errorf("%q", got)
		}
	})
}

func TestAMessageThatIsNoneBreaksARule(t *testing.T) {
	bubble(t, func(r *rig) {
		h := offer.Hash{1}
		for _, payload := range []string{
			"", "\x00", want(h) + "x", have(h, 1)[:24], have(h, 1) + "x", ask(h, 1)[:24], ask(h, 1) + "x",
			lost(h) + "x", lost(h)[:20],
			chunk(h, 1, nil), chunk(h, 1, make([]byte, offer.ChunkSize+1)), "\x03",
		} {
			if r.joins(nil, silent).Handle(r.now, []byte(payload)) == nil {
				t.Errorf("%.40q breaks none", payload)
			}
		}
	})
}

func TestWhatIsLostIsToldToWhoIsThereWhoComesAndWhoWantsIt(t *testing.T) {
	bubble(t, func(r *rig) {
		info := dictionary(5, 1)
		h := infohash.Of(info)
		r.files[h] = info
		early := r.joins(nil, silent)
		r.lost = []offer.Hash{h}
		r.ext.Regret(h)
		r.loop.Run(r.now)
		if got := early.Take(); !slices.Equal(got, []string{lost(h)}) {
			t.Errorf("who is there hears %q", got)
		}
		late := r.joins(nil, silent)
		if got := late.Take(); !slices.Equal(got, []string{lost(h)}) {
			t.Errorf("who comes hears %q", got)
		}
		if err := late.Handle(r.now, []byte(want(h))); err != nil {
			t.Fatal(err)
		}
		if got := late.Take(); !slices.Equal(got, []string{have(h, len(info)), lost(h)}) {
			t.Errorf("who wants it hears %q", got)
		}
		for range 1000 {
			r.lost = append(r.lost, offer.Hash{2})
		}
		if got := r.joins(nil, silent).Take(); len(got) > 64 {
			t.Errorf("who comes hears of %d", len(got))
		}
	})
}

// Else who asks a moment too early waits for half a minute.
func TestWhoHasAskedInVainIsToldWhenItIsThere(t *testing.T) {
	bubble(t, func(r *rig) {
		info := dictionary(5, 1)
		h := infohash.Of(info)
		asked, other := r.joins(nil, silent), r.joins(nil, silent)
		for n := range 1000 { // what is remembered of him has a bound
			r.now = r.now.Add(time.Second)
			if err := asked.Handle(r.now, []byte(want(offer.Hash{1, byte(n), byte(n >> 8)}))); err != nil {
				t.Fatal(err)
			}
		}
		if err := asked.Handle(r.now, []byte(want(h))); err != nil {
			t.Fatal(err)
		}
		asked.Take()
		r.files[h] = info
		for range 2 { // once is enough
			r.ext.Gained(h)
			r.ext.Gained(offer.Hash{1})
			r.loop.Run(r.now)
		}
		if got := asked.Take(); !slices.Equal(got, []string{have(h, len(info))}) {
			t.Errorf("who has asked hears %q", got)
		}
		if got := other.Take(); len(got) > 0 {
			t.Errorf("who has not asked hears %q", got)
		}
	})
}

func TestAFileIsFetchedAtOnceOfWhoSaysThatHeHasItNow(t *testing.T) {
	bubble(t, func(r *rig) {
		info := dictionary(offer.ChunkSize+5, 1)
		h := infohash.Of(info)
		m := r.joins(nil, func(h offer.Hash, i int) string { return chunk(h, i, part(info, i)) })
		f := r.fetch(h, len(info))
		r.passes(time.Second)
		if err := m.Handle(r.now, []byte(have(h, len(info)))); err != nil {
			t.Fatal(err)
		}
		if r.settle(); !f.got(info) || m.wants != 1 {
			t.Errorf("it came: %v; he was asked %d times", f.done, m.wants)
		}
	})
}

func TestWhatAMemberHasLostIsHeardWithMeasure(t *testing.T) {
	bubble(t, func(r *rig) {
		m := r.joins(nil, silent)
		for range 10_000 {
			if err := m.Handle(r.now, []byte(lost(offer.Hash{'h'}))); err != nil {
				t.Fatal(err)
			}
		}
		if len(r.heard) == 0 || len(r.heard) > 200 || r.heard[0] != "\x01h" {
			t.Errorf("heard %d times", len(r.heard))
		}
	})
}

func TestOneWhoReadsNothingMakesUsKeepNothing(t *testing.T) {
	bubble(t, func(r *rig) {
		info := dictionary(100*offer.ChunkSize, 1)
		h := infohash.Of(info)
		r.files[h] = info
		m := r.joins(nil, silent)
		m.Deaf = true
		for range 3 {
			for i := range 100 {
				if err := m.Handle(r.now, []byte(ask(h, i))); err != nil {
					t.Fatal(err)
				}
			}
		}
		m.Deaf = false
		r.instance.(ext.Ticker).Tick(r.now)
		if n := len(m.Take()); n != 64 {
			t.Errorf("%d chunks were queued", n)
		}
		m.Deaf = true
		m.Handle(r.now, []byte(ask(h, 0)))
		r.leaves(m)
		m.Deaf = false
		r.instance.(ext.Ticker).Tick(r.now)
		if len(m.Sent) > 0 {
			t.Error("it is given something after it has left")
		}
	})
}

func TestAMemberIsGivenSoMuchInAMinuteAndNoMore(t *testing.T) {
	bubble(t, func(r *rig) {
		info := dictionary(100*offer.ChunkSize, 1)
		h := infohash.Of(info)
		r.files[h] = info
		m := r.joins(nil, silent)
		wants, given := 0, 0
		for range 120 {
			for i := range 100 {
				m.Handle(r.now, []byte(ask(h, i)))
				m.Handle(r.now, []byte(want(h)))
			}
			for _, payload := range m.Take() {
				if payload[0] == 1 {
					wants++
				} else {
					given++
				}
			}
			r.now = r.now.Add(ext.TickEvery)
			r.instance.(ext.Ticker).Tick(r.now)
		}
		if given > 2048+50*60+100 || given < 2048+2000 || wants > 128+10*60 {
			t.Errorf("given %d chunks, answered %d times", given, wants)
		}
	})
}

// Two of them give each other what each has, while a third has nothing.
func TestMembersGiveEachOtherFiles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newRig(t), newRig(t)
		one, two := dictionary(500_000, 1), dictionary(300_000, 2)
		a.files[infohash.Of(one)], b.files[infohash.Of(two)] = one, two
		atA, atB := a.joins(nil, nil), b.joins(nil, nil)
		f, g := b.fetch(infohash.Of(one), len(one)), a.fetch(infohash.Of(two), len(two))
		for busy := true; busy; {
			synctest.Wait()
			busy = a.loop.Run(a.now)+b.loop.Run(b.now) > 0
			for _, payload := range atA.Take() {
				if err := atB.Handle(b.now, []byte(payload)); err != nil {
					t.Fatal(err)
				}
				busy = true
			}
			for _, payload := range atB.Take() {
				if err := atA.Handle(a.now, []byte(payload)); err != nil {
					t.Fatal(err)
				}
				busy = true
			}
		}
		if !f.got(one) || !g.got(two) {
			t.Errorf("done %v and %v", f.done, g.done)
		}
	})
}

func FuzzHandle(f *testing.F) {
	info := dictionary(100, 1)
	h := infohash.Of(info)
	for _, s := range []string{want(h), have(h, 100), ask(h, 0), chunk(h, 0, info), lost(h), "\x07"} {
		f.Add([]byte(s), []byte(have(h, 100)))
	}
	f.Fuzz(func(t *testing.T, first, second []byte) {
		e := offer.New(offer.Options{Info: func(offer.Hash) []byte { return info }})
		i := e.Open(ext.Torrent{Room: true, Do: (&exttest.Loop{}).Do})
		p := &exttest.Peer{Who: identity.Key{1}}
		l := i.Attach(noon, p)
		for _, payload := range [][]byte{first, second} {
			if l.Handle(noon, payload) != nil {
				break
			}
			i.(ext.Ticker).Tick(noon.Add(time.Minute))
		}
		sent := 0
		for _, s := range p.Sent {
			sent += len(s)
		}
		if sent > 2*(25+len(info)) {
			t.Errorf("%d bytes for two messages", sent)
		}
	})
}
