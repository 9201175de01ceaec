package body_test

import (
	"bytes"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"p2p/peer/ext"
	"p2p/peer/ext/chat/body"
	"p2p/peer/ext/chat/room"
	"p2p/peer/identity"
	"p2p/torrentfile/infohash"
)

// full has every field of every body set.
func full() map[room.Kind]interface{ AppendTo([]byte) []byte } {
	text := body.Text{Text: "**hello** 你好", ReplyTo: room.ID{1}, Mentions: []identity.Key{{2}, {3}}}
	return map[room.Kind]interface{ AppendTo([]byte) []byte }{
		body.KindText:       &text,
		body.KindFile:       &body.File{InfoHash: infohash.T{1}, Name: "a.txt", Size: 1 << 40, Files: 3, Folder: true, InfoSize: 1000, Text: "look", Mentions: []identity.Key{{2}, {3}}},
		body.KindEdit:       &body.Edit{Target: room.ID{4}, New: text},
		body.KindReaction:   &body.Reaction{Target: room.ID{5}, Emoji: "👍", Back: true},
		body.KindInvitation: &body.Invitation{Room: room.ID{8}, Name: "room", Trackers: []string{"https://a/announce", "udp://b:1"}},
		body.KindName:       &body.Name{Text: "小明 👋", Turn: 1 << 40},
		body.KindGuest:      &body.Guest{Account: identity.Key{9}, Name: "小明 👋"},
	}
}

func parse(kind room.Kind, b []byte) (any, error) {
	switch kind {
	case body.KindText:
		v, err := body.ParseText(b)
		return &v, err
	case body.KindFile:
		v, err := body.ParseFile(b)
		return &v, err
	case body.KindEdit:
		v, err := body.ParseEdit(b)
		return &v, err
	case body.KindReaction:
		v, err := body.ParseReaction(b)
		return &v, err
	case body.KindInvitation:
		v, err := body.ParseInvitation(b)
		return &v, err
	case body.KindName:
		v, err := body.ParseName(b)
		return &v, err
	case body.KindGuest:
		v, err := body.ParseGuest(b)
		return &v, err
	}
	return nil, nil
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	for kind, v := range full() {
		got, err := parse(kind, v.AppendTo(nil))
		if err != nil || !reflect.DeepEqual(got, v) {
			t.Errorf("kind %d: read %+v, %v\nwritten %+v", kind, got, err, v)
		}
	}
}

// newer is a field of no version so far.
var newer = protowire.AppendBytes(protowire.AppendTag(nil, 1000, protowire.BytesType), []byte("of a newer version"))

func TestFieldsOfANewerVersionArePassedOver(t *testing.T) {
	for kind, v := range full() {
		got, err := parse(kind, append(v.AppendTo(nil), newer...))
		if err != nil || !reflect.DeepEqual(got, v) {
			t.Errorf("kind %d with a newer field: %+v, %v", kind, got, err)
		}
	}
}

func TestWhatIsTooMuchOrTooLittleIsRefused(t *testing.T) {
	mentions := make([]identity.Key, body.MaxMentions+1)
	for i := range mentions {
		mentions[i] = identity.Key{byte(i), 1}
	}
	trackers := slices.Repeat([]string{"https://a"}, body.MaxTrackers+1)
	for _, x := range []struct {
		kind room.Kind
		body interface{ AppendTo([]byte) []byte }
	}{
		{body.KindText, &body.Text{}},
		{body.KindText, &body.Text{Text: strings.Repeat("x", body.MaxText+1)}},
		{body.KindText, &body.Text{Text: "\xff"}},
		{body.KindText, &body.Text{Text: "x", Mentions: mentions}},
		{body.KindEdit, &body.Edit{New: body.Text{Text: "about nothing"}}},
		{body.KindReaction, &body.Reaction{Target: room.ID{1}}},
		{body.KindReaction, &body.Reaction{Target: room.ID{1}, Emoji: strings.Repeat("x", body.MaxEmoji+1)}},
		{body.KindFile, &body.File{InfoHash: infohash.T{1}, Name: "x", Files: 1}},
		{body.KindFile, &body.File{InfoHash: infohash.T{1}, Name: "x", Files: 1, InfoSize: 1, Mentions: slices.Repeat([]identity.Key{{1}}, body.MaxMentions+1)}},
		{body.KindFile, &body.File{InfoHash: infohash.T{1}, Name: "x", Files: 1, InfoSize: 1, Size: 1 << 62}},
		{body.KindFile, &body.File{InfoHash: infohash.T{1}, Name: "x", Files: 1, InfoSize: ext.MaxInfo + 1}}, // nobody could fetch it
		{body.KindFile, &body.File{InfoHash: infohash.T{1}, Name: strings.Repeat("x", body.MaxFileName+1), Files: 1, InfoSize: 1}},
		{body.KindInvitation, &body.Invitation{Name: "nowhere"}},
		{body.KindGuest, &body.Guest{Name: "nobody"}},
		{body.KindGuest, &body.Guest{Account: identity.Key{9}}},
		{body.KindGuest, &body.Guest{Account: identity.Key{9}, Name: "two\nlines"}},
		{body.KindInvitation, &body.Invitation{Room: room.ID{1}, Trackers: trackers}},
		{body.KindInvitation, &body.Invitation{Room: room.ID{1}, Trackers: []string{"file:///etc/passwd"}}},
	} {
		if got, err := parse(x.kind, x.body.AppendTo(nil)); !errors.Is(err, body.ErrMalformed) {
			t.Errorf("kind %d: read as %+v, %v", x.kind, got, err)
		}
	}
}

