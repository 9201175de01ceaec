package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"p2p/cmd/p2p/progress"
	"p2p/cmd/p2p/text"
	"p2p/piece"
	"p2p/piece/store"
)

// verdict is `p2p verify -j`.
type verdict struct {
	MessageType string        `json:"message_type"` // summary
	Schema      int           `json:"schema"`
	InfoHash    string        `json:"info_hash"`
	Name        string        `json:"name"`
	Path        string        `json:"path"`
	Complete    bool          `json:"complete"`
	BytesGood   int64         `json:"bytes_good"`
	TotalBytes  int64         `json:"total_bytes"`
	PiecesGood  int           `json:"pieces_good"`
	PieceCount  int           `json:"piece_count"`
	Files       []fileVerdict `json:"files"`
	ExitCode    int           `json:"exit_code"`
}

type fileVerdict struct {
	Index      int      `json:"index"` // from 1
	Path       string   `json:"path"`
	State      string   `json:"state"` // ok, missing, unfinished, bad, unsure
	Length     int64    `json:"length"`
	OnDisk     int64    `json:"on_disk"` // bytes
	PieceCount int      `json:"piece_count"`
	PiecesGood int      `json:"pieces_good"`
	BadPieces  [][2]int `json:"bad_pieces"` // runs, first and last, from 0
}

func (a *app) verifyCommand() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:               "verify FILE",
		Short:             a.text.Say("verify.short"),
		Long:              a.text.Say("verify.long"),
		Example:           "p2p verify debian.torrent -o ~/Downloads\np2p verify debian.torrent -j | jq '.files[] | select(.state != \"ok\")'",
		Args:              a.one("FILE"),
		ValidArgsFunction: completeTorrents,
		RunE: func(cmd *cobra.Command, args []string) error {
			t, err := a.load(cmd.Context(), args[0], netip.Addr{})
			if err != nil {
				return err
			}
			return a.verify(cmd.Context(), t, dir)
		},
	}
	cmd.Flags().StringVarP(&dir, "out", "o", ".", a.text.Say("verify.out"))
	return cmd
}

func (a *app) verify(ctx context.Context, t loaded, dir string) error {
	ctx, release, _ := a.interruptible(ctx)
	defer release()
	s, err := a.openStore(ctx, "verify", dir, &t.Info, store.Options{ReadOnly: true, InfoHash: t.InfoHash})
	if err != nil {
		return err
	}
	defer s.Close()
	meter := newMeter(t.Info.Total())
	v := meter.view("verify", t.Info.Name, progress.Checking)
	v.silent = true // the answer is one object
	stop := a.watch(v)
	have, err := s.Check(ctx, nil, meter.done.Store)
	stop()
	if err != nil {
		return stopCause(ctx, err)
	}
	r := judge(t, s, have, dir)
	if err := a.reportVerdict(r); err != nil {
		return err
	}
	switch r.ExitCode {
	case exitNotFound:
		return a.fail(exitNotFound, "verify.nothing", t.Info.Name, dir)
	case exitMismatch:
		if r.PiecesGood == r.PieceCount {
			return a.fail(exitMismatch, "verify.files_bad", a.text.Count("count.files", r.badFiles()))
		}
		return a.fail(exitMismatch, "verify.bad", a.text.Count("count.pieces", r.PieceCount-r.PiecesGood), r.PieceCount)
	}
	a.say("verify.good", a.style.Good("✓"), text.Printable(t.Info.Name), a.text.Count("count.pieces", r.PieceCount), r.Path)
	return nil
}

func (v *verdict) badFiles() int {
	n := 0
	for _, f := range v.Files {
		if f.State != "ok" {
			n++
		}
	}
	return n
}

