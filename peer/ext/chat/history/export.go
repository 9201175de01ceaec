package history

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"p2p/peer/ext/chat/room"
)

// Line is one event in an export as JSON Lines. What people and programs look at is beside what
// proves it: Header is the event as it was signed, and all that an import reads besides Body and Room.
type Line struct {
	Room    string    `json:"room"`
	ID      string    `json:"id"`
	Account string    `json:"account"`
	Device  string    `json:"device"`
	Seq     uint64    `json:"seq"`
	Kind    uint8     `json:"kind"`
	Written time.Time `json:"written"` // by the author's clock
	Arrived time.Time `json:"arrived"`
	Counts  bool      `json:"counts"`
	Deleted bool      `json:"deleted,omitempty"`
	About   string    `json:"about,omitempty"`
	Text    string    `json:"text,omitempty"`
	Header  []byte    `json:"header"`
	Body    []byte    `json:"body"` // null when it was withheld or deleted
	// Fork has, instead of all that, the two events by which a device is known to lie.
	Fork [][]byte `json:"fork,omitempty"`
}

// exportPage is how many events are read at once.
const exportPage = 500

// Export writes all rooms as JSON Lines, by arrival. No text in it is a control sequence: JSON escapes
// them.
func (a *Archive) Export(ctx context.Context, w io.Writer) error {
	return a.export(ctx, w, room.ID{})
}

// ExportRoom is Export for one room alone.
func (a *Archive) ExportRoom(ctx context.Context, id room.ID, w io.Writer) error {
	return a.export(ctx, w, id)
}

// export writes one room, or all if id is zero.
func (a *Archive) export(ctx context.Context, w io.Writer, id room.ID) error {
	arrived := a.Arrived
	if !id.IsZero() {
		arrived = func(ctx context.Context, after int64, n int) ([]Entry, error) { return a.ArrivedIn(ctx, id, after, n) }
	}
	out := bufio.NewWriter(w)
	enc := json.NewEncoder(out)
	err := a.exportForks(ctx, enc, id)
	for after := int64(0); err == nil; {
		var page []Entry
		if page, err = arrived(ctx, after, exportPage); len(page) == 0 {
			break
		}
		for i := range page {
			if err = enc.Encode(a.line(&page[i])); err != nil {
				break
			}
			after = page[i].N
		}
	}
	if err = errors.Join(err, out.Flush()); err != nil {
		return fmt.Errorf("export history: %w", err)
	}
	return nil
}

func (a *Archive) line(e *Entry) *Line {
	in := e.Event.In()
	l := &Line{
		Room: fmt.Sprintf("%x", in[:]), ID: fmt.Sprintf("%x", e.Event.ID[:]), Account: e.Account.String(), Device: e.Event.Author.String(), Seq: e.Event.Seq,
		Kind: uint8(e.Event.Kind), Written: time.UnixMilli(int64(e.Event.Wall)).UTC(), Arrived: e.Arrived.UTC(), Counts: e.Counts, Deleted: e.Gone,
		Header: e.Event.AppendTo(nil), Body: e.Body,
	}
	if year := l.Written.Year(); year > 9999 { // which JSON cannot say, and no clock that is right either
		l.Written = time.Time{}
	}
	if !e.Target.IsZero() {
		l.About = fmt.Sprintf("%x", e.Target[:])
	}
	if e.Body != nil && e.Event.Kind >= room.Delete {
		l.Text = a.options.Read(e.Event.Kind, e.Body).Text
	}
	return l
}

// exportForks writes the proofs, ahead of the events that they are about: an import takes an event
// of a liar as it is told to.
func (a *Archive) exportForks(ctx context.Context, enc *json.Encoder, id room.ID) error {
	return a.read.rows(ctx, "SELECT r.key, f.a, f.b FROM forks f JOIN rooms r ON r.n = f.room", nil, func(scan func(...any) error) error {
		var key, first, second []byte
		if err := scan(&key, &first, &second); err != nil {
			return err
		}
		first, err := a.box.open(sealedFork, key, first)
		if err != nil {
			return err
		}
		second, err = a.box.open(sealedFork, key, second)
		if err != nil {
			return err
		}
		e, err := room.Reread(first)
		if err != nil {
			return err
		}
		in := e.In()
		if !id.IsZero() && in != id {
			return nil
		}
		return enc.Encode(map[string]any{"room": fmt.Sprintf("%x", in[:]), "fork": [][]byte{first, second}})
	})
}

