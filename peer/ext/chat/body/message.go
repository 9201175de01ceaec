package body

import (
	"p2p/peer/ext"
	"p2p/peer/ext/chat/room"
	"p2p/peer/identity"
	"p2p/torrentfile/infohash"
)

// Text is what a person says.
type Text struct {
	Text     string         // Markdown, at most MaxText
	ReplyTo  room.ID        // zero for none
	Mentions []identity.Key // accounts, at most MaxMentions
}

// AppendTo appends the body of a KindText event.
func (t *Text) AppendTo(dst []byte) []byte {
	dst = appendText(dst, 1, t.Text)
	dst = appendID(dst, 2, t.ReplyTo)
	for _, m := range t.Mentions {
		dst = appendKey(dst, 3, m)
	}
	return dst
}

// ParseText reads what AppendTo has written. It keeps nothing of b.
func ParseText(b []byte) (Text, error) {
	var t Text
	r := reader{rest: b}
	for r.next() {
		switch r.field {
		case 1:
			t.Text = r.text(MaxText)
		case 2:
			t.ReplyTo = r.id()
		case 3:
			if k := r.key(); k != (identity.Key{}) { // which is nobody's, and is not written
				t.Mentions = append(t.Mentions, k)
			}
		}
	}
	if err := r.err(t.Text != "" && len(t.Mentions) <= MaxMentions); err != nil {
		return Text{}, err
	}
	return t, nil
}

// Edit replaces the text of a message, or what goes with a file. Of several by its author the last in the order of the room counts;
// those of others mean nothing.
type Edit struct {
	Target room.ID
	New    Text
}

// AppendTo appends the body of a KindEdit event.
func (e *Edit) AppendTo(dst []byte) []byte {
	dst = appendID(dst, 1, e.Target)
	return appendBytes(dst, 2, e.New.AppendTo(nil))
}

// ParseEdit reads what AppendTo has written. It keeps nothing of b.
func ParseEdit(b []byte) (Edit, error) {
	var e Edit
	var text []byte
	r := reader{rest: b}
	for r.next() {
		switch r.field {
		case 1:
			e.Target = r.id()
		case 2:
			text = r.bytes(room.MaxBody)
		}
	}
	err := r.err(!e.Target.IsZero())
	if err == nil {
		e.New, err = ParseText(text)
	}
	if err != nil {
		return Edit{}, err
	}
	return e, nil
}

// Reaction is an emoji beside a message. Of several by one account about one message with one emoji the last in
// the order of the room counts.
type Reaction struct {
	Target room.ID
	Emoji  string // not empty, at most MaxEmoji
	Back   bool   // takes it back
}

// AppendTo appends the body of a KindReaction event.
func (a *Reaction) AppendTo(dst []byte) []byte {
	dst = appendID(dst, 1, a.Target)
	dst = appendText(dst, 2, a.Emoji)
	return appendFlag(dst, 3, a.Back)
}

// ParseReaction reads what AppendTo has written. It keeps nothing of b.
func ParseReaction(b []byte) (Reaction, error) {
	var a Reaction
	r := reader{rest: b}
	for r.next() {
		switch r.field {
		case 1:
			a.Target = r.id()
		case 2:
			a.Emoji = r.text(MaxEmoji)
		case 3:
			a.Back = r.flag()
		}
	}
	if err := r.err(!a.Target.IsZero() && a.Emoji != ""); err != nil {
		return Reaction{}, err
	}
	return a, nil
}

// File offers a file or folder, which is a torrent among the devices of the members. The name is what its
// sender says: it is not safe as a path.
type File struct {
	InfoHash infohash.T
	Name     string // not empty, at most MaxFileName
	Size     int64  // bytes in all
	Files    int    // 1 for a file, else those in the folder
	Folder   bool
	InfoSize int64          // bytes of the info dictionary, which is fetched first; at most ext.MaxInfo
	Text     string         // that goes with it
	Mentions []identity.Key // accounts in Text, at most MaxMentions; an older program passes them over
}

// Bounds of what a File says.
const (
	maxSize  = 1 << 53
	maxFiles = 1 << 20
)

// AppendTo appends the body of a KindFile event.
func (f *File) AppendTo(dst []byte) []byte {
	dst = appendBytes(dst, 1, f.InfoHash[:])
	dst = appendText(dst, 2, f.Name)
	dst = appendNumber(dst, 3, uint64(f.Size))
	dst = appendNumber(dst, 4, uint64(f.Files))
	dst = appendFlag(dst, 5, f.Folder)
	dst = appendNumber(dst, 6, uint64(f.InfoSize))
	dst = appendText(dst, 7, f.Text)
	for _, m := range f.Mentions {
		dst = appendKey(dst, 8, m)
	}
	return dst
}

// ParseFile reads what AppendTo has written. It keeps nothing of b.
func ParseFile(b []byte) (File, error) {
	var f File
	r := reader{rest: b}
	for r.next() {
		switch r.field {
		case 1:
			r.fixed(f.InfoHash[:])
		case 2:
			f.Name = r.text(MaxFileName)
		case 3:
			f.Size = int64(r.number(maxSize))
		case 4:
			f.Files = int(r.number(maxFiles))
		case 5:
			f.Folder = r.flag()
		case 6:
			f.InfoSize = int64(r.number(ext.MaxInfo))
		case 7:
			f.Text = r.text(MaxText)
		case 8:
			if k := r.key(); k != (identity.Key{}) {
				f.Mentions = append(f.Mentions, k)
			}
		}
	}
	if err := r.err(f.InfoHash != infohash.T{} && f.Name != "" && f.Files > 0 && f.InfoSize > 0 && len(f.Mentions) <= MaxMentions); err != nil {
		return File{}, err
	}
	return f, nil
}
