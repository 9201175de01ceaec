package metadata_test

import (
	"strings"
	"testing"

	"p2p/peer/ext"
	"p2p/peer/ext/metadata"
)

func TestATorrentThatNeitherHasNorSeeksMetadataIsLeftAlone(t *testing.T) {
	if i := (metadata.Extension{}).Open(ext.Torrent{}); i != nil {
		t.Error("the extension is there")
	}
}

func TestWhatThereIsNoRoomForIsSentLater(t *testing.T) {
	dict := dictionary(8*block, 1)
	i, p, h := serve(dict)
	p.Deaf = true
	for n := range 8 {
		for range 3 { // twice too often: each is answered once
			if err := h.Handle(noon, []byte(request(n))); err != nil {
				t.Fatal(err)
			}
		}
	}
	p.Deaf = false
	i.(ext.Ticker).Tick(noon)
	got := p.Take()
	if len(got) != 8 {
		t.Fatalf("%d answers, want 8", len(got))
	}
	for n, payload := range got {
		if payload != answer(dict, n) {
			t.Errorf("answer %d is wrong", n)
		}
	}
	i.(ext.Ticker).Tick(noon)
	if len(p.Sent) > 0 {
		t.Error("sent again")
	}
}

func TestAPeerThatLeftIsSentNothing(t *testing.T) {
	i, p, h := serve(dictionary(block, 1))
	p.Deaf = true
	if err := h.Handle(noon, []byte(request(0))); err != nil {
		t.Fatal(err)
	}
	h.Detach()
	p.Deaf = false
	i.(ext.Ticker).Tick(noon)
	if len(p.Sent) > 0 {
		t.Error("sent to a peer that left")
	}
}

func TestMalformedMessagesEndTheConnection(t *testing.T) {
	for name, payload := range map[string]string{
		"nothing":       "",
		"no dictionary": "i0e",
		"no type":       "d5:piecei0ee",
		"no piece":      "d8:msg_typei0ee",
		"text":          "d8:msg_type1:05:piecei0ee",
		"65 bits":       "d8:msg_typei0e5:piecei18446744073709551616ee",
		"cut short":     "d8:msg_typei0e5:piecei0e",
		"nested deep":   "d1:a" + strings.Repeat("l", 50) + strings.Repeat("e", 50) + "8:msg_typei0e5:piecei0ee",
	} {
		_, p, h := serve(dictionary(100, 1))
		if err := h.Handle(noon, []byte(payload)); err == nil {
			t.Errorf("%s: accepted by who serves", name)
		}
		if err := newHunt(t, dictionary(100, 1)).joins(100, silent).handler.Handle(noon, []byte(payload)); err == nil {
			t.Errorf("%s: accepted by who fetches", name)
		}
		if len(p.Sent) > 0 {
			t.Errorf("%s: answered %q", name, p.Sent)
		}
	}
}

func FuzzServe(f *testing.F) {
	f.Add([]byte(request(0)))
	f.Add([]byte(reject(7)))
	f.Add([]byte("d8:msg_typei1e5:piecei0e10:total_sizei34256eexxxx"))
	dict := dictionary(3*block+5, 1)
	f.Fuzz(func(t *testing.T, payload []byte) {
		_, p, h := serve(dict)
		err := h.Handle(noon, payload)
		switch {
		case len(p.Sent) > 1, err != nil && len(p.Sent) > 0:
			t.Fatalf("%d answers, error %v", len(p.Sent), err)
		case len(p.Sent) == 1:
			m := read(t, p.Sent[0])
			if m.Kind == 1 && p.Sent[0] != answer(dict, m.Piece) || m.Kind != 1 && m.Kind != 2 {
				t.Fatalf("answered %q to %q", p.Sent[0][:40], payload)
			}
		}
	})
}
