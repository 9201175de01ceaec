package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"p2p/cmd/p2p/progress"
	"p2p/cmd/p2p/units"
	"p2p/torrentfile"
)

// makeFlags are the flags of what goes into a new torrent: those of create, and
// those of seed when it makes one.
type makeFlags struct {
	announce    []string
	webSeeds    []string
	exclude     []string
	pieceLength units.Size
	private     bool
	noDate      bool
	source      string
	comment     string
	name        string
}

func (m *makeFlags) add(cmd *cobra.Command, a *app) {
	f, say := cmd.Flags(), a.text.Say
	f.StringArrayVarP(&m.announce, "announce", "a", nil, say("make.announce"))
	f.Var(&m.pieceLength, "piece-length", say("make.piece_length"))
	f.BoolVar(&m.private, "private", false, say("make.private"))
	f.StringVar(&m.source, "source", "", say("make.source"))
	f.StringVar(&m.comment, "comment", "", say("make.comment"))
	f.StringVar(&m.name, "name", "", say("make.name"))
	f.StringArrayVar(&m.webSeeds, "webseed", nil, say("make.webseed"))
	f.StringArrayVar(&m.exclude, "exclude", nil, say("make.exclude"))
	f.BoolVar(&m.noDate, "no-date", false, say("make.no_date"))
}

// checkPieceLength refuses one that no torrent can have, before anything is made.
// 0 is the automatic one.
func (a *app) checkPieceLength(n units.Size) error {
	if n != 0 && !torrentfile.ValidPieceLength(int64(n)) {
		return a.usage("usage.piece_length", n)
	}
	return nil
}

func (m *makeFlags) options() torrentfile.CreateOptions {
	return torrentfile.CreateOptions{
		Announce:    tiers(m.announce),
		WebSeeds:    m.webSeeds,
		Name:        m.name,
		PieceLength: int64(m.pieceLength),
		Private:     m.private,
		Source:      m.source,
		Comment:     m.comment,
		CreatedBy:   clientName(),
		NoDate:      m.noDate,
		Exclude:     m.exclude,
	}
}

// tiers turns each -a into a tier. Trackers that share one are given with commas,
// as to mktorrent.
func tiers(announce []string) [][]string {
	var all [][]string
	for _, value := range announce {
		var tier []string
		for address := range strings.SplitSeq(value, ",") {
			if address = strings.TrimSpace(address); address != "" {
				tier = append(tier, address)
			}
		}
		all = append(all, tier)
	}
	return all
}

func (a *app) createCommand() *cobra.Command {
	var flags makeFlags
	var out string
	var force bool
	cmd := &cobra.Command{
		Use:     "create PATH",
		Short:   a.text.Say("create.short"),
		Long:    a.text.Say("create.long"),
		Example: a.text.Say("create.examples"),
		Args:    a.one("PATH"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.create(cmd.Context(), args[0], out, force, flags)
		},
	}
	flags.add(cmd, a)
	cmd.Flags().StringVarP(&out, "out", "o", "", a.text.Say("create.out"))
	cmd.Flags().BoolVarP(&force, "force", "f", false, a.text.Say("flag.force"))
	return cmd
}

func (a *app) create(ctx context.Context, path, out string, force bool, flags makeFlags) error {
	if out == "-" && a.globals.json {
		return a.usage("usage.create_stdout_json")
	}
	if err := a.checkPieceLength(flags.pieceLength); err != nil {
		return err
	}
	if out == "" {
		var err error
		if out, err = a.torrentPath(path, flags.name); err != nil {
			return err
		}
	}
	if out != "-" && !force { // before the hours of hashing, not after
		if _, err := os.Lstat(out); err == nil {
			return a.fail(exitExists, "create.exists", out)
		}
	}
	ctx, release, _ := a.interruptible(ctx)
	defer release()
	m, err := a.makeTorrent(ctx, "create", path, flags.options())
	if err != nil {
		return err
	}
	b, err := m.Encode()
	if err != nil {
		return err
	}
	if out == "-" {
		_, err := a.out.Write(b)
		return err
	}
	if err := a.saveTorrent(out, b, force); err != nil {
		return err
	}
	if a.globals.json {
		return a.emit(summarise(loaded{Metainfo: m, size: len(b)}, out))
	}
	a.say("create.done", out, units.FormatBytes(m.Info.Total()), a.text.Count("count.files", stored(m)),
		a.text.Count("count.pieces", m.Info.Layout().Pieces()), m.InfoHash)
	return nil
}

// makeTorrent hashes path and shows how far it is.
func (a *app) makeTorrent(ctx context.Context, verb, path string, o torrentfile.CreateOptions) (*torrentfile.Metainfo, error) {
	meter := newMeter(0)
	o.Progress = meter.set
	name := o.Name
	if name == "" {
		name = baseName(path)
	}
	v := meter.view(verb, name, progress.Hashing)
	v.silent = true
	stop := a.watch(v)
	defer stop()
	m, err := torrentfile.Create(ctx, path, o)
	switch {
	case errors.Is(err, torrentfile.ErrEmpty):
		return nil, a.fail(exitUsage, "create.empty", path)
	case errors.Is(err, torrentfile.ErrURL):
		return nil, a.usage("usage.announce_url", err)
	case errors.Is(err, torrentfile.ErrChanged):
		return nil, a.fail(exitIO, "create.changed", err)
	}
	return m, stopCause(ctx, err)
}

// saveTorrent writes a torrent file, whole or not at all. Only with replace does
// it take the place of another file, and never that of anything but a file.
func (a *app) saveTorrent(name string, b []byte, replace bool) error {
	st, err := os.Lstat(name)
	if err == nil && !(replace && st.Mode().IsRegular()) {
		return a.fail(exitExists, "create.exists", name)
	}
	temp := filepath.Join(filepath.Dir(name), fmt.Sprintf(".p2p-%d.tmp", os.Getpid()))
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o666)
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		path.Path = name // nobody has heard of the other
	}
	if err != nil {
		return fmt.Errorf("save torrent: %w", err)
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(temp, name)
	}
	if err != nil {
		os.Remove(temp)
		return fmt.Errorf("save torrent: %w", err)
	}
	return nil
}

// torrentPath is where the torrent of path goes when nobody says: NAME.torrent in
// the current folder. It is an error if that lies in path itself, because the
// next torrent of path would contain this one.
func (a *app) torrentPath(path, name string) (string, error) {
	if name == "" {
		name = baseName(path)
	}
	name += ".torrent"
	content, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	here, err := filepath.Abs(".")
	if err != nil {
		return "", err
	}
	if rel, err := filepath.Rel(content, here); err == nil && filepath.IsLocal(rel) {
		return "", a.usage("create.inside", name, content)
	}
	return name, nil
}

// baseName is the last part of path, also of "." and "..".
func baseName(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	return filepath.Base(path)
}

// stored counts the files of a torrent without its padding.
func stored(m *torrentfile.Metainfo) int {
	n := 0
	for _, f := range m.Info.Files {
		if !f.Pad {
			n++
		}
	}
	return n
}