// ErrNotEmpty is that Import was given an archive with rooms in it.
var ErrNotEmpty = errors.New("the history is not empty")

// maxLine bounds a line of an import: a header and a body in base64, the text once more with each
// of its bytes escaped, and the rest.
const maxLine = 2*(room.MaxHeader+room.MaxBody) + 6*room.MaxBody + 4096

// Import reads what Export has written into an archive without rooms. Each event is verified as if
// it came from a stranger; what the file says beside the signed header and the body counts for nothing. It returns how
// many events were taken; what came before an error stays.
func (a *Archive) Import(ctx context.Context, r io.Reader) (int, error) {
	rooms, err := a.Rooms(ctx)
	if err != nil {
		return 0, fmt.Errorf("import history: %w", err)
	}
	if len(rooms) > 0 {
		return 0, fmt.Errorf("import history: %w", ErrNotEmpty)
	}
	in := importer{archive: a, rooms: map[room.ID]*importing{}}
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 64<<10), maxLine)
	for n := 1; lines.Scan() && err == nil; n++ {
		if err = ctx.Err(); err == nil {
			err = in.line(ctx, lines.Bytes())
		}
		if err != nil {
			err = fmt.Errorf("line %d: %w", n, err)
		}
	}
	if err = errors.Join(err, lines.Err(), in.finish()); err != nil {
		return in.taken, fmt.Errorf("import history: %w", err)
	}
	return in.taken, nil
}

// importer is an import under way.
type importer struct {
	archive *Archive
	rooms   map[room.ID]*importing
	taken   int
}

// importing is a room of it.
type importing struct {
	log    *Log
	out    room.Outcome // not committed
	proofs []room.Proof
}

// importBatch is how many events are committed at once.
const importBatch = 500

func (in *importer) line(ctx context.Context, b []byte) error {
	var l Line
	if err := json.Unmarshal(b, &l); err != nil {
		return err
	}
	if len(l.Fork) > 0 {
		return in.fork(ctx, l.Fork)
	}
	e, err := room.Parse(l.Header)
	if err != nil {
		return err
	}
	to, err := in.room(ctx, e.In())
	if err != nil {
		return err
	}
	to.log.Room.Want(e.ID) // the event of a liar too
	out, err := to.log.Room.Receive(e, l.Body, 0)
	to.add(out)
	if err != nil {
		return err
	}
	in.taken += len(out.Added)
	if len(to.out.Added) >= importBatch {
		return to.commit()
	}
	return nil
}

func (in *importer) fork(ctx context.Context, sides [][]byte) error {
	if len(sides) != 2 {
		return room.ErrMalformed
	}
	var p room.Proof
	var err error
	if p.A, err = room.Parse(sides[0]); err != nil {
		return err
	}
	if p.B, err = room.Parse(sides[1]); err != nil {
		return err
	}
	to, err := in.room(ctx, p.A.In())
	if err == nil {
		to.proofs = append(to.proofs, p)
	}
	return err
}

func (in *importer) room(ctx context.Context, id room.ID) (*importing, error) {
	if to := in.rooms[id]; to != nil {
		return to, nil
	}
	log, err := in.archive.Room(ctx, id)
	if err != nil {
		return nil, err
	}
	in.rooms[id] = &importing{log: log}
	return in.rooms[id], nil
}

func (to *importing) add(out room.Outcome) {
	to.out.Added = append(to.out.Added, out.Added...)
	to.out.Proofs = append(to.out.Proofs, out.Proofs...)
	to.out.Recount = to.out.Recount || out.Recount
}

func (to *importing) commit() error {
	err := to.log.Commit(to.out)
	to.out = room.Outcome{}
	return err
}

// finish takes the proofs in, now that the devices that they are about are known, and commits the rest.
func (in *importer) finish() error {
	var err error
	for _, to := range in.rooms {
		for _, p := range to.proofs {
			out, wrong := to.log.Room.Prove(p)
			to.add(out)
			err = errors.Join(err, wrong)
		}
		err = errors.Join(err, to.commit())
	}
	return err
}
