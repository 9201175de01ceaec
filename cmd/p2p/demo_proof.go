package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"

	"p2p/cmd/p2p/progress"
	"p2p/cmd/p2p/units"
)

// demoPeer is one row of the table of who sent how much.
type demoPeer struct {
	Name          string `json:"name"`
	PiecesAtStart int    `json:"pieces_at_start"`
	Downloaded    int64  `json:"downloaded"`
	Uploaded      int64  `json:"uploaded"`
}

// demoSummary is the last JSON line of the demonstration.
type demoSummary struct {
	summaryMessage
	SHA256Source string     `json:"sha256_source"`
	SHA256Result string     `json:"sha256_result"`
	Members      []demoPeer `json:"members"`
}

// prove compares source and result byte for byte, by their hashes, and shows who
// sent how much. The peers are stopped first, so that the numbers are final.
func (d *demo) prove() error {
	if err := d.close(); err != nil {
		return err
	}
	want, err := fileHash(d.source)
	if err != nil {
		return err
	}
	got, err := fileHash(d.getter.path)
	if err != nil {
		return err
	}
	var failed error
	if got != want {
		failed = d.app.fail(exitMismatch, "demo.differs")
	}
	rows := make([]demoPeer, len(d.members))
	for i, m := range d.members {
		st := m.swarm.Stats()
		rows[i] = demoPeer{m.name, m.started, st.Downloaded, st.Uploaded}
	}
	if d.app.globals.json {
		sum := demoSummary{d.getter.summary(d.getter.swarm.Stats(), failed), want, got, rows}
		return errors.Join(failed, d.app.emit(sum))
	}
	total, took := d.t.Info.Total(), d.getter.fetchTime()
	d.app.say("demo.done", d.app.style.Good("✓"), d.getter.name, units.FormatBytes(total),
		units.FormatElapsed(took, progress.Words(d.app.text)), units.FormatRate(meanRate(total, took)))
	return errors.Join(d.table(rows, want, got), failed)
}

// table prints the outcome on stdout.
func (d *demo) table(rows []demoPeer, want, got string) error {
	say, width := d.app.text.Say, d.nameWidth()
	heads := []string{say("demo.had"), say("demo.received"), say("demo.sent")}
	line := func(name string, cells ...string) string {
		s := progress.Pad(name, width)
		for i, c := range cells {
			s += "  " + progress.PadLeft(c, max(progress.Width(heads[i]), 10))
		}
		return s + "\n"
	}
	out := "\n" + line("", heads...)
	pieces := d.t.Info.Layout().Pieces()
	for _, r := range rows {
		out += line(r.Name, fmt.Sprintf("%d/%d", r.PiecesAtStart, pieces), units.FormatBytes(r.Downloaded), units.FormatBytes(r.Uploaded))
	}
	label := max(progress.Width(say("demo.source")), progress.Width(say("demo.result")))
	out += "\n" + progress.Pad(say("demo.source"), label) + "  " + want
	out += "\n" + progress.Pad(say("demo.result"), label) + "  " + got + "\n"
	if want == got {
		out += "✓ " + say("demo.same") + "\n"
	}
	_, err := io.WriteString(d.app.out, out)
	return err
}

// fileHash returns the SHA-256 of a file, as sha256sum prints it.
func fileHash(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("read %s: %w", name, err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