// judge compares what is on disk with the torrent, file by file. Hashes alone do
// not see a file that is too long, nor one that is missing because it is empty.
func judge(t loaded, s *store.Store, have *piece.Bitfield, dir string) verdict {
	v := verdict{
		MessageType: "summary", Schema: schema, InfoHash: t.InfoHash.String(), Name: t.Info.Name,
		Path: contentPath(s, dir), Complete: true,
		TotalBytes: t.Info.Total(), PieceCount: have.Len(), PiecesGood: have.Count(), Files: []fileVerdict{},
	}
	for p := range have.All() {
		v.BytesGood += int64(s.Layout().Size(p))
	}
	names, onDisk := displayPaths(t), 0
	pieces := s.PerFile(have)
	for i, f := range s.Files() {
		if f.Pad {
			continue
		}
		r := fileVerdict{
			Index: i + 1, Path: names[i], State: "ok", Length: f.Length,
			PieceCount: pieces[i].Pieces, PiecesGood: pieces[i].Good, BadPieces: [][2]int{},
		}
		st, err := os.Stat(f.Path)
		switch {
		case errors.Is(err, fs.ErrNotExist) || !f.Final && !f.Partial:
			r.State = "missing"
		case f.Partial:
			r.State = "unfinished"
		case err != nil || st.Size() != f.Length || !pieces[i].Complete():
			r.State = "bad"
		}
		if err == nil {
			onDisk++
			r.OnDisk = st.Size()
		}
		for _, bad := range pieces[i].Bad {
			r.BadPieces = append(r.BadPieces, [2]int{bad.First.Int(), bad.Last.Int()})
		}
		v.Complete = v.Complete && r.State == "ok"
		v.Files = append(v.Files, r)
	}
	v.excuse()
	v.Complete = v.Complete && have.Full()
	switch {
	case v.Complete:
	case onDisk == 0:
		v.ExitCode = exitNotFound
	default:
		v.ExitCode = exitMismatch
	}
	return v
}

// excuse tells bad files from those that cannot be judged: files of the right
// length, all bad pieces of which they share with one that is missing or cut.
func (v *verdict) excuse() {
	spoiled := make(map[int]bool)
	for _, f := range v.Files {
		if f.State != "ok" && (f.State != "bad" || f.OnDisk != f.Length) {
			for _, run := range f.BadPieces {
				spoiled[run[0]], spoiled[run[1]] = true, true // others share the ends at the most
			}
		}
	}
	for i := range v.Files {
		f := &v.Files[i]
		if f.State != "bad" || f.OnDisk != f.Length {
			continue
		}
		shared := len(f.BadPieces) > 0
		for _, run := range f.BadPieces {
			for p := run[0]; p <= run[1]; p++ {
				shared = shared && spoiled[p]
			}
		}
		if shared {
			f.State = "unsure"
		}
	}
}

// reportVerdict prints the files that are not as they should be, or with -j
// everything.
func (a *app) reportVerdict(v verdict) error {
	if a.globals.json {
		return a.emit(v)
	}
	if v.ExitCode == exitNotFound {
		return nil
	}
	for _, f := range v.Files {
		var line string
		switch {
		case f.State == "ok":
			continue
		case f.State == "missing":
			line = a.text.Say("verify.file_missing", f.Path)
		case f.OnDisk > f.Length && f.State == "bad":
			line = a.text.Say("verify.file_long", f.Path, f.OnDisk, f.Length)
		case f.OnDisk != f.Length && f.State == "bad":
			line = a.text.Say("verify.file_length", f.Path, f.OnDisk, f.Length)
		case f.State == "bad":
			line = a.text.Say("verify.file_bad", f.Path)
		case f.State == "unsure":
			line = a.text.Say("verify.file_unsure", f.Path)
		default:
			line = a.text.Say("verify.file_unfinished", f.Path)
		}
		if n := f.PieceCount - f.PiecesGood; n > 0 {
			line += a.text.Say("verify.bad_pieces", n, f.PieceCount, ranges(f.BadPieces))
		}
		if _, err := fmt.Fprintln(a.out, text.Printable(line)); err != nil {
			return err
		}
	}
	return nil
}

func ranges(runs [][2]int) string {
	var b strings.Builder
	for i, r := range runs {
		if i > 0 {
			b.WriteString(", ")
		}
		if r[0] == r[1] {
			fmt.Fprint(&b, r[0])
		} else {
			fmt.Fprintf(&b, "%d-%d", r[0], r[1])
		}
	}
	return b.String()
}

// contentPath returns the file or folder in dir that holds the content of a
// torrent, once it is complete.
func contentPath(s *store.Store, dir string) string {
	name := ""
	if files := s.Files(); len(files) > 0 {
		name, _, _ = strings.Cut(files[0].Name, "/")
	}
	return filepath.Join(dir, name)
}