func TestAKindSaysWhetherItHasALine(t *testing.T) {
	about := func(id room.ID) []byte { return (&body.Reaction{Target: id, Emoji: "x"}).AppendTo(nil) }
	for kind, want := range map[room.Kind]body.Summary{
		room.Create: {Line: true}, room.Join: {Line: true}, room.Admin: {Line: true}, room.Delete: {},
		body.KindReaction: {About: room.ID{1}}, 31: {Line: true}, 47: {About: room.ID{1}}, 48: {}, body.KindRevocation: {Line: true}, 255: {},
	} {
		if got := body.Summarize(kind, about(room.ID{1})); got != want {
			t.Errorf("kind %d is %+v, want %+v", kind, got, want)
		}
	}
	for kind, line := range map[room.Kind]bool{body.KindText: true, body.KindFile: true, body.KindEdit: false, body.KindReaction: false, 20: true, 40: false} {
		if got := body.Summarize(kind, nil); got != (body.Summary{Line: line}) {
			t.Errorf("kind %d, withheld, is %+v", kind, got)
		}
	}
	text := body.Text{Text: "found"}
	if got := body.Summarize(body.KindText, text.AppendTo(nil)); got.Text != "found" {
		t.Errorf("a text is found by %q", got.Text)
	}
	file := body.File{InfoHash: infohash.T{1}, Name: "a.txt", Files: 1, InfoSize: 1, Text: "look"}
	if got := body.Summarize(body.KindFile, file.AppendTo(nil)); got.Text != "a.txt\nlook" {
		t.Errorf("a file is found by %q, not by its name and what goes with it", got.Text)
	}
	if got := body.Summarize(body.KindWithdrawal, body.Withdrawal(room.ID{2})); got != (body.Summary{About: room.ID{2}}) {
		t.Errorf("a withdrawal is %+v", got)
	}
	if got := body.Summarize(room.Delete, body.Delete(room.ID{3})); got.About != (room.ID{3}) {
		t.Errorf("a delete is about %v", got.About)
	}
}

func FuzzBodies(f *testing.F) {
	for kind, v := range full() {
		f.Add(byte(kind), append(v.AppendTo(nil), newer...))
	}
	f.Fuzz(func(t *testing.T, kind byte, b []byte) {
		k := room.Kind(kind)
		if body.Summarize(k, b) != body.Summarize(k, bytes.Clone(b)) {
			t.Fatal("one body, two answers")
		}
		v, err := parse(k, b)
		if v == nil || err != nil {
			return
		}
		again := v.(interface{ AppendTo([]byte) []byte }).AppendTo(nil)
		other, err := parse(k, again)
		if err != nil || !reflect.DeepEqual(v, other) {
			t.Fatalf("read as %+v, written, and read as %+v, %v", v, other, err)
		}
	})
}

func TestANameIsOneLineThatIsSafeToShow(t *testing.T) {
	for _, bad := range []string{"", "two\nlines", "\x1b[2J", "a\u202eb", strings.Repeat("x", body.MaxName+1), "\xff"} {
		n := body.Name{Text: bad, Turn: 1}
		if name, err := body.ParseName(n.AppendTo(nil)); err == nil {
			t.Errorf("%q is read as %v", bad, name)
		}
		if n = body.NameOf(bad, 1); n.Text != "" {
			if _, err := body.ParseName(n.AppendTo(nil)); err != nil {
				t.Errorf("of %q it makes %q, which cannot be read", bad, n.Text)
			}
		}
	}
	for _, bad := range [][]byte{nil, []byte("alice"), []byte("\na"), (&body.Name{Text: "alice"}).AppendTo(nil)} {
		if name, err := body.ParseName(bad); err == nil {
			t.Errorf("%q is read as %v", bad, name)
		}
	}
}
